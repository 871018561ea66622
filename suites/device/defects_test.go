package device_test

import (
	"bytes"
	"slices"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// defect is a switchable breach of one rule by the model.
type defect struct {
	name string
	// breaks are the statements, or the steps whose recommendation it does not follow.
	breaks []string
	who    string // the personality that has it; "" is persistent
	// at are the steps that find it by themselves: it is not enough that a monitor or another step does.
	at []string
	// spoil changes what goes out. nil: the model itself asks for the name, or the packet is not spoilt.
	spoil func(m *model, p wire.Packet) []wire.Packet
}

// connects spoils the CONNECT.
func connects(change func(*wire.Connect)) func(*model, wire.Packet) []wire.Packet {
	return func(_ *model, p wire.Packet) []wire.Packet {
		if c, ok := p.(wire.Connect); ok {
			change(&c)
			return []wire.Packet{c}
		}
		return []wire.Packet{p}
	}
}

// property adds a property to the CONNECT.
func property(ps ...wire.Property) func(*model, wire.Packet) []wire.Packet {
	return connects(func(c *wire.Connect) { c.Properties = c.Properties.With(ps...) })
}

// publishes spoils PUBLISH packets of one QoS, and only now and then, so that the rest of the device works.
func publishes(qos wire.QoS, change func(*wire.Publish)) func(*model, wire.Packet) []wire.Packet {
	return func(m *model, p wire.Packet) []wire.Packet {
		if q, ok := p.(wire.Publish); ok && q.QoS == qos && !q.Dup {
			change(&q)
			return []wire.Packet{q}
		}
		return []wire.Packet{p}
	}
}

// subscribes spoils the SUBSCRIBE.
func subscribes(change func(*wire.Subscribe)) func(*model, wire.Packet) []wire.Packet {
	return func(_ *model, p wire.Packet) []wire.Packet {
		if s, ok := p.(wire.Subscribe); ok {
			s.Subscriptions = slices.Clone(s.Subscriptions)
			change(&s)
			return []wire.Packet{s}
		}
		return []wire.Packet{p}
	}
}

// filter puts another Topic Filter into the SUBSCRIBE.
func filter(f string) func(*model, wire.Packet) []wire.Packet {
	return subscribes(func(s *wire.Subscribe) { s.Subscriptions[0].Filter = f })
}

// after sends something behind each packet of a type.
func after(t wire.Type, more ...wire.Packet) func(*model, wire.Packet) []wire.Packet {
	return func(_ *model, p wire.Packet) []wire.Packet {
		if p.Type() == t {
			return append([]wire.Packet{p}, more...)
		}
		return []wire.Packet{p}
	}
}

// replaces sends something in the place of each packet of a type.
func replaces(t wire.Type, by func(wire.Packet) wire.Packet) func(*model, wire.Packet) []wire.Packet {
	return func(_ *model, p wire.Packet) []wire.Packet {
		if p.Type() == t {
			return []wire.Packet{by(p)}
		}
		return []wire.Packet{p}
	}
}

// flags is a CONNECT with other Connect Flags.
func flags(set byte) func(*model, wire.Packet) []wire.Packet {
	return connects(func(c *wire.Connect) { f := c.Flags() | set; c.ConnectFlags = &f })
}

// unwilling takes the will from a CONNECT and sets flags all the same.
func unwilling(set byte) func(*model, wire.Packet) []wire.Packet {
	return connects(func(c *wire.Connect) { c.Will = nil; f := c.Flags() | set; c.ConnectFlags = &f })
}

// padded writes the Remaining Length in more bytes than it needs.
func padded(p wire.Packet) wire.Packet {
	b := wire.Bytes(p, wire.V5)
	h, n, _ := wire.ParseHeader(b)
	return wire.Raw(append(wire.AppendPaddedVarint([]byte{h.First}, uint32(h.Length), 4), b[n:]...))
}

// v5 and v3 are statements of a version.
func v5(ids ...string) []string { return qualified("v5:", ids) }

func v3(ids ...string) []string { return qualified("v311:", ids) }

func qualified(prefix string, ids []string) (all []string) {
	for _, id := range ids {
		all = append(all, prefix+id)
	}
	return all
}

const (
	old   = "persistent-3.1.1"
	clean = "clean"
)

// protocolDefects break single rules of the protocol.
var protocolDefects = []defect{
	// CONNECT
	{name: "first-packet-not-connect", breaks: v5("MQTT-3.1.0-1")},
	{name: "second-connect", breaks: v5("MQTT-3.1.0-2")},
	{name: "second-connect-3.1.1", breaks: v3("MQTT-3.1.0-2"), who: old, spoil: func(m *model, p wire.Packet) []wire.Packet {
		if _, ok := p.(wire.Pingreq); ok {
			return []wire.Packet{m.connect()}
		}
		return []wire.Packet{p}
	}},
	{name: "connect-flags-reserved", breaks: v5("MQTT-3.1.2-3"), spoil: flags(wire.FlagReserved)},
	{name: "connect-flags-reserved-3.1.1", breaks: v3("MQTT-3.1.2-3"), who: old, spoil: flags(wire.FlagReserved)},
	{name: "will-qos-without-will", breaks: v5("MQTT-3.1.2-11"), spoil: unwilling(wire.FlagWillQoS1)},
	{name: "will-retain-without-will", breaks: v5("MQTT-3.1.2-13"), spoil: unwilling(wire.FlagWillRetain)},
	{name: "will-retain-without-will-3.1.1", breaks: v3("MQTT-3.1.2-15"), who: old, spoil: unwilling(wire.FlagWillRetain)},
	{name: "will-qos-3", breaks: v5("MQTT-3.1.2-12"), spoil: flags(wire.FlagWillQoS1 | wire.FlagWillQoS2)},
	{name: "password-flag-without-password", breaks: v5("MQTT-3.1.2-19"), spoil: connects(func(c *wire.Connect) {
		f := c.Flags()
		c.ConnectFlags, c.Password = &f, nil
	})},
	{name: "password-without-name-3.1.1", breaks: v3("MQTT-3.1.2-22"), who: old, spoil: connects(func(c *wire.Connect) { c.Username = nil })},
	{name: "client-id-empty-with-session-3.1.1", breaks: v3("MQTT-3.1.3-7"), who: old, spoil: connects(func(c *wire.Connect) { c.ClientID = "" })},
	{name: "client-id-ill-formed", breaks: v5("MQTT-3.1.3-4", "MQTT-1.5.4-1"), spoil: connects(func(c *wire.Connect) { c.ClientID += "\xff" })},
	{name: "client-id-null", breaks: v5("MQTT-1.5.4-2"), spoil: connects(func(c *wire.Connect) { c.ClientID += "\x00" })},
	{name: "will-topic-ill-formed", breaks: v5("MQTT-3.1.3-11"), spoil: connects(func(c *wire.Connect) { w := *c.Will; w.Topic = "\xff"; c.Will = &w })},
	{name: "username-ill-formed", breaks: v5("MQTT-3.1.3-12"), spoil: connects(func(c *wire.Connect) { s := "\xff"; c.Username = &s })},
	{name: "receive-maximum-0", breaks: v5("U5-002"), spoil: connects(func(c *wire.Connect) {
		c.Properties = c.Properties.Without(wire.PropReceiveMaximum).With(wire.ReceiveMaximum(0))
	})},
	{name: "maximum-packet-size-0", breaks: v5("U5-003"), spoil: connects(func(c *wire.Connect) {
		c.Properties = c.Properties.Without(wire.PropMaximumPacketSize).With(wire.MaximumPacketSize(0))
	})},
	{name: "session-expiry-twice", breaks: v5("U5-001"), spoil: property(wire.SessionExpiryInterval(1))},
	{name: "alias-maximum-twice", breaks: v5("U5-004"), spoil: property(wire.TopicAliasMaximum(1))},
	{name: "request-response-information-2", breaks: v5("U5-005"), spoil: property(wire.RequestResponseInformation(2))},
	{name: "request-problem-information-2", breaks: v5("U5-006"), spoil: property(wire.RequestProblemInformation(2))},
	{name: "authentication-data-without-method", breaks: v5("U5-008"), spoil: property(wire.AuthenticationData("x"))},
	{name: "user-property-ill-formed", breaks: v5("MQTT-1.5.7-1"), spoil: property(wire.UserProperty("a", "\xff"))},
	{name: "property-misplaced", breaks: v5("U5-043"), spoil: property(wire.ContentType("x"))},
	{name: "will-property-twice", breaks: v5("U5-009"), spoil: connects(func(c *wire.Connect) {
		w := *c.Will
		w.Properties = wire.Properties{wire.ContentType("a"), wire.ContentType("b")}
		c.Will = &w
	})},
	{name: "connect-trailing-bytes", breaks: v5("U5-044"), spoil: replaces(wire.CONNECT, func(p wire.Packet) wire.Packet {
		return wire.WithTrailing{Packet: p, Bytes: []byte{0}}
	})},

	// PUBLISH
	{name: "qos-3", breaks: v5("MQTT-3.3.1-4"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.QoS = 3 })},
	{name: "qos-3-3.1.1", breaks: v3("MQTT-3.3.1-4"), who: old, spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.QoS = 3 })},
	{name: "dup-with-qos-0", breaks: v5("MQTT-3.3.1-2", "MQTT-4.3.1-1"), spoil: publishes(wire.QoS0, func(p *wire.Publish) { p.Dup = true })},
	{name: "dup-with-qos-0-3.1.1", breaks: v3("MQTT-3.3.1-2", "MQTT-4.3.1-1", "U3-003"), who: old, spoil: publishes(wire.QoS0, func(p *wire.Publish) { p.Dup = true })},
	{name: "dup-at-first-qos-1", breaks: v5("MQTT-4.3.2-2"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Dup = true })},
	{name: "dup-at-first-qos-2", breaks: v5("MQTT-4.3.3-2"), spoil: publishes(wire.QoS2, func(p *wire.Publish) { p.Dup = true })},
	{name: "packet-id-0", breaks: v5("MQTT-2.2.1-3"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.PacketID = 0 })},
	{name: "packet-id-0-3.1.1", breaks: v3("MQTT-2.3.1-1"), who: old, spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.PacketID = 0 })},
	{name: "packet-id-reused", breaks: v5("MQTT-2.2.1-3", "MQTT-4.3.2-1", "MQTT-4.3.3-1")},
	{name: "topic-wildcard", breaks: v5("MQTT-3.3.2-2", "MQTT-4.7.0-1"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "a/+" })},
	{name: "topic-wildcard-3.1.1", breaks: v3("MQTT-3.3.2-2", "MQTT-4.7.1-1"), who: old, spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "a/+" })},
	{name: "topic-ill-formed", breaks: v5("MQTT-3.3.2-1"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "a\xff" })},
	{name: "topic-null", breaks: v5("MQTT-4.7.3-2", "MQTT-1.5.4-2"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "a\x00" })},
	{name: "topic-empty-3.1.1", breaks: v3("MQTT-4.7.3-1"), who: old, spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "" })},
	{name: "topic-empty-without-alias", breaks: v5("U5-019", "MQTT-4.7.3-1"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "" })},
	{name: "content-type-ill-formed", breaks: v5("MQTT-3.3.2-19"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Properties = wire.Properties{wire.ContentType("\xff")} })},
	{name: "response-topic-wildcard", breaks: v5("MQTT-3.3.2-14"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Properties = wire.Properties{wire.ResponseTopic("a/#")} })},
	{name: "response-topic-ill-formed", breaks: v5("MQTT-3.3.2-13"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Properties = wire.Properties{wire.ResponseTopic("\xff")} })},
	{name: "publish-with-subscription-id", breaks: v5("MQTT-3.3.4-6"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Properties = wire.Properties{wire.SubscriptionIdentifier(1)} })},
	{name: "publish-property-twice", breaks: v5("U5-022"), spoil: publishes(wire.QoS1, func(p *wire.Publish) {
		p.Properties = wire.Properties{wire.ContentType("a"), wire.ContentType("b")}
	})},
	{name: "remaining-length-padded", breaks: v5("MQTT-1.5.5-1"), spoil: replaces(wire.PINGREQ, padded)},
	{name: "alias-0", breaks: v5("MQTT-3.3.2-8"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Properties = wire.Properties{wire.TopicAlias(0)} })},
	{name: "alias-above-maximum", breaks: v5("MQTT-3.2.2-17", "MQTT-3.3.2-9")},
	{name: "alias-although-not-allowed", breaks: v5("MQTT-3.2.2-18")},
	{name: "alias-kept-across-connections", breaks: v5("MQTT-3.3.2-7", "U5-021")},

	// limits of the server
	{name: "maximum-qos-ignored", breaks: v5("MQTT-3.2.2-11")},
	{name: "retain-although-unavailable", breaks: v5("MQTT-3.2.2-14")},
	{name: "maximum-packet-size-ignored", breaks: v5("MQTT-3.2.2-15")},
	{name: "receive-maximum-ignored", breaks: v5("MQTT-3.3.4-7", "MQTT-4.9.0-2", "MQTT-4.9.0-1", "U5-037")},
	{name: "wildcards-although-unavailable", breaks: []string{"DV-16i"}},
	{name: "shared-although-unavailable", breaks: []string{"DV-16i"}},
	{name: "subscription-id-although-unavailable", breaks: []string{"DV-16i"}},
	{name: "full-quota-stops-pings", breaks: v5("MQTT-3.3.4-8")},

	// SUBSCRIBE
	{name: "subscribe-without-filters", breaks: v5("MQTT-3.8.3-2", "U5-027"), spoil: subscribes(func(s *wire.Subscribe) { s.Subscriptions = nil })},
	{name: "subscribe-without-filters-3.1.1", breaks: v3("MQTT-3.8.3-3"), who: old, spoil: subscribes(func(s *wire.Subscribe) { s.Subscriptions = nil })},
	{name: "subscribe-flags", breaks: v5("MQTT-3.8.1-1"), spoil: replaces(wire.SUBSCRIBE, func(p wire.Packet) wire.Packet { return wire.WithFlags{Packet: p} })},
	{name: "subscribe-qos-3", breaks: v5("U5-026"), spoil: subscribes(func(s *wire.Subscribe) { s.Subscriptions[0].QoS = 3 })},
	{name: "subscription-id-0", breaks: v5("U5-025"), spoil: subscribes(func(s *wire.Subscribe) { s.Properties = wire.Properties{wire.SubscriptionIdentifier(0)} })},
	{name: "no-local-on-shared", breaks: v5("MQTT-3.8.3-4"), spoil: subscribes(func(s *wire.Subscribe) { s.Subscriptions[0].NoLocal = true })},
	{name: "filter-hash-in-level", breaks: v5("MQTT-4.7.1-1"), spoil: filter("a#")},
	{name: "filter-hash-in-level-3.1.1", breaks: v3("MQTT-4.7.1-2"), who: old, spoil: filter("a#")},
	{name: "filter-plus-in-level", breaks: v5("MQTT-4.7.1-2"), spoil: filter("a+")},
	{name: "filter-ill-formed", breaks: v5("MQTT-3.8.3-1"), spoil: filter("a\xff")},
	{name: "share-name-missing", breaks: v5("MQTT-4.8.2-1"), spoil: filter("$share//a")},
	{name: "share-name-wildcard", breaks: v5("MQTT-4.8.2-2"), spoil: filter("$share/+/a")},
	{name: "unsubscribe-without-filters", breaks: v5("MQTT-3.10.3-2"), spoil: after(wire.SUBSCRIBE, wire.Unsubscribe{PacketID: 60000})},
	{name: "unsubscribe-flags", breaks: v5("MQTT-3.10.1-1"), spoil: after(wire.SUBSCRIBE, wire.WithFlags{Packet: wire.Unsubscribe{PacketID: 60000, Filters: []string{"a"}}})},
	{name: "waits-for-suback-for-ever", breaks: []string{"DV-13"}},
	{name: "no-subscription-after-lost-session", breaks: []string{"DV-39"}},

	// other packets
	{name: "pingreq-flags", breaks: v5("MQTT-2.1.3-1"), spoil: replaces(wire.PINGREQ, func(p wire.Packet) wire.Packet { return wire.WithFlags{Packet: p, Flags: 1} })},
	{name: "pingreq-flags-3.1.1", breaks: v3("MQTT-2.2.2-1"), who: old, spoil: replaces(wire.PINGREQ, func(p wire.Packet) wire.Packet { return wire.WithFlags{Packet: p, Flags: 1} })},
	{name: "pingreq-with-content", breaks: v5("U5-028"), spoil: replaces(wire.PINGREQ, func(wire.Packet) wire.Packet { return wire.Raw{0xC0, 1, 0} })},
	{name: "pingresp-from-client", breaks: v5("U5-029"), spoil: after(wire.PINGREQ, wire.Pingresp{})},
	{name: "auth-without-method", breaks: v5("MQTT-4.12.0-7"), spoil: after(wire.PINGREQ, wire.Auth{ReasonCode: wire.ReAuthenticate, Properties: wire.Properties{wire.AuthenticationMethod("x")}})},
	{name: "disconnect-code-unknown", breaks: v5("MQTT-3.14.2-1"), spoil: replaces(wire.DISCONNECT, func(wire.Packet) wire.Packet { return wire.Raw{0xE0, 1, 0x05} })},
	{name: "packet-after-disconnect", breaks: v5("MQTT-3.14.4-1"), spoil: after(wire.DISCONNECT, wire.Pingreq{})},

	// acknowledgements
	{name: "no-puback", breaks: v5("MQTT-4.3.2-4", "MQTT-4.5.0-2", "MQTT-3.3.4-1")},
	{name: "no-puback-3.1.1", breaks: v3("MQTT-4.3.2-2", "MQTT-4.5.0-2", "MQTT-3.3.4-1"), who: old, spoil: swallow(wire.PUBACK)},
	{name: "no-pubrec", breaks: v5("MQTT-4.3.3-8", "MQTT-4.5.0-2")},
	{name: "no-pubcomp", breaks: v5("MQTT-4.3.3-11")},
	{name: "no-pubcomp-3.1.1", breaks: v3("MQTT-4.3.3-2"), who: old, spoil: swallow(wire.PUBCOMP)},
	{name: "no-pubrel", breaks: v5("MQTT-4.3.3-4")},
	{name: "unknown-topics-unacknowledged", breaks: v5("MQTT-4.5.0-2")},
	{name: "pubacks-out-of-order", breaks: v5("MQTT-4.6.0-2")},
	{name: "pubrecs-out-of-order", breaks: v5("MQTT-4.6.0-3")},
	{name: "pubrels-out-of-order", breaks: v5("MQTT-4.6.0-4")},
	{name: "pubrels-out-of-order-3.1.1", breaks: v3("MQTT-4.6.0-4"), who: old},
	{name: "puback-code-unknown", breaks: v5("MQTT-3.4.2-1"), spoil: replaces(wire.PUBACK, func(p wire.Packet) wire.Packet { a := p.(wire.Puback); a.ReasonCode = 0x42; return a })},
	{name: "pubrec-code-unknown", breaks: v5("MQTT-3.5.2-1"), spoil: replaces(wire.PUBREC, func(p wire.Packet) wire.Packet { a := p.(wire.Pubrec); a.ReasonCode = 0x42; return a })},
	{name: "pubrel-code-unknown", breaks: v5("MQTT-3.6.2-1"), spoil: replaces(wire.PUBREL, func(p wire.Packet) wire.Packet { a := p.(wire.Pubrel); a.ReasonCode = 0x42; return a })},
	{name: "pubcomp-code-unknown", breaks: v5("MQTT-3.7.2-1"), spoil: replaces(wire.PUBCOMP, func(p wire.Packet) wire.Packet { a := p.(wire.Pubcomp); a.ReasonCode = 0x42; return a })},
	{name: "pubrel-flags", breaks: v5("MQTT-3.6.1-1"), spoil: replaces(wire.PUBREL, func(p wire.Packet) wire.Packet { return wire.WithFlags{Packet: p} })},
	{name: "puback-with-other-id", breaks: v5("MQTT-2.2.1-5", "MQTT-4.5.0-2"), spoil: replaces(wire.PUBACK, func(p wire.Packet) wire.Packet { a := p.(wire.Puback); a.PacketID += 300; return a })},
	{name: "acts-on-duplicates", breaks: v5("MQTT-4.3.3-10")},
	{name: "acts-on-duplicates-3.1.1", breaks: v3("MQTT-4.3.3-2"), who: old},
	{name: "high-aliases-refused", breaks: v5("MQTT-3.3.2-10")},

	// sessions
	{name: "resends-nothing", breaks: v5("MQTT-4.4.0-1", "MQTT-4.3.2-3", "MQTT-4.3.3-3")},
	{name: "resends-nothing-3.1.1", breaks: v3("MQTT-4.4.0-1"), who: old},
	{name: "dup-not-set", breaks: v5("MQTT-3.3.1-1")},
	{name: "dup-not-set-3.1.1", breaks: v3("MQTT-3.3.1-1"), who: old},
	{name: "resends-with-other-id", breaks: v5("MQTT-4.4.0-1")},
	{name: "resends-in-reverse", breaks: v5("MQTT-4.6.0-1")},
	{name: "resends-on-live-link", breaks: v5("MQTT-4.4.0-1")},
	{name: "pubrel-not-resent", breaks: v5("MQTT-4.4.0-1", "MQTT-4.3.3-5")},
	{name: "publishes-again-after-pubrel", breaks: v5("MQTT-4.3.3-6")},
	{name: "resends-what-was-refused", breaks: v5("MQTT-4.4.0-2")},
	{name: "session-kept-although-lost", breaks: v5("MQTT-3.2.2-5")},
	{name: "session-present-believed", breaks: v5("MQTT-3.2.2-4"), who: clean},

	// time
	{name: "no-pingreq", breaks: v5("MQTT-3.1.2-20")},
	{name: "no-pingreq-3.1.1", breaks: v3("MQTT-3.1.2-23"), who: old},
	{name: "server-keep-alive-ignored", breaks: v5("MQTT-3.1.2-21", "MQTT-3.2.2-21")},
	{name: "missing-pingresp-overlooked", breaks: v5("U5-048")},
	{name: "reconnects-at-once", breaks: []string{"DV-02", "DV-04"}},
	{name: "reconnects-at-constant-pace", breaks: []string{"DV-02", "DV-03a"}},
	{name: "reconnects-without-jitter", breaks: []string{"DV-02"}},
	{name: "fights-for-its-session", breaks: []string{"DV-22b"}},
	{name: "stays-after-server-disconnect", breaks: v5("U5-065"), at: []string{"DV-42"}},
	{name: "malformed-packets-overlooked", breaks: v5("U5-049")},
	{name: "malformed-packets-overlooked-3.1.1", breaks: v3("MQTT-4.8.0-1", "MQTT-2.2.2-2"), who: old},
}

// swallow does not send packets of a type.
func swallow(t wire.Type) func(*model, wire.Packet) []wire.Packet {
	return func(_ *model, p wire.Packet) []wire.Packet {
		if p.Type() == t {
			return nil
		}
		return []wire.Packet{p}
	}
}

// spoil returns the bytes that go out for a packet.
func (m *model) spoil(p wire.Packet) [][]byte {
	packets := []wire.Packet{p}
	if m.spoils == nil {
		m.spoils = slices.DeleteFunc(defects(), func(d defect) bool { return !m.defects[d.name] || d.spoil == nil })
	}
	for _, d := range m.spoils {
		packets = d.spoil(m, p)
	}
	var all [][]byte
	for _, q := range packets {
		all = append(all, bytes.Clone(wire.Bytes(q, m.version)))
	}
	return all
}
