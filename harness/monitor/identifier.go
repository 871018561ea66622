package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// identifierMonitors judge the Packet Identifiers of packets that begin an exchange.
func identifierMonitors() (all []Monitor) {
	all = append(all,
		Monitor{IDs: ids("MQTT-2.2.1-4", "MQTT-2.3.1-1"), Sender: wire.FromServer, Level: must,
			Text: "A PUBLISH of QoS 1 or 2 from a server has a Packet Identifier other than 0.", Judge: each(nonZero)},
		Monitor{IDs: ids("MQTT-2.2.1-3", "MQTT-2.3.1-1"), Sender: wire.FromClient, Level: must,
			Text: "A SUBSCRIBE, UNSUBSCRIBE or PUBLISH of QoS 1 or 2 from a client has a Packet Identifier other than 0.", Judge: each(nonZero)},
		Monitor{IDs: ids("MQTT-2.2.1-4", "MQTT-2.3.1-4"), Sender: wire.FromServer, Level: must,
			Text: "A new PUBLISH of QoS 1 or 2 from a server has a Packet Identifier that is not in use in the session.", Judge: unused(anyQoS)},
		Monitor{IDs: ids("MQTT-2.2.1-3", "MQTT-2.3.1-2"), Sender: wire.FromClient, Level: must,
			Text: "A new SUBSCRIBE, UNSUBSCRIBE or PUBLISH of QoS 1 or 2 has a Packet Identifier that is not in use.", Judge: unused(anyQoS)},
		Monitor{IDs: ids("MQTT-2.2.1-2", "MQTT-2.3.1-5"), Sender: wire.FromServer, Level: must,
			Text: "A PUBLISH of QoS 0 has no Packet Identifier.", Judge: noIdentifier},
		Monitor{IDs: ids("MQTT-2.2.1-2", "MQTT-2.3.1-5"), Sender: wire.FromClient, Level: must,
			Text: "A PUBLISH of QoS 0 from a client has no Packet Identifier.", Judge: noOwnIdentifier},
	)
	all = append(all, both(Monitor{IDs: ids("MQTT-4.3.2-1", "MQTT-4.3.2-1"), Level: must,
		Text: "A new message of QoS 1 is sent under an unused Packet Identifier.", Judge: unused(wire.QoS1)})...)
	return append(all, both(Monitor{IDs: ids("MQTT-4.3.3-1", "MQTT-4.3.3-1"), Level: must,
		Text: "A new message of QoS 2 is sent under an unused Packet Identifier.", Judge: unused(wire.QoS2)})...)
}

// nonZero also looks at packets whose first violation is another one.
func nonZero(_ *Conn, r *Record) (bool, string) {
	switch p := r.Packet.(type) {
	case wire.Publish:
		if p.QoS == 0 || p.QoS > 2 {
			return false, ""
		}
	case wire.Subscribe, wire.Unsubscribe:
	default:
		return false, ""
	}
	if id, _ := wire.PacketIDOf(r.Packet); id == 0 {
		return true, fmt.Sprintf("expected a Packet Identifier from 1, observed 0 in %v", r.Packet.Type())
	}
	return true, ""
}

// anyQoS makes unused look at all packets that begin an exchange.
const anyQoS wire.QoS = 0xFF

// unused judges that what begins an exchange takes a free Packet Identifier. A PUBLISH with DUP 1 and the same message
// goes on with the exchange. With DUP 0 and the same message it either repeats it without saying so (MQTT-3.3.1-1) or
// takes a used identifier; it is reported here only where a repetition is out of question, which is on one connection
// of 5.0.
func unused(qos wire.QoS) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		bound := h.boundSet(j)
		for _, s := range h.sent {
			p, publish := s.rec.Packet.(wire.Publish)
			if _, rel := s.rec.Packet.(wire.Pubrel); rel || !bound[s.conn] || qos != anyQoS && (!publish || p.QoS != qos) {
				continue
			}
			repeated := publish && s.same() && (p.Dup || !s.open.released && (!s.live() || s.conn.Version == wire.V311))
			switch {
			case s.open != nil && !repeated:
				j.broken(s.conn, s.rec.Seq, "expected an unused Packet Identifier, observed %d, under which the PUBLISH of QoS %d on connection %s is not acknowledged",
					s.id, s.open.publish.QoS, s.open.conn.Name)
			case s.request != 0 && !s.again:
				j.broken(s.conn, s.rec.Seq, "expected an unused Packet Identifier, observed %d, under which a %v waits for its answer", s.id, s.request)
			case !repeated && !s.again:
				j.kept(s.conn)
			}
		}
	}
}

// boundSet is bound as a set.
func (h *History) boundSet(j *Judgement) map[*Conn]bool {
	set := map[*Conn]bool{}
	for _, c := range h.bound(j) {
		set[c] = true
	}
	return set
}

// noIdentifier judges by the payload: the bytes of a Packet Identifier that should not be there begin it. In 5.0 its
// first byte is taken for the Property Length, so that an identifier below 256 leaves one byte and the real Property
// Length. It looks only at topics to which the trace shows what was published, and reports only a payload that nobody
// published, if it is one that was published with two surplus bytes in front.
func noIdentifier(h *History, j *Judgement) {
	published := h.published()
	for _, c := range h.bound(j) {
		for _, r := range c.sound() {
			p, ok := r.Packet.(wire.Publish)
			payloads := published[p.Topic]
			if !ok || r.Sender != h.Judged || p.QoS != 0 || p.Topic == "" || len(payloads) == 0 {
				continue
			}
			got := string(p.Payload)
			if !payloads[got] && len(got) > 2 && payloads[got[2:]] && got[:2] != "\x00\x00" && (c.Version == wire.V311 || got[1] == 0) {
				j.broken(c, r.Seq, "expected the payload of %d bytes that was published, observed two bytes % X before it, the place of a Packet Identifier",
					len(got)-2, got[:2])
				continue
			}
			j.kept(c)
		}
	}
}

// published returns the payloads, by topic, that the trace shows to have been sent to the server, wills included.
func (h *History) published() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	add := func(topic string, payload []byte) {
		if all[topic] == nil {
			all[topic] = map[string]bool{}
		}
		all[topic][string(payload)] = true
	}
	for _, c := range h.Conns {
		aliases := map[uint32]string{}
		for _, r := range c.Records {
			if r.Sender != wire.FromClient {
				continue
			}
			switch p := r.Packet.(type) {
			case wire.Connect:
				if p.Will != nil {
					add(p.Will.Topic, p.Will.Payload)
				}
			case wire.Publish:
				if a, ok := p.Properties.Get(wire.PropTopicAlias); ok && p.Topic != "" {
					aliases[a.Int] = p.Topic
				} else if ok {
					p.Topic = aliases[a.Int]
				}
				add(p.Topic, p.Payload)
			}
		}
	}
	return all
}
