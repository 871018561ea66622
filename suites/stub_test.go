package suites_test

import (
	"net"
	"testing"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites"
)

// stub accepts every CONNECT, acknowledges whatever it is sent and delivers nothing. It keeps no state at all.
func stub(t *testing.T) (serve func(net.Conn), stop func()) {
	return func(c net.Conn) {
		v := wire.V5
		for {
			b, err := wire.ReadFrame(c, 1<<20)
			if err != nil {
				return
			}
			p, _ := wire.Decoder{Version: v, Sender: wire.FromClient}.Decode(b)
			if connect, ok := p.(wire.Connect); ok {
				v = connect.ProtocolVersion
			}
			if _, leaving := p.(wire.Disconnect); leaving {
				return
			}
			if answer := acknowledge(p); answer != nil {
				if _, err := c.Write(wire.Bytes(answer, v)); err != nil {
					return
				}
			}
		}
	}, func() {}
}

// acknowledge returns the friendliest answer to a packet.
func acknowledge(p wire.Packet) wire.Packet {
	switch p := p.(type) {
	case wire.Connect:
		return wire.Connack{}
	case wire.Publish:
		switch p.QoS {
		case wire.QoS1:
			return wire.Puback{PacketID: p.PacketID}
		case wire.QoS2:
			return wire.Pubrec{PacketID: p.PacketID}
		}
	case wire.Pubrel:
		return wire.Pubcomp{PacketID: p.PacketID}
	case wire.Subscribe:
		a := wire.Suback{PacketID: p.PacketID}
		for _, s := range p.Subscriptions {
			a.ReasonCodes = append(a.ReasonCodes, wire.ReasonCode(s.QoS))
		}
		return a
	case wire.Unsubscribe:
		return wire.Unsuback{PacketID: p.PacketID, ReasonCodes: make([]wire.ReasonCode, len(p.Filters))}
	case wire.Pingreq:
		return wire.Pingresp{}
	}
	return nil
}

// stubKeeps names the specs that the stub may pass, each because it really keeps the rule.
var stubKeeps = map[string]string{
	"CS-20/3.1.1":           "it lets any number of clients without Client Identifier in",
	"CS-21/5.0":             mixesNone,
	"CS-21/3.1.1":           mixesNone,
	"DG-11/5.0":             answersAll,
	"DG-11/3.1.1":           answersAll,
	"FT-04/5.0":             answersAll,
	"FT-04/3.1.1":           answersAll,
	"LM-PROBLEM/5.0":        "it sends no property at all",
	"PG-ANSWER/5.0":         answersAll,
	"PG-ANSWER/3.1.1":       answersAll,
	"Q1-ANSWER/5.0":         answersAll,
	"Q1-ANSWER/3.1.1":       answersAll,
	"Q2-ANSWER/5.0":         answersAll,
	"Q2-ANSWER/3.1.1":       answersAll,
	"Q2-EXPIRED/5.0":        answersAll,
	"SB-ANSWER/5.0":         answersAll,
	"SB-ANSWER/3.1.1":       answersAll,
	"US-ANSWER/5.0":         answersAll,
	"US-ANSWER/3.1.1":       answersAll,
	"KA-02/5.0":             neverCloses,
	"KA-02/3.1.1":           neverCloses,
	"KA-03-PUBLISH/5.0":     neverCloses,
	"KA-03-PUBLISH/3.1.1":   neverCloses,
	"KA-03-SUBSCRIBE/5.0":   neverCloses,
	"KA-03-SUBSCRIBE/3.1.1": neverCloses,
	"KA-06/5.0":             neverCloses,
	"KA-06/3.1.1":           neverCloses,
	"KA-08/5.0":             neverCloses,
	"KA-08/3.1.1":           neverCloses,
}

const (
	answersAll  = "it answers every request at once, and this spec asks for nothing else"
	neverCloses = "it closes no link, so it keeps those of active clients"
	mixesNone   = "it accepts every Client Identifier and remembers none, so it mixes none up"
)

// TestStub runs every spec against the stub: none passes but those whose rule the stub keeps.
func TestStub(t *testing.T) {
	used := map[string]bool{}
	for n, i := range items(t) {
		row := suites.Virtual(t, i, n, stub)
		if row.Verdict != reports.Pass {
			continue
		}
		used[i.Key()] = true
		if _, ok := stubKeeps[i.Key()]; !ok {
			t.Errorf("%s passes against a broker that delivers nothing\n%s", i.Key(), suites.Timeline(row))
		}
	}
	for key := range stubKeeps {
		if !used[key] {
			t.Errorf("%s is listed as passing against the stub and does not", key)
		}
	}
}
