package broker

import (
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// filled leaves a session behind that has everything a session can have: the subscription s/#, one message in flight
// at QoS 1 (id 1) and one at QoS 2 (id 2), two that wait, and an open inbound exchange with id 5.
func filled(w *world, v wire.Version, id string, expiry uint32) {
	w.t.Helper()
	p := persistent(id, expiry)
	p.Properties = p.Properties.With(wire.ReceiveMaximum(2))
	c := w.connect(v, p)
	c.subscribe("s/#", wire.QoS2)
	writer := w.connect(v, clean("filler"))
	writer.publish("s/1", "one", wire.QoS1)
	writer.publish("s/2", "two", wire.QoS2)
	c.got("one")
	c.got("two")
	c.send(wire.Publish{QoS: wire.QoS2, PacketID: 5, Topic: "in", Payload: []byte("open")})
	next[wire.Pubrec](c)
	c.drop()
	writer.publish("s/3", "three", wire.QoS1)
	writer.publish("s/4", "four", wire.QoS1)
	writer.leave()
}

// isEmpty expects that nothing of such a session is left.
func isEmpty(w *world, c *client) {
	w.t.Helper()
	witness := w.connect(c.version, clean("witness"))
	witness.subscribe("in", wire.QoS0)
	witness.publish("s/5", "five", wire.QoS1)
	c.send(wire.Publish{QoS: wire.QoS2, PacketID: 5, Topic: "in", Payload: []byte("new")})
	next[wire.Pubrec](c)
	witness.got("new")
	c.send(wire.Pubrel{PacketID: 5})
	next[wire.Pubcomp](c)
	c.nothing(5 * time.Second)
	witness.leave()
}

var sessionBehaviours = []behaviour{
	{"begins a session where there is none", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		equal(w, "Session Present", c.connack.SessionPresent, false)
		c.send(wire.Pingreq{})
		next[wire.Pingresp](c)
	}},
	{"resumes a session with all that it has", both, Config{}, func(w *world, v wire.Version) {
		filled(w, v, "a", 300)
		c := w.connect(v, persistent("a", 300))
		equal(w, "Session Present", c.connack.SessionPresent, true)
		one := c.got("one")
		two := c.got("two")
		equal(w, "DUP of the first", one.Dup, true)
		equal(w, "DUP of the second", two.Dup, true)
		equal(w, "Packet Identifier of the first", one.PacketID, 1)
		equal(w, "Packet Identifier of the second", two.PacketID, 2)
		three := c.got("three")
		equal(w, "DUP of a first delivery", three.Dup, false)
		c.got("four")
		witness := w.connect(v, clean("witness"))
		witness.subscribe("in", wire.QoS0)
		c.send(wire.Publish{Dup: true, QoS: wire.QoS2, PacketID: 5, Topic: "in", Payload: []byte("open")})
		next[wire.Pubrec](c)
		witness.nothing(time.Second)
		witness.publish("s/5", "live", wire.QoS1)
		c.got("live")
		c.nothing(5 * time.Second)
	}},
	{"closes after DISCONNECT though the client does not", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Disconnect{})
		equal(w, "a DISCONNECT of its own", c.closed(time.Second).sent, false)
		c.nc.Close()
	}},
	{"resumes a session after DISCONNECT", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.leave()
		w.connect(v, clean("writer")).publish("s", "away", wire.QoS1)
		c = w.connect(v, persistent("a", 300))
		equal(w, "Session Present", c.connack.SessionPresent, true)
		c.got("away")
	}},
	{"begins anew with Clean Start 1", both, Config{}, func(w *world, v wire.Version) {
		filled(w, v, "a", 300)
		p := persistent("a", 300)
		p.CleanStart = true
		c := w.connect(v, p)
		equal(w, "Session Present", c.connack.SessionPresent, false)
		isEmpty(w, c)
		c.leave()
		c = w.connect(v, persistent("a", 300))
		equal(w, "Session Present", c.connack.SessionPresent, v == wire.V5) // 3.1.1: the clean session has ended
		isEmpty(w, c)
	}},
	{"ends a session without expiry with its connection", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", CleanStart: v == wire.V311})
		c.subscribe("s/#", wire.QoS1)
		c.drop()
		sleep(time.Hour)
		equal(w, "Session Present", w.connect(v, persistent("a", 0)).connack.SessionPresent, false)
	}},
	{"keeps the options of subscriptions over a resume", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribeTo(wire.Subscription{Filter: "s", QoS: 1, NoLocal: true, RetainAsPublished: true}, wire.SubscriptionIdentifier(7))
		c.drop()
		writer := w.connect(v, clean("writer"))
		for _, text := range []string{"away", "live"} {
			writer.publishPacket(wire.Publish{QoS: 1, Retain: true, Topic: "s", Payload: []byte(text)})
			if text == "away" {
				c = w.connect(v, persistent("a", 300))
			}
			p := c.got(text)
			equal(w, "RETAIN", p.Retain, true)
			equal(w, "QoS", p.QoS, wire.QoS1)
			equal(w, "Subscription Identifier", p.Properties.Int(wire.PropSubscriptionIdentifier, 0), 7)
		}
		c.publish("s", "own", wire.QoS1)
		c.nothing(time.Second)
	}},
	{"sends no retained message on resume", both, Config{}, func(w *world, v wire.Version) {
		w.connect(v, clean("writer")).publishPacket(wire.Publish{Retain: true, Topic: "s", Payload: []byte("kept")})
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.got("kept")
		c.leave()
		w.connect(v, persistent("a", 300)).nothing(time.Second)
	}},
	{"forgets Topic Aliases between connections", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.publish("s", "x", wire.QoS1, wire.TopicAlias(1))
		c.leave()
		c = w.connect(v, persistent("a", 300))
		c.send(wire.Publish{QoS: 1, PacketID: 1, Properties: wire.Properties{wire.TopicAlias(1)}})
		equal(w, "reason", c.closed(time.Second).ReasonCode, wire.ProtocolError)
	}},
	{"closes the old connection at a takeover", both, Config{}, func(w *world, v wire.Version) {
		old := w.connect(v, persistent("a", 300))
		old.subscribe("s/#", wire.QoS1)
		writer := w.connect(v, clean("writer"))
		writer.publish("s/1", "one", wire.QoS1)
		old.got("one")
		c := w.connect(v, persistent("a", 300))
		told := old.closed(time.Second)
		if v == wire.V5 {
			equal(w, "reason", told.ReasonCode, wire.SessionTakenOver)
		} else {
			equal(w, "DISCONNECT to 3.1.1", !told.sent, true)
		}
		equal(w, "Session Present", c.connack.SessionPresent, true)
		equal(w, "DUP", c.got("one").Dup, true)
	}},
	{"keeps the backlog at a takeover", both, Config{}, func(w *world, v wire.Version) {
		p := persistent("a", 300)
		p.Properties = p.Properties.With(wire.ReceiveMaximum(1))
		old := w.connect(v, p)
		old.subscribe("s/#", wire.QoS1)
		writer := w.connect(v, clean("writer"))
		for _, text := range []string{"one", "two", "three"} {
			writer.publish("s/1", text, wire.QoS1)
		}
		c := w.connect(v, persistent("a", 300))
		for _, text := range []string{"one", "two", "three"} {
			c.ack(c.got(text))
		}
	}},
	{"carries a session from one version to the other", both, Config{}, func(w *world, v wire.Version) {
		filled(w, v, "a", 300)
		other := wire.V5 + wire.V311 - v
		c := w.connect(other, persistent("a", 300))
		equal(w, "Session Present", c.connack.SessionPresent, true)
		equal(w, "DUP", c.got("one").Dup, true)
	}},
	{"tells Client Identifiers apart byte by byte", both, Config{}, func(w *world, v wire.Version) {
		long := strings.Repeat("x", 23)
		for _, id := range []string{"abc", "ABC", "abc ", "abc\u00e9", "abce\u0301", long, long + "y"} {
			c := w.connect(v, persistent(id, 300))
			equal(w, "Session Present of "+id, c.connack.SessionPresent, false)
		}
	}},
	{"accepts Client Identifiers of 1 to 23 bytes", both, Config{}, func(w *world, v wire.Version) {
		const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		for _, id := range []string{"0", letters[:23], letters[23:46], letters[39:]} {
			w.connect(v, clean(id)).leave()
		}
	}},
	{"assigns a Client Identifier where there is none", only5, Config{}, func(w *world, v wire.Version) {
		p := persistent("", 300)
		x, y := w.connect(v, p), w.connect(v, p)
		first := x.connack.Properties.Text(wire.PropAssignedClientIdentifier)
		equal(w, "an identifier is returned", first != "", true)
		equal(w, "it is unique", first != y.connack.Properties.Text(wire.PropAssignedClientIdentifier), true)
		x.leave()
		back := w.connect(v, persistent(first, 300))
		equal(w, "Session Present", back.connack.SessionPresent, true)
		equal(w, "returned again", back.connack.Properties.Has(wire.PropAssignedClientIdentifier), false)
	}},
	{"gives a client of 3.1.1 an identifier of its own", only3, Config{}, func(w *world, v wire.Version) {
		x, y := w.connect(v, clean("")), w.connect(v, clean(""))
		for _, c := range []*client{x, y} {
			c.send(wire.Pingreq{})
			next[wire.Pingresp](c)
		}
	}},
	{"refuses no Client Identifier with Clean Session 0", only3, Config{}, func(w *world, v wire.Version) {
		c := w.open(v)
		c.send(wire.Connect{})
		equal(w, "code", next[wire.Connack](c).ReasonCode, wire.RefusedIdentifier)
		c.closed(time.Second)
	}},
}
