package monitor

import (
	"github.com/mqttspec/mqttspec/harness/wire"
)

// ackMonitors judge that acknowledgements answer something.
func ackMonitors() (all []Monitor) {
	all = both(Monitor{IDs: ids("MQTT-2.2.1-5", "MQTT-2.3.1-6"), Level: must,
		Text: "PUBACK, PUBREC, PUBREL and PUBCOMP carry the Packet Identifier of the PUBLISH that they belong to.", Judge: acksMatch})
	for _, m := range []Monitor{
		{IDs: ids("MQTT-2.2.1-6", "MQTT-2.3.1-7"), Text: "SUBACK and UNSUBACK carry the Packet Identifier of their request.", Judge: answersMatch(0)},
		{IDs: ids("MQTT-3.8.4-2", "MQTT-3.8.4-2"), Text: "SUBACK carries the Packet Identifier of its SUBSCRIBE.", Judge: answersMatch(wire.SUBACK)},
		{IDs: ids("MQTT-3.10.4-5", "MQTT-3.10.4-4"), Text: "UNSUBACK carries the Packet Identifier of its UNSUBSCRIBE.", Judge: answersMatch(wire.UNSUBACK)},
		{IDs: ids("MQTT-3.8.4-6", "MQTT-3.8.4-5"), Text: "SUBACK has one Reason Code for each Topic Filter.", Judge: codesPerFilter(wire.SUBACK)},
		{IDs: ids("MQTT-3.8.4-7", "MQTT-3.8.4-5"), Text: "SUBACK grants no higher QoS than was asked for.", Judge: grantsNoMore},
		{IDs: ids("MQTT-3.11.3-1", ""), Text: "UNSUBACK has one Reason Code for each Topic Filter.", Judge: codesPerFilter(wire.UNSUBACK)},
		{IDs: ids("MQTT-3.12.4-1", "MQTT-3.12.4-1"), Text: "PINGRESP answers a PINGREQ.", Judge: pingAnswered},
	} {
		m.Sender, m.Level = wire.FromServer, must
		all = append(all, m)
	}
	return all
}

// acks follows what the judged side can acknowledge in one session.
type acks struct {
	h                   *History
	j                   *Judgement
	bound               map[*Conn]bool
	sent1, sent2, sent3 map[uint16]int // PUBLISH of QoS 1, of QoS 2 and PUBREL of the other side
	acked, completed    map[uint16]int // PUBACK and PUBCOMP of the judged side
	own                 map[uint16]bool
	received            map[uint16]bool
}

func acksMatch(h *History, j *Judgement) {
	bound := h.boundSet(j)
	h.follow(func() follower {
		a := &acks{h: h, j: j, bound: bound}
		a.lose()
		return a
	})
}

func (a *acks) lose() {
	a.sent1, a.sent2, a.sent3 = map[uint16]int{}, map[uint16]int{}, map[uint16]int{}
	a.acked, a.completed = map[uint16]int{}, map[uint16]int{}
	a.own, a.received = map[uint16]bool{}, map[uint16]bool{}
}

func (a *acks) begin(s session) {
	if s.first {
		a.lose()
	}
}

func (a *acks) packet(s session, c *Conn, r *Record) {
	if r.Sender != a.h.Judged {
		switch p := r.Packet.(type) {
		case wire.Publish:
			switch p.QoS {
			case wire.QoS1:
				a.sent1[p.PacketID]++
			case wire.QoS2:
				a.sent2[p.PacketID]++
			}
		case wire.Pubrel:
			a.sent3[p.PacketID]++
		case wire.Pubrec:
			a.received[p.PacketID] = true
		}
		return
	}
	switch p := r.Packet.(type) {
	case wire.Publish:
		a.own[p.PacketID] = a.own[p.PacketID] || p.QoS == wire.QoS2
	case wire.Puback:
		a.acked[p.PacketID]++
		a.judge(s, c, r, "PUBLISH of QoS 1", a.sent1[p.PacketID], a.acked[p.PacketID])
	case wire.Pubrec:
		// how often is not counted: a receiver of 3.1.1 may repeat it
		a.judge(s, c, r, "PUBLISH of QoS 2", a.sent2[p.PacketID], 0)
	case wire.Pubcomp:
		a.completed[p.PacketID]++
		if c.Version == wire.V5 { // the statement of 3.1.1 does not name it
			a.judge(s, c, r, "PUBREL", a.sent3[p.PacketID], a.completed[p.PacketID])
		}
	case wire.Pubrel:
		switch {
		case !s.known || !a.bound[c]:
		case a.own[p.PacketID] || a.received[p.PacketID]:
			a.j.kept(c)
		default:
			a.j.broken(c, r.Seq, "expected the Packet Identifier of a PUBLISH of QoS 2, observed %d, which this session did not use", p.PacketID)
		}
	}
}

// judge compares how often something was sent with how often it was acknowledged. The numbers count only on the
// connection on which the session began; later ones only ask for one.
func (a *acks) judge(s session, c *Conn, r *Record, what string, sent, acked int) {
	id, _ := wire.PacketIDOf(r.Packet)
	switch {
	case !s.known || !a.bound[c]:
	case sent == 0:
		a.j.broken(c, r.Seq, "expected the Packet Identifier of a %s, observed %v for %d, under which this session got none", what, r.Packet.Type(), id)
	case s.first && acked > sent:
		a.j.broken(c, r.Seq, "expected one %v for each %s, observed number %d for Packet Identifier %d, which was used %d times", r.Packet.Type(), what, acked, id, sent)
	default:
		a.j.kept(c)
	}
}

// answer is a SUBACK or UNSUBACK and the request that it answers.
type answer struct {
	rec     *Record
	request wire.Packet // nil if none on this connection waits for this answer
	only    bool        // no other request waited under the same identifier
	excused bool        // it may answer a request of an earlier connection of the session
}

// answers returns the SUBACK and UNSUBACK packets of a connection.
func (h *History) answers(c *Conn) (all []answer) {
	type key struct {
		id uint16
		t  wire.Type
	}
	waiting := map[key][]wire.Packet{}
	records := c.sound()
	for i := range records {
		r := &records[i]
		id, ok := wire.PacketIDOf(r.Packet)
		if !ok {
			continue
		}
		switch t := r.Packet.Type(); t {
		case wire.SUBSCRIBE, wire.UNSUBSCRIBE:
			if r.Sender == wire.FromClient {
				waiting[key{id, t + 1}] = append(waiting[key{id, t + 1}], r.Packet)
			}
		case wire.SUBACK, wire.UNSUBACK:
			if r.Sender != wire.FromServer {
				continue
			}
			a := answer{rec: r}
			if w := waiting[key{id, t}]; len(w) > 0 {
				a.request, a.only = w[0], len(w) == 1
				waiting[key{id, t}] = w[1:]
			} else {
				a.excused = h.askedBefore(c, id, t-1)
			}
			all = append(all, a)
		}
	}
	return all
}

// askedBefore reports whether an earlier connection of the same client sent a request of type t under id.
func (h *History) askedBefore(c *Conn, id uint16, t wire.Type) bool {
	for _, earlier := range h.clients[c.clientID()] {
		if earlier == c {
			break
		}
		for _, r := range earlier.Records {
			if n, ok := wire.PacketIDOf(r.Packet); ok && n == id && r.Packet.Type() == t && r.Sender == wire.FromClient {
				return true
			}
		}
	}
	return false
}

// answersMatch looks at SUBACK, UNSUBACK or, for type 0, both.
func answersMatch(t wire.Type) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			for _, a := range h.answers(c) {
				got := a.rec.Packet.Type()
				if t != 0 && got != t || a.excused {
					continue
				}
				if a.request != nil {
					j.kept(c)
					continue
				}
				id, _ := wire.PacketIDOf(a.rec.Packet)
				j.broken(c, a.rec.Seq, "expected the Packet Identifier of a %v that waits for its answer, observed %v for %d", got-1, got, id)
			}
		}
	}
}

// codesPerFilter compares the number of Reason Codes with that of the Topic Filters.
func codesPerFilter(t wire.Type) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			for _, a := range h.answers(c) {
				if a.rec.Packet.Type() != t || !a.only {
					continue
				}
				codes, filters := 0, 0
				switch p := a.rec.Packet.(type) {
				case wire.Suback:
					codes = len(p.ReasonCodes)
				case wire.Unsuback:
					codes = len(p.ReasonCodes)
				}
				switch q := a.request.(type) {
				case wire.Subscribe:
					filters = len(q.Subscriptions)
				case wire.Unsubscribe:
					filters = len(q.Filters)
				}
				if codes == filters {
					j.kept(c)
				} else {
					j.broken(c, a.rec.Seq, "expected %d Reason Codes, one for each Topic Filter, observed %d", filters, codes)
				}
			}
		}
	}
}

func grantsNoMore(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		for _, a := range h.answers(c) {
			p, ok := a.rec.Packet.(wire.Suback)
			q, asked := a.request.(wire.Subscribe)
			if !ok || !asked || !a.only || len(p.ReasonCodes) != len(q.Subscriptions) {
				continue
			}
			for i, code := range p.ReasonCodes {
				if want := q.Subscriptions[i]; code <= 2 && wire.QoS(code) > want.QoS {
					j.broken(c, a.rec.Seq, "expected at most QoS %d granted for %q, observed QoS %d", want.QoS, want.Filter, code)
				} else {
					j.kept(c)
				}
			}
		}
	}
}

// pingAnswered counts on each connection.
func pingAnswered(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		asked, answered := 0, 0
		for _, r := range c.sound() {
			switch {
			case r.Sender == wire.FromClient && r.typeOf() == wire.PINGREQ:
				asked++
			case r.Sender == wire.FromServer && r.typeOf() == wire.PINGRESP: // from a client it is a Protocol Error of its own
				if answered++; answered > asked {
					j.broken(c, r.Seq, "expected PINGRESP only after PINGREQ, observed number %d after %d PINGREQ", answered, asked)
				} else {
					j.kept(c)
				}
			}
		}
	}
}
