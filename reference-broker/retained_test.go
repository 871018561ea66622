package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// retain publishes with RETAIN.
func (c *client) retain(topic, payload string, qos wire.QoS, props ...wire.Property) {
	c.t.Helper()
	c.publishPacket(wire.Publish{Retain: true, QoS: qos, Topic: topic, Payload: []byte(payload), Properties: props})
}

var retainedBehaviours = []behaviour{
	{"sends new subscriptions the last retained message", both, Config{}, func(w *world, v wire.Version) {
		writer := w.connect(v, clean("writer"))
		for pub := range wire.QoS(3) {
			writer.retain("s", "old", pub, wire.UserProperty("old", ""))
			writer.retain("s", "new", pub, wire.UserProperty("new", ""))
			for sub := range wire.QoS(3) {
				c := w.connect(v, clean("a"))
				c.subscribe("s", sub)
				p := c.got("new")
				equal(w, "RETAIN", p.Retain, true)
				equal(w, "QoS", p.QoS, min(pub, sub))
				equal(w, "DUP", p.Dup, false)
				if v == wire.V5 {
					equal(w, "property", p.Properties.Text(wire.PropUserProperty), "new")
				}
				c.nothing(time.Second)
				c.leave()
			}
		}
	}},
	{"removes a retained message by an empty one", both, Config{}, func(w *world, v wire.Version) {
		writer, live := w.connect(v, clean("writer")), w.connect(v, clean("live"))
		live.subscribe("s", wire.QoS0)
		writer.retain("s", "x", wire.QoS1)
		writer.publish("s", "", wire.QoS1) // not retained: changes nothing
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS0)
		c.got("x")
		writer.retain("s", "", wire.QoS1)
		writer.retain("none", "", wire.QoS1)
		equal(w, "live", fmt.Sprintf("%q", heard(live)), `["x" "" ""]`)
		c.got("")
		c.subscribe("#", wire.QoS0)
		c.nothing(time.Second)
	}},
	{"does not retain what does not ask for it", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.publish("s", "x", wire.QoS1)
		c.subscribe("s", wire.QoS0)
		c.nothing(time.Second)
	}},
	{"sends retained messages again at each SUBSCRIBE", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.retain("s", "x", wire.QoS1)
		for range 2 {
			c.subscribe("s", wire.QoS0)
			c.got("x")
		}
	}},
	{"obeys Retain Handling", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.retain("s", "x", wire.QoS1)
		sends := func(what string, h wire.RetainHandling, want int) {
			w.t.Helper()
			c.subscribeTo(wire.Subscription{Filter: "s", RetainHandling: h})
			equal(w, what, len(heard(c)), want)
		}
		sends("2, new", 2, 0)
		sends("1, known", 1, 0)
		c.send(wire.Unsubscribe{PacketID: 1, Filters: []string{"s"}})
		next[wire.Unsuback](c)
		sends("1, new", 1, 1)
		sends("1, known", 1, 0)
		sends("2, known", 2, 0)
		sends("0, known", 0, 1)
	}},
	{"passes RETAIN on as published only if asked to", only5, Config{}, func(w *world, v wire.Version) {
		writer := w.connect(v, clean("writer"))
		for _, rap := range []bool{false, true} {
			for _, retain := range []bool{false, true} {
				c := w.connect(v, persistent("a", 300))
				c.subscribeTo(wire.Subscription{Filter: "s", QoS: 1, RetainAsPublished: rap, RetainHandling: wire.NoRetained})
				writer.publishPacket(wire.Publish{Retain: retain, QoS: 1, Topic: "s", Payload: []byte("live")})
				p := c.got("live")
				equal(w, "RETAIN live", p.Retain, rap && retain)
				c.ack(p)
				c.drop()
				writer.publishPacket(wire.Publish{Retain: retain, QoS: 1, Topic: "s", Payload: []byte("away")})
				c = w.connect(v, persistent("a", 300))
				p = c.got("away")
				equal(w, "RETAIN away", p.Retain, rap && retain)
				c.ack(p)
				c.leave()
			}
		}
	}},
	{"clears RETAIN for established subscriptions in 3.1.1", only3, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS0)
		c.retain("s", "x", wire.QoS0)
		equal(w, "RETAIN", c.got("x").Retain, false)
	}},
	{"matches retained messages with wildcards", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		for _, topic := range []string{"a", "a/b", "a/b/c", "b", "$a/b", "$a"} {
			c.retain(topic, topic, wire.QoS1)
		}
		for _, x := range []struct{ filter, want string }{{"#", "a a/b a/b/c b"}, {"a/#", "a a/b a/b/c"}, {"+", "a b"}, {"+/b", "a/b"}, {"$a/#", "$a/b $a"}} {
			c.subscribe(x.filter, wire.QoS0)
			equal(w, x.filter, strings.Join(heard(c), " "), x.want)
		}
	}},
	{"keeps all properties of retained messages", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		sent := wire.Properties{wire.PayloadFormatIndicator(1), wire.ContentType("t"), wire.ResponseTopic("r"), wire.CorrelationData("d"), wire.UserProperty("a", "b")}
		c.retain("s", "x", wire.QoS1, sent...)
		c.subscribe("s", wire.QoS0, wire.SubscriptionIdentifier(9))
		equal(w, "properties", fmt.Sprint(c.got("x").Properties), fmt.Sprint(sent.With(wire.SubscriptionIdentifier(9))))
	}},
	{"keeps retained messages beyond the session of their publisher", both, Config{}, func(w *world, v wire.Version) {
		writer := w.connect(v, clean("writer"))
		writer.retain("s", "x", wire.QoS1)
		writer.leave()
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS0)
		c.got("x")
	}},
	{"counts the lifetime of retained messages", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.retain("s/1", "long", wire.QoS1, wire.MessageExpiryInterval(10))
		c.retain("s/2", "short", wire.QoS1, wire.MessageExpiryInterval(2))
		c.retain("s/3", "replaced", wire.QoS1, wire.MessageExpiryInterval(2))
		sleep(time.Second)
		c.retain("s/3", "replacement", wire.QoS1)
		sleep(3 * time.Second)
		c.subscribe("s/+", wire.QoS0)
		equal(w, "Message Expiry Interval", c.got("long").Properties.Int(wire.PropMessageExpiryInterval, 0), 6)
		c.got("replacement")
		c.subscribe("s/2", wire.QoS0)
		c.nothing(time.Second)
		w.b.mu.Lock()
		defer w.b.mu.Unlock()
		equal(w, "what is left", len(w.b.retained), 2)
	}},
	{"passes over retained messages that are too large for a client", only5, Config{}, func(w *world, v wire.Version) {
		writer := w.connect(v, clean("writer"))
		for _, text := range []string{"1", strings.Repeat("x", 100), "3"} {
			writer.retain("s/"+text[:1], text, wire.QoS1)
		}
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.MaximumPacketSize(50), wire.ReceiveMaximum(1)}})
		c.subscribe("s/+", wire.QoS1)
		c.ack(c.got("1"))
		c.ack(c.got("3"))
	}},
	{"sends SUBACK before retained messages", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.retain("s", "x", wire.QoS1)
		c.send(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s"}}})
		next[wire.Suback](c)
		c.got("x")
	}},
	{"refuses RETAIN where it is not available", both, Config{NoRetain: true}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Publish{Retain: true, Topic: "s", Payload: []byte("x")})
		if told := c.closed(time.Second); v == wire.V5 {
			equal(w, "reason", told.ReasonCode, wire.RetainNotSupported)
		}
	}},
	{"limits retained messages", both, Config{MaximumRetainedMessages: 2, MaximumRetainedBytes: 1000}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.retain("s/1", "1", wire.QoS1)
		c.retain("s/2", "2", wire.QoS1)
		c.send(wire.Publish{Retain: true, QoS: 1, PacketID: 1, Topic: "s/3", Payload: []byte("3")})
		code := next[wire.Puback](c).ReasonCode
		equal(w, "refused", code == wire.QuotaExceeded, v == wire.V5)
		c.retain("s/1", "again", wire.QoS1)
		c.send(wire.Publish{Retain: true, QoS: 1, PacketID: 1, Topic: "s/1", Payload: make([]byte, 2000)})
		next[wire.Puback](c)
		c.retain("s/2", "", wire.QoS1)
		c.retain("s/3", "3", wire.QoS1)
		c.subscribe("s/#", wire.QoS0)
		got := heard(c)
		slices.Sort(got)
		equal(w, "payloads", fmt.Sprint(got), "[3 again]")
	}},
	{"retains messages of QoS 0", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.retain("s", "x", wire.QoS0)
		c.subscribe("s", wire.QoS0)
		c.got("x")
	}},
}
