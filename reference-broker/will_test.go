package broker

import (
	"fmt"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// mortal is a CONNECT with a will that says gone on the topic will, after delay seconds.
func mortal(id string, expiry, delay uint32) wire.Connect {
	p := persistent(id, expiry)
	p.Will = &wire.Will{Topic: "will", QoS: 1, Payload: []byte("gone")}
	if delay > 0 {
		p.Will.Properties = wire.Properties{wire.WillDelayInterval(delay)}
	}
	return p
}

// witness is a client that hears wills.
func (w *world) witness(v wire.Version) *client {
	w.t.Helper()
	c := w.connect(v, clean("witness"))
	c.subscribe("will/#", wire.QoS1)
	return c
}

// after expects the will to come after exactly d.
func (c *client) willAfter(w *world, d time.Duration) {
	c.t.Helper()
	if d > 0 {
		c.nothing(d - tick)
	}
	got, err := c.receive(2 * tick)
	p, ok := got.(wire.Publish)
	if !ok {
		c.t.Fatalf("after %v: got %#v, %v, want a will", d, got, err)
	}
	equal(w, "payload", string(p.Payload), "gone")
	c.ack(p)
}

var willBehaviours = []behaviour{
	{"publishes the will when the connection is lost", both, Config{}, func(w *world, v wire.Version) {
		for name, cut := range map[string]func(c *client){
			"RST":        func(c *client) { c.nc.Abort() },
			"FIN":        func(c *client) { c.nc.Close() },
			"half-close": func(c *client) { c.nc.CloseWrite() },
			"half a packet": func(c *client) {
				c.sendBytes([]byte{0x30, 10, 0})
				c.nc.Close()
			},
			"protocol error":    func(c *client) { c.send(wire.Connect{}) },
			"malformed packet":  func(c *client) { c.sendBytes([]byte{0xC1, 0}) },
			"packet too large":  func(c *client) { c.sendBytes([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}) },
			"keep alive":        func(c *client) { sleep(90 * time.Second) },
			"undecodable bytes": func(c *client) { c.sendBytes([]byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}) },
		} {
			witness := w.witness(v)
			p := mortal("a", 300, 0)
			p.KeepAlive = 60
			c := w.connect(v, p)
			cut(c)
			got, err := witness.receive(tick)
			if p, ok := got.(wire.Publish); !ok || string(p.Payload) != "gone" {
				w.t.Fatalf("%s: no will: %v %v", name, got, err)
			}
			witness.leave()
		}
	}},
	{"publishes no will after DISCONNECT", both, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 3, 2)).leave()
		c := w.connect(v, mortal("b", 0, 0))
		c.sendBytes(append(wire.Bytes(wire.Disconnect{}, v), wire.Bytes(wire.Pingreq{}, v)...))
		c.nc.Close()
		witness.nothing(time.Minute)
	}},
	{"publishes the will after DISCONNECT with another code", only5, Config{}, func(w *world, v wire.Version) {
		for _, code := range []wire.ReasonCode{wire.DisconnectWithWillMessage, wire.UnspecifiedError, wire.ProtocolError, wire.AdministrativeAction} {
			witness := w.witness(v)
			w.connect(v, mortal("a", 300, 2)).leave(func(d *wire.Disconnect) { d.ReasonCode = code })
			witness.willAfter(w, 2*time.Second)
			witness.leave()
		}
	}},
	{"publishes the will as CONNECT said", both, Config{}, func(w *world, v wire.Version) {
		for _, retain := range []bool{false, true} {
			for qos := range wire.QoS(3) {
				topic := fmt.Sprint("will/", retain, qos)
				away := w.connect(v, persistent("away", 300))
				away.subscribe(topic, wire.QoS2)
				away.drop()
				w.connect(v, wire.Connect{ClientID: "a", CleanStart: true, Will: &wire.Will{Topic: topic, Payload: []byte("gone"), QoS: qos, Retain: retain}}).drop()
				if qos > 0 {
					p := w.connect(v, persistent("away", 300)).got("gone")
					equal(w, "QoS", p.QoS, qos)
					equal(w, "RETAIN", p.Retain, false)
				}
				late := w.connect(v, clean("late"))
				late.subscribe(topic, wire.QoS0)
				equal(w, "retained", len(heard(late)) == 1, retain)
				w.connect(v, clean("away")).leave()
			}
		}
	}},
	{"counts the delay of each will from the end of its own connection", only5, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		first, second := w.connect(v, mortal("a", 60, 5)), w.connect(v, mortal("b", 60, 5))
		first.drop()
		sleep(3 * time.Second)
		second.drop()
		witness.willAfter(w, 2*time.Second)
		witness.willAfter(w, 3*time.Second)
	}},
	{"publishes the will with its properties", only5, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		sent := wire.Properties{wire.PayloadFormatIndicator(1), wire.ContentType("t"), wire.ResponseTopic("r"), wire.CorrelationData("d"), wire.UserProperty("a", "1"), wire.UserProperty("b", "2")}
		p := mortal("a", 300, 1)
		p.Will.Properties = p.Will.Properties.With(sent...)
		w.connect(v, p).drop()
		sleep(time.Second)
		equal(w, "properties", fmt.Sprint(witness.got("gone").Properties), fmt.Sprint(sent))
	}},
	{"counts the will's lifetime from its publication", only5, Config{}, func(w *world, v wire.Version) {
		away := w.connect(v, persistent("away", 300))
		away.subscribe("will", wire.QoS1)
		away.drop()
		p := mortal("a", 300, 2)
		p.Will.Properties = p.Will.Properties.With(wire.MessageExpiryInterval(5))
		c := w.connect(v, p)
		sleep(3 * time.Second)
		c.drop()
		sleep(4 * time.Second)
		equal(w, "Message Expiry Interval", w.connect(v, persistent("away", 300)).got("gone").Properties.Int(wire.PropMessageExpiryInterval, 0), 3)
	}},
	{"waits for the will delay or the end of the session", only5, Config{}, func(w *world, v wire.Version) {
		for _, x := range []struct {
			delay, expiry uint32
			after         time.Duration
		}{{3, 60, 3}, {60, 3, 3}, {5, 0, 0}, {3, 3, 3}, {3, forever, 3}} {
			witness := w.witness(v)
			w.connect(v, mortal("a", x.expiry, x.delay)).drop()
			witness.willAfter(w, x.after*time.Second)
			witness.nothing(2 * time.Minute)
			witness.leave()
		}
	}},
	{"publishes the will at the end that DISCONNECT gave the session", only5, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 300, 5)).leave(func(d *wire.Disconnect) {
			d.ReasonCode = wire.DisconnectWithWillMessage
			d.Properties = wire.Properties{wire.SessionExpiryInterval(1)}
		})
		witness.willAfter(w, time.Second)
	}},
	{"publishes no will if the client comes back in time", only5, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 60, 5)).drop()
		sleep(2 * time.Second)
		c := w.connect(v, persistent("a", 60))
		witness.nothing(20 * time.Second)
		c.leave()
		witness.nothing(time.Minute)
	}},
	{"publishes the will when a new session replaces the old one", only5, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 60, 5)).drop()
		sleep(2 * time.Second)
		w.connect(v, clean("a"))
		witness.willAfter(w, 0)
		witness.nothing(time.Minute)
	}},
	{"publishes the will at a takeover unless its delay holds it back", only5, Config{}, func(w *world, v wire.Version) {
		for _, delay := range []uint32{0, 5} {
			for _, expiry := range []uint32{0, 60} {
				for _, cleanStart := range []bool{false, true} {
					witness := w.witness(v)
					w.connect(v, mortal("a", expiry, delay))
					p := persistent("a", 60)
					p.CleanStart = cleanStart
					c := w.connect(v, p)
					if delay == 0 || expiry == 0 || cleanStart {
						witness.willAfter(w, 0)
					}
					witness.nothing(2 * time.Minute)
					c.leave(func(d *wire.Disconnect) { d.Properties = wire.Properties{wire.SessionExpiryInterval(0)} })
					witness.leave()
				}
			}
		}
	}},
	{"publishes the will at a takeover in 3.1.1", only3, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 60, 0))
		w.connect(v, clean("a"))
		witness.willAfter(w, 0)
		witness.nothing(time.Minute)
	}},
	{"publishes a will once", both, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 60, 0)).drop()
		witness.willAfter(w, 0)
		w.connect(v, persistent("a", 60)).drop()
		witness.nothing(2 * time.Minute)
	}},
	{"publishes the newest will", both, Config{}, func(w *world, v wire.Version) {
		witness := w.witness(v)
		w.connect(v, mortal("a", 60, 9)).leave(func(d *wire.Disconnect) { d.ReasonCode = wire.DisconnectWithWillMessage })
		if v == wire.V311 {
			w.connect(v, mortal("a", 60, 0)).leave()
		}
		p := mortal("a", 60, 0)
		p.Will.Payload = []byte("new")
		w.connect(v, p).drop()
		witness.ack(witness.got("new"))
		witness.nothing(2 * time.Minute)
	}},
}

var keepAliveBehaviours = []behaviour{
	{"disconnects a silent client after exactly one and a half Keep Alives", both, Config{}, func(w *world, v wire.Version) {
		for _, seconds := range []uint16{1, 4, 65535} {
			c := w.connect(v, wire.Connect{ClientID: "a", CleanStart: true, KeepAlive: seconds})
			limit := time.Duration(seconds) * 1500 * time.Millisecond
			c.nothing(limit - tick)
			told := c.closed(2 * tick)
			if v == wire.V5 {
				equal(w, "reason", told.ReasonCode, wire.KeepAliveTimeout)
			}
		}
	}},
	{"takes any packet for a sign of life, and nothing else", both, Config{}, func(w *world, v wire.Version) {
		for name, send := range map[string]func(c *client){
			"PINGREQ":   func(c *client) { c.send(wire.Pingreq{}); next[wire.Pingresp](c) },
			"PUBLISH":   func(c *client) { c.publish("s", "", wire.QoS0) },
			"PUBACK":    func(c *client) { c.send(wire.Puback{PacketID: 1}) },
			"SUBSCRIBE": func(c *client) { c.subscribe("x", wire.QoS0) },
		} {
			c := w.connect(v, wire.Connect{ClientID: "a", CleanStart: true, KeepAlive: 4})
			for range 5 {
				sleep(6*time.Second - tick)
				send(c)
			}
			c.subscribe("own", wire.QoS0)
			writer := w.connect(v, clean("writer"))
			for range 3 {
				sleep(time.Second)
				writer.publish("own", "x", wire.QoS0)
				c.got("x")
				c.sendBytes([]byte{0x30}[:0])
			}
			began := time.Now()
			c.closed(time.Minute)
			equal(w, name, time.Since(began), 3*time.Second)
		}
	}},
	{"waits for whole packets", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", CleanStart: true, KeepAlive: 2})
		began := time.Now()
		for _, b := range []byte{0x30, 10} {
			c.sendBytes([]byte{b})
			sleep(time.Second)
		}
		c.closed(time.Minute)
		equal(w, "after", time.Since(began), 3*time.Second)
	}},
	{"never disconnects a silent client with Keep Alive 0", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.nothing(24 * time.Hour)
		c.send(wire.Pingreq{})
		next[wire.Pingresp](c)
	}},
	{"enforces the Keep Alive that it announced", only5, Config{MaximumKeepAlive: 10}, func(w *world, v wire.Version) {
		for asked, want := range map[uint16]uint16{0: 10, 5: 5, 10: 10, 60: 10} {
			c := w.connect(v, wire.Connect{ClientID: "a", KeepAlive: asked})
			equal(w, "announced", c.connack.Properties.Has(wire.PropServerKeepAlive), asked != want)
			limit := time.Duration(want) * 1500 * time.Millisecond
			c.nothing(limit - tick)
			c.closed(2 * tick)
		}
	}},
}
