package broker

import (
	"slices"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// announcements returns the properties of CONNACK: whatever differs from what a client assumes without them.
func (c *conn) announcements(p wire.Connect, given string) (ps wire.Properties) {
	b := c.b
	config := b.config
	if c.version == wire.V311 {
		return nil
	}
	announce := func(differs bool, property wire.Property) {
		if differs || b.tolerates(everythingAnnounced) || slices.Contains(config.Service.Announce, property.ID) {
			ps = append(ps, property)
		}
	}
	asked, granted := b.sessionExpiry(p)
	announce(granted != asked, wire.SessionExpiryInterval(granted))                                      // v5:U5-011
	announce(config.ReceiveMaximum != maximumReceiveMaximum, wire.ReceiveMaximum(config.ReceiveMaximum)) // v5:U5-012
	if b.maximumQoS() < wire.QoS2 {
		ps = append(ps, wire.MaximumQoS(b.maximumQoS())) // v5:MQTT-3.2.2-9, v5:U5-013
	}
	announce(config.NoRetain, wire.RetainAvailable(available(config.NoRetain))) // v5:U5-014
	announce(config.MaximumPacketSize < wire.MaxVarint+5, wire.MaximumPacketSize(config.MaximumPacketSize))
	if p.ClientID != given && !b.defect(assignedIDNotReturned) { // v5:MQTT-3.1.3-7, v5:MQTT-3.2.2-16
		id := p.ClientID
		if b.defect(assignedIDNotUsed) { // v5:MQTT-3.1.3-7
			id += "x"
		}
		ps = append(ps, wire.AssignedClientIdentifier(id)) // v5:MQTT-3.1.3-7, v5:MQTT-3.2.2-16
	}
	announce(config.TopicAliasMaximum > 0, wire.TopicAliasMaximum(config.TopicAliasMaximum))
	announce(config.NoWildcardSubscriptions, wire.WildcardSubscriptionAvailable(available(config.NoWildcardSubscriptions)))
	announce(config.NoSubscriptionIdentifiers, wire.SubscriptionIdentifierAvailable(available(config.NoSubscriptionIdentifiers)))
	announce(config.NoSharedSubscriptions, wire.SharedSubscriptionAvailable(available(config.NoSharedSubscriptions)))
	keepAlive := b.keepAliveInForce(p)
	announce(keepAlive != p.KeepAlive, wire.ServerKeepAlive(keepAlive))
	wanted := p.Properties.Int(wire.PropRequestResponseInformation, 0) == 1
	if config.ResponseInformation != "" && wanted { // v5:MQTT-3.1.2-28
		ps = append(ps, wire.ResponseInformation(config.ResponseInformation))
	}
	return append(ps, c.misannouncements(p, wanted)...)
}

func available(not bool) byte {
	if not {
		return 0
	}
	return 1
}

// misannouncements returns what defects add to CONNACK.
func (c *conn) misannouncements(p wire.Connect, wanted bool) (ps wire.Properties) {
	b := c.b
	if asked, granted := b.sessionExpiry(p); asked > 1 && asked == granted && b.defect(expiryAnnouncedNotUsed) { // v5:U5-011
		ps = append(ps, wire.SessionExpiryInterval(1))
	}
	if b.defect(responseInformationUnasked) && !wanted { // v5:MQTT-3.1.2-28
		ps = append(ps, wire.ResponseInformation("answers/"))
	}
	if b.defect(connackPropertyRepeated) { // v5:U5-015
		ps = append(ps, wire.ReasonString("welcome"), wire.ReasonString("welcome"))
	}
	if b.defect(receiveMaximum0Announced) { // v5:U5-012
		ps = append(ps, wire.ReceiveMaximum(0))
	}
	if b.defect(maximumQoS2Announced) { // v5:U5-013
		ps = append(ps, wire.MaximumQoS(wire.QoS2))
	}
	if b.defect(maximumPacketSize0Announced) { // v5:U5-058
		ps = append(ps, wire.MaximumPacketSize(0))
	}
	if b.defect(availability2Announced) { // v5:U5-059
		ps = append(ps, wire.SharedSubscriptionAvailable(2))
	}
	if b.defect(authenticationMethodUnasked) { // v5:MQTT-4.12.0-6
		ps = append(ps, wire.AuthenticationMethod("none"))
	}
	return ps
}

// sendConnack accepts a CONNECT.
func (c *conn) sendConnack(p wire.Connack, request wire.Connect) {
	b := c.b
	switch {
	case b.defect(sessionPresentAlways0): // v5:MQTT-3.2.2-3, v311:MQTT-3.2.2-2
		p.SessionPresent = false
	case b.defect(sessionPresentAlways1) && !request.CleanStart: // v5:MQTT-3.2.2-3, v311:MQTT-3.2.2-3
		p.SessionPresent = true
	case b.defect(sessionPresentAfterCleanStart) && request.CleanStart: // v5:MQTT-3.2.2-2, v311:MQTT-3.2.2-1
		p.SessionPresent = true
	}
	if b.defect(connackFlagsReserved) { // v5:MQTT-3.2.2-1, v311:U3-009
		p.ReservedFlags = 0x80
	}
	if b.defect(packetBeforeConnack) { // v5:MQTT-3.2.0-1, v311:MQTT-3.2.0-1
		c.send(wire.Pingresp{})
	}
	c.send(p)                    // v5:MQTT-3.1.4-5, v5:MQTT-3.2.0-1, v311:MQTT-3.1.4-4, v311:MQTT-3.2.0-1
	if b.defect(secondConnack) { // v5:MQTT-3.2.0-2
		c.send(p)
	}
}
