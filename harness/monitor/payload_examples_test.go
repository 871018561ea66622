package monitor

import (
	"github.com/mqttspec/mqttspec/harness/wire"
)

// payloadExamples are for the payload of CONNECT, and for what a client must not take over from another session.
func payloadExamples() []example {
	name := "u"
	connect := func(c wire.Connect) func(*script) { return func(s *script) { s.open().client(c) } }
	// more is a CONNECT with bytes behind its last field
	more := func(c wire.Connect, b ...byte) func(*script) {
		return func(s *script) { s.open().client(wire.WithTrailing{Packet: c, Bytes: b}) }
	}
	called := func(protocol string, level byte) func(*script) {
		return func(s *script) {
			b := append([]byte{0, byte(len(protocol))}, protocol...)
			s.open().client(bare(0x10, append(b, level, 2, 0, 0, 0, 0, 0)...))
		}
	}
	// willFirst has the Will Properties before the Client Identifier
	willFirst := func(s *script) {
		s.open().client(bare(0x10, append([]byte("\x00\x04MQTT\x05\x06\x00\x00\x00"), "\x05\x18\x00\x00\x00\x01\x00\x02me\x00\x01w\x00\x00"...)...))
	}
	left := func(clean bool) func(*script) *script {
		return func(s *script) *script { return s.begin(clean, false).client(publish(1, 1)).on("c#2") }
	}
	anew := func(p wire.Packet) func(*script) {
		return func(s *script) { left(false)(s).begin(true, false).client(p) }
	}
	under := func(id string, clean, present bool, p wire.Packet) func(*script) {
		return func(s *script) {
			left(false)(s).open().client(wire.Connect{ClientID: id, CleanStart: clean}).server(wire.Connack{SessionPresent: present}).client(p)
		}
	}
	// measured is what a client publishes with QoS 1 and then, spoilt or not, with QoS 0
	measured := func(spoil func(n int, p *wire.Publish)) func(*script) {
		return func(s *script) {
			s.fresh()
			for n := range fewest {
				id := uint16(n + 1)
				s.client(publish(1, id, payload("21.5"))).server(wire.Puback{PacketID: id})
				p := publish(0, 0, payload("21.5"))
				spoil(n, &p)
				s.client(p)
			}
		}
	}
	return []example{
		{ids: "MQTT-3.1.2-1", kept: connect(wire.Connect{}), broken: called("MQIsdp", 5), idle: called("MQIsdp", 3)},
		{ids: "MQTT-3.1.2-1", kept: connect(wire.Connect{}), broken: called("mqtt", 5), idle: func(s *script) { s.open().client(wire.Pingreq{}) }},
		{ids: "MQTT-3.1.2-16", kept: connect(wire.Connect{}), broken: more(wire.Connect{}, 0, 1, 'u'), idle: connect(wire.Connect{Username: &name})},
		{ids: "MQTT-3.1.2-16", kept: more(wire.Connect{}, 0, 1, 'u', 0, 1, 'p', 0, 1, 'x'), broken: more(wire.Connect{}, 0, 1, 'u', 0, 1, 'p'), idle: more(wire.Connect{}, 7)},
		{ids: "MQTT-3.1.2-18", kept: connect(wire.Connect{Username: &name}), broken: more(wire.Connect{Username: &name}, 0, 1, 'p'),
			idle: connect(wire.Connect{Username: &name, Password: []byte("p")})},
		{ids: "MQTT-3.1.2-18", kept: more(wire.Connect{}, 0, 1, 'u'), broken: more(wire.Connect{}, 0, 1, 'u', 0, 1, 'p')},
		{ids: "MQTT-3.1.3-1", kept: connect(wire.Connect{ClientID: "me", Will: &wire.Will{Topic: "w", Properties: wire.Properties{wire.WillDelayInterval(1)}}}),
			broken: willFirst, idle: connect(wire.Connect{ClientID: "me"})},
		{ids: "MQTT-3.1.2-4", kept: anew(publish(1, 1)), broken: anew(publish(1, 1, dup)), idle: func(s *script) { left(false)(s).begin(false, true).client(publish(1, 1, dup)) }},
		{ids: "MQTT-3.1.2-4", kept: anew(publish(1, 2, dup)), broken: anew(publish(1, 1, dup)), idle: func(s *script) { s.fresh().client(publish(1, 1)) }},
		{ids: "MQTT-3.1.3-2", kept: under("me", false, true, publish(1, 1, dup)), broken: under("you", false, false, publish(1, 1, dup)), idle: under("you", false, false, publish(1, 1))},
		{ids: "MQTT-3.1.3-2", kept: under("me", false, true, publish(1, 1, dup)), broken: under("", true, false, publish(1, 1, dup)), idle: under("you", false, false, publish(1, 2, dup))},
		{ids: "MQTT-2.2.1-2", sender: onlyClient, kept: measured(func(int, *wire.Publish) {}),
			broken: measured(func(n int, p *wire.Publish) {
				p.Payload = append([]byte{byte(n + 9), 0}, p.Payload...)
			}), idle: sentByFresh(publish(0, 0))},
		// a counter, a text and a single case prove nothing
		{ids: "MQTT-2.2.1-2", sender: onlyClient, kept: measured(func(_ int, p *wire.Publish) { p.Payload = append([]byte{9, 0}, p.Payload...) }),
			broken: measured(func(n int, p *wire.Publish) { p.Payload = append([]byte{byte(n + 9), 0}, p.Payload...) })},
		{ids: "MQTT-2.2.1-2", sender: onlyClient, kept: measured(func(n int, p *wire.Publish) {
			p.Payload = append([]byte{byte(n) + 'a', 'b'}, p.Payload...)
		}), broken: measured(func(n int, p *wire.Publish) { p.Payload = append([]byte{byte(n + 9), 0}, p.Payload...) })},
		{ids: "MQTT-2.2.1-2", sender: onlyClient, kept: measured(func(n int, p *wire.Publish) {
			if n > 0 {
				p.Payload = append([]byte{byte(n + 9), 0}, p.Payload...)
			}
		}), broken: measured(func(n int, p *wire.Publish) { p.Payload = append([]byte{byte(n + 9), 0}, p.Payload...) })},
		{ids: "U5-073", kept: sentByFresh(publish(0, 0, with(wire.PayloadFormatIndicator(1)))), broken: sentByFresh(publish(0, 0, payload("\xff"), with(wire.PayloadFormatIndicator(1)))),
			idle: sentByFresh(publish(0, 0, payload("\xff"), with(wire.PayloadFormatIndicator(0))))},
		{ids: "U5-073", kept: connect(wire.Connect{Will: &wire.Will{Topic: "w", Payload: []byte("x"), Properties: wire.Properties{wire.PayloadFormatIndicator(1)}}}),
			broken: connect(wire.Connect{Will: &wire.Will{Topic: "w", Payload: []byte("\xff"), Properties: wire.Properties{wire.PayloadFormatIndicator(1)}}}),
			idle:   connect(wire.Connect{Will: &wire.Will{Topic: "w", Payload: []byte("\xff")}})},
		{ids: "U5-023", sender: onlyClient, kept: sentByFresh(publish(0, 0, with(wire.SubscriptionIdentifier(1)))), broken: sentByFresh(publish(0, 0, with(wire.SubscriptionIdentifier(0)))),
			idle: sentByFresh(publish(0, 0))},
	}
}
