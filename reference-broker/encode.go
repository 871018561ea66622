package broker

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// publishPacket makes the PUBLISH for a delivery, without Packet Identifier and DUP.
func (c *conn) publishPacket(d *delivery) wire.Publish {
	b := c.b
	p := wire.Publish{QoS: d.qos, Retain: d.retain, Topic: d.topic, Payload: d.payload}
	if c.version == wire.V311 {
		if b.defect(propertiesTo311) {
			p.Payload = append(d.properties.Append(nil), d.payload...)
		}
		return p
	}
	p.Properties = make(wire.Properties, 0, len(d.properties)+len(d.ids)+1)
	switch {
	case b.defect(messageExpiryDropped): // v5:MQTT-3.3.2-6
	case d.expires.IsZero():
		if b.defect(messageExpiryInvented) { // v5:MQTT-3.3.2-6
			p.Properties = append(p.Properties, wire.MessageExpiryInterval(3600))
		}
	case b.defect(messageExpiryNotDecremented) || d.replay && b.defect(retainedExpiryNotDecremented): // v5:MQTT-3.3.2-6
		p.Properties = append(p.Properties, wire.MessageExpiryInterval(d.lifetime))
	default:
		p.Properties = append(p.Properties, wire.MessageExpiryInterval(b.expiryLeft(d.message))) // v5:MQTT-3.3.2-6
		if b.defect(messageExpiryLostForSecondCopy) {                                            // v5:MQTT-3.3.2-6
			d.expires = time.Time{}
		}
	}
	p.Properties = append(p.Properties, d.properties...)
	for _, id := range d.ids {
		p.Properties = append(p.Properties, wire.SubscriptionIdentifier(id)) // v5:MQTT-3.3.4-3, v5:MQTT-3.3.4-4
	}
	if b.defect(subscriptionIDInvented) && len(d.ids) == 0 { // v5:U5-056
		p.Properties = append(p.Properties, wire.SubscriptionIdentifier(77))
	}
	if b.defect(propertyRepeated) { // v5:U5-022
		p.Properties = append(p.Properties, wire.ContentType("again"), wire.ContentType("again"))
	}
	return p
}

// sendPublish sends a PUBLISH with as much of its Topic Name as the client needs. It returns false if the packet is
// too large for the client: then it is dropped, and everything goes on as if it had been sent and acknowledged.
func (c *conn) sendPublish(p wire.Publish) bool {
	b := c.b
	if b.defect(publishWithWildcard) { // v5:MQTT-3.3.2-2, v5:MQTT-4.7.0-1, v311:MQTT-3.3.2-2
		p.Topic += "/#"
	}
	aliased, fresh := c.alias(p)
	bytes := c.encode(aliased)
	if c.tooLarge(bytes) {
		fresh = 0
		bytes = c.encode(p)
	}
	if c.tooLarge(bytes) && !b.defect(oversizeSent) { // v5:MQTT-3.1.2-24
		if b.defect(oversizeEndsConnection) { // v5:MQTT-3.1.2-25
			c.fail(wire.PacketTooLarge, "too large")
		}
		return false // v5:MQTT-3.1.2-24, v5:MQTT-3.1.2-25
	}
	if fresh > 0 {
		c.aliasesOut[p.Topic] = fresh
	}
	c.queue(bytes)
	return true
}

// alias replaces the Topic Name by its Topic Alias if the client knows it, or makes a new alias as long as the client
// lets the broker have more. fresh is the new one, or 0. v5:MQTT-3.1.2-26, v5:MQTT-3.3.2-11
func (c *conn) alias(p wire.Publish) (out wire.Publish, fresh uint16) {
	b := c.b
	if known, ok := c.aliasesOut[p.Topic]; ok {
		p.Topic = ""
		p.Properties = p.Properties.With(wire.TopicAlias(known))
		return p, 0
	}
	limit := c.aliasMaximum                       // v5:MQTT-3.1.2-26, v5:MQTT-3.1.2-27, v5:MQTT-3.3.2-11
	if b.defect(aliasAboveMaximum) && limit > 0 { // v5:MQTT-3.1.2-26, v5:MQTT-3.3.2-11
		fresh = uint16(limit + 1)
	} else if b.defect(aliasUninvited) && limit == 0 && c.version == wire.V5 { // v5:MQTT-3.1.2-27
		fresh = 1
	} else if len(c.aliasesOut) < limit {
		fresh = uint16(len(c.aliasesOut) + 1) // v5:MQTT-3.3.2-8
	}
	if fresh == 0 {
		return p, 0
	}
	value := fresh
	if b.defect(aliasZero) { // v5:MQTT-3.3.2-8
		value = 0
	}
	p.Properties = p.Properties.With(wire.TopicAlias(value))
	return p, fresh
}

func (c *conn) tooLarge(bytes []byte) bool {
	return c.maximumPacket > 0 && len(bytes) > c.maximumPacket
}

// send sends a packet other than PUBLISH. If it is too large for the client, it goes without what explains it; if it
// still is, the connection cannot go on.
func (c *conn) send(p wire.Packet) {
	bytes := c.encode(p)
	if c.tooLarge(bytes) && !c.b.defect(explanationTooLarge) {
		// v5:MQTT-3.2.2-19, v5:MQTT-3.4.2-2, v5:MQTT-3.5.2-2, v5:MQTT-3.6.2-2, v5:MQTT-3.7.2-2, v5:MQTT-3.9.2-1, v5:MQTT-3.11.2-1, v5:MQTT-3.14.2-3
		bytes = c.encode(unexplained(p))
		if c.tooLarge(bytes) {
			c.close() // v5:MQTT-3.1.2-24
			return
		}
	}
	c.queue(bytes)
}

// queue adds a packet to what the writer writes.
func (c *conn) queue(bytes []byte) {
	if c.closing {
		return
	}
	if c.b.defect(keepAliveCountsOwnPackets) { // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		c.lastPacket = time.Now()
	}
	c.out = append(c.out, bytes)
	c.outSize += len(bytes)
	c.wake.Broadcast()
}

// unexplained returns a packet without its Reason String.
func unexplained(p wire.Packet) wire.Packet {
	switch p := p.(type) {
	case wire.Connack:
		p.Properties = p.Properties.Without(wire.PropReasonString)
		return p
	case wire.Puback:
		p.Properties = nil
		return p
	case wire.Pubrec:
		p.Properties = nil
		return p
	case wire.Pubrel:
		p.Properties = nil
		return p
	case wire.Pubcomp:
		p.Properties = nil
		return p
	case wire.Suback:
		p.Properties = nil
		return p
	case wire.Unsuback:
		p.Properties = nil
		return p
	case wire.Disconnect:
		p.Properties = nil
		return p
	}
	return p
}

// encode writes a packet in the form of the connection's version.
func (c *conn) encode(p wire.Packet) []byte {
	b := c.b
	if len(b.defects) == 0 {
		return p.Append(nil, c.version)
	}
	v := c.version
	if _, ok := p.(wire.Disconnect); ok && v == wire.V311 {
		return []byte{0xE0, 0} // disconnectTo311
	}
	if b.defect(reservedFlagsSet) && p.Type() != wire.PUBLISH { // v5:MQTT-2.1.3-1, v311:MQTT-2.2.2-1
		p = wire.WithFlags{Packet: p, Flags: 0x0F}
	}
	if b.defect(propertyInWrongPacket) { // v5:U5-043
		if s, ok := p.(wire.Suback); ok {
			s.Properties = s.Properties.With(wire.TopicAlias(1))
			p = s
		}
	}
	if b.defect(trailingBytes) && p.Type() == wire.PINGRESP { // v5:U5-028
		p = wire.WithTrailing{Packet: p, Bytes: []byte{0}}
	}
	bytes := p.Append(nil, v)
	if h, n, err := wire.ParseHeader(bytes); b.defect(paddedLength) && err == nil && h.Length < 128 { // v5:MQTT-1.5.5-1
		bytes = append(wire.AppendPaddedVarint(bytes[:1:1], uint32(h.Length), 2), bytes[n:]...)
	}
	return bytes
}
