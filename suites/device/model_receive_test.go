package device_test

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// subscribe asks for the device's topics.
func (m *model) subscribe() {
	ps := m.limits.Properties
	available := func(id wire.PropertyID) bool { return m.version == wire.V5 && ps.Int(id, 1) == 1 }
	command := wire.Subscription{Filter: "command/" + m.id + "/#", QoS: wire.QoS2}
	if m.version == wire.V5 && !available(wire.PropWildcardSubscriptionAvailable) && !m.has("wildcards-although-unavailable") {
		command.Filter = "command/" + m.id + "/do"
	}
	s := wire.Subscribe{Subscriptions: []wire.Subscription{command}}
	if m.version == wire.V5 && (available(wire.PropSharedSubscriptionAvailable) || m.has("shared-although-unavailable")) {
		s.Subscriptions = append([]wire.Subscription{{Filter: "$share/models/jobs", QoS: wire.QoS1}}, s.Subscriptions...)
	}
	if m.version == wire.V5 && (available(wire.PropSubscriptionIdentifierAvailable) || m.has("subscription-id-although-unavailable")) {
		s.Properties = wire.Properties{wire.SubscriptionIdentifier(7)}
	}
	s.Subscriptions = append(s.Subscriptions, m.cloud.filters(m, m.version == wire.V311 || available(wire.PropWildcardSubscriptionAvailable))...)
	s.PacketID = m.unusedID()
	m.subID, m.asking = s.PacketID, s
	m.send(s)
}

// receive handles a PUBLISH.
func (m *model) receive(p wire.Publish) error {
	alias := uint16(p.Properties.Int(wire.PropTopicAlias, 0))
	switch {
	case alias > 10 && !m.has("malformed-packets-overlooked"), alias > 5 && m.has("high-aliases-refused"):
		m.protest(wire.TopicAliasInvalid)
		return errHangUp
	case alias > 0 && p.Topic != "":
		m.aliasesIn[alias] = p.Topic
	case alias > 0 && m.aliasesIn[alias] == "" && !m.has("malformed-packets-overlooked"):
		m.protest(wire.ProtocolError)
		return errHangUp
	case alias > 0:
		p.Topic = m.aliasesIn[alias]
	}
	unknown := len(p.Topic) < 8 || p.Topic[:8] != "command/"
	if m.refused(p) {
		return nil
	}
	switch p.QoS {
	case wire.QoS0:
		m.echo(p)
	case wire.QoS1:
		if m.has("old-identifiers-not-acknowledged") && m.acked[p.PacketID] {
			return nil
		}
		if !m.has("old-identifiers-taken-for-duplicates") || !m.acked[p.PacketID] {
			m.echo(p)
		}
		m.acked[p.PacketID] = true
		m.taken++
		silent := m.has("large-messages-unacknowledged") && len(p.Payload) > 50_000 || m.has("tired") && m.taken > 1 || m.has("repeated-publish-unacknowledged") && p.Dup
		if !m.has("no-puback") && !silent && !(unknown && m.has("unknown-topics-unacknowledged")) {
			m.answer(wire.Puback{PacketID: p.PacketID}, "pubacks-out-of-order")
		}
	case wire.QoS2:
		if !m.receiving[p.PacketID] || m.has("acts-on-duplicates") {
			m.receivedAt = time.Now()
			m.receiving[p.PacketID], m.expiring[p.PacketID] = true, p.Properties.Has(wire.PropMessageExpiryInterval)
			m.echo(p)
		}
		if !m.has("no-pubrec") {
			m.answer(wire.Pubrec{PacketID: p.PacketID}, "pubrecs-out-of-order")
		}
	}
	return nil
}

// answer sends an acknowledgement; a defect turns the order of each two around.
func (m *model) answer(p wire.Packet, swapped string) {
	if p.Type() != wire.PUBREL && m.stopped("full-quota-stops-acknowledgements") {
		return
	}
	if !m.has(swapped) {
		m.send(p)
		return
	}
	if m.held = append(m.held, p); len(m.held) == 2 {
		m.send(m.held[1])
		m.send(m.held[0])
		m.held = nil
	}
}

// echo shows that the device has acted on a message.
func (m *model) echo(p wire.Publish) {
	m.cloud.take(m, p)
	if len(p.Topic) > 8 && p.Topic[:8] == "command/" && len(p.Payload) < 200 {
		m.publish(m.repeated(p))
	}
}

// release handles a PUBREL.
func (m *model) release(p wire.Pubrel) {
	comp := wire.Pubcomp{PacketID: p.PacketID}
	again := !m.receiving[p.PacketID]
	if again && m.version == wire.V5 {
		comp.ReasonCode = wire.PacketIdentifierNotFound
	}
	if m.lapsed(p.PacketID) {
		return
	}
	if !m.has("completed-identifiers-kept") {
		delete(m.receiving, p.PacketID)
	}
	if !m.has("no-pubcomp") && !(m.has("repeated-pubrel-unanswered") && again) {
		m.send(comp)
	}
}
