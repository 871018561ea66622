package protocol

import (
	"context"
	"fmt"
	"maps"
	"slices"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Malformed holds the specs of packets that break the format: each closes the Network Connection.
var Malformed = Section("Malformed packets",
	Spec("MP-FLAGS", "closes the link when flags of a fixed header are wrong",
		Both(V5("MQTT-2.1.3-1"), V311("MQTT-2.2.2-2")),
		func(ctx context.Context) {
			packets := []wire.Packet{wire.Pingreq{}, wire.Puback{PacketID: 7}, wire.Pubrec{PacketID: 7}, wire.Pubcomp{PacketID: 7}}
			punished(ctx, []wire.Packet{wire.Pingreq{}}, wrongFlags(Twin("MQTT-2.1.3-1", "MQTT-2.2.2-2"), 0, packets...))
		}),

	Spec("MP-FLAGS-PUBREL", "closes the link when the flags of PUBREL are wrong",
		Both(V5("MQTT-3.6.1-1"), V311("MQTT-3.6.1-1")),
		func(ctx context.Context) {
			p := wire.Pubrel{PacketID: 7}
			punished(ctx, []wire.Packet{p}, wrongFlags("MQTT-3.6.1-1", 2, p))
		}),

	Spec("MP-FLAGS-SUBSCRIBE", "closes the link when the flags of SUBSCRIBE are wrong",
		Both(V5("MQTT-3.8.1-1"), V311("MQTT-3.8.1-1")),
		func(ctx context.Context) {
			p := subscribe(Topic(ctx, "a"))
			punished(ctx, []wire.Packet{p}, wrongFlags("MQTT-3.8.1-1", 2, p))
		}),

	Spec("MP-FLAGS-UNSUBSCRIBE", "closes the link when the flags of UNSUBSCRIBE are wrong",
		Both(V5("MQTT-3.10.1-1"), V311("MQTT-3.10.1-1")),
		func(ctx context.Context) {
			p := wire.Unsubscribe{PacketID: 7, Filters: []string{Topic(ctx, "a")}}
			punished(ctx, []wire.Packet{p}, wrongFlags("MQTT-3.10.1-1", 2, p))
		}),

	Spec("MP-FLAGS-DISCONNECT", "does not take a DISCONNECT with reserved bits set for an orderly one: it publishes the Will",
		Both(V5("MQTT-3.14.1-1", "U5-065"), V311("MQTT-3.14.1-1", "U3-011")), flagsOfDisconnect),

	Spec("MP-QOS3", "closes the link when a PUBLISH has QoS 3",
		Both(V5("MQTT-3.3.1-4"), V311("MQTT-3.3.1-4")),
		func(ctx context.Context) {
			p := wire.Publish{Topic: Topic(ctx, "a"), QoS: q2, PacketID: 7}
			legal := []wire.Packet{p}
			var offences []offence
			for _, flags := range []byte{0x6, 0x7, 0xE, 0xF} {
				offences = append(offences, offence{"MQTT-3.3.1-4", fmt.Sprintf("PUBLISH with flags %04b", flags), wire.WithFlags{Packet: p, Flags: flags}, false})
			}
			punished(ctx, legal, offences)
		}, Needs(QoS2)),

	Spec("MP-DUP", "closes the link when a PUBLISH of QoS 0 has DUP 1",
		Both(V5("MQTT-3.3.1-2"), V311("U3-003")),
		func(ctx context.Context) {
			p := wire.Publish{Topic: Topic(ctx, "a")}
			pass(ctx, []wire.Packet{p})
			p.Dup = true
			// the statement binds the sender: what a receiver does is nowhere said outright
			r := offence{packet: p}.commit(ctx, 0)
			Should(ctx, Twin("MQTT-3.3.1-2", "U3-003"), "DUP 1 with QoS 0 closes the Network Connection", r.passed, BeFalse())
		}),

	Spec("MP-TYPE", "closes the link when a packet comes that no client sends",
		Both(V5("MQTT-4.13.1-1", "U5-029", "U5-039", "U5-072"), V311("MQTT-4.8.0-1")),
		func(ctx context.Context) {
			error := Twin("MQTT-4.13.1-1", "MQTT-4.8.0-1")
			bystander := Connect(ctx, Clean(ctx, "bystander"))
			offences := []offence{
				{error, "packet type 0", wire.Raw{0x00, 0}, false},
				{error, "CONNACK", wire.Connack{}, false},
				{error, "SUBACK", wire.Suback{PacketID: 7, ReasonCodes: []wire.ReasonCode{0}}, false},
				{error, "UNSUBACK", wire.Unsuback{PacketID: 7, ReasonCodes: []wire.ReasonCode{0}}, false},
				{Twin("MQTT-4.13.1-1 U5-029", "MQTT-4.8.0-1"), "PINGRESP", wire.Pingresp{}, false},
				{error, "packet type 15", wire.Auth{}, false}, // AUTH in 5.0: no method has been agreed on
			}
			punished(ctx, []wire.Packet{wire.Pingreq{}}, offences)
			if Version(ctx) == wire.V5 {
				Must(ctx, "U5-072", "a client that broke no rule stays connected", bystander.Alive(ctx), BeTrue())
				r := offence{packet: wire.Connack{}}.commit(ctx, len(offences))
				Should(ctx, "U5-039", "DISCONNECT tells the client why before its Network Connection is closed", r.told, BeTrue())
			}
		}),

	Spec("MP-DIALECT", "says nothing to a client of 3.1.1 whose link it closes, since DISCONNECT comes only from clients there",
		V311("U3-020"),
		func(ctx context.Context) {
			r := offence{packet: wire.Raw{0x00, 0}}.commit(ctx, 0)
			Step(ctx, "packet type 0 closes the Network Connection", r.passed, BeFalse())
			Must(ctx, "U3-020", "no DISCONNECT comes before the close", r.dialect, BeFalse())
		}),

	Spec("MP-UTF8", "closes the link when a string is not UTF-8",
		Both(V5("MQTT-1.5.4-1", "MQTT-1.5.7-1"), V311("MQTT-1.5.3-1")),
		func(ctx context.Context) {
			legal, offences := inStrings(ctx, Twin("MQTT-1.5.4-1", "MQTT-1.5.3-1"), "MQTT-1.5.7-1", map[string]string{
				"an incomplete sequence":      "\xe2\x82",
				"a stray continuation byte":   "\x80",
				"an overlong form":            "\xc0\xaf",
				"a surrogate":                 "\xed\xa0\x80",
				"a code point above U+10FFFF": "\xf4\x90\x80\x80",
				"the byte FF":                 "\xff",
			})
			punished(ctx, legal, offences)
		}),

	Spec("MP-NULL", "closes the link when a string has a null character",
		Both(V5("MQTT-1.5.4-2"), V311("MQTT-1.5.3-2")),
		func(ctx context.Context) {
			null := Twin("MQTT-1.5.4-2", "MQTT-1.5.3-2")
			legal, offences := inStrings(ctx, null, "MQTT-1.5.4-2", map[string]string{"a null character": "\x00"})
			punished(ctx, legal, offences)
		}),

	Spec("MP-PADDED", "closes the link when a length is not in its shortest form", V5("MQTT-1.5.5-1"),
		func(ctx context.Context) {
			pass(ctx, []wire.Packet{wire.Pingreq{}})
			p := wire.Bytes(wire.Publish{Topic: Topic(ctx, "a")}, wire.V5)
			padded := []offence{
				{"", "PINGREQ", wire.Raw{0xC0, 0x80, 0}, false},
				{"", "PUBLISH", wire.Raw(append([]byte{p[0], 0x80 | p[1], 0x80, 0}, p[2:]...)), false},
			}
			// the statement binds the sender: such a length can be read, and what a receiver does is nowhere said
			var passed []string
			for i, r := range react(ctx, padded) {
				if r.passed {
					passed = append(passed, padded[i].name)
				}
			}
			Should(ctx, "MQTT-1.5.5-1", "a Remaining Length with surplus bytes closes the Network Connection", passed, beClosed{})
		}),

	Spec("MP-TRAILING", "closes the link when bytes follow the last field of a packet", V5("U5-044", "U5-028"),
		func(ctx context.Context) {
			legal := []wire.Packet{Clean(ctx, ""), wire.Pingreq{}, wire.Pubrel{PacketID: 7, LongForm: true}}
			surplus := []byte("xyz")
			punished(ctx, legal, []offence{
				{"U5-044", "CONNECT", wire.WithTrailing{Packet: Clean(ctx, "surplus"), Bytes: surplus}, false},
				{"U5-044", "PUBREL", wire.WithTrailing{Packet: wire.Pubrel{PacketID: 7, LongForm: true}, Bytes: surplus}, false},
				{"U5-028", "PINGREQ", wire.WithTrailing{Packet: wire.Pingreq{}, Bytes: surplus}, false},
			})
		}),

	Spec("MP-UNREADABLE", "closes the link when a packet ends in the middle of a field or its length has five bytes",
		Both(V5("MQTT-4.13.1-1"), V311("MQTT-4.8.0-1")),
		func(ctx context.Context) {
			legal := []wire.Packet{
				wire.Pubrel{PacketID: 7}, subscribe(Topic(ctx, "a")),
				wire.Unsubscribe{PacketID: 7, Filters: []string{Topic(ctx, "a")}},
				wire.Publish{Topic: Topic(ctx, "a"), QoS: q1, PacketID: 7},
			}
			cut, long := unreadable(ctx, Twin("MQTT-4.13.1-1", "MQTT-4.8.0-1"), legal)
			pass(ctx, legal)
			reactions := react(ctx, slices.Concat(cut, long))
			Together(ctx,
				// what cannot be read cannot be overlooked
				func() { judgeAs(ctx, cut, reactions[:len(cut)], func(offence) bool { return true }) },
				func() { judge(ctx, long, reactions[len(cut):]) },
			)
		}, Needs(QoS1)),

	Spec("MP-IDENTIFIER-0", "closes the link when a Packet Identifier is 0",
		Both(V5("MQTT-2.2.1-3"), V311("MQTT-2.3.1-1")),
		func(ctx context.Context) {
			zero, topic := Twin("MQTT-2.2.1-3", "MQTT-2.3.1-1"), Topic(ctx, "a")
			s := subscribe(topic)
			legal := []wire.Packet{s}
			s.PacketID = 0
			punished(ctx, legal, []offence{
				{zero, "PUBLISH of QoS 1", wire.Publish{Topic: topic, QoS: q1}, false},
				{zero, "PUBLISH of QoS 2", wire.Publish{Topic: topic, QoS: q2}, false},
				{zero, "SUBSCRIBE", s, false},
				{zero, "UNSUBSCRIBE", wire.Unsubscribe{Filters: []string{topic}}, false},
			})
		}),

	Spec("MP-OPTIONS", "closes the link when a SUBSCRIBE has QoS 3 or reserved bits in its options",
		Both(V5("U5-026", "MQTT-3.8.3-5"), V311("MQTT-3.8.3-4")), wrongOptions),

	Spec("MP-NO-FILTER", "closes the link when SUBSCRIBE or UNSUBSCRIBE has no Topic Filter",
		Both(V5("MQTT-3.8.3-2", "MQTT-3.10.3-2", "U5-027"), V311("MQTT-3.8.3-3", "MQTT-3.10.3-2")),
		func(ctx context.Context) {
			legal := []wire.Packet{subscribe(Topic(ctx, "a")), wire.Unsubscribe{PacketID: 7, Filters: []string{Topic(ctx, "a")}}}
			punished(ctx, legal, []offence{
				{Twin("MQTT-3.8.3-2 U5-027", "MQTT-3.8.3-3"), "SUBSCRIBE", wire.Subscribe{PacketID: 7}, false},
				{Twin("MQTT-3.10.3-2 U5-027", "MQTT-3.10.3-2"), "UNSUBSCRIBE", wire.Unsubscribe{PacketID: 7}, false},
			})
		}),

	Spec("MP-REASON-CODE", "closes the link when an acknowledgement has a Reason Code that its type does not have", V5("MQTT-4.13.1-1"),
		undefinedCodes, Needs(QoS2)),
)

// subscribe returns a SUBSCRIBE with one filter at QoS 1.
func subscribe(filter string) wire.Subscribe {
	return wire.Subscribe{PacketID: 7, Subscriptions: []wire.Subscription{{Filter: filter, QoS: q1}}}
}

// wrongFlags returns each packet with each value of its flags but the right one.
func wrongFlags(id string, right byte, packets ...wire.Packet) (offences []offence) {
	for _, p := range packets {
		for flags := range byte(16) {
			if flags != right {
				offences = append(offences, offence{id, fmt.Sprintf("%v with flags %04b", p.Type(), flags), wire.WithFlags{Packet: p, Flags: flags}, false})
			}
		}
	}
	return offences
}

// flagsOfDisconnect tells by the Will whether a DISCONNECT was taken for an orderly one.
func flagsOfDisconnect(ctx context.Context) {
	will := Topic(ctx, "will")
	witness := listener(ctx, "witness", will+"/#", will)
	var wanted []string
	for flags := range byte(16) {
		name := fmt.Sprintf("flags %04b", flags)
		me := as(ctx, "me", int(flags))
		me.Will = &wire.Will{Topic: will + "/" + name, Payload: []byte(name), QoS: q1}
		c := Connect(ctx, me)
		c.Send(ctx, wire.WithFlags{Packet: wire.Disconnect{}, Flags: flags})
		if flags == 0 { // to close is the client's duty then
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			if !Should(ctx, Twin("U5-065", "U3-011"), "the server closes the Network Connection after DISCONNECT", closed, BeTrue()) {
				c.CloseFIN(ctx)
			}
			continue
		}
		c.Closed(Owed(ctx, "MQTT-3.14.1-1"))
		wanted = append(wanted, name)
	}
	missing := map[string]bool{}
	for _, name := range wanted {
		missing[name] = true
	}
	for len(missing) > 0 {
		p, o := witness.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		witness.Acknowledge(ctx, p)
		delete(missing, string(p.Payload))
	}
	var passed []string
	for _, name := range wanted {
		if missing[name] {
			passed = append(passed, name)
		}
	}
	Must(ctx, "MQTT-3.14.1-1", "a DISCONNECT with reserved bits set is an error: the Will is published", passed, beClosed{})
}

// inStrings puts faulty pieces into every kind of string that a client sends. It returns the packets without a fault as
// well. Strings of a User Property break the statement pair, others the statement id.
func inStrings(ctx context.Context, id, pair string, faults map[string]string) (legal []wire.Packet, offences []offence) {
	topic := Topic(ctx, "a")
	user := func(text string) *string { return &text }
	type place struct {
		id, name string
		packet   func(text string, number int) wire.Packet
	}
	places := []place{
		{id, "Topic Name", func(t string, _ int) wire.Packet { return wire.Publish{Topic: topic + t} }},
		{id, "Topic Filter of SUBSCRIBE", func(t string, _ int) wire.Packet { return subscribe(topic + t) }},
		{id, "Topic Filter of UNSUBSCRIBE", func(t string, _ int) wire.Packet {
			return wire.Unsubscribe{PacketID: 7, Filters: []string{topic + t}}
		}},
		{id, "Client Identifier", func(t string, n int) wire.Packet {
			return wire.Connect{CleanStart: true, ClientID: ID(ctx, fmt.Sprint("i", n)) + t}
		}},
		{id, "Will Topic", func(t string, n int) wire.Packet {
			c := as(ctx, "w", n)
			c.Will = &wire.Will{Topic: topic + t, Payload: []byte("gone")}
			return c
		}},
		{id, "User Name", func(t string, n int) wire.Packet {
			c := as(ctx, "u", n)
			c.Username = user("user" + t)
			return c
		}},
	}
	with := func(p wire.Property) wire.Publish { return wire.Publish{Topic: topic, Properties: wire.Properties{p}} }
	if Version(ctx) == wire.V5 {
		places = append(places,
			place{id, "Response Topic", func(t string, _ int) wire.Packet { return with(wire.ResponseTopic(topic + t)) }},
			place{id, "Content Type", func(t string, _ int) wire.Packet { return with(wire.ContentType("text" + t)) }},
			place{pair, "name of a User Property", func(t string, _ int) wire.Packet { return with(wire.UserProperty("name"+t, "value")) }},
			place{pair, "value of a User Property", func(t string, _ int) wire.Packet { return with(wire.UserProperty("name", "value"+t)) }},
			place{id, "Content Type of the Will", func(t string, n int) wire.Packet {
				c := as(ctx, "v", n)
				c.Will = &wire.Will{Topic: topic, Payload: []byte("gone"), Properties: wire.Properties{wire.ContentType("text" + t)}}
				return c
			}},
		)
	}
	for _, p := range places {
		if p.name != "User Name" { // a server may refuse one that it does not know
			legal = append(legal, p.packet("", 0))
		}
		for _, what := range slices.Sorted(maps.Keys(faults)) {
			offences = append(offences, offence{p.id, what + " in the " + p.name, p.packet(faults[what], len(offences)), false})
		}
	}
	return legal, offences
}

// unreadable cuts packets short, with the Remaining Length telling the truth about what is left, and writes them with a
// Remaining Length of five bytes.
func unreadable(ctx context.Context, id string, packets []wire.Packet) (cut, long []offence) {
	for _, p := range packets {
		b := wire.Bytes(p, Version(ctx))
		h, n, _ := wire.ParseHeader(b)
		five := append([]byte{b[0], 0x80 | b[1], 0x80, 0x80, 0x80, 0}, b[n:]...)
		long = append(long, offence{id, fmt.Sprintf("%v with five bytes of length", p.Type()), wire.Raw(five), false})
		most := h.Length - 1
		if p.Type() == wire.PUBLISH {
			most = h.Length - 3 // of an empty payload nothing can be cut: into the Topic Name
		}
		for _, left := range []int{1, 3, most} {
			if left <= most && !(p.Type() == wire.PUBREL && left > 1) {
				cut = append(cut, offence{id, fmt.Sprintf("%v of %d instead of %d bytes", p.Type(), left, h.Length),
					wire.Raw(wire.Frame(nil, b[0], b[n:n+left])), false})
			}
		}
	}
	return cut, long
}

// wrongOptions sends the values of Subscription Options that are not allowed.
func wrongOptions(ctx context.Context) {
	filter := Topic(ctx, "a")
	var offences []offence
	option := func(id, name string, s wire.Subscription) {
		s.Filter = filter
		offences = append(offences, offence{id, name, wire.Subscribe{PacketID: 7, Subscriptions: []wire.Subscription{s}}, false})
	}
	option(Twin("U5-026", "MQTT-3.8.3-4"), "QoS 3", wire.Subscription{QoS: 3})
	for bits := byte(1); bits < 4; bits++ {
		option(Twin("MQTT-3.8.3-5", "MQTT-3.8.3-4"), fmt.Sprintf("reserved bits %02b", bits), wire.Subscription{QoS: q1, ReservedBits: bits})
	}
	if Version(ctx) == wire.V311 {
		option("MQTT-3.8.3-4", "bit 2", wire.Subscription{QoS: q1, NoLocal: true})
		option("MQTT-3.8.3-4", "bit 3", wire.Subscription{QoS: q1, RetainAsPublished: true})
		option("MQTT-3.8.3-4", "bits 4 and 5", wire.Subscription{QoS: q1, RetainHandling: 3})
	} else {
		option("U5-026", "Retain Handling 3", wire.Subscription{QoS: q1, RetainHandling: 3})
	}
	punished(ctx, []wire.Packet{subscribe(filter)}, offences)
}

// undefinedCodes answers messages with Reason Codes that the acknowledgement's type does not have.
func undefinedCodes(ctx context.Context) {
	topic := Topic(ctx, "a")
	p := Connect(ctx, Clean(ctx, "pub"))
	answers := map[wire.QoS]func(id uint16) wire.Packet{
		q1: func(id uint16) wire.Packet { return wire.Puback{PacketID: id, ReasonCode: 0x42} },
		q2: func(id uint16) wire.Packet { return wire.Pubrec{PacketID: id, ReasonCode: 0x42} },
	}
	var passed []string
	for _, qos := range []wire.QoS{q1, q2} {
		c := Connect(ctx, as(ctx, "sub", int(qos)))
		c.Subscribe(ctx, fmt.Sprint(topic, qos), q2)
		p.Publish(ctx, fmt.Sprint(topic, qos), "message", qos)
		packet := answers[qos](c.ReceivePublish(ctx).PacketID)
		c.Send(ctx, packet)
		if _, closed := c.ClosedWithin(ctx, Timings(ctx).Reply); !closed {
			passed = append(passed, packet.Type().String())
		}
	}
	// how a receiver treats a code that it cannot know is nowhere said outright
	Should(ctx, "MQTT-4.13.1-1", "an undefined Reason Code closes the Network Connection", passed, beClosed{})
}
