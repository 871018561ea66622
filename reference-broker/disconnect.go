package broker

import "github.com/mqttspec/mqttspec/harness/wire"

// disconnected handles a DISCONNECT. The caller holds the lock, as with all methods here.
func (c *conn) disconnected(p wire.Disconnect) {
	b, s := c.b, c.session
	if expiry, ok := p.Properties.Get(wire.PropSessionExpiryInterval); ok {
		if c.volatile && expiry.Int > 0 && !b.defect(expiryAfter0Accepted) {
			if b.defect(expiryAfter0DropsWill) { // v5:U5-030, v5:MQTT-3.1.2-8
				s.will = nil
			}
			c.fail(wire.ProtocolError, "Session Expiry Interval after 0 in CONNECT") // v5:U5-030
			return
		}
		if !b.defect(disconnectExpiryIgnored) { // v5:U5-046
			s.expiry = b.capExpiry(expiry.Int) // v5:U5-046
		}
	} else if b.defect(disconnectEndsSession) { // v5:U5-046, v5:MQTT-3.1.2-23, v311:MQTT-3.1.2-4
		s.expiry = 0
	}
	switch {
	case p.ReasonCode == wire.Success && !b.defect(willOnNormalDisconnect): // v5:MQTT-3.14.4-3, v5:U5-031, v311:MQTT-3.14.4-3
		s.will = nil // v5:MQTT-3.14.4-3, v5:MQTT-3.1.2-10, v5:U5-031, v311:MQTT-3.14.4-3, v311:MQTT-3.1.2-10
	case p.ReasonCode == wire.DisconnectWithWillMessage && b.defect(willNotOn0x04): // v5:U5-032
		s.will = nil
	case p.ReasonCode.Failed() && b.defect(willNotOnErrorCodes): // v5:MQTT-3.1.2-8
		s.will = nil
	}
	c.about.ending = Ending{ByClient: true, Reason: p.ReasonCode}
	if b.tolerates(closeLeftToClient) {
		c.left = true
		c.stopTimers()
		c.detach()
		return
	}
	c.close() // nothing is sent any more: v5:MQTT-3.14.4-2 leaves the close to the client, and a server should not wait for it
}

// takeOver ends a connection because its client has come back on another one.
func (c *conn) takeOver() {
	b, s := c.b, c.session
	if b.defect(takeoverDropsBacklog) { // v5:MQTT-3.1.2-5, v311:MQTT-3.1.2-4
		s.dropWhere(func(*delivery) bool { return true })
	}
	if b.defect(takeoverWithoutWill) { // v5:U5-047, v5:MQTT-3.1.2-8, v311:MQTT-3.1.2-8
		s.will = nil
	}
	if b.defect(takeoverWillTwice) && s.will != nil && s.will.delay == 0 { // v5:MQTT-3.1.2-10, v311:MQTT-3.1.2-10
		b.accept(b.willMessage(s.will, s.id))
	}
	if b.defect(takeoverKeepsOldLink) { // v5:MQTT-3.1.4-3, v311:MQTT-3.1.4-2
		c.session, s.conn = nil, nil
		c.orphan = b.newSession(s.id, hiddenKey(s.key))
		c.session, c.orphan.conn = c.orphan, c
		s.generation++
		return
	}
	c.fail(wire.SessionTakenOver, "the client has connected again") // v5:MQTT-3.1.4-3, v5:U5-047, v311:MQTT-3.1.4-2
}

// otherCode returns the Reason Code to tell, where the standard leaves a choice.
func (b *Broker) otherCode(c wire.ReasonCode) wire.ReasonCode {
	if b.tolerates(otherReasonCodes) && c.Failed() {
		return wire.UnspecifiedError
	}
	return c
}

// overlooked lists the defects by which the broker does not see that a packet is malformed.
var overlooked = []struct {
	defect defect
	fault  wire.Fault
	in     wire.Type // 0: any
}{
	{fixedHeaderFlagsIgnored, wire.FaultFlags, wire.PINGREQ},                    // v5:MQTT-2.1.3-1, v311:MQTT-2.2.2-2
	{pubrelFlagsIgnored, wire.FaultFlags, wire.PUBREL},                          // v5:MQTT-3.6.1-1, v311:MQTT-3.6.1-1
	{subscribeFlagsIgnored, wire.FaultFlags, wire.SUBSCRIBE},                    // v5:MQTT-3.8.1-1, v311:MQTT-3.8.1-1
	{unsubscribeFlagsIgnored, wire.FaultFlags, wire.UNSUBSCRIBE},                // v5:MQTT-3.10.1-1, v311:MQTT-3.10.1-1
	{disconnectFlagsIgnored, wire.FaultFlags, wire.DISCONNECT},                  // v5:MQTT-3.14.1-1, v311:MQTT-3.14.1-1
	{connectFlagIgnored, wire.FaultReservedBits, wire.CONNECT},                  // v5:MQTT-3.1.2-3, v311:MQTT-3.1.2-3
	{optionBitsIgnored, wire.FaultReservedBits, wire.SUBSCRIBE},                 // v5:MQTT-3.8.3-5, v311:MQTT-3.8.3-4
	{malformedUTF8Accepted, wire.FaultUTF8, 0},                                  // v5:MQTT-1.5.4-1, v311:MQTT-1.5.3-1
	{nullAccepted, wire.FaultNull, 0},                                           // v5:MQTT-1.5.4-2, v311:MQTT-1.5.3-2
	{paddedLengthAccepted, wire.FaultPadding, 0},                                // v5:MQTT-1.5.5-1
	{trailingBytesAccepted, wire.FaultTrailing, 0},                              // v5:U5-044
	{qos3Accepted, wire.FaultQoS, wire.PUBLISH},                                 // v5:MQTT-3.3.1-4, v311:MQTT-3.3.1-4
	{willQoS3Accepted, wire.FaultQoS, wire.CONNECT},                             // v5:MQTT-3.1.2-12, v311:MQTT-3.1.2-14
	{subscribeQoS3Accepted, wire.FaultQoS, wire.SUBSCRIBE},                      // v5:U5-026, v311:MQTT-3.8.3-4
	{dupQoS0Accepted, wire.FaultDup, wire.PUBLISH},                              // v5:MQTT-3.3.1-2, v311:U3-003
	{packetID0Accepted, wire.FaultPacketID, 0},                                  // v5:MQTT-2.2.1-3, v311:MQTT-2.3.1-1
	{willFlagsIgnored, wire.FaultWillFlags, wire.CONNECT},                       // v5:MQTT-3.1.2-11, v5:MQTT-3.1.2-13, v311:MQTT-3.1.2-11
	{passwordWithoutUserAccepted, wire.FaultPassword, wire.CONNECT},             // v311:MQTT-3.1.2-22
	{unknownPropertyAccepted, wire.FaultPropertyUnknown, 0},                     // v5:U5-043
	{misplacedPropertyAccepted, wire.FaultPropertyPlace, 0},                     // v5:U5-043
	{repeatedConnectPropertyAccepted, wire.FaultPropertyRepeated, wire.CONNECT}, // v5:U5-001, v5:U5-002, v5:U5-003, v5:U5-004, v5:U5-005, v5:U5-006, v5:U5-009
	{repeatedPublishPropertyAccepted, wire.FaultPropertyRepeated, wire.PUBLISH}, // v5:U5-022, v5:MQTT-4.13.1-1
	{repeatedPropertyAccepted, wire.FaultPropertyRepeated, 0},                   // v5:U5-025, v5:MQTT-4.13.1-1
	{propertyValueAccepted, wire.FaultPropertyValue, 0},                         // v5:U5-002, v5:U5-003, v5:U5-025
	{reasonCodeAccepted, wire.FaultReasonCode, 0},                               // v5:MQTT-3.14.2-1, v5:MQTT-4.13.1-1
	{emptySubscribeAccepted, wire.FaultNoFilters, 0},                            // v5:MQTT-3.8.3-2, v5:MQTT-3.10.3-2, v5:U5-027, v311:MQTT-3.8.3-3, v311:MQTT-3.10.3-2
	{wildcardTopicAccepted, wire.FaultTopic, 0},                                 // v5:MQTT-3.3.2-2, v5:MQTT-4.7.0-1, v311:MQTT-3.3.2-2
	{emptyTopicAccepted, wire.FaultTopicEmpty, 0},                               // v5:U5-019, v5:MQTT-4.7.3-1, v311:MQTT-4.7.3-1
	{malformedFilterAccepted, wire.FaultFilter, 0},                              // v5:MQTT-4.7.1-1, v5:MQTT-4.7.1-2, v5:MQTT-4.8.2-1, v5:MQTT-4.8.2-2, v311:MQTT-4.7.1-2, v311:MQTT-4.7.1-3
	{retainHandling3Accepted, wire.FaultRetainHandling, wire.SUBSCRIBE},         // v5:U5-026
	{noLocalSharedAccepted, wire.FaultNoLocalShared, wire.SUBSCRIBE},            // v5:MQTT-3.8.3-4
	{clientSubscriptionIDAccepted, wire.FaultSubscriptionIDDir, wire.PUBLISH},   // v5:MQTT-3.3.4-6
}

// overlooks reports whether a defect hides a violation from the broker, or a tolerance lets it pass.
func (b *Broker) overlooks(v *wire.Violation) bool {
	unsaid := v.Detail == wire.PropMessageExpiryInterval.String() || v.Detail == wire.PropPayloadFormatIndicator.String()
	if v.Fault == wire.FaultPropertyRepeated && v.Type == wire.PUBLISH && unsaid && b.tolerates(repeatedExpiryTaken) {
		return true
	}
	for _, o := range overlooked {
		if v.Fault == o.fault && (o.in == 0 || o.in == v.Type) && b.defect(o.defect) {
			return true
		}
	}
	return false
}
