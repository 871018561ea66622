package broker

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

var deliveryBehaviours = []behaviour{
	{"delivers at the lower of both QoS", both, Config{}, func(w *world, v wire.Version) {
		reader, writer := w.connect(v, clean("reader")), w.connect(v, clean("writer"))
		for sub := range wire.QoS(3) {
			equal(w, "granted", reader.subscribe("a/+", sub).ReasonCodes[0], wire.ReasonCode(sub))
			for pub := range wire.QoS(3) {
				writer.publish("a/b", "hello", pub)
				p := reader.got("hello")
				equal(w, "QoS", p.QoS, min(sub, pub))
				equal(w, "DUP", p.Dup, false)
				equal(w, "RETAIN", p.Retain, false)
				equal(w, "topic", p.Topic, "a/b")
				reader.ack(p)
			}
		}
	}},
	{"passes all properties on", only5, Config{}, func(w *world, v wire.Version) {
		reader, writer := w.connect(v, clean("reader")), w.connect(v, clean("writer"))
		reader.subscribe("\uFEFFs", wire.QoS1)
		sent := wire.Properties{wire.PayloadFormatIndicator(1), wire.ContentType("text"), wire.ResponseTopic("r"), wire.CorrelationData("\x00\x01"),
			wire.UserProperty("a", "1"), wire.UserProperty("b", "2"), wire.UserProperty("a", "3")}
		writer.publish("\uFEFFs", "x", wire.QoS1, append(wire.Properties{wire.TopicAlias(2)}, sent...)...)
		got := reader.got("x").Properties
		equal(w, "properties", fmt.Sprint(got), fmt.Sprint(sent))
	}},
	{"keeps order", both, Config{}, func(w *world, v wire.Version) {
		reader, writer := w.connect(v, persistent("reader", 300)), w.connect(v, clean("writer"))
		reader.subscribe("s", wire.QoS1)
		reader.drop()
		for i := range 10 {
			writer.publish("s", fmt.Sprint(i), wire.QoS1)
		}
		reader = w.connect(v, persistent("reader", 300))
		for i := range 10 {
			reader.ack(reader.got(fmt.Sprint(i)))
		}
	}},
	{"takes a repeated Packet Identifier of QoS 1 for a new message", both, Config{}, func(w *world, v wire.Version) {
		reader, writer := w.connect(v, clean("reader")), w.connect(v, clean("writer"))
		reader.subscribe("s", wire.QoS1)
		for _, dup := range []bool{false, true} {
			writer.publishPacket(wire.Publish{Dup: dup, QoS: 1, PacketID: 3, Topic: "s", Payload: []byte("x")})
			equal(w, "DUP", reader.got("x").Dup, false)
		}
	}},
	{"delivers QoS 2 once", both, Config{}, func(w *world, v wire.Version) {
		reader, writer := w.connect(v, clean("reader")), w.connect(v, clean("writer"))
		reader.subscribe("s", wire.QoS2)
		for range 2 { // the same identifier is free again after PUBCOMP
			for _, dup := range []bool{false, true, true} {
				writer.send(wire.Publish{Dup: dup, QoS: 2, PacketID: 3, Topic: "s", Payload: []byte("x")})
				answer := next[wire.Pubrec](writer)
				equal(w, "PUBREC", answer.PacketID, 3)
				equal(w, "code", answer.ReasonCode, wire.Success)
			}
			reader.ack(reader.got("x"))
			writer.send(wire.Pubrel{PacketID: 3})
			ack := next[wire.Pubcomp](writer)
			equal(w, "PUBCOMP", ack.PacketID, 3)
			equal(w, "code", ack.ReasonCode, wire.Success)
		}
		reader.nothing(time.Second)
		writer.send(wire.Pubrel{PacketID: 3})
		want := wire.PacketIdentifierNotFound
		if v == wire.V311 {
			want = wire.Success
		}
		equal(w, "code for an unknown identifier", next[wire.Pubcomp](writer).ReasonCode, want)
	}},
	{"uses a fresh Packet Identifier for each message", both, Config{}, func(w *world, v wire.Version) {
		reader, writer := w.connect(v, clean("reader")), w.connect(v, clean("writer"))
		reader.subscribe("s", wire.QoS2)
		seen := map[uint16]bool{}
		for i := range 20 {
			writer.publish("s", "x", 1+wire.QoS(i%2))
			id := reader.got("x").PacketID
			equal(w, "in use", id == 0 || seen[id], false)
			seen[id] = true
		}
	}},
	{"passes over acknowledgements of nothing", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS2)
		c.publish("s", "one", wire.QoS1)
		one := c.got("one")
		c.publish("s", "two", wire.QoS2)
		two := c.got("two")
		c.send(wire.Puback{PacketID: 99})
		c.send(wire.Pubcomp{PacketID: 99})
		c.send(wire.Pubcomp{PacketID: two.PacketID})
		c.send(wire.Puback{PacketID: two.PacketID})
		c.send(wire.Pubrec{PacketID: one.PacketID})
		c.send(wire.Pubrec{PacketID: 99})
		equal(w, "PUBREL", next[wire.Pubrel](c).PacketID, 99)
		c.ack(one)
		c.ack(two)
	}},
	{"does not send again on a live connection", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS2)
		c.publish("s", "one", wire.QoS1)
		c.got("one")
		c.publish("s", "two", wire.QoS2)
		c.got("two")
		c.nothing(time.Hour)
	}},
	{"takes a refusal for an end", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS2)
		c.publish("s", "one", wire.QoS1)
		c.send(wire.Puback{PacketID: c.got("one").PacketID, ReasonCode: wire.QuotaExceeded})
		c.publish("s", "two", wire.QoS2)
		c.send(wire.Pubrec{PacketID: c.got("two").PacketID, ReasonCode: wire.QuotaExceeded})
		c.nothing(time.Second)
		c.drop()
		w.connect(v, persistent("a", 300)).nothing(time.Second)
	}},
	{"answers pings", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Pingreq{})
		next[wire.Pingresp](c)
	}},
	{"resolves Topic Aliases", only5, Config{TopicAliasMaximum: 3}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("#", wire.QoS0)
		for _, x := range []struct {
			topic string
			alias uint16
			want  string
		}{{"s/1", 1, "s/1"}, {"s/3", 3, "s/3"}, {"", 1, "s/1"}, {"s/2", 1, "s/2"}, {"", 1, "s/2"}, {"", 3, "s/3"}} {
			c.send(wire.Publish{Topic: x.topic, Properties: wire.Properties{wire.TopicAlias(x.alias)}})
			equal(w, "topic", next[wire.Publish](c).Topic, x.want)
		}
		c.send(wire.Publish{Topic: "s", Properties: wire.Properties{wire.TopicAlias(4)}})
		equal(w, "reason", c.closed(time.Second).ReasonCode, wire.TopicAliasInvalid)
	}},
	{"uses Topic Aliases as far as the client lets it", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.TopicAliasMaximum(2)}})
		c.subscribe("#", wire.QoS0)
		for _, x := range []struct {
			topic, want string
			alias       uint32
		}{{"x", "x", 1}, {"y", "y", 2}, {"z", "z", 0}, {"x", "", 1}, {"y", "", 2}, {"z", "z", 0}} {
			c.publish(x.topic, "", wire.QoS0)
			p := next[wire.Publish](c)
			equal(w, "topic", p.Topic, x.want)
			equal(w, "alias", p.Properties.Int(wire.PropTopicAlias, 0), x.alias)
		}
		shy := w.connect(v, clean("b"))
		shy.subscribe("x", wire.QoS0)
		shy.publish("x", "", wire.QoS0)
		equal(w, "alias", next[wire.Publish](shy).Properties.Has(wire.PropTopicAlias), false)
	}},
	{"lets QoS 0 pass while there is no send quota", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.ReceiveMaximum(1)}})
		c.subscribe("s", wire.QoS1)
		writer := w.connect(v, clean("writer"))
		for _, text := range []string{"one", "two"} {
			writer.publish("s", text, wire.QoS1)
		}
		one := c.got("one")
		writer.publish("s", "zero", wire.QoS0)
		c.got("zero")
		c.ack(one)
		c.got("two")
	}},
}

var resumeBehaviours = []behaviour{
	{"sends a message again that had waited for quota", only5, Config{}, func(w *world, v wire.Version) {
		me := persistent("a", 300)
		me.Properties = me.Properties.With(wire.ReceiveMaximum(1))
		c := w.connect(v, me)
		c.subscribe("s", wire.QoS1)
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "a", wire.QoS1)
		writer.publish("s", "b", wire.QoS1)
		c.ack(c.got("a"))
		c.got("b")
		c.drop()
		equal(w, "DUP", w.connect(v, me).got("b").Dup, true)
	}},
	{"sends PUBREL again in the order of PUBREC, then PUBLISH in its own", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS2)
		writer := w.connect(v, clean("writer"))
		got := map[string]wire.Publish{}
		for _, text := range []string{"a", "b", "c", "d", "e", "f"} {
			writer.publish("s", text, wire.QoS2)
			got[text] = c.got(text)
		}
		for _, text := range []string{"d", "b"} {
			c.send(wire.Pubrec{PacketID: got[text].PacketID})
			next[wire.Pubrel](c)
		}
		c.ack(got["e"])
		c.drop()
		c = w.connect(v, persistent("a", 300))
		for _, text := range []string{"d", "b"} {
			equal(w, "PUBREL", next[wire.Pubrel](c).PacketID, got[text].PacketID)
		}
		for _, text := range []string{"a", "c", "f"} {
			p := c.got(text)
			equal(w, "DUP", p.Dup, true)
			equal(w, "Packet Identifier", p.PacketID, got[text].PacketID)
			c.ack(p)
		}
		c.send(wire.Pubcomp{PacketID: got["d"].PacketID})
		c.drop()
		c = w.connect(v, persistent("a", 300))
		equal(w, "PUBREL", next[wire.Pubrel](c).PacketID, got["b"].PacketID)
		c.send(wire.Pubcomp{PacketID: got["b"].PacketID})
		c.nothing(time.Second)
		c.drop()
		w.connect(v, persistent("a", 300)).nothing(time.Second)
	}},
	{"sends nothing again that was acknowledged", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.publish("s", "one", wire.QoS1)
		c.ack(c.got("one"))
		c.drop()
		w.connect(v, persistent("a", 300)).nothing(time.Second)
	}},
	{"respects a smaller Receive Maximum on resume", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS2)
		for i := range 10 {
			c.publish("s", fmt.Sprint(i), 1+wire.QoS(i%2))
			c.got(fmt.Sprint(i))
		}
		c.drop()
		p := persistent("a", 300)
		p.Properties = p.Properties.With(wire.ReceiveMaximum(2))
		c = w.connect(v, p)
		window := []wire.Publish{c.got("0"), c.got("1")}
		for i := 2; i < 10; i++ {
			c.nothing(time.Second)
			c.ack(window[0])
			window = append(window[1:], c.got(fmt.Sprint(i)))
		}
	}},
	{"has no memory of an earlier Receive Maximum", only5, Config{}, func(w *world, v wire.Version) {
		p := persistent("a", 300)
		p.Properties = p.Properties.With(wire.ReceiveMaximum(1))
		c := w.connect(v, p)
		c.subscribe("s", wire.QoS1)
		c.drop()
		c = w.connect(v, persistent("a", 300))
		for i := range 5 {
			c.publish("s", fmt.Sprint(i), wire.QoS1)
			c.got(fmt.Sprint(i))
		}
	}},
	{"keeps RETAIN when it sends a retained message again", both, Config{}, func(w *world, v wire.Version) {
		w.connect(v, clean("writer")).publishPacket(wire.Publish{QoS: 1, Retain: true, Topic: "s", Payload: []byte("x")})
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		equal(w, "RETAIN", c.got("x").Retain, true)
		c.drop()
		again := w.connect(v, persistent("a", 300)).got("x")
		equal(w, "RETAIN again", again.Retain, true)
		equal(w, "DUP", again.Dup, true)
	}},
}

var limitBehaviours = []behaviour{
	{"respects the client's Receive Maximum up to PUBCOMP", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.ReceiveMaximum(1)}})
		c.subscribe("s", wire.QoS2)
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "one", wire.QoS2)
		writer.publish("s", "two", wire.QoS1)
		writer.publish("s", "three", wire.QoS1)
		one := c.got("one")
		c.nothing(time.Second)
		c.send(wire.Pubrec{PacketID: one.PacketID})
		next[wire.Pubrel](c)
		c.send(wire.Pingreq{})
		next[wire.Pingresp](c)
		c.nothing(time.Second)
		c.send(wire.Pubcomp{PacketID: one.PacketID})
		two := c.got("two")
		c.nothing(time.Second)
		c.ack(two)
		c.got("three")
	}},
	{"enforces its own Receive Maximum", only5, Config{ReceiveMaximum: 2}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		for id := range uint16(2) {
			c.send(wire.Publish{QoS: 2, PacketID: id + 1, Topic: "s"})
			next[wire.Pubrec](c)
		}
		c.send(wire.Publish{Dup: true, QoS: 2, PacketID: 1, Topic: "s"}) // takes no more
		next[wire.Pubrec](c)
		c.send(wire.Pubrel{PacketID: 1})
		next[wire.Pubcomp](c)
		c.send(wire.Publish{QoS: 2, PacketID: 3, Topic: "s"})
		next[wire.Pubrec](c)
		c.send(wire.Publish{QoS: 2, PacketID: 4, Topic: "s"})
		equal(w, "reason", c.closed(time.Second).ReasonCode, wire.ReceiveMaximumExceeded)
	}},
	{"passes over messages that are too large for a client", only5, Config{}, func(w *world, v wire.Version) {
		p := persistent("a", 300)
		p.Properties = p.Properties.With(wire.MaximumPacketSize(50), wire.ReceiveMaximum(1))
		c := w.connect(v, p)
		c.subscribe("s", wire.QoS1)
		writer := w.connect(v, clean("writer"))
		for _, text := range []string{"small", strings.Repeat("x", 42), strings.Repeat("y", 43), "small too"} {
			writer.publish("s", text, wire.QoS1)
		}
		c.ack(c.got("small"))
		fits := c.got(strings.Repeat("x", 42)) // 2 + 3 + 2 + 1 + 42 bytes
		c.ack(fits)
		c.ack(c.got("small too"))
		c.drop()
		w.connect(v, p).nothing(time.Second)
	}},
	{"leaves out what makes an answer too large", only5, Config{Access: []AccessRule{}}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.MaximumPacketSize(20)}})
		c.send(wire.Publish{QoS: 1, PacketID: 1, Topic: "s"})
		raw, err := wire.ReadFrame(c.nc, 0)
		equal(w, "error", err, nil)
		equal(w, "size", len(raw) <= 20, true)
	}},
	{"closes if not even CONNACK is small enough", only5, Config{}, func(w *world, v wire.Version) {
		c := w.open(v)
		c.send(wire.Connect{ClientID: "a", Properties: wire.Properties{wire.MaximumPacketSize(5), wire.SessionExpiryInterval(60)}})
		c.closed(time.Second)
		equal(w, "Session Present", w.connect(v, persistent("a", 60)).connack.SessionPresent, true)
	}},
	{"explains errors unless told not to", only5, Config{Access: []AccessRule{{Action: Subscribe, Allow: true}}}, func(w *world, v wire.Version) {
		for _, quiet := range []bool{false, true} {
			p := clean("a")
			if quiet {
				p.Properties = wire.Properties{noInfo}
			}
			c := w.connect(v, p)
			c.send(wire.Publish{QoS: 1, PacketID: 1, Topic: "s"})
			ack := next[wire.Puback](c)
			equal(w, "code", ack.ReasonCode, wire.NotAuthorized)
			equal(w, "Reason String", ack.Properties.Has(wire.PropReasonString), !quiet)
			equal(w, "explained success", len(c.subscribe("s", 0).Properties), 0)
			c.leave()
		}
	}},
	{"enforces Maximum QoS", both, Config{MaximumQoS: new(wire.QoS)}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		equal(w, "granted", c.subscribe("s", wire.QoS2).ReasonCodes[0], 0)
		c.send(wire.Publish{QoS: 1, PacketID: 1, Topic: "s"})
		if told := c.closed(time.Second); v == wire.V5 {
			equal(w, "reason", told.ReasonCode, wire.QoSNotSupported)
		}
	}},
	{"enforces its own Maximum Packet Size", both, Config{MaximumPacketSize: 100}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.sendBytes([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0})
		if told := c.closed(time.Second); v == wire.V5 {
			equal(w, "reason", told.ReasonCode, wire.PacketTooLarge)
		}
		c = w.connect(v, clean("b"))
		p := wire.Publish{Topic: "s"}
		p.Payload = make([]byte, 100-len(wire.Bytes(p, v)))
		c.send(p)
		c.send(wire.Pingreq{})
		next[wire.Pingresp](c)
		p.Payload = append(p.Payload, 0) // one byte more than is allowed
		c.send(p)
		c.closed(time.Second)
	}},
	{"limits what waits for a session", both, Config{MaximumQueuedMessages: 3}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.drop()
		writer := w.connect(v, clean("writer"))
		for i := range 5 {
			writer.publish("s", fmt.Sprint(i), wire.QoS1)
		}
		c = w.connect(v, persistent("a", 300))
		for i := range 3 {
			c.ack(c.got(fmt.Sprint(i)))
		}
		c.nothing(time.Second)
		writer.publish("s", "room again", wire.QoS1)
		c.got("room again")
	}},
	{"makes room by dropping what has expired", only5, Config{MaximumQueuedMessages: 2}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.drop()
		writer := w.connect(v, clean("writer"))
		for range 2 {
			writer.publish("s", "short", wire.QoS1, wire.MessageExpiryInterval(1))
		}
		sleep(time.Second)
		writer.publish("s", "fresh", wire.QoS1)
		w.connect(v, persistent("a", 300)).got("fresh")
	}},
	{"forbids what the access rules forbid", both, Config{Access: []AccessRule{
		{ClientID: "a", Action: Publish, Filter: "secret/#"}, {Action: Publish, Allow: true}, {Action: Subscribe, Filter: "open/#", Allow: true}, {Action: Subscribe, Filter: "$SYS/#", Allow: true},
	}}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		refusal := wire.NotAuthorized
		if v == wire.V311 {
			refusal = wire.UnspecifiedError
		}
		c.publishPacket(wire.Publish{Retain: true, Topic: "closed", Payload: []byte("x")})
		c.send(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "open/+"}, {Filter: "#"}, {Filter: "closed"}, {Filter: "open"}}})
		codes := next[wire.Suback](c).ReasonCodes
		equal(w, "codes", fmt.Sprint(codes), fmt.Sprint([]wire.ReasonCode{0, refusal, refusal, 0}))
		witness := w.connect(v, clean("witness"))
		witness.subscribe("open/#", wire.QoS0)
		for _, q := range []wire.QoS{0, 1, 2} { // 3.1.1 acknowledges what it does not deliver
			c.publish("secret/x", "", q)
		}
		c.publish("closed", "", wire.QoS0)
		c.nothing(time.Second)
		other := w.connect(v, clean("b"))
		other.publish("open/x", "y", wire.QoS0)
		witness.got("y")
	}},
	{"refuses wills that the access rules forbid", both, Config{Access: []AccessRule{}}, func(w *world, v wire.Version) {
		refused(w, v, wire.Connect{ClientID: "a", Will: &wire.Will{Topic: "s"}}, wire.NotAuthorized, wire.RefusedNotAuthorized)
	}},
	{"refuses a QoS 2 message for good", only5, Config{Authorize: func() func(AccessRequest) bool {
		return func(q AccessRequest) bool { return q.Topic != "secret" }
	}()}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS0)
		c.send(wire.Publish{QoS: 2, PacketID: 7, Topic: "secret", Payload: []byte("x")})
		equal(w, "code", next[wire.Pubrec](c).ReasonCode, wire.NotAuthorized)
		c.send(wire.Publish{QoS: 2, PacketID: 7, Topic: "s", Payload: []byte("new")})
		c.got("new")
		next[wire.Pubrec](c)
	}},
	{"delivers nothing of what a client may not publish", both, Config{Authorize: func(q AccessRequest) bool { return q.Topic != "secret" || q.Action == Subscribe }}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("secret", wire.QoS0)
		c.publish("secret", "x", wire.QoS1)
		c.nothing(time.Second)
	}},
}
