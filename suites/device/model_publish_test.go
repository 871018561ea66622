package device_test

import (
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// resume sends again what is unacknowledged.
func (m *model) resume() {
	again := slices.Clone(m.outgoing)
	if m.has("resends-in-reverse") {
		slices.Reverse(again)
	}
	if m.has("resends-nothing") {
		return
	}
	for _, o := range again {
		if o.released && !m.has("publishes-again-after-pubrel") {
			if !m.has("pubrel-not-resent") {
				m.send(wire.Pubrel{PacketID: o.p.PacketID})
			}
			o.onWire = true
		}
	}
	// PUBLISH packets follow in flush, as the server's Receive Maximum allows
}

// flush sends what the quota allows.
func (m *model) flush() {
	if !m.online || m.has("session-kept-and-resumed-late") && time.Since(m.since) < 2*time.Second {
		return
	}
	maximum := int(m.limits.Properties.Int(wire.PropReceiveMaximum, 65535))
	if m.has("receive-maximum-ignored") {
		maximum = 65535
	}
	used := 0
	for _, o := range m.outgoing {
		if o.onWire {
			used++
		}
	}
	if m.has("quota-not-refilled") {
		used = m.begunHere
	}
	used += m.leaked
	if m.has("stalls-when-receive-maximum-shrinks") && maximum < 65535 {
		return
	}
	order := m.outgoing
	if m.has("resends-in-reverse") {
		order = slices.Clone(order)
		slices.Reverse(order)
	}
	for _, o := range order {
		if o.onWire || used >= maximum || o.p.Dup && m.has("resends-nothing") {
			continue
		}
		p := o.p
		if m.has("dup-not-set") {
			p.Dup = false
		}
		if m.has("resends-with-other-id") && o.p.Dup {
			m.nextID++
			o.p.PacketID, p.PacketID = m.nextID, m.nextID
		}
		o.onWire, o.at, o.first = true, time.Now(), time.Now()
		o.p.Dup = true
		used++
		m.begunHere++
		m.send(p)
		if m.has("resends-on-live-link") {
			m.send(o.p)
		}
	}
}

// act publishes what the device has measured.
func (m *model) act() {
	m.turn++
	if m.turn%10 >= 5 { // now and then it has nothing to say, so that PINGREQ is called for
		return
	}
	for range 2 {
		p := wire.Publish{Topic: "telemetry/" + m.id, QoS: wire.QoS(m.turn % 3), Payload: []byte("21.5")}
		if p.QoS == wire.QoS2 && m.version == wire.V5 {
			p.Properties = wire.Properties{wire.MessageExpiryInterval(20)}
		}
		m.publish(p)
	}
	if m.turn%10 == 1 && !m.has("will-never-replaced") {
		m.publish(wire.Publish{Topic: "status/" + m.id, QoS: wire.QoS1, Retain: true, Payload: []byte("well")})
		m.publish(wire.Publish{Topic: "log/" + m.id, Payload: make([]byte, 400)})
	}
}

// publish sends a message, within what the server has announced.
func (m *model) publish(p wire.Publish) {
	if m.has("publishes-nothing") {
		return
	}
	ps := m.limits.Properties
	if highest := wire.QoS(ps.Int(wire.PropMaximumQoS, 2)); p.QoS > highest && !m.has("maximum-qos-ignored") {
		p.QoS = highest
	}
	if ps.Int(wire.PropRetainAvailable, 1) == 0 && !m.has("retain-although-unavailable") {
		p.Retain = false
	}
	if largest := ps.Int(wire.PropMaximumPacketSize, 1<<28); uint32(len(p.Payload)+60) > largest && !m.has("maximum-packet-size-ignored") {
		return
	}
	if p.QoS == wire.QoS0 && m.stopped("full-quota-stops-pings") {
		return
	}
	if p.QoS == wire.QoS0 {
		m.send(m.aliased(p))
		return
	}
	p.PacketID = m.unusedID()
	if m.has("packet-id-reused") {
		p.PacketID = 1
	}
	m.outgoing = append(m.outgoing, &sent{p: p, begun: time.Now()})
	m.flush()
}

// aliased puts a Topic Alias in the place of a topic that the server knows by it.
func (m *model) aliased(p wire.Publish) wire.Publish {
	maximum := uint16(m.limits.Properties.Int(wire.PropTopicAliasMaximum, 0))
	if m.has("alias-although-not-allowed") && m.version == wire.V5 {
		maximum = max(maximum, 1)
	}
	if maximum == 0 || m.has("packet-id-with-qos-0") {
		return p
	}
	alias, known := m.aliases[p.Topic]
	if !known {
		if len(m.aliases) >= int(maximum) && !m.has("alias-above-maximum") {
			return p
		}
		alias = uint16(len(m.aliases) + 1)
		if m.has("alias-above-maximum") {
			alias = maximum + 1
		}
		m.aliases[p.Topic] = alias
	}
	if known {
		p.Topic = ""
	}
	p.Properties = p.Properties.With(wire.TopicAlias(alias))
	return p
}

// received handles a PUBREC.
func (m *model) received(p wire.Pubrec) {
	for _, o := range m.outgoing {
		if o.p.PacketID != p.PacketID {
			continue
		}
		if p.ReasonCode.Failed() {
			if m.has("refused-pubrec-uses-up-quota") {
				m.leaked++
			}
			if !m.has("resends-what-was-refused") {
				m.finish(p.PacketID)
			}
			return
		}
		o.released = true
		if !m.has("no-pubrel") {
			m.answer(wire.Pubrel{PacketID: p.PacketID}, "pubrels-out-of-order")
		}
		return
	}
	rel := wire.Pubrel{PacketID: p.PacketID}
	if m.version == wire.V5 {
		rel.ReasonCode = wire.PacketIdentifierNotFound
	}
	m.send(rel)
}

// finish ends an exchange.
func (m *model) finish(id uint16) {
	m.outgoing = slices.DeleteFunc(m.outgoing, func(o *sent) bool { return o.p.PacketID == id })
}
