package monitor

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

func limitExamples() []example {
	rm := wire.ReceiveMaximum(2)
	full := func(s *script) { s.fresh(rm).send(publish(1, 1), publish(2, 2)) }
	resumedFull := func(s *script) { full(s); s.resumed("c#2", rm) }
	const quotas = "MQTT-3.3.4-9 MQTT-3.3.4-7 MQTT-4.9.0-1 MQTT-4.9.0-2"
	alias := func(n uint16) func(*wire.Publish) { return with(wire.TopicAlias(n)) }
	limited := func(limit wire.Property, p wire.Packet) func(*script) {
		return func(s *script) { s.fresh(limit).send(p) }
	}
	// hasty is a client that does not wait for the CONNACK: it cannot know the limits
	hasty := func(limit wire.Property, ps ...wire.Packet) func(*script) {
		return func(s *script) {
			s.open().client(wire.Connect{ClientID: "me", CleanStart: true}).server(wire.Connack{Properties: wire.Properties{limit}}).client(ps...)
		}
	}
	const onAlias, noAlias = "MQTT-3.1.2-26 MQTT-3.3.2-11 MQTT-3.2.2-17 MQTT-3.3.2-9", "MQTT-3.1.2-27 MQTT-3.2.2-18"
	return []example{
		{ids: quotas, kept: func(s *script) {
			full(s)
			s.reply(wire.Puback{PacketID: 1}).send(publish(1, 3)).reply(wire.Pubrec{PacketID: 2, ReasonCode: 0x80}).send(publish(1, 4))
		}, broken: func(s *script) { full(s); s.send(publish(1, 3)) }, idle: func(s *script) { s.fresh(rm).send(publish(0, 0), publish(0, 0), publish(0, 0)) }},
		// a PUBREC leaves the slot taken until the PUBCOMP
		{ids: quotas, kept: func(s *script) {
			full(s)
			s.reply(wire.Pubrec{PacketID: 2}).send(wire.Pubrel{PacketID: 2}).reply(wire.Pubcomp{PacketID: 2}).send(publish(1, 3))
		}, broken: func(s *script) {
			full(s)
			s.reply(wire.Pubrec{PacketID: 2}).send(wire.Pubrel{PacketID: 2}, publish(1, 3))
		}},
		// a PUBLISH counts on its own connection only; after a malformed packet of ours nothing counts
		{ids: quotas, kept: func(s *script) { resumedFull(s); s.send(publish(1, 1, dup), publish(2, 2, dup)) },
			broken: func(s *script) { resumedFull(s); s.send(publish(1, 1, dup), publish(2, 2, dup), publish(1, 3)) },
			idle:   func(s *script) { s.fresh(rm).reply(wire.Puback{}).send(publish(1, 1), publish(1, 2), publish(1, 3)) }},
		{ids: "MQTT-3.3.4-7", kept: full, broken: func(s *script) { full(s); s.send(publish(1, 3)) }, idle: hasty(rm, publish(1, 1), publish(1, 2), publish(1, 3))},
		// the PUBCOMP for a PUBREL from before gives quota by the standard's own counting
		{ids: "U5-037", kept: func(s *script) {
			resumedFull(s)
			s.send(wire.Pubrel{PacketID: 9}).reply(wire.Pubcomp{PacketID: 9}).send(publish(1, 1, dup), publish(2, 2, dup), publish(1, 3))
		}, broken: func(s *script) { resumedFull(s); s.send(publish(1, 1, dup), publish(2, 2, dup), publish(1, 3)) }, idle: func(s *script) { full(s); s.send(publish(1, 3)) }},
		{ids: "MQTT-3.1.2-24 MQTT-3.2.2-15", kept: limited(wire.MaximumPacketSize(20), publish(0, 0)),
			broken: limited(wire.MaximumPacketSize(20), publish(0, 0, payload("more than twenty bytes"))), idle: limited(rm, publish(0, 0))},
		{ids: onAlias, kept: limited(wire.TopicAliasMaximum(3), publish(0, 0, alias(3))), broken: limited(wire.TopicAliasMaximum(3), publish(0, 0, alias(4))),
			idle: limited(rm, publish(0, 0, alias(1)))},
		{ids: noAlias, kept: limited(rm, publish(0, 0)), broken: limited(rm, publish(0, 0, alias(1))), idle: limited(wire.TopicAliasMaximum(1), publish(0, 0, alias(1)))},
		{ids: "MQTT-3.2.2-18", kept: limited(rm, publish(0, 0)), broken: limited(wire.TopicAliasMaximum(0), publish(0, 0, alias(1))), idle: hasty(rm, publish(0, 0, alias(1)))},
		{ids: "U5-021", kept: sentByFresh(publish(0, 0, alias(1)), publish(0, 0, topic(""), alias(1))),
			broken: sentByFresh(publish(0, 0, alias(1)), publish(0, 0, topic(""), alias(2))), idle: sentByFresh(publish(0, 0, alias(1)))},
		{ids: "MQTT-3.3.2-7", kept: func(s *script) { s.fresh().send(publish(0, 0, alias(1))).resumed("c#2").send(publish(0, 0, alias(1))) },
			broken: func(s *script) {
				s.fresh().send(publish(0, 0, alias(1))).resumed("c#2").send(publish(0, 0, topic(""), alias(1)))
			},
			idle: sentByFresh(publish(0, 0, topic(""), alias(1)))},
		{ids: "MQTT-3.2.2-11", kept: limited(wire.MaximumQoS(1), publish(1, 1)), broken: limited(wire.MaximumQoS(1), publish(2, 1)), idle: hasty(wire.MaximumQoS(1), publish(2, 1))},
		// it has acknowledged what came after the CONNACK, so it knows
		{ids: "MQTT-3.2.2-11", kept: limited(wire.MaximumQoS(1), publish(1, 1)), broken: func(s *script) {
			hasty(wire.MaximumQoS(1))(s)
			s.server(publish(1, 7)).client(wire.Puback{PacketID: 7}, publish(2, 1))
		}},
		{ids: "MQTT-3.2.2-14", kept: limited(wire.RetainAvailable(0), publish(0, 0)), broken: limited(wire.RetainAvailable(0), publish(0, 0, retain)),
			idle: hasty(wire.RetainAvailable(0), publish(0, 0, retain))},
		// it has waited for a late CONNACK
		{ids: "MQTT-3.2.2-14", kept: limited(wire.RetainAvailable(0), publish(0, 0)), broken: func(s *script) {
			s.open().client(wire.Connect{ClientID: "me"}).wait(time.Second).server(wire.Connack{Properties: wire.Properties{wire.RetainAvailable(0)}}).client(publish(0, 0, retain))
		}, idle: limited(wire.RetainAvailable(1), publish(0, 0, retain))},
	}
}

func exchangeExamples() []example {
	lost := func(p wire.Publish) func(*script) { return func(s *script) { s.fresh().send(p).resumed("c#2") } }
	then := func(before func(*script), ps ...wire.Packet) func(*script) {
		return func(s *script) { before(s); s.send(ps...) }
	}
	one, two := publish(1, 5), publish(2, 5)
	again1, again2 := publish(1, 5, dup), publish(2, 5, dup)
	other1, other2 := publish(1, 5, payload("y")), publish(2, 5, payload("y"))
	received := func(s *script) { s.fresh().send(two).reply(wire.Pubrec{PacketID: 5}) }
	rel := wire.Pubrel{PacketID: 5}
	acked := func(s *script) {
		s.fresh().send(one).reply(wire.Puback{PacketID: 5}).send(two).reply(wire.Pubrec{PacketID: 5}).send(rel).reply(wire.Pubcomp{PacketID: 5})
	}
	const inUse = "in use"
	return []example{
		{ids: "MQTT-2.2.1-4 MQTT-2.2.1-3", only: "than 0", kept: sentByFresh(one), broken: sentByFresh(publish(1, 0)), idle: sentByFresh(publish(0, 0))},
		{ids: "MQTT-2.2.1-4 MQTT-2.2.1-3", only: inUse, kept: then(acked, other1), broken: sentByFresh(one, other1), idle: sentByFresh(publish(0, 0))},
		{ids: "MQTT-4.3.2-1", kept: then(acked, other1), broken: sentByFresh(one, other1), idle: sentByFresh(two)},
		{ids: "MQTT-4.3.3-1", only: "unused", kept: then(acked, other2), broken: then(received, other2), idle: sentByFresh(one)},
		// in use over a resume; what is sent again is not new
		{ids: "MQTT-2.2.1-4 MQTT-2.2.1-3", only: inUse, kept: then(lost(one), again1, publish(1, 6)), broken: then(lost(one), other1)},
		{ids: "MQTT-4.3.3-1", only: "unused", kept: then(lost(two), again2, publish(2, 6)), broken: then(lost(two), publish(2, 5, dup, payload("y")))},
		// a new session has all identifiers; of one with a malformed packet of ours nothing is known
		{ids: "MQTT-2.2.1-4 MQTT-2.2.1-3", only: inUse, kept: func(s *script) { s.fresh().send(one).on("c#2").fresh().send(other1) },
			broken: then(received, rel, other2), idle: func(s *script) { s.fresh().reply(wire.Puback{}).send(one, other1) }},
		{ids: "MQTT-2.2.1-3", only: inUse, kept: func(s *script) { s.fresh().send(subscribe(5, 0, "t")).reply(suback(5, 0)).send(one) },
			broken: sentByFresh(subscribe(5, 0, "t"), one)},
		{ids: "MQTT-2.2.1-3", only: inUse, kept: sentByFresh(one, subscribe(6, 0, "t"), subscribe(6, 0, "t")), broken: sentByFresh(one, subscribe(5, 0, "t"))},
		{ids: "MQTT-2.2.1-2", sender: onlyServer, kept: func(s *script) {
			s.fresh().client(publish(0, 0, payload("hello"))).server(publish(0, 0, payload("hello")))
		},
			broken: func(s *script) {
				wrong := "\x00\x07hello"
				if s.v == wire.V5 {
					wrong = "\x07\x00hello" // the first byte of the identifier was taken for the Property Length
				}
				s.fresh().client(publish(0, 0, payload("hello"))).server(publish(0, 0, payload(wrong)))
			}, idle: sentByFresh(publish(0, 0, payload("\x00\x07hello")))},
		{ids: "MQTT-3.3.1-1", kept: then(lost(one), again1), broken: then(lost(one), one), idle: then(acked, one)},
		{ids: "MQTT-3.3.1-1", kept: then(lost(two), again2), broken: then(lost(two), two), idle: func(s *script) { s.fresh().send(one).on("c#2").fresh().send(one) }},
		// what was acknowledged from another connection is free
		{ids: "MQTT-3.3.1-1", kept: then(lost(two), again2), broken: then(lost(two), two),
			idle: func(s *script) { lost(one)(s); s.on("c").reply(wire.Puback{PacketID: 5}).on("c#2").send(one) }},
		// after a crash of the server nothing is known
		{ids: "MQTT-3.3.1-1", kept: then(lost(two), again2), broken: then(lost(two), two),
			idle: func(s *script) { s.fresh().send(one).on("").fault().resumed("c#2").send(one) }},
		{ids: "MQTT-4.3.2-2", kept: sentByFresh(one), broken: sentByFresh(again1), idle: then(lost(two), again1)},
		{ids: "MQTT-4.3.3-2", only: "has DUP", kept: sentByFresh(two), broken: sentByFresh(again2), idle: then(lost(one), again2)},
		{ids: "MQTT-4.3.3-4", only: "answers a PUBREC", kept: then(received, rel), broken: sentByFresh(two, rel), idle: func(s *script) { s.resumed("c").send(rel) }},
		{ids: "MQTT-4.3.3-4", only: "answers a PUBREC", kept: func(s *script) { received(s); s.resumed("c#2").send(rel) }, broken: func(s *script) {
			s.fresh().send(two).reply(wire.Pubrec{PacketID: 5, ReasonCode: 0x87}).send(rel)
			if s.v == wire.V311 { // whose PUBREC cannot refuse
				s.send(wire.Pubrel{PacketID: 6})
			}
		}},
		{ids: "MQTT-4.3.3-6", kept: func(s *script) { received(s); s.send(rel).resumed("c#2").send(rel) },
			broken: func(s *script) { received(s); s.send(rel).resumed("c#2").send(again2) }, idle: then(received, rel)},
		{ids: "MQTT-4.4.0-1", kept: then(lost(one), again1), broken: sentByFresh(one, again1), idle: sentByFresh(one, publish(1, 6))},
		{ids: "MQTT-4.4.0-1", kept: then(received, rel), broken: then(received, rel, rel), idle: sentByFresh(one)},
		// after our acknowledgement it may have crossed; that it comes at all cannot be judged
		{ids: "MQTT-4.4.0-1", kept: then(lost(one), again1), broken: then(lost(one), again1, again1),
			idle: func(s *script) { s.fresh().send(one).reply(wire.Puback{PacketID: 5}).send(again1) }},
		{ids: "MQTT-2.2.1-5", only: "belong", kept: func(s *script) { s.fresh().reply(one).send(wire.Puback{PacketID: 5}) },
			broken: func(s *script) { s.fresh().reply(one).send(wire.Puback{PacketID: 6}) }, idle: func(s *script) { s.resumed("c").send(wire.Puback{PacketID: 6}) }},
		{ids: "MQTT-2.2.1-5", only: "belong", kept: func(s *script) { s.fresh().reply(two).send(wire.Pubrec{PacketID: 5}) },
			broken: func(s *script) { s.fresh().reply(one).send(wire.Pubrec{PacketID: 5}) }},
		{ids: "MQTT-2.2.1-5", only: "belong", kept: then(received, rel), broken: then(received, wire.Pubrel{PacketID: 6})},
		{ids: "MQTT-2.2.1-5", only: "belong", kept: func(s *script) { s.fresh().reply(one).resumed("c#2").send(wire.Puback{PacketID: 5}) },
			broken: func(s *script) { s.fresh().reply(one).send(wire.Puback{PacketID: 5}, wire.Puback{PacketID: 5}) }},
	}
}
