package broker

import "github.com/mqttspec/mqttspec/harness/wire"

// share gives a message to one member of a group, in turn: to one that can take it at once if there is one, else to
// one that is connected, else to any. The member except, if not nil, gets it only if there is nobody else.
func (b *Broker) share(g *group, m *message, except *session) {
	if b.defect(sharedGoesToAll) { // v5:U5-035
		for _, member := range g.members {
			member.session.enqueue(member.deliver(m))
		}
		return
	}
	if member := g.choose(b, except); member != nil {
		member.session.enqueue(member.deliver(m)) // v5:U5-035
	}
}

// choose says whose turn it is.
func (g *group) choose(b *Broker, except *session) *subscription {
	var chosen *subscription
	best := -1
	for i := range g.members {
		at := (g.next + i) % len(g.members)
		member := g.members[at]
		rank := member.session.readiness()
		if member.session == except || b.defect(expiredSessionStaysInGroup) {
			rank = 0
		}
		if rank > best {
			chosen, best = member, rank
		}
	}
	if chosen != nil {
		for i, member := range g.members {
			if member == chosen {
				g.next = i + 1
			}
		}
	}
	return chosen
}

// readiness is 2 for a session that can take a message at once, 1 for one that is connected, and 0 for others.
func (s *session) readiness() int {
	switch {
	case s.conn == nil:
		return 0
	case s.conn.quota == 0 || s.queue.Len() > 0:
		return 1
	}
	return 2
}

// shareAnew gives what an ended session had not finished of its groups' messages to other members: all that was not
// started, and of the rest what has QoS 1. A message of QoS 2 that was started goes to nobody else.
// v5:MQTT-4.8.2-5
func (b *Broker) shareAnew(s *session) {
	var orphans []*delivery
	for e := s.inflight.Front(); e != nil; e = e.Next() {
		if d := e.Value.(*exchange).delivery; d.share != "" &&
			(d.qos == wire.QoS1 && !b.defect(sharedQoS1Dropped) || d.qos == wire.QoS2 && b.defect(sharedQoS2MovesOn)) { // v5:MQTT-4.8.2-5, v5:U5-067
			orphans = append(orphans, d)
		}
	}
	for e := s.queue.Front(); e != nil; e = e.Next() {
		if d := e.Value.(*delivery); d.share != "" {
			orphans = append(orphans, d)
		}
	}
	for _, d := range orphans {
		for _, g := range b.match(b.level(d.topic)).groups {
			if len(g.members) > 0 && g.members[0].shareName == d.share && g.members[0].topicFilter == d.filter {
				b.share(g, d.message, s)
			}
		}
	}
}
