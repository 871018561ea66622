package device_test

import (
	"slices"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// trailing adds bytes behind the last field of the CONNECT.
func trailing(change func(*wire.Connect), b ...byte) func(*model, wire.Packet) []wire.Packet {
	return replaces(wire.CONNECT, func(p wire.Packet) wire.Packet {
		c := p.(wire.Connect)
		change(&c)
		return wire.WithTrailing{Packet: c, Bytes: b}
	})
}

// promising leaves fields out of the CONNECT that its flags promise.
func promising(leave func(*wire.Connect)) func(*model, wire.Packet) []wire.Packet {
	return connects(func(c *wire.Connect) {
		f := c.Flags()
		leave(c)
		c.ConnectFlags = &f
	})
}

// payloadAt returns where the payload of a CONNECT begins in its content: behind the variable header, whose properties
// are few.
func payloadAt(content []byte, v wire.Version) int {
	if v == wire.V311 {
		return 10
	}
	return 11 + int(content[10])
}

// content takes a packet apart.
func content(p wire.Packet, v wire.Version) []byte {
	b := wire.Bytes(p, v)
	_, n, _ := wire.ParseHeader(b)
	return b[n:]
}

// empty is a CONNECT that ends before its payload.
func empty(m *model, p wire.Packet) []wire.Packet {
	if p.Type() != wire.CONNECT {
		return []wire.Packet{p}
	}
	b := content(p, m.version)
	return []wire.Packet{wire.Raw(wire.Frame(nil, 0x10, b[:payloadAt(b, m.version)]))}
}

// willPropertiesFirst puts the Will Properties before the Client Identifier.
func willPropertiesFirst(m *model, p wire.Packet) []wire.Packet {
	c, ok := p.(wire.Connect)
	if !ok {
		return []wire.Packet{p}
	}
	will := *c.Will
	will.Properties = wire.Properties{wire.WillDelayInterval(1)}
	c.Will = &will
	b := content(c, m.version)
	head, rest := b[:payloadAt(b, m.version)], b[payloadAt(b, m.version):]
	id, rest := rest[:2+len(m.id)], rest[2+len(m.id):]
	properties, rest := rest[:1+rest[0]], rest[1+rest[0]:]
	return []wire.Packet{wire.Raw(wire.Frame(nil, 0x10, slices.Concat(head, properties, id, rest)))}
}

// connectDefects are in the CONNECT.
var connectDefects = []defect{
	{name: "second-connect-later", breaks: v5("MQTT-3.1.0-2"), at: []string{"DV-30"}},
	{name: "protocol-name-of-3.1", breaks: v5("MQTT-3.1.2-1"), at: []string{"DV-01"}, spoil: connects(func(c *wire.Connect) { c.ProtocolName = "MQIsdp" })},
	{name: "protocol-name-in-small-letters", breaks: v5("MQTT-3.1.2-1"), at: []string{"DV-01"}, spoil: connects(func(c *wire.Connect) { c.ProtocolName = "mqtt" })},
	{name: "will-flag-without-will", breaks: v5("MQTT-3.1.2-9"), spoil: promising(func(c *wire.Connect) { c.Will = nil })},
	{name: "will-flag-without-will-3.1.1", breaks: v3("MQTT-3.1.2-9"), who: old, spoil: promising(func(c *wire.Connect) { c.Will, c.Username, c.Password = nil, nil, nil })},
	{name: "will-qos-without-will-3.1.1", breaks: v3("MQTT-3.1.2-13", "MQTT-3.1.2-11"), who: old, spoil: unwilling(wire.FlagWillQoS1)},
	{name: "will-qos-3-3.1.1", breaks: v3("MQTT-3.1.2-14"), who: old, spoil: flags(wire.FlagWillQoS1 | wire.FlagWillQoS2)},
	{name: "user-name-flag-without-name", breaks: v5("MQTT-3.1.2-17"), spoil: promising(func(c *wire.Connect) { c.Username, c.Password = nil, nil })},
	{name: "user-name-flag-without-name-3.1.1", breaks: v3("MQTT-3.1.2-19"), who: old, spoil: promising(func(c *wire.Connect) { c.Username, c.Password = nil, nil })},
	{name: "user-name-without-flag", breaks: v5("MQTT-3.1.2-16"), spoil: trailing(func(c *wire.Connect) { c.Username, c.Password = nil, nil }, 0, 1, 'u')},
	{name: "user-name-without-flag-3.1.1", breaks: v3("MQTT-3.1.2-18"), who: old, spoil: trailing(func(c *wire.Connect) { c.Username, c.Password = nil, nil }, 0, 1, 'u')},
	{name: "password-without-flag", breaks: v5("MQTT-3.1.2-18"), spoil: trailing(func(c *wire.Connect) { c.Password = nil }, 0, 1, 'p')},
	{name: "password-without-flag-3.1.1", breaks: v3("MQTT-3.1.2-20"), who: old, spoil: trailing(func(c *wire.Connect) { c.Password = nil }, 0, 1, 'p')},
	{name: "password-flag-without-password-3.1.1", breaks: v3("MQTT-3.1.2-21"), who: old, spoil: promising(func(c *wire.Connect) { c.Password = nil })},
	{name: "client-id-missing", breaks: v5("MQTT-3.1.3-3"), spoil: empty},
	{name: "client-id-missing-3.1.1", breaks: v3("MQTT-3.1.3-3"), who: old, spoil: empty},
	{name: "client-id-ill-formed-3.1.1", breaks: v3("MQTT-3.1.3-4", "MQTT-1.5.3-1"), who: old, spoil: connects(func(c *wire.Connect) { c.ClientID += "\xff" })},
	{name: "client-id-null-3.1.1", breaks: v3("MQTT-1.5.3-2"), who: old, spoil: connects(func(c *wire.Connect) { c.ClientID += "\x00" })},
	{name: "client-id-with-control-character", breaks: v5("U5-041"), spoil: connects(func(c *wire.Connect) { c.ClientID += "\x01" })},
	{name: "client-id-with-control-character-3.1.1", breaks: v3("U3-014"), who: old, spoil: connects(func(c *wire.Connect) { c.ClientID += "\x01" })},
	{name: "will-topic-ill-formed-3.1.1", breaks: v3("MQTT-3.1.3-10"), who: old, spoil: connects(func(c *wire.Connect) { w := *c.Will; w.Topic = "\xff"; c.Will = &w })},
	{name: "user-name-ill-formed-3.1.1", breaks: v3("MQTT-3.1.3-11"), who: old, spoil: connects(func(c *wire.Connect) { s := "\xff"; c.Username = &s })},
	{name: "will-properties-first", breaks: v5("MQTT-3.1.3-1"), spoil: willPropertiesFirst},
	{name: "authentication-method-twice", breaks: v5("U5-007"), spoil: property(wire.AuthenticationMethod("a"), wire.AuthenticationMethod("a"))},
}
