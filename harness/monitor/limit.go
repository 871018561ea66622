package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// limitMonitors judge the limits that the other side announced, and the Topic Alias.
func limitMonitors() (all []Monitor) {
	const quota = "No more PUBLISH packets of QoS 1 and 2 are unacknowledged than Receive Maximum allows."
	const alias = "A Topic Alias is not above the receiver's Topic Alias Maximum."
	const noAlias = "No Topic Alias is sent to a receiver whose Topic Alias Maximum is absent or 0."
	const size = "No packet is larger than the receiver's Maximum Packet Size."
	for _, m := range []Monitor{
		{IDs: ids("MQTT-4.9.0-1", ""), Text: "The initial send quota is not above Receive Maximum.", Judge: receiveMaximum(false)},
		{IDs: ids("MQTT-4.9.0-2", ""), Text: "No PUBLISH of QoS 1 or 2 is sent while the send quota is 0.", Judge: receiveMaximum(false)},
		{IDs: ids("U5-037", ""), Text: "The send quota begins anew on each Network Connection.", Judge: receiveMaximum(true)},
		{IDs: ids("U5-021", ""), Text: "A Topic Alias without a Topic Name was set on the same Network Connection.", Judge: knownAlias},
		{IDs: ids("MQTT-3.3.2-7", ""), Text: "A Topic Alias of an earlier Network Connection is not used.", Judge: noInheritedAlias},
	} {
		m.Level = must
		all = append(all, both(m)...)
	}
	for _, m := range []Monitor{
		{IDs: ids("MQTT-3.1.2-24", ""), Sender: wire.FromServer, Text: size, Judge: packetSize},
		{IDs: ids("MQTT-3.1.2-26", ""), Sender: wire.FromServer, Text: alias, Judge: aliasMaximum},
		{IDs: ids("MQTT-3.3.2-11", ""), Sender: wire.FromServer, Text: alias, Judge: aliasMaximum},
		{IDs: ids("MQTT-3.1.2-27", ""), Sender: wire.FromServer, Text: noAlias, Judge: aliasAbsent},
		{IDs: ids("MQTT-3.3.4-9", ""), Sender: wire.FromServer, Text: quota, Judge: receiveMaximum(false)},
		{IDs: ids("MQTT-3.2.2-15", ""), Sender: wire.FromClient, Text: size, Judge: packetSize},
		{IDs: ids("MQTT-3.2.2-17", ""), Sender: wire.FromClient, Text: alias, Judge: aliasMaximum},
		{IDs: ids("MQTT-3.3.2-9", ""), Sender: wire.FromClient, Text: alias, Judge: aliasMaximum},
		{IDs: ids("MQTT-3.2.2-18", ""), Sender: wire.FromClient, Text: noAlias, Judge: aliasAbsent},
		{IDs: ids("MQTT-3.3.4-7", ""), Sender: wire.FromClient, Text: quota, Judge: receiveMaximum(false)},
		{IDs: ids("MQTT-3.2.2-11", ""), Sender: wire.FromClient, Text: "No PUBLISH of a client is above the server's Maximum QoS.", Judge: maximumQoS},
		{IDs: ids("MQTT-3.2.2-14", ""), Sender: wire.FromClient, Text: "No PUBLISH of a client has RETAIN 1 after Retain Available 0.", Judge: retainAvailable},
	} {
		m.Level = must
		all = append(all, m)
	}
	return all
}

// eachInformed is each for packets whose sender surely knew the other side's limits; see informed.
func eachInformed(rule func(h *History, c *Conn, r *Record) (applies bool, breach string)) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		each(func(c *Conn, r *Record) (bool, string) {
			if !c.informed(h.Judged, r) {
				return false, ""
			}
			return rule(h, c, r)
		})(h, j)
	}
}

var packetSize = eachInformed(func(h *History, c *Conn, r *Record) (bool, string) {
	limit := c.limit(h.Judged, wire.PropMaximumPacketSize, 0)
	if limit == 0 {
		return false, ""
	}
	return expect(uint32(len(r.Raw)) <= limit, fmt.Sprintf("at most %d bytes", limit), fmt.Sprintf("%v of %d", r.typeOf(), len(r.Raw)))
})

var aliasMaximum = eachInformed(func(h *History, c *Conn, r *Record) (bool, string) {
	p, ok := r.Packet.(wire.Publish)
	limit := c.limit(h.Judged, wire.PropTopicAliasMaximum, 0)
	if !ok || limit == 0 || !p.Properties.Has(wire.PropTopicAlias) {
		return false, ""
	}
	n := p.Properties.Int(wire.PropTopicAlias, 0)
	return expect(n <= limit, fmt.Sprintf("a Topic Alias of at most %d", limit), fmt.Sprint(n))
})

var aliasAbsent = eachInformed(func(h *History, c *Conn, r *Record) (bool, string) {
	p, ok := r.Packet.(wire.Publish)
	if !ok || c.limit(h.Judged, wire.PropTopicAliasMaximum, 0) != 0 {
		return false, ""
	}
	a, has := p.Properties.Get(wire.PropTopicAlias)
	return expect(!has, "no Topic Alias, as Topic Alias Maximum is absent or 0", a.String())
})

var maximumQoS = eachInformed(func(_ *History, c *Conn, r *Record) (bool, string) {
	p, ok := r.Packet.(wire.Publish)
	if !ok || !c.Connack.Properties.Has(wire.PropMaximumQoS) {
		return false, ""
	}
	limit := wire.QoS(c.Connack.Properties.Int(wire.PropMaximumQoS, 2))
	return expect(p.QoS <= limit, fmt.Sprintf("at most QoS %d", limit), fmt.Sprintf("QoS %d", p.QoS))
})

var retainAvailable = eachInformed(func(_ *History, c *Conn, r *Record) (bool, string) {
	p, ok := r.Packet.(wire.Publish)
	if !ok || c.Connack.Properties.Int(wire.PropRetainAvailable, 1) != 0 {
		return false, ""
	}
	return expect(!p.Retain, "RETAIN 0, as Retain Available is 0", "RETAIN 1")
})

// receiveMaximum judges connections where the receiver announced a Receive Maximum, all or only those that resume a
// session. Each Packet Identifier counts once, from its PUBLISH to our PUBACK, PUBCOMP or PUBREC of 0x80 or above. An
// acknowledgement that belongs to no PUBLISH of this connection, such as the PUBCOMP for a PUBREL that was sent again,
// counts as one more that may be sent: the standard's own counting allows that to a sender (section 4.9).
func receiveMaximum(resumed bool) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			if !c.accepted() || resumed && c.fresh() {
				continue
			}
			q := quota{open: map[uint16]wire.QoS{}}
			records := c.sound()
			for i := range records {
				r := &records[i]
				if !q.take(r, h.Judged) || !c.informed(h.Judged, r) {
					continue
				}
				limit := int(c.limit(h.Judged, wire.PropReceiveMaximum, 65535))
				if used := len(q.open) - q.extra; used > limit {
					j.broken(c, r.Seq, "expected at most %d unacknowledged PUBLISH packets of QoS 1 and 2, as Receive Maximum says, observed %d", limit, used)
				} else if limit < 65535 {
					j.kept(c)
				}
			}
		}
	}
}

// quota counts the PUBLISH packets of one side of a connection.
type quota struct {
	open  map[uint16]wire.QoS
	extra int // acknowledgements that belong to no PUBLISH of this connection
}

// take counts a packet and reports whether it is one that needs quota.
func (q *quota) take(r *Record, judged wire.Sender) bool {
	if r.Sender == judged {
		p, ok := r.Packet.(wire.Publish)
		if ok && p.QoS > 0 {
			q.open[p.PacketID] = p.QoS
			return true
		}
		return false
	}
	switch p := r.Packet.(type) {
	case wire.Puback:
		q.end(p.PacketID)
	case wire.Pubcomp:
		q.end(p.PacketID)
	case wire.Pubrec:
		// what a sender makes of a PUBREC for QoS 1 is its own affair
		if p.ReasonCode >= 0x80 || q.open[p.PacketID] == wire.QoS1 {
			q.end(p.PacketID)
		}
	}
	return false
}

func (q *quota) end(id uint16) {
	if q.open[id] == 0 {
		q.extra++
	}
	delete(q.open, id)
}

// knownAlias judges each PUBLISH without a Topic Name.
func knownAlias(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		set := map[uint32]bool{}
		for _, r := range c.sound() {
			p, ok := r.Packet.(wire.Publish)
			a, has := p.Properties.Get(wire.PropTopicAlias)
			switch {
			case !ok || r.Sender != h.Judged || !has:
			case p.Topic != "":
				set[a.Int] = true
			case set[a.Int]:
				j.kept(c)
			default:
				j.broken(c, r.Seq, "expected a Topic Alias that was set on this Network Connection, observed %d without a Topic Name", a.Int)
			}
		}
	}
}

// noInheritedAlias judges the first PUBLISH with each Topic Alias that an earlier connection of the client had set.
func noInheritedAlias(h *History, j *Judgement) {
	bound := h.boundSet(j)
	for _, conns := range h.clients {
		earlier := map[uint32]string{}
		for _, c := range conns {
			if !bound[c] {
				continue
			}
			set := map[uint32]string{}
			for _, r := range c.sound() {
				p, ok := r.Packet.(wire.Publish)
				a, has := p.Properties.Get(wire.PropTopicAlias)
				if !ok || r.Sender != h.Judged || !has {
					continue
				}
				before, known := earlier[a.Int]
				if _, again := set[a.Int]; known && !again && p.Topic == "" {
					j.broken(c, r.Seq, "expected a Topic Name, observed only Topic Alias %d, which an earlier connection had set to %q", a.Int, before)
				} else if known && !again {
					j.kept(c)
				}
				if p.Topic != "" {
					set[a.Int] = p.Topic
				}
			}
			for n, topic := range set {
				earlier[n] = topic
			}
		}
	}
}
