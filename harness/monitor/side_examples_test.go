package monitor

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// serverExamples are for what only servers are bound to.
func serverExamples() []example {
	connect := wire.Connect{ClientID: "me", CleanStart: true}
	answer := func(ps ...wire.Packet) func(*script) {
		return func(s *script) { s.open().client(connect).server(ps...) }
	}
	refusal := func(s *script) wire.Connack {
		if s.v == wire.V311 {
			return wire.Connack{ReasonCode: 5}
		}
		return wire.Connack{ReasonCode: wire.NotAuthorized}
	}
	refused := func(then func(*script)) func(*script) {
		return func(s *script) { s.open().client(connect).server(refusal(s)); then(s) }
	}
	closed := func(s *script) { s.close(wire.FromServer, trace.FIN) }
	late := func(s *script) { s.wait(closeWithin).close(wire.FromClient, trace.Local) }
	asked := func(p wire.Packet, answers ...wire.Packet) func(*script) {
		return func(s *script) { s.fresh().client(p).server(answers...) }
	}
	unsubscribe := wire.Unsubscribe{PacketID: 1, Filters: []string{"t", "u"}}
	unsuback := func(id uint16, n int) wire.Packet {
		return wire.Unsuback{PacketID: id, ReasonCodes: make([]wire.ReasonCode, n)}
	}
	subscribed := func(filter string, qos wire.QoS, ps ...wire.Packet) func(*script) {
		return func(s *script) {
			s.fresh().client(subscribe(1, 2, filter)).server(suback(1, wire.ReasonCode(qos))).server(ps...)
		}
	}
	method := wire.Properties{wire.AuthenticationMethod("m")}
	auth := func(connack wire.Properties, ps ...wire.Packet) func(*script) {
		return func(s *script) {
			s.open().client(wire.Connect{ClientID: "me", Properties: method}).server(ps...).server(wire.Connack{Properties: connack})
		}
	}
	other := wire.Properties{wire.AuthenticationMethod("other")}
	goodbye := wire.Disconnect{ReasonCode: wire.ServerShuttingDown}
	return []example{
		{ids: "MQTT-3.2.0-1", kept: answer(wire.Connack{}, wire.Pingresp{}), broken: answer(publish(0, 0), wire.Connack{})},
		{ids: "MQTT-3.2.0-2", kept: answer(wire.Connack{}), broken: answer(wire.Connack{}, wire.Connack{})},
		{ids: "MQTT-3.2.2-2", kept: answer(wire.Connack{}), broken: answer(wire.Connack{SessionPresent: true}), idle: func(s *script) { s.resumed("c") }},
		{ids: "MQTT-3.2.2-6", kept: refused(func(*script) {}), broken: func(s *script) {
			r := refusal(s)
			r.SessionPresent = true
			s.open().client(connect).server(r)
		}, idle: answer(wire.Connack{SessionPresent: true})},
		{ids: "MQTT-3.2.2-7 MQTT-4.13.2-1", sender: onlyServer, kept: refused(closed), broken: refused(late),
			idle: refused(func(s *script) { s.wait(time.Second).close(wire.FromClient, trace.Local) })},
		{ids: "MQTT-3.2.2-7 MQTT-4.13.2-1", sender: onlyServer, kept: refused(closed), broken: refused(func(s *script) { s.wait(closeWithin); closed(s) }),
			idle: refused(func(s *script) { s.fault(); late(s) })},
		{ids: "MQTT-3.14.4-2", sender: onlyServer, kept: func(s *script) { s.fresh().server(goodbye); closed(s) },
			broken: func(s *script) { s.fresh().server(goodbye); late(s) }, idle: sentByFresh(goodbye)},
		{ids: "MQTT-3.14.4-1", sender: onlyServer, kept: func(s *script) { s.fresh().server(goodbye).cut(wire.FromServer, publish(0, 0)) },
			broken: sentByFresh(goodbye, publish(0, 0)), idle: sentByFresh(publish(0, 0))},
		{ids: "v311:U3-020", kept: sentByFresh(wire.Pingresp{}), broken: sentByFresh(wire.Disconnect{}), idle: func(s *script) { s.open().client(connect) }},
		{ids: "MQTT-3.14.0-1", kept: sentByFresh(goodbye), broken: answer(goodbye)},
		{ids: "MQTT-3.14.0-1", kept: sentByFresh(goodbye), broken: answer(wire.Connack{ReasonCode: 0x87}, goodbye)},
		{ids: "MQTT-3.2.2-9", kept: asked(publish(1, 1), wire.Puback{PacketID: 1}), broken: asked(publish(1, 1), wire.Disconnect{ReasonCode: wire.QoSNotSupported}),
			idle: func(s *script) {
				s.open().client(connect).server(wire.Connack{Properties: wire.Properties{wire.MaximumQoS(0)}}).client(publish(1, 1)).server(wire.Disconnect{ReasonCode: wire.QoSNotSupported})
			}},
		{ids: "MQTT-2.2.1-6", only: "of their request", kept: asked(subscribe(1, 0, "t"), suback(1, 0)), broken: asked(subscribe(1, 0, "t"), suback(2, 0))},
		{ids: "MQTT-2.2.1-6", only: "of their request", kept: asked(unsubscribe, unsuback(1, 2)), broken: asked(unsubscribe, suback(1, 0, 0)),
			idle: func(s *script) { s.fresh().client(unsubscribe).resumed("c#2").server(unsuback(1, 2)) }},
		{ids: "MQTT-3.8.4-2", kept: asked(subscribe(1, 0, "t"), suback(1, 0)), broken: asked(subscribe(1, 0, "t"), suback(1, 0), suback(1, 0)), idle: asked(unsubscribe, unsuback(1, 2))},
		{ids: "MQTT-3.10.4-5", kept: asked(unsubscribe, unsuback(1, 2)), broken: asked(unsubscribe, unsuback(2, 2)), idle: asked(subscribe(1, 0, "t"), suback(1, 0))},
		{ids: "MQTT-3.8.4-6", kept: asked(subscribe(1, 0, "t", "u"), suback(1, 0, 0)), broken: asked(subscribe(1, 0, "t", "u"), suback(1, 0)), idle: asked(subscribe(1, 0, "t"), suback(2))},
		{ids: "MQTT-3.8.4-7", kept: asked(subscribe(1, 1, "t", "u"), suback(1, 1, 0x80)), broken: asked(subscribe(1, 1, "t"), suback(1, 2)), idle: asked(subscribe(1, 0, "t"), suback(1))},
		{ids: "MQTT-3.11.3-1", kept: asked(unsubscribe, unsuback(1, 2)), broken: asked(unsubscribe, unsuback(1, 1))},
		{ids: "MQTT-3.12.4-1", kept: asked(wire.Pingreq{}, wire.Pingresp{}), broken: asked(wire.Pingreq{}, wire.Pingresp{}, wire.Pingresp{}), idle: asked(wire.Pingreq{})},
		{ids: "MQTT-3.3.2-3", kept: subscribed("+", 0, publish(0, 0)), broken: subscribed("t/+", 0, publish(0, 0)), idle: func(s *script) { s.resumed("c").server(publish(0, 0)) }},
		// before the SUBACK, from a Shared Subscription, and what was on its way at an UNSUBSCRIBE
		{ids: "MQTT-3.3.2-3", kept: asked(subscribe(1, 0, "t"), publish(0, 0)), broken: asked(subscribe(1, 0, "t"), suback(1, 0x80), publish(0, 0))},
		{ids: "MQTT-3.3.2-3", kept: subscribed("$share/g/t", 0, publish(0, 0)), broken: subscribed("$share/g/t/u", 0, publish(0, 0)),
			idle: subscribed("#", 0, publish(0, 0, topic("$SYS/x")))}, // another statement
		// by a subscription that the server has assigned
		{ids: "MQTT-3.3.2-3", kept: subscribed("t", 0, publish(0, 0)), broken: subscribed("t/u", 0, publish(0, 0)),
			idle: subscribed("t", 0, publish(0, 0, topic("news/of the server")))},
		{ids: "MQTT-3.3.2-3", kept: func(s *script) {
			subscribed("t", 0)(s)
			s.client(wire.Unsubscribe{PacketID: 2, Filters: []string{"t"}}).server(unsuback(2, 1), publish(0, 0))
		}, broken: func(s *script) { subscribed("t", 0)(s); s.on("c#2").fresh().server(publish(0, 0)) }},
		{ids: "MQTT-4.7.2-1", kept: func(s *script) {
			s.fresh().client(subscribe(1, 0, "#", "$SYS/#")).server(suback(1, 0, 0), publish(0, 0, topic("$SYS/x")))
		}, broken: subscribed("+/x", 0, publish(0, 0, topic("$SYS/x"))), idle: subscribed("#", 0, publish(0, 0))},
		{ids: "MQTT-3.8.4-8", kept: subscribed("t", 1, publish(1, 1)), broken: subscribed("t", 1, publish(2, 1)), idle: subscribed("u", 1, publish(2, 1))},
		// the highest QoS of all that match, and of all times
		{ids: "MQTT-3.8.4-8", kept: func(s *script) {
			subscribed("t", 2)(s)
			s.client(subscribe(2, 0, "t", "+")).server(suback(2, 0, 0), publish(2, 1))
		}, broken: func(s *script) { subscribed("t", 0)(s); s.client(subscribe(2, 1, "+")).server(publish(2, 1)) }},
		{ids: "MQTT-4.12.0-5", sender: onlyServer, kept: auth(method), broken: auth(other), idle: answer(wire.Connack{})},
		{ids: "MQTT-4.12.0-5", sender: onlyServer, kept: auth(method), broken: auth(nil), idle: func(s *script) {
			s.open().client(wire.Connect{Properties: method}).server(wire.Connack{ReasonCode: wire.BadAuthenticationMethod})
		}},
		{ids: "U5-033", kept: sentByFresh(wire.Auth{ReasonCode: 0x18, Properties: method}), broken: sentByFresh(wire.Auth{ReasonCode: 0x18}), idle: sentByFresh(wire.Auth{})},
		{ids: "MQTT-4.12.0-2", kept: auth(method, wire.Auth{ReasonCode: 0x18, Properties: method}), broken: auth(method, wire.Auth{Properties: method}),
			idle: func(s *script) { auth(method)(s); s.server(wire.Auth{Properties: method}) }},
		{ids: "MQTT-4.12.0-6", kept: answer(wire.Connack{}), broken: answer(wire.Connack{Properties: method}), idle: auth(method)},
		{ids: "MQTT-4.12.0-6", kept: answer(wire.Connack{}), broken: answer(wire.Auth{ReasonCode: 0x18, Properties: method})},
	}
}

// clientExamples are for what only clients are bound to.
func clientExamples() []example {
	name := "u"
	connect := func(c wire.Connect) func(*script) { return func(s *script) { s.open().client(c) } }
	flags := func(f byte, c wire.Connect) wire.Connect { c.ConnectFlags = &f; return c }
	method := wire.Properties{wire.AuthenticationMethod("m")}
	auth := func(ps ...wire.Packet) func(*script) {
		return func(s *script) { s.open().client(wire.Connect{ClientID: "me", Properties: method}).client(ps...) }
	}
	continued := wire.Auth{ReasonCode: 0x18, Properties: method}
	again := func(method string) wire.Packet {
		return wire.Auth{ReasonCode: wire.ReAuthenticate, Properties: wire.Properties{wire.AuthenticationMethod(method)}}
	}
	got := func(ps ...wire.Packet) func(acks ...wire.Packet) func(*script) {
		return func(acks ...wire.Packet) func(*script) {
			return func(s *script) { s.fresh().server(ps...).client(acks...) }
		}
	}
	two1, two2 := got(publish(1, 1), publish(1, 2)), got(publish(2, 1), publish(2, 2))
	sent := func(acks ...wire.Packet) func(*script) {
		return func(s *script) {
			s.fresh().client(publish(2, 1), publish(2, 2)).server(wire.Pubrec{PacketID: 2}, wire.Pubrec{PacketID: 1}).client(acks...)
		}
	}
	back := func(ps ...wire.Packet) func(*script) {
		return func(s *script) { s.fresh().client(publish(1, 1), publish(2, 2)).resumed("c#2").client(ps...) }
	}
	forgotten := func(ps ...wire.Packet) func(*script) {
		return func(s *script) { s.fresh().client(publish(1, 1)).on("c#2").begin(false, false).client(ps...) }
	}
	silent := func(gap time.Duration, ps ...wire.Property) func(*script) {
		return func(s *script) { s.fresh(ps...).client(wire.Pingreq{}).wait(gap).client(wire.Pingreq{}) }
	}
	disturbed := func(s *script) { silent(time.Hour)(s); s.fault() }
	awaiting := func(s *script) {
		s.open().client(wire.Connect{KeepAlive: 60}).wait(2 * time.Minute).server(wire.Connack{}).client(wire.Pingreq{})
	}
	goodbye := func(after func(*script)) func(*script) {
		return func(s *script) { s.fresh().client(wire.Disconnect{}); after(s) }
	}
	failed := func(after func(*script)) func(*script) {
		return func(s *script) { s.fresh().client(wire.Disconnect{ReasonCode: 0x81}); after(s) }
	}
	closed := func(s *script) { s.close(wire.FromClient, trace.FIN) }
	late := func(s *script) { s.wait(closeWithin).close(wire.FromServer, trace.Local) }
	expiry := func(connect, disconnect uint32) func(*script) {
		return func(s *script) {
			s.open().client(wire.Connect{Properties: wire.Properties{wire.SessionExpiryInterval(connect)}}).server(wire.Connack{})
			s.client(wire.Disconnect{Properties: wire.Properties{wire.SessionExpiryInterval(disconnect)}})
		}
	}
	shared := func(noLocal bool) wire.Packet {
		return wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "$share/g/t", NoLocal: noLocal}}}
	}
	retainHandling3 := wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "t", RetainHandling: 3}}}
	reauthenticated := func(p wire.Packet) func(*script) {
		return func(s *script) { auth()(s); s.server(wire.Connack{Properties: method}).client(p) }
	}
	unanswered := func(s *script) {
		s.fresh().server(publish(1, 1), publish(1, 2)).client(wire.Puback{PacketID: 2}).wait(ackWithin).client(wire.Pingreq{})
	}
	return []example{
		{ids: "MQTT-3.1.0-1", kept: connect(wire.Connect{}), broken: func(s *script) { s.open().client(wire.Pingreq{}, wire.Connect{}) }},
		{ids: "MQTT-3.1.0-2", kept: connect(wire.Connect{}), broken: sentByFresh(wire.Connect{ClientID: "me"})},
		{ids: "MQTT-3.14.4-1", sender: onlyClient, kept: goodbye(closed), broken: goodbye(func(s *script) { s.client(wire.Pingreq{}) })},
		{ids: "MQTT-3.14.4-2", sender: onlyClient, kept: goodbye(closed), broken: goodbye(late), idle: goodbye(func(s *script) { s.close(wire.FromServer, trace.Local) })},
		{ids: "MQTT-4.13.2-1", sender: onlyClient, kept: failed(closed), broken: failed(late), idle: goodbye(late)},
		{ids: "MQTT-3.1.2-3", kept: connect(wire.Connect{}), broken: connect(flags(wire.FlagReserved, wire.Connect{}))},
		{ids: "MQTT-3.1.2-9", kept: connect(wire.Connect{Will: &wire.Will{Topic: "w"}}), broken: connect(flags(wire.FlagWill, wire.Connect{})), idle: connect(wire.Connect{})},
		{ids: "MQTT-3.1.2-11", kept: connect(wire.Connect{}), broken: connect(flags(wire.FlagWillQoS1, wire.Connect{})), idle: connect(wire.Connect{Will: &wire.Will{Topic: "w", QoS: 1}})},
		{ids: "MQTT-3.1.2-13", kept: connect(wire.Connect{}), broken: connect(flags(wire.FlagWillRetain, wire.Connect{})), idle: connect(wire.Connect{Will: &wire.Will{Topic: "w", Retain: true}})},
		{ids: "v311:MQTT-3.1.2-11", kept: connect(wire.Connect{}), broken: connect(flags(wire.FlagWillRetain, wire.Connect{})), idle: connect(wire.Connect{Will: &wire.Will{Topic: "w"}})},
		{ids: "MQTT-3.1.2-12", kept: connect(wire.Connect{Will: &wire.Will{Topic: "w", QoS: 2}}), broken: connect(wire.Connect{Will: &wire.Will{Topic: "w", QoS: 3}})},
		{ids: "MQTT-3.1.2-17", kept: connect(wire.Connect{Username: &name}), broken: connect(flags(wire.FlagUsername, wire.Connect{})), idle: connect(wire.Connect{})},
		{ids: "MQTT-3.1.2-19", kept: connect(wire.Connect{Username: &name, Password: []byte{}}),
			broken: connect(flags(wire.FlagUsername|wire.FlagPassword, wire.Connect{Username: &name})), idle: connect(wire.Connect{Username: &name})},
		{ids: "v311:MQTT-3.1.2-22", kept: connect(wire.Connect{}), broken: connect(wire.Connect{Password: []byte("p")}), idle: connect(wire.Connect{Username: &name, Password: []byte("p")})},
		{ids: "MQTT-3.1.3-3", kept: connect(wire.Connect{}), broken: func(s *script) {
			b := wire.Bytes(wire.Connect{}, s.v) // whose last two bytes are the length of the Client Identifier
			s.open().client(bare(b[0], b[2:len(b)-2]...))
		}},
		{ids: "v311:MQTT-3.1.3-7", kept: connect(wire.Connect{CleanStart: true}), broken: connect(wire.Connect{}), idle: connect(wire.Connect{ClientID: "me"})},
		{ids: "U5-030", kept: expiry(0, 0), broken: expiry(0, 5), idle: expiry(1, 5)},
		{ids: "MQTT-3.8.3-2 U5-027", kept: sentByFresh(subscribe(1, 0, "t")), broken: sentByFresh(subscribe(1, 0)), idle: sentByFresh(publish(0, 0))},
		{ids: "MQTT-3.10.3-2 U5-027", kept: sentByFresh(wire.Unsubscribe{PacketID: 1, Filters: []string{"t"}}), broken: sentByFresh(wire.Unsubscribe{PacketID: 1}), idle: sentByFresh(publish(0, 0))},
		{ids: "MQTT-3.8.3-4", kept: sentByFresh(shared(false)), broken: sentByFresh(shared(true)), idle: sentByFresh(subscribe(1, 0, "t"))},
		{ids: "U5-026", kept: sentByFresh(subscribe(1, 2, "t")), broken: sentByFresh(subscribe(1, 3, "t"))},
		{ids: "U5-026", kept: sentByFresh(subscribe(1, 2, "t")), broken: sentByFresh(retainHandling3)},
		{ids: "U5-029", kept: sentByFresh(wire.Pingreq{}), broken: sentByFresh(wire.Pingresp{})},
		{ids: "MQTT-4.12.0-5", sender: onlyClient, kept: auth(continued), broken: auth(again("other")), idle: sentByFresh(continued)},
		{ids: "MQTT-4.12.0-3", kept: auth(continued), broken: auth(again("m")), idle: reauthenticated(again("m"))},
		{ids: "MQTT-4.12.0-3", kept: auth(continued), broken: reauthenticated(wire.Auth{Properties: method})},
		{ids: "MQTT-4.12.0-7", kept: sentByFresh(wire.Pingreq{}), broken: sentByFresh(continued), idle: auth(continued)},
		{ids: "MQTT-4.12.1-1", kept: reauthenticated(again("m")), broken: reauthenticated(again("other")), idle: auth(continued)},
		{ids: "MQTT-3.1.2-30", kept: auth(continued, wire.Disconnect{}), broken: auth(publish(0, 0)), idle: reauthenticated(publish(0, 0))},
		{ids: "MQTT-4.6.0-2", kept: two1(wire.Puback{PacketID: 1}, wire.Puback{PacketID: 2}), broken: two1(wire.Puback{PacketID: 2}), idle: got(publish(1, 1))(wire.Puback{PacketID: 1})},
		{ids: "MQTT-4.6.0-3", kept: two2(wire.Pubrec{PacketID: 1}, wire.Pubrec{PacketID: 2}), broken: two2(wire.Pubrec{PacketID: 2}), idle: two1(wire.Pubrec{PacketID: 2})},
		{ids: "MQTT-4.6.0-4", kept: sent(wire.Pubrel{PacketID: 2}, wire.Pubrel{PacketID: 1}), broken: sent(wire.Pubrel{PacketID: 1}), idle: sent()},
		{ids: "MQTT-4.6.0-1", kept: back(publish(1, 1, dup), publish(2, 2, dup)), broken: back(publish(2, 2, dup), publish(1, 1, dup)), idle: back(publish(2, 2, dup))},
		// an acknowledgement that was lost with its connection leaves the message its place
		{ids: "MQTT-4.6.0-1", kept: func(s *script) {
			s.fresh().client(publish(1, 1), publish(2, 2)).server(wire.Puback{PacketID: 1})
			s.resumed("c#2").client(publish(1, 1, dup), publish(2, 2, dup)).resumed("c#3").client(publish(1, 1, dup), publish(2, 2, dup))
		}, broken: back(publish(2, 2, dup), publish(1, 1, dup))},
		{ids: "MQTT-4.5.0-2", kept: two1(wire.Puback{PacketID: 1}), broken: unanswered, idle: two1()},
		{ids: "MQTT-4.5.0-2", kept: two2(wire.Pubrec{PacketID: 1}, wire.Pubrec{PacketID: 2}), broken: func(s *script) { two2(wire.Pubrec{PacketID: 2})(s); s.wait(ackWithin).client(wire.Pingreq{}) }},
		{ids: "MQTT-3.2.2-5", kept: forgotten(publish(1, 1)), broken: forgotten(publish(1, 1, dup)), idle: back(publish(1, 1, dup))},
		{ids: "MQTT-3.1.2-20", kept: silent(60 * time.Second), broken: silent(76 * time.Second), idle: sentByFresh(publish(0, 0))},
		{ids: "MQTT-3.1.2-20", kept: disturbed, broken: silent(76 * time.Second)},
		{ids: "MQTT-3.1.2-20", kept: awaiting, broken: silent(76 * time.Second)},
		{ids: "MQTT-3.1.2-21 MQTT-3.2.2-21", kept: silent(10*time.Second, wire.ServerKeepAlive(10)), broken: silent(13*time.Second, wire.ServerKeepAlive(10)), idle: silent(time.Hour)},
		{ids: "MQTT-3.1.2-21 MQTT-3.2.2-21", kept: silent(11*time.Second, wire.ServerKeepAlive(10)), broken: silent(30*time.Second, wire.ServerKeepAlive(1)), idle: silent(time.Hour, wire.ServerKeepAlive(0))},
	}
}
