package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// example holds three histories for the monitors that it is meant for: the statement is kept on an event on which it
// could have failed, it is broken, and nothing happens on which it could fail (nil: a connection without a packet).
type example struct {
	ids    string // of 5.0 unless qualified, separated by spaces: those of the monitors that it is for
	only   string // a part of their Text, where other monitors have the same ids
	sender []wire.Sender
	kept   func(*script)
	broken func(*script)
	idle   func(*script)
}

func (e example) isFor(m Monitor) bool {
	return slices.ContainsFunc(strings.Fields(e.ids), func(id string) bool {
		return string(m.IDs[0]) == id || string(m.IDs[0]) == "v5:"+id
	}) && strings.Contains(m.Text, e.only) && (e.sender == nil || slices.Contains(e.sender, m.Sender))
}

func examples() []example {
	return slices.Concat(formatExamples(), textExamples(), propertyExamples(), reasonExamples(), limitExamples(),
		exchangeExamples(), serverExamples(), clientExamples(), payloadExamples())
}

func name(m Monitor) string { return fmt.Sprintf("%v/%v/%s", m.IDs[0], m.Sender, m.Text) }

// TestEveryMonitor runs each monitor on its examples in each of its versions.
func TestEveryMonitor(t *testing.T) {
	all := examples()
	for _, m := range All() {
		t.Run(name(m), func(t *testing.T) {
			n := 0
			for _, e := range all {
				if !e.isFor(m) {
					continue
				}
				n++
				for _, id := range m.IDs {
					check := func(what string, write func(*script), exercised, broken bool) {
						s := newScript(versionOf(id), m.Sender)
						if write == nil {
							write = func(s *script) { s.open() }
						}
						write(s)
						for _, r := range m.run(newHistory(s.events, m.Sender)) {
							if r.ID == id && ((r.Exercised > 0) != exercised || (len(r.Violations) > 0) != broken) {
								t.Errorf("%v, %s: exercised %d times, violations %v", id, what, r.Exercised, r.Violations)
							}
							if r.ID != id && r.Exercised > 0 {
								t.Errorf("%v, %s: %v exercised on a connection of another version", id, what, r.ID)
							}
						}
					}
					check("kept", e.kept, true, false)
					check("broken", e.broken, true, true)
					check("idle", e.idle, false, false)
				}
			}
			if n == 0 {
				t.Error("no example")
			}
		})
	}
}

// TestEveryExampleIsUsed finds examples for ids that no monitor has.
func TestEveryExampleIsUsed(t *testing.T) {
	for _, e := range examples() {
		for _, id := range strings.Fields(e.ids) {
			one := e
			one.ids = id
			if !slices.ContainsFunc(All(), one.isFor) {
				t.Errorf("no monitor for the example of %s %q", id, e.only)
			}
		}
	}
}

// TestMonitorsAgreeWithTheCatalogue looks up every id.
func TestMonitorsAgreeWithTheCatalogue(t *testing.T) {
	// A server's duty towards a packet of a client that no statement forbids to the client: the duty makes it wrong.
	reactions := []req.ID{"v5:MQTT-3.1.0-2", "v311:MQTT-3.1.0-2", "v5:MQTT-3.1.2-3", "v311:MQTT-3.1.2-3"}
	for _, m := range All() {
		versions := map[wire.Version]bool{}
		for _, id := range m.IDs {
			s, ok := req.Lookup(id)
			if !ok {
				t.Errorf("%s: the catalogue does not know %s", name(m), id)
				continue
			}
			if versions[versionOf(id)] {
				t.Errorf("%s: two statements of one version", name(m))
			}
			versions[versionOf(id)] = true
			if side := (map[wire.Sender]req.Actor{wire.FromClient: req.Client, wire.FromServer: req.Server})[m.Sender]; !s.Binds(side) && !slices.Contains(reactions, id) {
				t.Errorf("%s: %s does not bind a %s", name(m), id, side)
			}
			if want := map[bool]string{false: must, true: should}[s.Level.Advisory()]; m.Level != want {
				t.Errorf("%s: level %s, %s has %s", name(m), m.Level, id, s.Level)
			}
		}
		if m.Text == "" || m.Judge == nil || len(m.IDs) == 0 {
			t.Errorf("%s is incomplete", name(m))
		}
	}
}

// TestCatalogueIsMonitored names what the catalogue gives to monitors and none judges, with the reason.
func TestCatalogueIsMonitored(t *testing.T) {
	without := map[req.ID]string{
		"v5:MQTT-4.7.3-3":   "the length field cannot say more than 65,535 bytes",
		"v311:MQTT-4.7.3-3": "the length field cannot say more than 65,535 bytes",
		"v5:MQTT-6.0.0-1":   "a trace holds no WebSocket frames",
		"v311:MQTT-6.0.0-1": "a trace holds no WebSocket frames",
		"v311:MQTT-3.3.1-9": "whether a message answers a SUBSCRIBE cannot be told from traffic: retained messages may come late",
	}
	have := map[req.ID]bool{}
	for _, m := range All() {
		for _, id := range m.IDs {
			have[id] = true
		}
	}
	for _, s := range req.All() {
		passive := slices.Contains(s.Method, req.PassiveMonitor)
		_, excused := without[s.ID]
		if passive && have[s.ID] == excused {
			t.Errorf("%s: has a monitor %v, listed as without %v", s.ID, have[s.ID], excused)
		}
	}
}

// conversation is a long exchange without a fault, over three connections of one session.
func conversation(s *script) {
	s.open().client(wire.Connect{ClientID: "me", CleanStart: true, KeepAlive: 60, Properties: wire.Properties{
		wire.SessionExpiryInterval(100), wire.ReceiveMaximum(3), wire.TopicAliasMaximum(1), wire.MaximumPacketSize(200)}})
	s.server(wire.Connack{Properties: wire.Properties{wire.ReceiveMaximum(3), wire.TopicAliasMaximum(1), wire.ServerKeepAlive(30)}})
	s.wait(time.Second)
	s.client(subscribe(1, 2, "t", "u/#"), wire.Pingreq{})
	s.server(publish(0, 0, retain), suback(1, 2, 1), wire.Pingresp{})
	for range 3 {
		s.send(publish(1, 5)).reply(wire.Puback{PacketID: 5})
		s.send(publish(2, 5)).reply(wire.Pubrec{PacketID: 5}).send(wire.Pubrel{PacketID: 5}).reply(wire.Pubcomp{PacketID: 5})
		s.reply(publish(1, 5)).send(wire.Puback{PacketID: 5})
		s.reply(publish(2, 5)).send(wire.Pubrec{PacketID: 5}).reply(wire.Pubrel{PacketID: 5}).send(wire.Pubcomp{PacketID: 5})
	}
	s.send(publish(1, 8), publish(2, 9), publish(2, 10, payload("z"))).reply(wire.Pubrec{PacketID: 9}).send(wire.Pubrel{PacketID: 9})
	s.reply(publish(1, 6), publish(1, 7)).send(wire.Puback{PacketID: 6})
	s.cut(s.judged, publish(1, 11)).close(wire.FromClient, trace.RST).close(wire.FromServer, trace.Local)

	s.resumed("c#2")
	s.send(publish(1, 8, dup), wire.Pubrel{PacketID: 9}, publish(2, 10, dup, payload("z")), publish(1, 11, dup))
	s.reply(publish(1, 7, dup)).send(wire.Puback{PacketID: 7})
	s.reply(wire.Puback{PacketID: 8}, wire.Pubcomp{PacketID: 9}, wire.Pubrec{PacketID: 10}).send(wire.Pubrel{PacketID: 10}, publish(1, 8), publish(1, 12))
	s.client(wire.Unsubscribe{PacketID: 30, Filters: []string{"t"}})
	s.server(wire.Unsuback{PacketID: 30, ReasonCodes: []wire.ReasonCode{0}}, publish(0, 0))

	s.on("c#3").begin(true, false)
	s.client(subscribe(1, 1, "t")).server(suback(1, 1)).send(publish(1, 12)).reply(wire.Puback{PacketID: 12})
	s.client(wire.Disconnect{}).close(wire.FromClient, trace.FIN).close(wire.FromServer, trace.FIN)
}

func TestNoFalseAlarm(t *testing.T) {
	for _, judged := range []wire.Sender{wire.FromServer, wire.FromClient} {
		for _, v := range []wire.Version{wire.V311, wire.V5} {
			s := newScript(v, judged)
			conversation(s)
			n := 0
			for _, r := range Run(s.events, judged) {
				for _, b := range r.Violations {
					t.Errorf("%v %v: %s, event %d: %s", judged, v, r.ID, b.Seq, b.Text)
				}
				if r.Exercised > 0 {
					n++
				}
			}
			if n < 20 {
				t.Errorf("%v %v: %d statements were exercised", judged, v, n)
			}
		}
	}
}

func TestRunReportsOncePerConnection(t *testing.T) {
	s := newScript(wire.V5, wire.FromServer)
	for _, conn := range []string{"a", "b"} {
		s.on(conn).fresh()
		s.server(wire.WithFlags{Packet: wire.Pingresp{}, Flags: 1}, wire.WithFlags{Packet: wire.Pingresp{}, Flags: 2})
	}
	results := Run(s.events, wire.FromServer)
	i := slices.IndexFunc(results, func(r Result) bool { return r.ID == "v5:MQTT-2.1.3-1" })
	want := []Violation{
		{Conn: "a", Seq: 3, Text: "expected flags 0000 in PINGRESP, observed 0001", Times: 2},
		{Conn: "b", Seq: 8, Text: "expected flags 0000 in PINGRESP, observed 0001", Times: 2},
	}
	if got := results[i].Violations; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	seen := map[req.ID]bool{}
	for _, r := range results {
		if seen[r.ID] {
			t.Errorf("two results for %s", r.ID)
		}
		seen[r.ID] = true
	}
}

// TestOnlyTheNearLegCounts puts the same breach on each leg.
func TestOnlyTheNearLegCounts(t *testing.T) {
	for _, judged := range []wire.Sender{wire.FromServer, wire.FromClient} {
		for leg, want := range map[trace.Leg]bool{
			trace.Direct: true, trace.TargetLeg: judged == wire.FromServer, trace.ClientLeg: judged == wire.FromClient,
		} {
			s := newScript(wire.V5, judged)
			s.leg = leg
			s.fresh().send(publish(0, 0, dup))
			got := slices.ContainsFunc(Run(s.events, judged), func(r Result) bool { return len(r.Violations) > 0 })
			if got != want {
				t.Errorf("%v judged, leg %d: reported %v", judged, leg, got)
			}
		}
	}
}

// FuzzRun makes events of arbitrary bytes: a kind and a length, then the bytes.
func FuzzRun(f *testing.F) {
	for _, v := range []wire.Version{wire.V311, wire.V5} {
		s := newScript(v, wire.FromServer)
		conversation(s)
		var b []byte
		for _, e := range s.events {
			b = append(b, byte(e.Dir)|byte(len(e.Conn)&2)<<1, byte(len(e.Bytes)))
			b = append(b, e.Bytes...)
		}
		f.Add(b, byte(v))
	}
	kinds := []trace.Kind{trace.Packet, trace.Packet, trace.Packet, trace.Packet, trace.Bytes, trace.Close, trace.Open, trace.Fault}
	f.Fuzz(func(t *testing.T, b []byte, v byte) {
		var events []trace.Event
		at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		for len(b) >= 2 {
			head, n := b[0], min(int(b[1]), len(b)-2)
			at = at.Add(time.Duration(head) * 10 * time.Millisecond)
			events = append(events, trace.Event{Seq: len(events), At: at, Conn: []string{"c", "c#2", ""}[head>>6%3], Kind: kinds[head>>3&7],
				Dir: trace.Dir(head & 1), How: []trace.How{trace.FIN, trace.RST, trace.Local, trace.Error}[head>>1&3],
				Version: wire.Version(v), Bytes: b[2 : 2+n]})
			b = b[2+n:]
		}
		for _, judged := range []wire.Sender{wire.FromServer, wire.FromClient} {
			for _, r := range Run(events, judged) {
				if len(r.Violations) > r.Exercised {
					t.Errorf("%s: %d violations, exercised %d times", r.ID, len(r.Violations), r.Exercised)
				}
			}
		}
	})
}
