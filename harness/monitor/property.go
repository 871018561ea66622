package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// propertyMonitors judge properties, which only 5.0 has.
func propertyMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("U5-043", ""), Text: "A packet has only properties that its type allows.", Judge: each(allowedPlace)},
		// of Payload Format Indicator and Message Expiry Interval the standard says it in Will Properties only
		{IDs: ids("U5-022", ""), Text: "No Topic Alias, Response Topic, Correlation Data or Content Type appears twice in a PUBLISH.",
			Judge: once(wire.PUBLISH, wire.PropTopicAlias, wire.PropResponseTopic, wire.PropCorrelationData, wire.PropContentType)},
		{IDs: ids("MQTT-3.3.2-8", ""), Text: "No Topic Alias is 0.", Judge: positive(wire.PUBLISH, wire.PropTopicAlias)},
		{IDs: ids("U5-023", ""), Text: "No Subscription Identifier of a PUBLISH is 0.", Judge: positive(wire.PUBLISH, wire.PropSubscriptionIdentifier)},
		{IDs: ids("U5-064", ""), Text: "No property of an acknowledgement, DISCONNECT or AUTH but User Property appears twice.", Judge: each(answersOnce)},
	} {
		m.Level = must
		all = append(all, both(m)...)
	}
	// what a server sends
	for _, m := range []Monitor{
		{IDs: ids("U5-012", ""), Text: "Receive Maximum in CONNACK is not 0 and appears once.",
			Judge: onceAnd(wire.CONNACK, wire.PropReceiveMaximum, func(n uint32) bool { return n > 0 })},
		{IDs: ids("U5-013", ""), Text: "Maximum QoS in CONNACK is 0 or 1 and appears once.", Judge: onceAnd(wire.CONNACK, wire.PropMaximumQoS, isBool)},
		{IDs: ids("U5-014", ""), Text: "Retain Available in CONNACK is 0 or 1 and appears once.",
			Judge: onceAnd(wire.CONNACK, wire.PropRetainAvailable, isBool)},
		{IDs: ids("U5-058", ""), Text: "Maximum Packet Size in CONNACK is not 0.", Judge: positive(wire.CONNACK, wire.PropMaximumPacketSize)},
		{IDs: ids("U5-059", ""), Text: "Wildcard, Subscription Identifier and Shared Subscription Available in CONNACK are 0 or 1.", Judge: each(availability)},
		{IDs: ids("U5-015", ""), Text: "No property of a CONNACK but User Property appears twice.",
			Judge: once(wire.CONNACK, wire.PropSessionExpiryInterval, wire.PropMaximumPacketSize, wire.PropAssignedClientIdentifier,
				wire.PropTopicAliasMaximum, wire.PropReasonString, wire.PropWildcardSubscriptionAvailable,
				wire.PropSubscriptionIdentifierAvailable, wire.PropSharedSubscriptionAvailable, wire.PropServerKeepAlive,
				wire.PropResponseInformation, wire.PropServerReference, wire.PropAuthenticationMethod, wire.PropAuthenticationData)},
		{IDs: ids("MQTT-3.1.2-28", ""), Text: "CONNACK has no Response Information that was not asked for.",
			Judge: eachOf(func(c *Conn, p wire.Connack, _ *Record) (bool, string) {
				q, ok := c.connect()
				if !ok || q.Properties.Int(wire.PropRequestResponseInformation, 0) != 0 {
					return false, ""
				}
				return expect(!p.Properties.Has(wire.PropResponseInformation), "no Response Information, which was not asked for", "it")
			})},
		{IDs: ids("MQTT-3.1.2-29", ""), Text: "After Request Problem Information 0 only PUBLISH, CONNACK and DISCONNECT have a Reason String or User Properties.",
			Judge: each(noProblemInformation)},
		{IDs: ids("MQTT-3.14.2-2", ""), Text: "DISCONNECT from a server has no Session Expiry Interval.",
			Judge: eachOf(func(_ *Conn, p wire.Disconnect, _ *Record) (bool, string) {
				return expect(!p.Properties.Has(wire.PropSessionExpiryInterval), "no Session Expiry Interval from a server", "one")
			})},
	} {
		m.Sender, m.Level = wire.FromServer, must
		all = append(all, m)
	}
	// what a client sends
	for _, m := range []Monitor{
		{IDs: ids("U5-001", ""), Text: "Session Expiry Interval appears at most once in CONNECT.", Judge: once(wire.CONNECT, wire.PropSessionExpiryInterval)},
		{IDs: ids("U5-002", ""), Text: "Receive Maximum in CONNECT is not 0 and appears once.",
			Judge: onceAnd(wire.CONNECT, wire.PropReceiveMaximum, func(n uint32) bool { return n > 0 })},
		{IDs: ids("U5-003", ""), Text: "Maximum Packet Size in CONNECT is not 0 and appears once.",
			Judge: onceAnd(wire.CONNECT, wire.PropMaximumPacketSize, func(n uint32) bool { return n > 0 })},
		{IDs: ids("U5-004", ""), Text: "Topic Alias Maximum appears at most once in CONNECT.", Judge: once(wire.CONNECT, wire.PropTopicAliasMaximum)},
		{IDs: ids("U5-005", ""), Text: "Request Response Information is 0 or 1 and appears once.",
			Judge: onceAnd(wire.CONNECT, wire.PropRequestResponseInformation, isBool)},
		{IDs: ids("U5-006", ""), Text: "Request Problem Information is 0 or 1 and appears once.",
			Judge: onceAnd(wire.CONNECT, wire.PropRequestProblemInformation, isBool)},
		{IDs: ids("U5-007", ""), Text: "Authentication Method appears at most once in CONNECT.", Judge: once(wire.CONNECT, wire.PropAuthenticationMethod)},
		{IDs: ids("U5-008", ""), Text: "Authentication Data in CONNECT needs a method and appears once.",
			Judge: eachOf(func(_ *Conn, p wire.Connect, _ *Record) (bool, string) {
				data := len(p.Properties.All(wire.PropAuthenticationData))
				if data == 0 {
					return false, ""
				}
				if data > 1 {
					return true, fmt.Sprintf("expected Authentication Data once, observed it %d times", data)
				}
				return expect(p.Properties.Has(wire.PropAuthenticationMethod), "an Authentication Method with the Authentication Data", "none")
			})},
		{IDs: ids("U5-009", ""), Text: "No will property but User Property appears twice.",
			Judge: eachOf(func(_ *Conn, p wire.Connect, _ *Record) (bool, string) {
				if p.Will == nil || len(p.Will.Properties) == 0 {
					return false, ""
				}
				return repeated(p.Will.Properties, wire.PropWillDelayInterval, wire.PropPayloadFormatIndicator, wire.PropMessageExpiryInterval,
					wire.PropContentType, wire.PropResponseTopic, wire.PropCorrelationData)
			})},
		{IDs: ids("U5-025", ""), Text: "Subscription Identifier in SUBSCRIBE is not 0 and appears once.",
			Judge: onceAnd(wire.SUBSCRIBE, wire.PropSubscriptionIdentifier, func(n uint32) bool { return n > 0 })},
		{IDs: ids("MQTT-3.3.4-6", ""), Text: "PUBLISH from a client has no Subscription Identifier.",
			Judge: eachOf(func(_ *Conn, p wire.Publish, _ *Record) (bool, string) {
				return expect(!p.Properties.Has(wire.PropSubscriptionIdentifier), "no Subscription Identifier from a client", "one")
			})},
	} {
		m.Sender, m.Level = wire.FromClient, must
		all = append(all, m)
	}
	return all
}

func isBool(n uint32) bool { return n <= 1 }

// allowedPlace judges all packets that have properties. A Session Expiry Interval in a server's DISCONNECT and a
// Subscription Identifier from a client have statements of their own.
func allowedPlace(_ *Conn, r *Record) (bool, string) {
	if r.Bad != nil && r.Bad.Fault == wire.FaultPropertyUnknown {
		return true, "observed " + r.Bad.Error()
	}
	ps := wire.PropertiesOf(r.Packet)
	for _, p := range ps {
		if !p.ID.AllowedIn(r.typeOf()) {
			return true, fmt.Sprintf("observed %v in %v", p.ID, r.typeOf())
		}
	}
	applies := len(ps) > 0
	if c, ok := r.Packet.(wire.Connect); ok && c.Will != nil {
		for _, p := range c.Will.Properties {
			applies = true
			if !p.ID.AllowedInWill() {
				return true, fmt.Sprintf("observed %v in the Will Properties", p.ID)
			}
		}
	}
	return applies, ""
}

// repeated says which of the properties appears more than once.
func repeated(ps wire.Properties, of ...wire.PropertyID) (applies bool, breach string) {
	for _, id := range of {
		n := len(ps.All(id))
		if n > 1 {
			return true, fmt.Sprintf("expected %v at most once, observed it %d times", id, n)
		}
		applies = applies || n > 0
	}
	return applies, ""
}

// once judges packets of type t that have any of the properties.
func once(t wire.Type, of ...wire.PropertyID) func(*History, *Judgement) {
	return each(func(_ *Conn, r *Record) (bool, string) {
		if r.typeOf() != t {
			return false, ""
		}
		return repeated(wire.PropertiesOf(r.Packet), of...)
	})
}

// onceAnd judges packets of type t that have the property.
func onceAnd(t wire.Type, id wire.PropertyID, good func(uint32) bool) func(*History, *Judgement) {
	return each(func(_ *Conn, r *Record) (bool, string) {
		if r.typeOf() != t {
			return false, ""
		}
		if applies, breach := repeated(wire.PropertiesOf(r.Packet), id); !applies || breach != "" {
			return applies, breach
		}
		p, _ := wire.PropertiesOf(r.Packet).Get(id)
		return expect(good(p.Int), "an allowed value", p.String())
	})
}

// availability judges CONNACKs that say whether a kind of subscription is there. Retain Available has a statement of its
// own.
func availability(_ *Conn, r *Record) (applies bool, breach string) {
	if r.typeOf() != wire.CONNACK {
		return false, ""
	}
	for _, id := range []wire.PropertyID{wire.PropWildcardSubscriptionAvailable, wire.PropSubscriptionIdentifierAvailable, wire.PropSharedSubscriptionAvailable} {
		for _, p := range wire.PropertiesOf(r.Packet).All(id) {
			if !isBool(p.Int) {
				return true, fmt.Sprintf("expected 0 or 1, observed %v", p)
			}
			applies = true
		}
	}
	return applies, ""
}

// answersOnce judges what answers or ends something. That AUTH has its method exactly once is another statement.
func answersOnce(_ *Conn, r *Record) (bool, string) {
	switch r.typeOf() {
	case wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP, wire.SUBACK, wire.UNSUBACK:
		return repeated(wire.PropertiesOf(r.Packet), wire.PropReasonString)
	case wire.DISCONNECT:
		return repeated(wire.PropertiesOf(r.Packet), wire.PropReasonString, wire.PropServerReference, wire.PropSessionExpiryInterval)
	case wire.AUTH:
		return repeated(wire.PropertiesOf(r.Packet), wire.PropReasonString, wire.PropAuthenticationData)
	}
	return false, ""
}

// positive judges packets of type t that have the property, as often as they do.
func positive(t wire.Type, id wire.PropertyID) func(*History, *Judgement) {
	return each(func(_ *Conn, r *Record) (applies bool, breach string) {
		if r.typeOf() != t {
			return false, ""
		}
		for _, p := range wire.PropertiesOf(r.Packet).All(id) {
			if p.Int == 0 {
				return true, fmt.Sprintf("expected %v from 1, observed 0", id)
			}
			applies = true
		}
		return applies, ""
	})
}

// noProblemInformation looks at the packets that could have a Reason String or User Properties and must not.
func noProblemInformation(c *Conn, r *Record) (bool, string) {
	q, ok := c.connect()
	if !ok || q.Properties.Int(wire.PropRequestProblemInformation, 1) != 0 {
		return false, ""
	}
	switch r.Packet.(type) {
	case wire.Puback, wire.Pubrec, wire.Pubrel, wire.Pubcomp, wire.Suback, wire.Unsuback, wire.Auth:
	default:
		return false, ""
	}
	for _, id := range []wire.PropertyID{wire.PropReasonString, wire.PropUserProperty} {
		if p, has := wire.PropertiesOf(r.Packet).Get(id); has {
			return true, fmt.Sprintf("expected none in %v after Request Problem Information 0, observed %v", r.Packet.Type(), p)
		}
	}
	return true, ""
}
