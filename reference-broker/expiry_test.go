package broker

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// present reports whether a session is there, by resuming and leaving it again.
func present(w *world, v wire.Version, id string) bool {
	w.t.Helper()
	c := w.connect(v, persistent(id, 1000))
	found := c.connack.SessionPresent
	c.leave()
	return found
}

const tick = time.Millisecond

var expiryBehaviours = []behaviour{
	{"ends a session when its expiry is over, to the instant", only5, Config{}, func(w *world, v wire.Version) {
		for _, wait := range []time.Duration{7*24*time.Hour - tick, 7*24*time.Hour + tick} {
			filled(w, v, "a", 7*24*3600)
			begin := time.Now()
			sleep(wait)
			c := w.connect(v, persistent("a", 0))
			equal(w, "Session Present", c.connack.SessionPresent, wait < 7*24*time.Hour)
			if wait > 7*24*time.Hour {
				isEmpty(w, c)
			}
			equal(w, "virtual time", time.Since(begin) >= wait, true)
			c.leave()
		}
	}},
	{"collects nothing for an expired session", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 2))
		c.subscribe("s", wire.QoS1)
		c.drop()
		sleep(3 * time.Second)
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "gap", wire.QoS1)
		c = w.connect(v, persistent("a", 2))
		equal(w, "Session Present", c.connack.SessionPresent, false)
		writer.publish("s", "live", wire.QoS1)
		c.nothing(5 * time.Second)
	}},
	{"counts the expiry from the end of the connection", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 3))
		sleep(8 * time.Second)
		c.drop()
		sleep(time.Second)
		equal(w, "Session Present", present(w, v, "a"), true)
	}},
	{"keeps a session for ever", both, Config{}, func(w *world, v wire.Version) {
		w.connect(v, persistent("a", forever)).drop()
		sleep(10 * 365 * 24 * time.Hour)
		equal(w, "Session Present", present(w, v, "a"), true)
	}},
	{"caps the expiry and says so", only5, Config{MaximumSessionExpiry: 10}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 100))
		equal(w, "announced", c.connack.Properties.Int(wire.PropSessionExpiryInterval, 0), 10)
		c.drop()
		sleep(10*time.Second + tick)
		equal(w, "Session Present", present(w, v, "a"), false)
		c = w.connect(v, persistent("b", 10))
		equal(w, "announced without need", c.connack.Properties.Has(wire.PropSessionExpiryInterval), false)
	}},
	{"announces no expiry but its own", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 100))
		equal(w, "announced", c.connack.Properties.Has(wire.PropSessionExpiryInterval), false)
	}},
	{"takes the expiry from DISCONNECT", only5, Config{}, func(w *world, v wire.Version) {
		for _, x := range []struct {
			connect, disconnect uint32
			wait                time.Duration
			present             bool
		}{{300, 1, 2, false}, {2, 30, 6, true}, {300, 0, 0, false}} {
			c := w.connect(v, persistent("a", x.connect))
			c.leave(func(d *wire.Disconnect) { d.Properties = wire.Properties{wire.SessionExpiryInterval(x.disconnect)} })
			sleep(x.wait * time.Second)
			c = w.connect(v, persistent("a", 0))
			equal(w, "Session Present", c.connack.SessionPresent, x.present)
			c.leave()
		}
	}},
	{"refuses an expiry in DISCONNECT after none in CONNECT", only5, Config{}, func(w *world, v wire.Version) {
		witness := w.connect(v, clean("witness"))
		witness.subscribe("will", wire.QoS0)
		c := w.connect(v, wire.Connect{ClientID: "a", Will: &wire.Will{Topic: "will", Payload: []byte("gone")}})
		c.send(wire.Disconnect{Properties: wire.Properties{wire.SessionExpiryInterval(30)}})
		equal(w, "reason", c.closed(time.Second).ReasonCode, wire.ProtocolError)
		witness.got("gone")
		equal(w, "Session Present", present(w, v, "a"), false)
	}},
	{"takes the expiry from the newest CONNECT", only5, Config{}, func(w *world, v wire.Version) {
		w.connect(v, persistent("a", 300)).drop()
		w.connect(v, persistent("a", 2)).drop()
		sleep(3 * time.Second)
		equal(w, "Session Present after a shorter one", present(w, v, "a"), false)
		w.connect(v, persistent("b", 2)).drop()
		w.connect(v, persistent("b", 300)).drop()
		sleep(3 * time.Second)
		equal(w, "Session Present after a longer one", present(w, v, "b"), true)
	}},
	{"passes the Message Expiry Interval on, less the time of waiting", only5, Config{}, func(w *world, v wire.Version) {
		online, offline := w.connect(v, clean("online")), w.connect(v, persistent("offline", 300))
		online.subscribe("s", wire.QoS1)
		offline.subscribe("s", wire.QoS1)
		offline.drop()
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "x", wire.QoS1, wire.MessageExpiryInterval(60))
		equal(w, "at once", online.got("x").Properties.Int(wire.PropMessageExpiryInterval, 0), 60)
		sleep(4*time.Second + 500*time.Millisecond)
		offline = w.connect(v, persistent("offline", 300))
		equal(w, "after 4.5 s", offline.got("x").Properties.Int(wire.PropMessageExpiryInterval, 0), 56)
		writer.publish("s", "y", wire.QoS1)
		equal(w, "invented", offline.got("y").Properties.Has(wire.PropMessageExpiryInterval), false)
		writer.publish("s", "z", wire.QoS1, wire.MessageExpiryInterval(0xFFFF_FFFF))
		equal(w, "the longest", offline.got("z").Properties.Int(wire.PropMessageExpiryInterval, 0), 0xFFFF_FFFF)
	}},
	{"drops expired messages and goes on", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS1)
		c.drop()
		writer := w.connect(v, clean("writer"))
		for range 30 {
			writer.publish("s", "A", wire.QoS1, wire.MessageExpiryInterval(2))
		}
		writer.publish("s", "B", wire.QoS1)
		writer.publish("s", "C", wire.QoS1, wire.MessageExpiryInterval(60))
		sleep(2 * time.Second)
		c = w.connect(v, persistent("a", 300))
		c.got("B")
		c.got("C")
		c.nothing(time.Second)
	}},
	{"drops messages that expire while they wait for send quota", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.ReceiveMaximum(1)}})
		c.subscribe("s", wire.QoS1)
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "A", wire.QoS1)
		writer.publish("s", "B", wire.QoS1, wire.MessageExpiryInterval(2))
		writer.publish("s", "C", wire.QoS1)
		a := c.got("A")
		sleep(4 * time.Second)
		c.ack(a)
		c.got("C")
	}},
	{"finishes exchanges whose message has expired", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, persistent("a", 300))
		c.subscribe("s", wire.QoS2)
		writer := w.connect(v, clean("writer"))
		writer.publish("s", "A", wire.QoS2, wire.MessageExpiryInterval(2))
		writer.publish("s", "B", wire.QoS2, wire.MessageExpiryInterval(2))
		a := c.got("A")
		b := c.got("B")
		c.send(wire.Pubrec{PacketID: a.PacketID})
		next[wire.Pubrel](c)
		c.drop()
		sleep(4 * time.Second)
		c = w.connect(v, persistent("a", 300))
		equal(w, "PUBREL", next[wire.Pubrel](c).PacketID, a.PacketID)
		again := c.got("B")
		equal(w, "DUP", again.Dup, true)
		equal(w, "Packet Identifier", again.PacketID, b.PacketID)
		equal(w, "Message Expiry Interval", again.Properties.Int(wire.PropMessageExpiryInterval, 99), 0)
	}},
	{"answers PUBREL although the message has expired", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Publish{QoS: 2, PacketID: 1, Topic: "s", Properties: wire.Properties{wire.MessageExpiryInterval(1)}})
		next[wire.Pubrec](c)
		sleep(3 * time.Second)
		c.send(wire.Pubrel{PacketID: 1})
		equal(w, "code", next[wire.Pubcomp](c).ReasonCode, wire.Success)
	}},
	{"passes the remaining lifetime of two waiting copies on separately", only5, Config{}, func(w *world, v wire.Version) {
		for _, id := range []string{"a", "b"} {
			c := w.connect(v, persistent(id, 300))
			c.subscribe("s", wire.QoS1)
			c.drop()
		}
		w.connect(v, clean("writer")).publish("s", "x", wire.QoS1, wire.MessageExpiryInterval(60))
		sleep(10 * time.Second)
		equal(w, "first", w.connect(v, persistent("a", 300)).got("x").Properties.Int(wire.PropMessageExpiryInterval, 0), 50)
		sleep(10 * time.Second)
		equal(w, "second", w.connect(v, persistent("b", 300)).got("x").Properties.Int(wire.PropMessageExpiryInterval, 0), 40)
	}},
	{"sends clients of 3.1.1 no properties", only3, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.subscribe("s", wire.QoS1)
		w.connect(wire.V5, clean("writer")).publish("s", "x", wire.QoS1, wire.MessageExpiryInterval(60), wire.ContentType("t"))
		c.got("x")
	}},
}
