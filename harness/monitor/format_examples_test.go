package monitor

import "github.com/mqttspec/mqttspec/harness/wire"

// bare is a packet given by its first byte and content.
func bare(first byte, content ...byte) wire.Raw { return wire.Frame(nil, first, content) }

var (
	onlyServer = []wire.Sender{wire.FromServer}
	onlyClient = []wire.Sender{wire.FromClient}
)

// sentByFresh makes a history of packets of the judged side on a fresh session.
func sentByFresh(ps ...wire.Packet) func(*script) {
	return func(s *script) { s.fresh().send(ps...) }
}

func flagsExample(ids string, sender []wire.Sender, p wire.Packet, wrong byte) example {
	return example{ids: ids, only: "flags", sender: sender, kept: sentByFresh(p), broken: sentByFresh(wire.WithFlags{Packet: p, Flags: wrong})}
}

func formatExamples() []example {
	padded := append(append([]byte{0xE0}, wire.AppendPaddedVarint(nil, 1, 2)...), 0x82)
	auth := wire.Auth{Properties: wire.Properties{wire.AuthenticationMethod("m")}}
	ping := func(s *script) wire.Packet {
		if s.judged == wire.FromServer {
			return wire.Pingresp{}
		}
		return wire.Pingreq{}
	}
	return []example{
		{ids: "MQTT-1.5.5-1", kept: sentByFresh(publish(0, 0)), broken: sentByFresh(wire.Raw(padded))},
		flagsExample("MQTT-2.1.3-1", nil, wire.Puback{PacketID: 1}, 1),
		flagsExample("MQTT-3.6.1-1", nil, wire.Pubrel{PacketID: 1}, 0),
		flagsExample("MQTT-3.15.1-1", nil, auth, 8),
		flagsExample("MQTT-3.8.1-1", onlyClient, subscribe(1, 0, "t"), 0),
		flagsExample("MQTT-3.10.1-1", onlyClient, wire.Unsubscribe{PacketID: 1, Filters: []string{"t"}}, 3),
		{ids: "MQTT-2.2.2-1", sender: onlyServer, kept: sentByFresh(suback(1, 0)), broken: sentByFresh(bare(0xB0, 0, 1))},
		{ids: "MQTT-2.2.2-1", sender: onlyClient, kept: sentByFresh(subscribe(1, 0, "t")), broken: sentByFresh(bare(0xA2, 0, 1))},
		{ids: "MQTT-2.2.1-5", only: "have a", kept: sentByFresh(wire.Puback{PacketID: 1}), broken: sentByFresh(bare(0x50, 1))},
		{ids: "MQTT-2.2.1-6", only: "have a", kept: sentByFresh(suback(1, 0)), broken: sentByFresh(bare(0x90))},
		{ids: "MQTT-3.3.1-2 MQTT-4.3.1-1 v311:U3-003", kept: sentByFresh(publish(0, 0)), broken: sentByFresh(publish(0, 0, dup)),
			idle: sentByFresh(publish(1, 1, dup))},
		{ids: "MQTT-3.3.1-4", kept: sentByFresh(publish(2, 1)), broken: sentByFresh(publish(3, 1))},
		{ids: "U5-028", kept: func(s *script) { s.fresh().send(ping(s)) },
			broken: func(s *script) { s.fresh().send(wire.WithTrailing{Packet: ping(s), Bytes: []byte{0}}) }},
		{ids: "U5-044", kept: sentByFresh(wire.Puback{PacketID: 1}),
			broken: sentByFresh(wire.WithTrailing{Packet: wire.Puback{PacketID: 1, LongForm: true}, Bytes: []byte{0}})},
		{ids: "MQTT-3.2.2-1", kept: func(s *script) { s.fresh() },
			broken: func(s *script) { s.open().client(wire.Connect{}).server(wire.Connack{ReservedFlags: 0x80}) }},
	}
}

// textExample is for strings of a PUBLISH property or topic.
func textExample(ids string, good, bad string, edit func(string) func(*wire.Publish)) example {
	return example{ids: ids, kept: sentByFresh(publish(0, 0, edit(good))), broken: sentByFresh(publish(0, 0, edit(bad)))}
}

func textExamples() []example {
	userProperty := func(s string) func(*wire.Publish) { return with(wire.UserProperty("a", s)) }
	contentType := func(s string) func(*wire.Publish) { return with(wire.ContentType(s)) }
	response := func(s string) func(*wire.Publish) { return with(wire.ResponseTopic(s)) }
	const bad, null = "a\xC0\x80", "a\x00"
	connect := func(c wire.Connect) func(*script) {
		return func(s *script) { s.open().client(c).server(wire.Connack{}) }
	}
	name := func(s string) *string { return &s }
	filters := func(id uint16, fs ...string) wire.Packet { return wire.Unsubscribe{PacketID: id, Filters: fs} }
	return []example{
		textExample("MQTT-1.5.4-1 MQTT-3.3.2-1", "\uFEFFä", bad, topic),
		textExample("MQTT-1.5.4-1", "ok", "\xED\xA0\x80", topic), // a surrogate
		textExample("MQTT-1.5.4-2 MQTT-3.3.2-1 MQTT-4.7.3-2", "a", null, topic),
		{ids: "MQTT-3.3.2-1", kept: sentByFresh(publish(0, 0)), broken: sentByFresh(bare(0x30, 0, 9, 'a')), idle: sentByFresh(wire.Puback{PacketID: 1})},
		textExample("MQTT-1.5.7-1", "ü", bad, userProperty),
		textExample("MQTT-3.3.2-2 MQTT-4.7.0-1", "a/b", "a/+", topic),
		textExample("MQTT-3.3.2-13", "a", bad, response),
		textExample("MQTT-3.3.2-14", "a", "a/#", response),
		textExample("MQTT-3.3.2-19", "text/plain", null, contentType),
		textExample("MQTT-4.7.3-1", "a", "", topic),
		{ids: "U5-019", kept: sentByFresh(publish(0, 0, topic(""), with(wire.TopicAlias(1)))), broken: sentByFresh(publish(0, 0, topic("")))},
		{ids: "U5-041", sender: onlyServer, kept: sentByFresh(wire.Puback{PacketID: 1, Properties: wire.Properties{wire.ReasonString("fine")}}),
			broken: sentByFresh(wire.Puback{PacketID: 1, Properties: wire.Properties{wire.ReasonString("a\nb")}}),
			idle:   sentByFresh(publish(0, 0, topic("a\x01")))}, // a client's choice
		{ids: "U5-041", sender: onlyClient, kept: sentByFresh(publish(0, 0)), broken: sentByFresh(publish(0, 0, topic("\uFDD0")))},
		{ids: "MQTT-3.1.3-4", kept: connect(wire.Connect{ClientID: "a"}), broken: connect(wire.Connect{ClientID: bad})},
		{ids: "MQTT-3.1.3-11", kept: connect(wire.Connect{Will: &wire.Will{Topic: "w"}}), broken: connect(wire.Connect{Will: &wire.Will{Topic: null}})},
		{ids: "MQTT-4.7.0-1", sender: onlyClient, kept: connect(wire.Connect{Will: &wire.Will{Topic: "w"}}), broken: connect(wire.Connect{Will: &wire.Will{Topic: "w/#"}})},
		{ids: "MQTT-3.1.3-12", kept: connect(wire.Connect{Username: name("u")}), broken: connect(wire.Connect{Username: name(bad)})},
		{ids: "MQTT-3.8.3-1", kept: sentByFresh(subscribe(1, 0, "t")), broken: sentByFresh(subscribe(1, 0, bad)), idle: sentByFresh(filters(1, bad))},
		{ids: "MQTT-3.10.3-1", kept: sentByFresh(filters(1, "t")), broken: sentByFresh(filters(1, "t", bad)), idle: sentByFresh(subscribe(1, 0, bad))},
		{ids: "MQTT-4.7.1-1", kept: sentByFresh(subscribe(1, 0, "a/#", "#")), broken: sentByFresh(filters(1, "a#")), idle: sentByFresh(subscribe(1, 0, "a/+"))},
		{ids: "MQTT-4.7.1-2", kept: sentByFresh(subscribe(1, 0, "+/a/+")), broken: sentByFresh(subscribe(1, 0, "a+")), idle: sentByFresh(subscribe(1, 0, "a/#"))},
		{ids: "MQTT-4.8.2-1", kept: sentByFresh(subscribe(1, 0, "$share/g/t")), broken: sentByFresh(subscribe(1, 0, "$share//t")), idle: sentByFresh(subscribe(1, 0, "t"))},
		{ids: "MQTT-4.8.2-2", kept: sentByFresh(subscribe(1, 0, "$share/g/t")), broken: sentByFresh(subscribe(1, 0, "$share/g/")), idle: sentByFresh(subscribe(1, 0, "$share//t"))},
		{ids: "MQTT-4.8.2-2", kept: sentByFresh(subscribe(1, 0, "$share/g/+")), broken: sentByFresh(subscribe(1, 0, "$share/+/t"))},
	}
}

func propertyExamples() []example {
	props := func(ps ...wire.Property) wire.Properties { return ps }
	// connack and connect make the histories of one property list each
	connack := func(ps ...wire.Property) func(*script) {
		return func(s *script) { s.open().client(wire.Connect{ClientID: "me"}).server(wire.Connack{Properties: ps}) }
	}
	connect := func(ps ...wire.Property) func(*script) {
		return func(s *script) { s.open().client(wire.Connect{ClientID: "me", Properties: ps}) }
	}
	answer := func(ps ...wire.Property) func(*script) { return sentByFresh(wire.Puback{PacketID: 1, Properties: ps}) }
	goodbye := func(ps ...wire.Property) func(*script) {
		return sentByFresh(wire.Disconnect{ReasonCode: wire.UseAnotherServer, Properties: ps})
	}
	step := func(ps ...wire.Property) func(*script) {
		return sentByFresh(wire.Auth{ReasonCode: wire.ContinueAuthentication, Properties: ps})
	}
	will := func(ps ...wire.Property) func(*script) {
		return func(s *script) { s.open().client(wire.Connect{Will: &wire.Will{Topic: "w", Properties: ps}}) }
	}
	sub := func(ps ...wire.Property) wire.Packet {
		return wire.Subscribe{PacketID: 1, Properties: ps, Subscriptions: []wire.Subscription{{Filter: "t"}}}
	}
	twice := func(id string, make func(...wire.Property) func(*script), p wire.Property) example {
		return example{ids: id, kept: make(p), broken: make(p, p)}
	}
	asked := func(flag byte, answer ...wire.Property) func(*script) {
		return func(s *script) {
			s.open().client(wire.Connect{Properties: props(wire.RequestResponseInformation(flag))}).server(wire.Connack{Properties: answer})
		}
	}
	problem := func(flag byte, ps ...wire.Property) func(*script) {
		return func(s *script) {
			s.fresh(wire.RequestProblemInformation(flag)).send(wire.Puback{PacketID: 1, Properties: ps})
		}
	}
	maxQoS2, maxQoS1 := wire.MaximumQoS(2), wire.MaximumQoS(1)
	return []example{
		{ids: "U5-043", kept: sentByFresh(publish(0, 0, with(wire.ContentType("a")))), broken: sentByFresh(publish(0, 0, with(wire.WillDelayInterval(1))))},
		{ids: "U5-043", kept: sentByFresh(publish(0, 0, with(wire.ContentType("a")))), broken: sentByFresh(publish(0, 0, with(wire.Property{ID: 0x7F})))},
		{ids: "U5-043", sender: onlyClient, kept: will(wire.WillDelayInterval(1)), broken: will(wire.TopicAlias(1))},
		{ids: "U5-022", kept: sentByFresh(publish(0, 0, with(wire.ContentType("a"), wire.UserProperty("a", "b"), wire.UserProperty("a", "b")))),
			broken: sentByFresh(publish(0, 0, with(wire.ContentType("a"), wire.ContentType("a"))))},
		{ids: "MQTT-3.3.2-8", kept: sentByFresh(publish(0, 0, with(wire.TopicAlias(1)))), broken: sentByFresh(publish(0, 0, with(wire.TopicAlias(0))))},
		{ids: "U5-012", kept: connack(wire.ReceiveMaximum(1)), broken: connack(wire.ReceiveMaximum(0))},
		twice("U5-012", connack, wire.ReceiveMaximum(1)),
		{ids: "U5-013", kept: connack(maxQoS1), broken: connack(maxQoS2)},
		twice("U5-013", connack, maxQoS1),
		{ids: "U5-014", kept: connack(wire.RetainAvailable(0)), broken: connack(wire.RetainAvailable(2))},
		twice("U5-015", connack, wire.ReasonString("a")),
		{ids: "U5-058", kept: connack(wire.MaximumPacketSize(1)), broken: connack(wire.MaximumPacketSize(0))},
		{ids: "U5-059", kept: connack(wire.WildcardSubscriptionAvailable(1)), broken: connack(wire.WildcardSubscriptionAvailable(2))},
		{ids: "U5-059", kept: connack(wire.SharedSubscriptionAvailable(0)), broken: connack(wire.SubscriptionIdentifierAvailable(2))},
		twice("U5-064", answer, wire.ReasonString("a")),
		twice("U5-064", goodbye, wire.ServerReference("a")),
		twice("U5-064", step, wire.AuthenticationData("a")),
		{ids: "U5-023", kept: sentByFresh(publish(0, 0, with(wire.SubscriptionIdentifier(1), wire.SubscriptionIdentifier(2)))),
			broken: sentByFresh(publish(0, 0, with(wire.SubscriptionIdentifier(1), wire.SubscriptionIdentifier(0))))},
		{ids: "MQTT-3.1.2-28", kept: asked(0), broken: asked(0, wire.ResponseInformation("r")), idle: asked(1, wire.ResponseInformation("r"))},
		{ids: "MQTT-3.1.2-29", kept: problem(0), broken: problem(0, wire.UserProperty("a", "b")), idle: problem(1, wire.ReasonString("a"))},
		{ids: "MQTT-3.1.2-29", kept: problem(0), broken: problem(0, wire.ReasonString("a")), idle: func(s *script) {
			s.fresh(wire.RequestProblemInformation(0)).send(wire.Disconnect{ReasonCode: 0x8B, Properties: props(wire.ReasonString("a"))})
		}},
		{ids: "MQTT-3.14.2-2", kept: sentByFresh(wire.Disconnect{ReasonCode: 0x8B}),
			broken: sentByFresh(wire.Disconnect{ReasonCode: 0x8B, Properties: props(wire.SessionExpiryInterval(1))})},
		twice("U5-001", connect, wire.SessionExpiryInterval(1)),
		{ids: "U5-002", kept: connect(wire.ReceiveMaximum(1)), broken: connect(wire.ReceiveMaximum(0)), idle: connect()},
		{ids: "U5-003", kept: connect(wire.MaximumPacketSize(1)), broken: connect(wire.MaximumPacketSize(0)), idle: connect()},
		twice("U5-004", connect, wire.TopicAliasMaximum(1)),
		{ids: "U5-005", kept: connect(wire.RequestResponseInformation(1)), broken: connect(wire.RequestResponseInformation(2)), idle: connect()},
		twice("U5-006", connect, wire.RequestProblemInformation(1)),
		twice("U5-007", connect, wire.AuthenticationMethod("m")),
		{ids: "U5-008", kept: connect(wire.AuthenticationMethod("m"), wire.AuthenticationData("d")), broken: connect(wire.AuthenticationData("d")), idle: connect()},
		{ids: "U5-008", kept: connect(wire.AuthenticationMethod("m"), wire.AuthenticationData("d")),
			broken: connect(wire.AuthenticationMethod("m"), wire.AuthenticationData("d"), wire.AuthenticationData("d"))},
		twice("U5-009", will, wire.WillDelayInterval(1)),
		{ids: "U5-025", kept: sentByFresh(sub(wire.SubscriptionIdentifier(1))), broken: sentByFresh(sub(wire.SubscriptionIdentifier(0))), idle: sentByFresh(sub())},
		{ids: "MQTT-3.3.4-6", kept: sentByFresh(publish(0, 0)), broken: sentByFresh(publish(0, 0, with(wire.SubscriptionIdentifier(1))))},
	}
}

func reasonExamples() (all []example) {
	connack := func(c wire.Connack) func(*script) {
		return func(s *script) { s.open().client(wire.Connect{ClientID: "me"}).server(c) }
	}
	all = []example{
		{ids: "MQTT-3.2.2-8", kept: connack(wire.Connack{}), broken: connack(wire.Connack{ReasonCode: 0x60})},
		{ids: "MQTT-3.9.3-2", kept: sentByFresh(suback(1, 2, 0x80)), broken: sentByFresh(suback(1, 0, 3))},
		{ids: "MQTT-3.11.3-2", kept: sentByFresh(wire.Unsuback{PacketID: 1, ReasonCodes: []wire.ReasonCode{0x11}}),
			broken: sentByFresh(wire.Unsuback{PacketID: 1, ReasonCodes: []wire.ReasonCode{0x10}})},
		{ids: "MQTT-3.14.2-1", sender: onlyServer, kept: sentByFresh(wire.Disconnect{ReasonCode: 0x8B}),
			broken: sentByFresh(wire.Disconnect{ReasonCode: wire.DisconnectWithWillMessage})},
		{ids: "MQTT-3.15.2-1", sender: onlyServer, kept: sentByFresh(wire.Auth{ReasonCode: 0x18}), broken: sentByFresh(wire.Auth{ReasonCode: wire.ReAuthenticate})},
	}
	ack := func(t wire.Type, a wire.Ack, codes ...wire.ReasonCode) wire.Packet {
		switch t {
		case wire.CONNACK:
			return wire.Connack{Properties: a.Properties}
		case wire.PUBACK:
			return wire.Puback(a)
		case wire.PUBREC:
			return wire.Pubrec(a)
		case wire.PUBREL:
			return wire.Pubrel(a)
		case wire.PUBCOMP:
			return wire.Pubcomp(a)
		case wire.SUBACK:
			return wire.Suback{PacketID: 1, Properties: a.Properties, ReasonCodes: codes}
		case wire.UNSUBACK:
			return wire.Unsuback{PacketID: 1, Properties: a.Properties, ReasonCodes: codes}
		case wire.DISCONNECT:
			return wire.Disconnect{ReasonCode: a.ReasonCode, Properties: a.Properties}
		}
		return wire.Auth{ReasonCode: a.ReasonCode, Properties: a.Properties}
	}
	for id, t := range map[string]wire.Type{"MQTT-3.4.2-1": wire.PUBACK, "MQTT-3.5.2-1": wire.PUBREC, "MQTT-3.6.2-1": wire.PUBREL,
		"MQTT-3.7.2-1": wire.PUBCOMP, "MQTT-3.14.2-1": wire.DISCONNECT, "MQTT-3.15.2-1": wire.AUTH} {
		all = append(all, example{ids: id, kept: sentByFresh(ack(t, wire.Ack{PacketID: 1})), broken: sentByFresh(ack(t, wire.Ack{PacketID: 1, ReasonCode: 0x7F}))})
	}
	for _, s := range []struct {
		t            wire.Type
		reason, user string
	}{
		{wire.CONNACK, "MQTT-3.2.2-19", "MQTT-3.2.2-20"}, {wire.PUBACK, "MQTT-3.4.2-2", "MQTT-3.4.2-3"},
		{wire.PUBREC, "MQTT-3.5.2-2", "MQTT-3.5.2-3"}, {wire.PUBREL, "MQTT-3.6.2-2", "MQTT-3.6.2-3"},
		{wire.PUBCOMP, "MQTT-3.7.2-2", "MQTT-3.7.2-3"}, {wire.SUBACK, "MQTT-3.9.2-1", "MQTT-3.9.2-2"},
		{wire.UNSUBACK, "MQTT-3.11.2-1", "MQTT-3.11.2-2"}, {wire.DISCONNECT, "MQTT-3.14.2-3", "MQTT-3.14.2-4"},
		{wire.AUTH, "MQTT-3.15.2-2", "MQTT-3.15.2-3"},
	} {
		for id, p := range map[string]wire.Property{s.reason: wire.ReasonString("twenty bytes or more"), s.user: wire.UserProperty("twenty bytes", "or more")} {
			within := func(limit uint32) func(*script) {
				return func(sc *script) {
					sc.fresh(wire.MaximumPacketSize(limit)).send(ack(s.t, wire.Ack{PacketID: 1, Properties: wire.Properties{p}}, 0))
				}
			}
			// 3 bytes are too few for any of them: then the property is not what makes it too large
			all = append(all, example{ids: id, kept: within(100), broken: within(20), idle: within(3)})
		}
	}
	return all
}
