package monitor

import (
	"maps"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// fewest is how many PUBLISH packets of QoS 0 must look alike before they prove anything.
const fewest = 3

// noOwnIdentifier judges a client by the payloads that it publishes itself under one topic: with QoS 1 and 2 they stand
// behind a Packet Identifier, with QoS 0 behind nothing, and two surplus bytes are one that should not be there. In 5.0
// its first byte is taken for the Property Length, so that an identifier below 256 leaves one byte and the real Property
// Length, which is 0. A payload may begin with anything, so the statement counts as broken only if every PUBLISH of QoS
// 0 that can be compared has the two bytes, never the same, and never such as a text may begin with.
func noOwnIdentifier(h *History, j *Judgement) {
	type suspect struct {
		conn *Conn
		rec  *Record
	}
	var suspects []suspect
	identifiers := map[string]bool{}
	known := h.identified()
	comparable := 0
	for _, c := range h.bound(j) {
		topics := c.topics(h.Judged)
		for _, i := range slices.Sorted(maps.Keys(topics)) {
			r := &c.Records[i]
			p, _ := r.Packet.(wire.Publish)
			payloads := known[topics[i]]
			if p.QoS != 0 || len(payloads) == 0 {
				continue
			}
			comparable++
			got := string(p.Payload)
			if payloads[got] || len(got) <= 2 || !payloads[got[2:]] || !mayBeIdentifier(got[:2], c.Version) {
				j.kept(c)
				continue
			}
			suspects = append(suspects, suspect{c, r})
			identifiers[got[:2]] = true
		}
	}
	proved := len(suspects) >= fewest && len(suspects) == comparable && len(identifiers) == len(suspects)
	for _, s := range suspects {
		if proved {
			p := s.rec.Packet.(wire.Publish)
			j.broken(s.conn, s.rec.Seq, "expected the payload alone, observed two bytes % X before it, the place of a Packet Identifier, in all %d PUBLISH packets of QoS 0 whose payload was also published with QoS 1 or 2",
				p.Payload[:2], comparable)
		} else {
			j.kept(s.conn)
		}
	}
}

// mayBeIdentifier reports whether two bytes that stand before a payload may be a Packet Identifier; text is left alone.
func mayBeIdentifier(b string, v wire.Version) bool {
	if b == "\x00\x00" || v == wire.V5 && b[1] != 0 {
		return false
	}
	return strings.ContainsFunc(b, func(r rune) bool { return r < ' ' })
}

// identified returns the payloads that the judged side published with QoS 1 and 2, by topic.
func (h *History) identified() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, c := range h.Conns {
		for i, topic := range c.topics(h.Judged) {
			p, _ := c.Records[i].Packet.(wire.Publish)
			if p.QoS == 0 {
				continue
			}
			if all[topic] == nil {
				all[topic] = map[string]bool{}
			}
			all[topic][string(p.Payload)] = true
		}
	}
	return all
}

// topics returns the topic of each PUBLISH of a side, its Topic Alias resolved, by the index of the record.
func (c *Conn) topics(of wire.Sender) map[int]string {
	topics, aliases := map[int]string{}, map[uint32]string{}
	for i, r := range c.sound() {
		p, ok := r.Packet.(wire.Publish)
		if !ok || r.Sender != of {
			continue
		}
		if a, has := p.Properties.Get(wire.PropTopicAlias); has && p.Topic != "" {
			aliases[a.Int] = p.Topic
		} else if has {
			p.Topic = aliases[a.Int]
		}
		if p.Topic != "" {
			topics[i] = p.Topic
		}
	}
	return topics
}
