package device_test

import (
	"fmt"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// withIdentifier writes PUBLISH packets of QoS 0 with a Packet Identifier, as those of QoS 1 have it.
func withIdentifier(m *model, p wire.Packet) []wire.Packet {
	q, ok := p.(wire.Publish)
	if !ok || q.QoS != wire.QoS0 || q.Topic == "" {
		return []wire.Packet{p}
	}
	q.QoS, q.PacketID, q.Properties = wire.QoS1, m.unusedID(), nil
	b := content(q, m.version)
	return []wire.Packet{wire.Raw(wire.Frame(nil, 0x30, b))}
}

// wordy adds properties to packets of a type that make them larger than what a server takes, once it has said so.
func wordy(t wire.Type, more wire.Property) func(*model, wire.Packet) []wire.Packet {
	return replaces(t, func(p wire.Packet) wire.Packet {
		switch p := p.(type) {
		case wire.Puback:
			p.Properties = p.Properties.With(more)
			return p
		case wire.Pubrec:
			p.Properties = p.Properties.With(more)
			return p
		case wire.Pubrel:
			p.Properties = p.Properties.With(more)
			return p
		case wire.Pubcomp:
			p.Properties = p.Properties.With(more)
			return p
		case wire.Disconnect:
			p.Properties = p.Properties.With(more)
			return p
		case wire.Auth:
			p.Properties = p.Properties.With(more)
			return p
		}
		return p
	})
}

// wordyDefects add a Reason String or a User Property where there is no room for it.
func wordyDefects() (all []defect) {
	long := strings.Repeat("x", 300)
	for _, d := range []struct {
		t            wire.Type
		reason, user string
		step, who    string
	}{
		{wire.PUBACK, "MQTT-3.4.2-2", "MQTT-3.4.2-3", "DV-16j", ""},
		{wire.PUBREC, "MQTT-3.5.2-2", "MQTT-3.5.2-3", "DV-16j", ""},
		{wire.PUBREL, "MQTT-3.6.2-2", "MQTT-3.6.2-3", "DV-16j", ""},
		{wire.PUBCOMP, "MQTT-3.7.2-2", "MQTT-3.7.2-3", "DV-16j", ""},
		{wire.DISCONNECT, "MQTT-3.14.2-3", "MQTT-3.14.2-4", "DV-16j", ""},
		{wire.AUTH, "MQTT-3.15.2-2", "MQTT-3.15.2-3", "DV-80", authenticating},
	} {
		name := strings.ToLower(d.t.String())
		all = append(all,
			defect{name: fmt.Sprintf("%s-reason-string-too-long", name), breaks: v5(d.reason), who: d.who, at: []string{d.step}, spoil: wordy(d.t, wire.ReasonString(long))},
			defect{name: fmt.Sprintf("%s-user-property-too-long", name), breaks: v5(d.user), who: d.who, at: []string{d.step}, spoil: wordy(d.t, wire.UserProperty("a", long))})
	}
	return all
}

// packetDefects are in the form of other packets than CONNECT.
var packetDefects = []defect{
	{name: "packet-id-with-qos-0", breaks: v5("MQTT-2.2.1-2"), at: []string{"DV-31"}, spoil: withIdentifier},
	{name: "packet-id-with-qos-0-3.1.1", breaks: v3("MQTT-2.3.1-5"), at: []string{"DV-31"}, who: old, spoil: withIdentifier},
	{name: "property-length-missing", breaks: v5("MQTT-2.2.2-1"), spoil: replaces(wire.SUBSCRIBE, func(wire.Packet) wire.Packet { return wire.Raw{0x82, 2, 0, 1} })},
	{name: "puback-without-id", breaks: v5("MQTT-2.2.1-5"), spoil: replaces(wire.PUBACK, func(wire.Packet) wire.Packet { return wire.Raw{0x40, 1, 0} })},
	{name: "puback-without-id-3.1.1", breaks: v3("MQTT-2.3.1-6"), who: old, spoil: replaces(wire.PUBACK, func(wire.Packet) wire.Packet { return wire.Raw{0x40, 1, 0} })},
	{name: "unsubscribe-filter-ill-formed", breaks: v5("MQTT-3.10.3-1"), spoil: after(wire.SUBSCRIBE, wire.Unsubscribe{PacketID: 60000, Filters: []string{"\xff"}})},
	{name: "unsubscribe-filter-ill-formed-3.1.1", breaks: v3("MQTT-3.10.3-1"), who: old, spoil: after(wire.SUBSCRIBE, wire.Unsubscribe{PacketID: 60000, Filters: []string{"\xff"}})},
	{name: "unsubscribe-without-filters-3.1.1", breaks: v3("MQTT-3.10.3-2"), who: old, spoil: after(wire.SUBSCRIBE, wire.Unsubscribe{PacketID: 60000})},
	{name: "unsubscribe-flags-3.1.1", breaks: v3("MQTT-3.10.1-1"), who: old, spoil: after(wire.SUBSCRIBE, wire.WithFlags{Packet: wire.Unsubscribe{PacketID: 60000, Filters: []string{"a"}}})},
	{name: "subscribe-flags-3.1.1", breaks: v3("MQTT-3.8.1-1"), who: old, spoil: replaces(wire.SUBSCRIBE, func(p wire.Packet) wire.Packet { return wire.WithFlags{Packet: p} })},
	{name: "pubrel-flags-3.1.1", breaks: v3("MQTT-3.6.1-1"), who: old, spoil: replaces(wire.PUBREL, func(p wire.Packet) wire.Packet { return wire.WithFlags{Packet: p} })},
	{name: "filter-plus-in-level-3.1.1", breaks: v3("MQTT-4.7.1-3"), who: old, spoil: filter("a+")},
	{name: "filter-ill-formed-3.1.1", breaks: v3("MQTT-3.8.3-1"), who: old, spoil: filter("a\xff")},
	{name: "topic-ill-formed-3.1.1", breaks: v3("MQTT-3.3.2-1"), who: old, spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "a\xff" })},
	{name: "topic-null-3.1.1", breaks: v3("MQTT-4.7.3-2"), who: old, spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Topic = "a\x00" })},
	{name: "publish-with-subscription-id-0", breaks: v5("U5-023"), spoil: publishes(wire.QoS1, func(p *wire.Publish) { p.Properties = wire.Properties{wire.SubscriptionIdentifier(0)} })},
	{name: "text-that-is-none", breaks: v5("U5-073"), spoil: publishes(wire.QoS1, func(p *wire.Publish) {
		p.Properties, p.Payload = wire.Properties{wire.PayloadFormatIndicator(1)}, []byte{0xFF}
	})},
	{name: "puback-property-twice", breaks: v5("U5-064"), spoil: replaces(wire.PUBACK, func(p wire.Packet) wire.Packet {
		a := p.(wire.Puback)
		a.Properties = wire.Properties{wire.ReasonString("a"), wire.ReasonString("b")}
		return a
	})},
	{name: "pingreq-with-content-3.1.1", breaks: v3("U3-017"), who: old, spoil: replaces(wire.PINGREQ, func(wire.Packet) wire.Packet { return wire.Raw{0xC0, 1, 0} })},
	{name: "pingresp-from-client-3.1.1", breaks: v3("U3-019"), who: old, spoil: after(wire.PINGREQ, wire.Pingresp{})},
	{name: "puback-trailing-bytes-3.1.1", breaks: v3("U3-018"), who: old, spoil: replaces(wire.PUBACK, func(p wire.Packet) wire.Packet {
		return wire.WithTrailing{Packet: p, Bytes: []byte{0}}
	})},
	{name: "disconnect-raises-session-expiry", breaks: v5("U5-030"), who: clean, spoil: replaces(wire.DISCONNECT, func(p wire.Packet) wire.Packet {
		d := p.(wire.Disconnect)
		d.Properties = d.Properties.With(wire.SessionExpiryInterval(60))
		return d
	})},
	{name: "packet-after-disconnect-3.1.1", breaks: v3("MQTT-3.14.4-2"), who: old, spoil: after(wire.DISCONNECT, wire.Pingreq{})},
	{name: "stays-after-its-own-disconnect-3.1.1", breaks: v3("MQTT-3.14.4-1"), who: old},
	{name: "first-packet-not-connect-3.1.1", breaks: v3("MQTT-3.1.0-1"), who: old},
	{name: "stays-after-its-own-disconnect", breaks: v5("MQTT-4.13.2-1", "MQTT-3.14.4-2"), at: []string{"DV-17"}},
	{name: "reserved-bits-of-disconnect-overlooked", breaks: v5("MQTT-3.14.1-1"), at: []string{"DV-76"}},
}
