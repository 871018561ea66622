package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// heard returns the payloads of the PUBLISH packets that come until there is silence.
func heard(c *client) []string {
	c.t.Helper()
	all := []string{}
	for {
		p, err := c.receive(time.Second)
		if err != nil {
			return all
		}
		if p, ok := p.(wire.Publish); ok {
			all = append(all, string(p.Payload))
		}
	}
}

var subscribeBehaviours = []behaviour{
	{"matches filters as the standard says", both, Config{}, func(w *world, v wire.Version) {
		topics := []string{"a", "a/b", "a/b/c", "a/", "/a", "A", "$a/b", "a//b"}
		for _, x := range []struct {
			filter string
			want   string
		}{
			{"a", "a"}, {"#", "a a/b a/b/c a/ /a A a//b"}, {"a/#", "a a/b a/b/c a/ a//b"}, {"+", "a A"}, {"+/+", "a/b a/ /a"}, {"a/+", "a/b a/"},
			{"/+", "/a"}, {"+/b", "a/b"}, {"$a/#", "$a/b"}, {"$a/+", "$a/b"}, {"a/+/b", "a//b"}, {"+/#", "a a/b a/b/c a/ /a A a//b"}, {"a/", "a/"},
		} {
			c := w.connect(v, clean("a"))
			c.subscribe(x.filter, wire.QoS0)
			for _, topic := range topics {
				c.publish(topic, topic, wire.QoS0)
			}
			equal(w, x.filter, strings.Join(heard(c), " "), x.want)
			c.leave()
		}
	}},
	{"delivers only to those who subscribed", both, Config{}, func(w *world, v wire.Version) {
		c, other := w.connect(v, clean("a")), w.connect(v, clean("b"))
		c.subscribe("x", wire.QoS1)
		other.subscribe("y", wire.QoS1)
		c.publish("x", "", wire.QoS0)
		c.got("")
		other.nothing(time.Second)
	}},
	{"answers several filters in order", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Subscribe{PacketID: 77, Subscriptions: []wire.Subscription{{Filter: "x", QoS: 2}, {Filter: "y", QoS: 0}, {Filter: "z", QoS: 1}}})
		ack := next[wire.Suback](c)
		equal(w, "Packet Identifier", ack.PacketID, 77)
		equal(w, "codes", fmt.Sprint(ack.ReasonCodes), fmt.Sprint([]wire.ReasonCode{2, 0, 1}))
		c.send(wire.Unsubscribe{PacketID: 78, Filters: []string{"none", "x", "z"}})
		gone := next[wire.Unsuback](c)
		equal(w, "Packet Identifier", gone.PacketID, 78)
		if v == wire.V5 {
			equal(w, "codes", fmt.Sprint(gone.ReasonCodes), fmt.Sprint([]wire.ReasonCode{0x11, 0, 0}))
		}
		c.send(wire.Unsubscribe{PacketID: 79, Filters: []string{"none"}})
		equal(w, "Packet Identifier", next[wire.Unsuback](c).PacketID, 79)
	}},
	{"sends one copy for overlapping subscriptions", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s/#", wire.QoS1, wire.SubscriptionIdentifier(1))
		c.subscribe("s/+", wire.QoS2, wire.SubscriptionIdentifier(2))
		c.subscribe("+/x", wire.QoS0)
		c.publish("s/x", "x", wire.QoS2)
		p := c.got("x")
		equal(w, "QoS", p.QoS, wire.QoS2)
		var ids []uint32
		for _, id := range p.Properties.All(wire.PropSubscriptionIdentifier) {
			ids = append(ids, id.Int)
		}
		slices.Sort(ids)
		equal(w, "Subscription Identifiers", fmt.Sprint(ids), "[1 2]")
		c.publish("t/x", "y", wire.QoS2)
		equal(w, "Subscription Identifier", c.got("y").Properties.Has(wire.PropSubscriptionIdentifier), false)
		c.nothing(time.Second)
	}},
	{"sends one copy at the highest QoS", only3, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s/#", wire.QoS1)
		c.subscribe("s/x", wire.QoS2)
		c.subscribe("s/+", wire.QoS0)
		c.publish("s/x", "x", wire.QoS2)
		equal(w, "QoS", c.got("x").QoS, wire.QoS2)
		c.nothing(time.Second)
	}},
	{"replaces a subscription with the same filter", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS2, wire.SubscriptionIdentifier(1))
		c.subscribe("s", wire.QoS1, wire.SubscriptionIdentifier(2))
		c.publish("s", "x", wire.QoS2)
		p := c.got("x")
		equal(w, "QoS", p.QoS, wire.QoS1)
		if v == wire.V5 {
			equal(w, "Subscription Identifier", p.Properties.Int(wire.PropSubscriptionIdentifier, 0), 2)
		}
		c.nothing(time.Second)
	}},
	{"loses nothing of what waits for send quota when a subscription is repeated", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.ReceiveMaximum(1)}})
		c.subscribe("s", wire.QoS1)
		c.publish("s", "one", wire.QoS1)
		c.publish("s", "two", wire.QoS1)
		c.subscribe("s", wire.QoS1)
		c.ack(c.got("one"))
		c.got("two")
	}},
	{"unsubscribes exactly what is named", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		for _, filter := range []string{"s/1", "s/2", "s/+"} {
			c.subscribe(filter, wire.QoS0)
		}
		c.send(wire.Unsubscribe{PacketID: 1, Filters: []string{"s/+"}})
		next[wire.Unsuback](c)
		c.publish("s/1", "x", wire.QoS0)
		c.got("x")
		c.publish("s/3", "gone", wire.QoS0)
		c.nothing(time.Second)
	}},
	{"finishes after UNSUBSCRIBE what it has started", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS2)
		c.publish("s", "one", wire.QoS1)
		c.publish("s", "two", wire.QoS2)
		one := c.got("one")
		two := c.got("two")
		c.send(wire.Unsubscribe{PacketID: 1, Filters: []string{"s"}})
		next[wire.Unsuback](c)
		c.ack(two)
		c.drop()
		c = w.connect(v, persistent("a", 300))
		equal(w, "Packet Identifier", c.got("one").PacketID, one.PacketID)
	}},
	{"delivers after UNSUBSCRIBE what was queued before", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.ReceiveMaximum(1)}})
		c.subscribe("s", wire.QoS1)
		c.publish("s", "one", wire.QoS1)
		c.publish("s", "two", wire.QoS1)
		one := c.got("one")
		c.send(wire.Unsubscribe{PacketID: 1, Filters: []string{"s"}})
		next[wire.Unsuback](c)
		c.ack(one)
		c.got("two")
	}},
	{"sends a client with No Local nothing of its own", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribeTo(wire.Subscription{Filter: "s", NoLocal: true})
		c.publish("s", "own", wire.QoS0)
		w.connect(v, clean("b")).publish("s", "other", wire.QoS0)
		c.got("other")
	}},
	{"refuses what is not available", both, Config{NoWildcardSubscriptions: true, NoSubscriptionIdentifiers: true, NoSharedSubscriptions: true}, func(w *world, v wire.Version) {
		if v == wire.V311 {
			c := w.connect(v, clean("a"))
			equal(w, "wildcard", c.subscribe("a/+", 0).ReasonCodes[0], wire.UnspecifiedError)
			equal(w, "$share is an ordinary topic", c.subscribe("$share/g/a", 0).ReasonCodes[0], 0)
			return
		}
		for _, x := range []struct {
			p    wire.Subscribe
			code wire.ReasonCode
		}{
			{wire.Subscribe{Subscriptions: []wire.Subscription{{Filter: "a/#"}}}, wire.WildcardSubscriptionsNotSupported},
			{wire.Subscribe{Subscriptions: []wire.Subscription{{Filter: "$share/g/a"}}}, wire.SharedSubscriptionsNotSupported},
			{wire.Subscribe{Subscriptions: []wire.Subscription{{Filter: "a"}}, Properties: wire.Properties{wire.SubscriptionIdentifier(1)}}, wire.SubscriptionIdentifiersNotSupported},
		} {
			c := w.connect(v, clean("a"))
			x.p.PacketID = 1
			c.send(x.p)
			equal(w, "reason", c.closed(time.Second).ReasonCode, x.code)
		}
	}},
	{"limits subscriptions and levels", both, Config{MaximumSubscriptions: 2, MaximumTopicLevels: 3}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		full, long := wire.QuotaExceeded, wire.TopicFilterInvalid
		if v == wire.V311 {
			full, long = wire.UnspecifiedError, wire.UnspecifiedError
		}
		equal(w, "long", c.subscribe("a/b/c/d", 0).ReasonCodes[0], long)
		c.subscribe("a/b/c", 0)
		c.subscribe("b", 0)
		equal(w, "third", c.subscribe("c", 0).ReasonCodes[0], full)
		equal(w, "again", c.subscribe("b", 1).ReasonCodes[0], 1)
		c.publish("a/b/c/d", "", wire.QoS1)
		c.publish("a/b/c", "x", wire.QoS1)
		c.got("x")
	}},
	{"keeps topics with $ apart", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("$own/x", wire.QoS0)
		c.publish("$own/x", "x", wire.QoS1)
		next := c.got
		next("x")
	}},
	{"says nothing special if nobody has subscribed", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Publish{QoS: 1, PacketID: 1, Topic: "s"})
		raw, _ := wire.ReadFrame(c.nc, 0)
		equal(w, "PUBACK", fmt.Sprintf("% X", raw), "40 02 00 01")
	}},
	{"does not keep QoS 0 for clients that are away", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.drop()
		w.connect(v, clean("b")).publish("s", "lost", wire.QoS0)
		w.connect(v, persistent("a", 300)).nothing(time.Second)
	}},
}

var shareBehaviours = []behaviour{
	{"gives each message to one member of each group", only5, Config{}, func(w *world, v wire.Version) {
		writer := w.connect(v, clean("writer"))
		var members []*client
		for _, x := range []struct{ id, filter string }{{"a", "$share/g/s"}, {"b", "$share/g/s"}, {"c", "$share/h/s"}, {"d", "s"}} {
			m := w.connect(v, clean(x.id))
			m.subscribe(x.filter, wire.QoS0)
			members = append(members, m)
		}
		for i := range 4 {
			writer.publish("s", fmt.Sprint(i), wire.QoS1)
		}
		a, b := heard(members[0]), heard(members[1])
		equal(w, "members of g", len(a), 2)
		equal(w, "members of g", len(b), 2)
		all := append(a, b...)
		slices.Sort(all)
		equal(w, "group g", fmt.Sprint(all), "[0 1 2 3]")
		equal(w, "group h", len(heard(members[2])), 4)
		equal(w, "no group", len(heard(members[3])), 4)
	}},
	{"ends a membership that was asked for twice by one UNSUBSCRIBE", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		for range 2 {
			c.subscribe("$share/g/s", wire.QoS1)
		}
		c.send(wire.Unsubscribe{PacketID: 9, Filters: []string{"$share/g/s"}})
		next[wire.Unsuback](c)
		w.connect(v, clean("writer")).publish("s", "x", wire.QoS1)
		c.nothing(time.Second)
	}},
	{"delivers at the member's granted QoS", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("$share/g/s", wire.QoS1)
		c.publish("s", "x", wire.QoS2)
		equal(w, "QoS", c.got("x").QoS, wire.QoS1)
	}},
	{"sends a new shared subscription no retained messages", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.publishPacket(wire.Publish{Retain: true, Topic: "s", Payload: []byte("x")})
		c.subscribe("$share/g/s", wire.QoS1)
		c.nothing(time.Second)
	}},
	{"prefers members that can take a message", only5, Config{}, func(w *world, v wire.Version) {
		busy := w.connect(v, wire.Connect{ClientID: "busy", Properties: wire.Properties{wire.ReceiveMaximum(1)}})
		away := w.connect(v, persistent("away", 300))
		free := w.connect(v, clean("free"))
		for _, c := range []*client{busy, away, free} {
			c.subscribe("$share/g/s", wire.QoS1)
		}
		away.drop()
		writer := w.connect(v, clean("writer"))
		for i := range 10 {
			writer.publish("s", fmt.Sprint(i), wire.QoS1)
		}
		equal(w, "busy", len(heard(busy)), 1)
		equal(w, "free", len(heard(free)), 9)
	}},
	{"keeps messages for a group that is away", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("$share/g/s", wire.QoS1)
		c.drop()
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "kept", wire.QoS1)
		writer.publish("s", "expired", wire.QoS1, wire.MessageExpiryInterval(2))
		sleep(4 * time.Second)
		equal(w, "payloads", fmt.Sprint(heard(w.connect(v, persistent("a", 300)))), "[kept]")
	}},
	{"gives what an ended session left to others, except started QoS 2", only5, Config{}, func(w *world, v wire.Version) {
		p := persistent("a", 2)
		p.Properties = p.Properties.With(wire.ReceiveMaximum(2))
		c := w.connect(v, p)
		c.subscribe("$share/g/s", wire.QoS2)
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "started 1", wire.QoS1)
		writer.publish("s", "started 2", wire.QoS2)
		writer.publish("s", "waiting", wire.QoS2)
		c.got("started 1")
		c.got("started 2")
		other := w.connect(v, clean("b"))
		other.subscribe("$share/g/s", wire.QoS2)
		c.drop()
		sleep(2*time.Second + tick)
		equal(w, "payloads", fmt.Sprint(heard(other)), "[started 1 waiting]")
		writer.publish("s", "later", wire.QoS1)
		writer.publish("s", "later", wire.QoS1)
		equal(w, "payloads", fmt.Sprint(heard(other)), "[later later]")
	}},
	{"gives what a member refused to nobody else", only5, Config{}, func(w *world, v wire.Version) {
		a, b := w.connect(v, clean("a")), w.connect(v, clean("b"))
		a.subscribe("$share/g/s", wire.QoS1)
		a.publish("s", "x", wire.QoS1)
		p := a.got("x")
		b.subscribe("$share/g/s", wire.QoS1)
		a.send(wire.Puback{PacketID: p.PacketID, ReasonCode: wire.NotAuthorized})
		b.nothing(time.Second)
		a.nothing(time.Second)
	}},
	{"takes $share for an ordinary topic in 3.1.1", only3, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("$share/g/s", wire.QoS0)
		c.publish("s", "not for me", wire.QoS0)
		c.publish("$share/g/s", "for me", wire.QoS0)
		c.got("for me")
	}},
}
