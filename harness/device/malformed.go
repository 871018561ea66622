package device

import (
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// wrong is a packet that no server may send, in the form of a version.
type wrong struct {
	name  string
	only  wire.Version // 0: in both
	bytes func(wire.Version) []byte
}

// raw is a wrong packet that is the same in both versions.
func raw(b ...byte) func(wire.Version) []byte { return func(wire.Version) []byte { return b } }

// packet is a wrong packet that has a value.
func packet(p wire.Packet) func(wire.Version) []byte {
	return func(v wire.Version) []byte { return wire.Bytes(p, v) }
}

// aliasUnknown is the wrong packet that depends on the device: the alias is its highest one, which the broker, who
// counts from 1, has not used.
const aliasUnknown = "publish-alias-unknown"

func unknownAlias(alias uint16) func(wire.Version) []byte {
	return packet(wire.Publish{Properties: wire.Properties{wire.TopicAlias(alias)}})
}

// wrongs are the packets of [Malformed]. Each breaks one rule of the packet format or of the protocol.
var wrongs = []wrong{
	{"type-0", 0, raw(0x00, 0x00)},
	{"connect-from-server", 0, packet(wire.Connect{ClientID: "server"})},
	{"subscribe-from-server", 0, packet(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a"}}})},
	{"pingreq-from-server", 0, raw(0xC0, 0x00)},
	{"second-connack", 0, packet(wire.Connack{})},
	{"length-of-five-bytes", 0, raw(0xD0, 0x80, 0x80, 0x80, 0x80, 0x01)},
	{"pingresp-flags", 0, raw(0xD1, 0x00)},
	{"publish-qos-3", 0, packet(wire.Publish{QoS: 3, Topic: "a", PacketID: 1})},
	{"publish-qos-0-dup", 0, packet(wire.Publish{Dup: true, Topic: "a"})},
	{"publish-id-0", 0, packet(wire.Publish{QoS: wire.QoS1, Topic: "a"})},
	{"publish-topic-wildcard", 0, packet(wire.Publish{Topic: "a/#"})},
	{"publish-topic-null", 0, packet(wire.Publish{Topic: "a\x00b"})},
	{"publish-topic-utf8", 0, packet(wire.Publish{Topic: "a\xff"})},
	{"publish-topic-surrogate", 0, packet(wire.Publish{Topic: "a\xed\xa0\x80"})},
	{"publish-topic-past-end", 0, raw(0x30, 0x03, 0x00, 0x10, 'a')},
	{"publish-topic-empty", wire.V5, packet(wire.Publish{})},
	{"publish-property-twice", wire.V5, packet(wire.Publish{Topic: "a", Properties: wire.Properties{wire.ContentType("a"), wire.ContentType("b")}})},
	{"publish-property-misplaced", wire.V5, packet(wire.Publish{Topic: "a", Properties: wire.Properties{wire.ReceiveMaximum(1)}})},
	{"publish-property-unknown", wire.V5, raw(0x30, 0x06, 0x00, 0x01, 'a', 0x02, 0x7E, 0x00)},
	{"publish-property-length-past-end", wire.V5, raw(0x30, 0x04, 0x00, 0x01, 'a', 0x20)},
	{"publish-alias-0", wire.V5, packet(wire.Publish{Topic: "a", Properties: wire.Properties{wire.TopicAlias(0)}})},
	{"publish-alias-above-maximum", wire.V5, packet(wire.Publish{Topic: "a", Properties: wire.Properties{wire.TopicAlias(65535)}})},
	{aliasUnknown, wire.V5, unknownAlias(1)},
	{"publish-subscription-id-0", wire.V5, packet(wire.Publish{Topic: "a", Properties: wire.Properties{wire.SubscriptionIdentifier(0)}})},
	{"pubrel-flags", 0, raw(0x60, 0x02, 0x00, 0x01)},
	{"puback-code-unknown", wire.V5, raw(0x40, 0x03, 0x00, 0x01, 0x42)},
	{"auth-unasked", wire.V5, packet(wire.Auth{ReasonCode: wire.ContinueAuthentication, Properties: wire.Properties{wire.AuthenticationMethod("x")}})},
	{"disconnect-code-unknown", wire.V5, raw(0xE0, 0x01, 0x42)},
}

// Malformed names the wrong packets that a plan can send.
func Malformed() (names []string) {
	for _, w := range wrongs {
		names = append(names, w.name)
	}
	return names
}

func malformed(name string) (wrong, bool) {
	i := slices.IndexFunc(wrongs, func(w wrong) bool { return w.name == name })
	if i < 0 {
		return wrong{}, false
	}
	return wrongs[i], true
}

// sentence says a name in words.
func sentence(name string) string { return strings.ReplaceAll(name, "-", " ") }
