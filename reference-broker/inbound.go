package broker

import (
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// publish handles a PUBLISH from the client. The caller holds the lock, as with all methods here.
func (c *conn) publish(p wire.Publish) {
	b, s := c.b, c.session
	if p.QoS > wire.QoS2 {
		return // only a defect has let it come so far
	}
	if !c.resolveAlias(&p) || c.refusesQoS2(p.QoS) {
		return
	}
	switch {
	case p.QoS > b.maximumQoS() && !b.defect(qosAboveMaximumTolerated):
		c.fail(wire.QoSNotSupported, "QoS above the announced Maximum QoS") // v5:U5-016
		return
	case p.Retain && b.config.NoRetain && !b.defect(retainTolerated):
		c.fail(wire.RetainNotSupported, "RETAIN although Retain Available is 0") // v5:U5-017
		return
	}
	code := c.judge(p)
	if c.refusedPublish(p, code) {
		return
	}
	m := b.newMessage(p, s.id, time.Now())
	m.from311 = c.version == wire.V311
	switch p.QoS {
	case wire.QoS0:
		if !code.Failed() {
			b.accept(m)
		}
	case wire.QoS1:
		if _, open := s.received[p.PacketID]; open && c.version == wire.V5 {
			code = wire.PacketIdentifierInUse
		}
		if !code.Failed() && !(p.Dup && b.defect(dupTakenForDuplicate)) { // v5:MQTT-4.3.2-5, v311:MQTT-4.3.2-2
			code = b.accept(m)
		}
		if !b.defect(pubackMissing) {
			c.acknowledge(wire.Puback{PacketID: p.PacketID, ReasonCode: code}) // v5:MQTT-4.3.2-4, v5:MQTT-3.3.4-1, v311:MQTT-4.3.2-2, v311:MQTT-3.3.4-1
		}
	case wire.QoS2:
		c.publish2(p, m, code)
	}
}

// inbound is an exchange of QoS 2 that the client began and has not released.
type inbound struct {
	message  *message  // nil if it has been passed on already
	expires  time.Time // the end of its message's lifetime, zero for none
	repeated bool      // its PUBLISH has come more than once
}

// publish2 begins an exchange of QoS 2, or goes on with one that the client has begun before.
func (c *conn) publish2(p wire.Publish, m *message, code wire.ReasonCode) {
	b, s := c.b, c.session
	begun, open := s.received[p.PacketID]
	if open && !b.defect(qos2Duplicated) {
		c.incoming[p.PacketID] = true
		if begun.repeated && b.defect(secondRepeatEndsConnection) { // v5:MQTT-4.3.3-10, v311:MQTT-4.3.3-2
			c.close()
			return
		}
		begun.repeated = true
		s.received[p.PacketID] = begun
		if !b.defect(repeatedPublishUnanswered) { // v5:MQTT-4.3.3-10, v311:MQTT-4.3.3-2
			c.acknowledge(wire.Pubrec{PacketID: p.PacketID, ReasonCode: b.codeOfRepeat()}) // v5:MQTT-4.3.3-10, v311:MQTT-4.3.3-2
		}
		return
	}
	if len(c.incoming) >= int(b.config.ReceiveMaximum) && !c.incoming[p.PacketID] && !b.defect(receiveMaximumNotEnforced) {
		if b.defect(surplusDropped) { // v5:U5-024
			return
		}
		c.fail(wire.ReceiveMaximumExceeded, "more exchanges open than the announced Receive Maximum") // v5:U5-024
		return
	}
	if !code.Failed() {
		exchange := inbound{expires: m.expires}
		if b.tolerates(qos2ForwardAtPubrel) && s.queuedBytes+m.size() <= b.config.MaximumQueuedBytes {
			exchange.message = m
			s.queuedBytes += m.size()
		} else {
			code = b.accept(m)
		}
		s.received[p.PacketID] = exchange // v5:MQTT-4.3.3-10, v311:MQTT-4.3.3-2
		c.incoming[p.PacketID] = true
	} else if b.defect(refusedIDStaysInUse) { // v5:MQTT-4.3.3-9
		s.received[p.PacketID] = inbound{}
	}
	if !b.defect(pubrecMissing) {
		c.acknowledge(wire.Pubrec{PacketID: p.PacketID, ReasonCode: code}) // v5:MQTT-4.3.3-8, v5:MQTT-3.3.4-1, v311:MQTT-4.3.3-2, v311:MQTT-3.3.4-1
	}
}

// codeOfRepeat is what PUBREC says of a PUBLISH whose exchange is open.
func (b *Broker) codeOfRepeat() wire.ReasonCode {
	if b.defect(repeatedPublishRefused) { // v5:MQTT-4.3.3-9
		return wire.PacketIdentifierInUse
	}
	return wire.Success
}

// pubrel ends an exchange of QoS 2 that the client began.
func (c *conn) pubrel(p wire.Pubrel) {
	b, s := c.b, c.session
	exchange, open := s.received[p.PacketID]
	if !(open && b.defect(qos2IDStaysInUse)) {
		delete(s.received, p.PacketID) // v5:MQTT-4.3.3-12, v311:MQTT-4.3.3-2
	}
	delete(c.incoming, p.PacketID)
	if exchange.message != nil {
		s.queuedBytes -= exchange.message.size()
		b.accept(exchange.message) // whether it has expired is asked for each copy
	}
	answer := wire.Pubcomp{PacketID: p.PacketID}
	if !open && !b.tolerates(pubcompSuccessForUnknown) {
		answer.ReasonCode = wire.PacketIdentifierNotFound
	}
	if b.defect(pubcompMissing) || b.defect(expiredPubrelUnanswered) && past(exchange.expires) { // v5:MQTT-4.3.3-11, v5:MQTT-4.3.3-13
		return
	}
	c.acknowledge(answer) // v5:MQTT-4.3.3-11, v5:MQTT-4.3.3-13, v311:MQTT-4.3.3-2
}

// acknowledge sends an acknowledgement with the Packet Identifier of what it answers. v5:MQTT-2.2.1-5, v311:MQTT-2.3.1-6
func (c *conn) acknowledge(p wire.Packet) {
	b := c.b
	var a wire.Ack
	switch p := p.(type) {
	case wire.Puback:
		a = wire.Ack(p)
	case wire.Pubrec:
		a = wire.Ack(p)
	case wire.Pubrel:
		a = wire.Ack(p)
	case wire.Pubcomp:
		a = wire.Ack(p)
	}
	if b.defect(ackWrongID) && p.Type() != wire.PUBREL { // v5:MQTT-2.2.1-5, v311:MQTT-2.3.1-6
		a.PacketID ^= 0x5555
	}
	if d, bad := unknownCodes[p.Type()]; bad && b.defect(d) {
		a.ReasonCode = 0x42
	}
	a.ReasonCode = b.config.Service.listed(p.Type(), a.ReasonCode)
	a.LongForm = b.tolerates(longFormAcks)
	if a.ReasonCode.Failed() || b.tolerates(reasonStrings) || b.defect(problemInformationUnasked) {
		a.Properties = c.problem(ackText(a.ReasonCode))
	}
	switch p.Type() {
	case wire.PUBACK:
		c.send(wire.Puback(a))
	case wire.PUBREC:
		c.send(wire.Pubrec(a))
	case wire.PUBREL:
		c.send(wire.Pubrel(a))
	case wire.PUBCOMP:
		c.send(wire.Pubcomp(a))
	}
}

// unknownCodes lists the defects that put a code into an acknowledgement that the standard does not list for it.
var unknownCodes = map[wire.Type]defect{
	wire.PUBACK:  pubackCodeUnknown,  // v5:MQTT-3.4.2-1
	wire.PUBREC:  pubrecCodeUnknown,  // v5:MQTT-3.5.2-1
	wire.PUBREL:  pubrelCodeUnknown,  // v5:MQTT-3.6.2-1
	wire.PUBCOMP: pubcompCodeUnknown, // v5:MQTT-3.7.2-1
}

// problem returns a Reason String, if the client wants to have any. v5:MQTT-3.1.2-29
func (c *conn) problem(text string) wire.Properties {
	if !c.requestProblem && !c.b.defect(problemInformationUnasked) { // v5:MQTT-3.1.2-29
		return nil
	}
	return c.b.config.Service.reason(text)
}

func ackText(c wire.ReasonCode) string { return strings.ToLower(c.String()[len("0x00 "):]) }

// judge says whether the client may publish this.
func (c *conn) judge(p wire.Publish) wire.ReasonCode {
	b := c.b
	switch {
	case strings.Count(p.Topic, "/") >= b.config.MaximumTopicLevels:
		return wire.TopicNameInvalid
	case !c.authorized(Publish, p.Topic) && !b.defect(unauthorizedPublishDelivered): // v311:MQTT-3.3.5-2
		return wire.NotAuthorized
	case p.Retain && len(p.Payload) > 0 && !b.config.NoRetain && !b.roomToRetain(p):
		return wire.QuotaExceeded
	case strings.HasPrefix(p.Topic, "$") && b.tolerates(dollarTopicsRefused):
		return wire.NotAuthorized
	}
	return b.config.Service.judgePublish(p)
}

// resolveAlias replaces a Topic Alias by the topic that it stands for, and remembers a new one. It returns false if it
// has ended the connection.
func (c *conn) resolveAlias(p *wire.Publish) bool {
	property, ok := p.Properties.Get(wire.PropTopicAlias)
	if !ok {
		return true
	}
	alias := uint16(property.Int)
	limit := c.b.config.TopicAliasMaximum
	if alias == limit && c.b.defect(highestAliasRefused) { // v5:MQTT-3.3.2-12
		limit--
	}
	if (alias == 0 || alias > limit) && !c.b.defect(aliasAboveMaximumTolerated) {
		c.fail(wire.TopicAliasInvalid, "Topic Alias above the announced maximum") // v5:MQTT-3.3.2-8, v5:MQTT-3.3.2-9, v5:MQTT-3.2.2-18
		return false
	}
	if p.Topic != "" {
		if !(c.aliasesIn[alias] != "" && c.b.defect(aliasNotReassigned)) { // v5:MQTT-3.3.2-12
			c.aliasesIn[alias] = p.Topic // v5:MQTT-3.3.2-12
		}
		return true
	}
	p.Topic = c.aliasesIn[alias]
	if p.Topic == "" {
		if c.b.defect(unknownAliasTolerated) { // v5:U5-021
			p.Topic = "unknown"
			return true
		}
		c.fail(wire.ProtocolError, "unknown Topic Alias") // v5:U5-021, v5:MQTT-3.3.2-7
		return false
	}
	return true
}
