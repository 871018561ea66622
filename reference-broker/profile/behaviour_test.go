package profile

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

func TestRetained(t *testing.T) {
	for _, v := range both {
		inWorld(t, nil, func(w *world) {
			d := w.connect(v, clean("d"))
			d.send(wire.Publish{PacketID: 1, QoS: 1, Retain: true, Topic: "a/b", Payload: []byte("kept")})
			d.gets(wire.Puback{PacketID: 1})
			c := w.connect(v, clean("c"))
			for _, filter := range []string{"a/+", "a/#", "#", "$share/g/a/b"} {
				c.subscribe(filter, 1)
				c.gets(silence{})
			}
			c.subscribe("a/b", 1)
			if p := c.got("kept"); !p.Retain {
				w.Errorf("%v: RETAIN is 0", v)
			}
		})
	}
}

func TestHashMissesParent(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V5, clean("c"))
		c.subscribe("a/#", 1)
		d := w.connect(wire.V5, clean("d"))
		d.publish("a", "parent")
		d.publish("a/b", "below")
		d.publish("a/", "empty level")
		c.got("below")
		c.got("empty level")
		c.gets(silence{})
	})
}

// TestShared has a group of one client of each version.
func TestShared(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c5 := w.connect(wire.V5, clean("c5"))
		c5.subscribe("$share/g/a/+", 1)
		c3 := w.connect(wire.V311, clean("c3"))
		c3.subscribe("$share/g/a/+", 1)
		d := w.connect(wire.V311, clean("d"))
		for range 4 {
			d.publish("a/b", "x")
		}
		for _, c := range []*client{c5, c3} {
			c.got("x")
			c.got("x")
			c.gets(silence{})
		}
	})
}

// TestNoDup takes up an exchange on a new connection.
func TestNoDup(t *testing.T) {
	for _, v := range both {
		inWorld(t, nil, func(w *world) {
			c := w.connect(v, persistent("c", 600))
			c.subscribe("a", 1)
			w.connect(v, clean("d")).publish("a", "x")
			first := c.got("x")
			c.drop()
			again := w.connect(v, persistent("c", 600)).got("x")
			if again.PacketID != first.PacketID || again.Dup {
				w.Errorf("%v: got %s after %s", v, show(again), show(first))
			}
		})
	}
}

func TestWillDelayIsIgnored(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V311, clean("w"))
		c.subscribe("a", 1)
		p := persistent("c", 600)
		p.Will = &wire.Will{Topic: "a", QoS: 1, Payload: []byte("gone"), Properties: wire.Properties{wire.WillDelayInterval(60)}}
		w.connect(wire.V5, p).drop()
		start := time.Now()
		c.got("gone")
		if waited := time.Since(start); waited != 0 {
			w.Errorf("the will came after %v", waited)
		}
	})
}

// TestMessagesCrossVersions publishes with each version for the other.
func TestMessagesCrossVersions(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c5, c3 := w.connect(wire.V5, clean("c5")), w.connect(wire.V311, clean("c3"))
		c5.subscribe("from3", 1)
		c3.subscribe("from5", 1)
		c5.publish("from5", "five", wire.UserProperty("k", "v"), wire.ContentType("text"))
		c3.publish("from3", "three")
		c3.got("five")
		if p := c5.got("three"); len(p.Properties) != 0 {
			w.Errorf("got %v", p.Properties)
		}
	})
}

// TestTakeOver connects the same client again.
func TestTakeOver(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		witness := w.connect(wire.V5, clean("w"))
		witness.subscribe("$aws/events/presence/#", 1)
		c := w.connect(wire.V5, clean("c"))
		w.connect(wire.V5, clean("c"))
		c.gets(wire.Disconnect{ReasonCode: wire.SessionTakenOver}, nil)
		var got []string
		for range 3 {
			p, ok := witness.next().(wire.Publish)
			var e struct{ DisconnectReason string }
			if err := json.Unmarshal(p.Payload, &e); !ok || err != nil {
				w.Fatalf("got %s: %v", p.Payload, err)
			}
			got = append(got, strings.TrimPrefix(p.Topic, "$aws/events/presence/")+" "+e.DisconnectReason)
		}
		if want := "connected/c |disconnected/c DUPLICATE_CLIENTID|connected/c "; strings.Join(got, "|") != want {
			w.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestEndings ends a connection in each way and looks at the event.
func TestEndings(t *testing.T) {
	for _, x := range []struct {
		what   string
		end    func(*client)
		reason string
		client bool
	}{
		{"DISCONNECT", func(c *client) { c.send(wire.Disconnect{}) }, "CLIENT_INITIATED_DISCONNECT", true},
		{"a cut", func(c *client) { c.nc.Abort() }, "CONNECTION_LOST", false},
		{"a close", func(c *client) { c.nc.Close() }, "CONNECTION_LOST", false},
		{"a second CONNECT", func(c *client) { c.send(clean("c")) }, "CLIENT_ERROR", false},
		{"a packet that is too large", func(c *client) { c.send(wire.Publish{Topic: "a", Payload: make([]byte, 131_072)}) }, "CLIENT_ERROR", false},
		{"a publish that is forbidden", func(c *client) { c.send(wire.Publish{Topic: "$mine"}) }, "AUTH_ERROR", false},
		{"silence", func(*client) { time.Sleep(1800 * time.Second) }, "MQTT_KEEP_ALIVE_TIMEOUT", false},
	} {
		for _, v := range both {
			inWorld(t, nil, func(w *world) {
				c := w.connect(v, clean("c"))
				witness := w.connect(wire.V311, wire.Connect{ClientID: "w"})
				witness.subscribe("$aws/events/presence/disconnected/c", 1)
				witness.drop() // it must not be silent for too long
				x.end(c)
				synctest.Wait()
				p, ok := w.connect(wire.V311, wire.Connect{ClientID: "w"}).next().(wire.Publish)
				var e struct {
					ClientInitiatedDisconnect bool
					DisconnectReason          string
					VersionNumber             *int
				}
				if err := json.Unmarshal(p.Payload, &e); !ok || err != nil {
					w.Fatalf("%s (%v): got %s: %v", x.what, v, p.Payload, err)
				}
				if e.DisconnectReason != x.reason || e.ClientInitiatedDisconnect != x.client || e.VersionNumber == nil {
					w.Errorf("%s (%v): got %s", x.what, v, p.Payload)
				}
			})
		}
	}
}

// TestWillAndRule is the way of a will by a rule to a second topic, measured from the cut.
func TestWillAndRule(t *testing.T) {
	rules := []awsiot.Rule{{From: "last/will/topic", Republish: &awsiot.Republish{Topic: "lwt/executed/${clientid()}", QoS: 1}}}
	for _, x := range []struct {
		what string
		end  func(*client)
		want time.Duration // -1: no will
	}{
		{"the process dies", func(c *client) { c.nc.Abort() }, 0},
		{"the link falls silent", func(*client) {}, 45 * time.Second},
		{"DISCONNECT", func(c *client) { c.send(wire.Disconnect{}) }, -1},
	} {
		for _, v := range both {
			inWorld(t, rules, func(w *world) {
				p := clean("device")
				p.KeepAlive = 30
				p.Will = &wire.Will{Topic: "last/will/topic", QoS: 1, Payload: []byte("gone")}
				c := w.connect(v, p)
				witness := w.connect(v, clean("w"))
				witness.subscribe("lwt/#", 1)
				start := time.Now()
				x.end(c)
				got, came := witness.within(time.Minute).(wire.Publish)
				switch waited := time.Since(start); {
				case x.want < 0 && came:
					w.Errorf("%s (%v): got %s", x.what, v, show(got))
				case x.want >= 0 && (!came || waited != x.want || got.Topic != "lwt/executed/device" || string(got.Payload) != "gone"):
					w.Errorf("%s (%v): got %s after %v", x.what, v, show(got), waited)
				}
			})
		}
	}
}

// TestBasicIngest publishes to a rule past all subscribers.
func TestBasicIngest(t *testing.T) {
	rules := []awsiot.Rule{{Name: "r", From: "in/+", Republish: &awsiot.Republish{Topic: "out/${topic(2)}", QoS: 1}}}
	inWorld(t, rules, func(w *world) {
		c := w.connect(wire.V5, clean("c"))
		c.subscribe("$aws/rules/#", 1)
		c.subscribe("out/#", 1)
		w.connect(wire.V5, clean("d")).publish("$aws/rules/r/in/x", "1")
		if p := c.got("1"); p.Topic != "out/x" {
			w.Errorf("got %s", show(p))
		}
		c.gets(silence{})
	})
}

// TestRulesThatFeedEachOther must come to an end.
func TestRulesThatFeedEachOther(t *testing.T) {
	rules := []awsiot.Rule{
		{From: "ping", Republish: &awsiot.Republish{Topic: "pong", QoS: 1}},
		{From: "pong", Republish: &awsiot.Republish{Topic: "ping", QoS: 1}},
	}
	inWorld(t, rules, func(w *world) {
		c := w.connect(wire.V5, clean("c"))
		c.subscribe("+", 1)
		w.connect(wire.V5, clean("d")).publish("ping", "x")
		n := 0
		for {
			if _, ok := c.next().(wire.Publish); !ok {
				break
			}
			n++
		}
		if n != 11 {
			w.Errorf("%d messages, want the first and 10 of rules", n)
		}
	})
}

// TestShadow lets a device and an application talk over a named shadow, across versions.
func TestShadow(t *testing.T) {
	const prefix = "$aws/things/lamp/shadow/name/hall/"
	inWorld(t, nil, func(w *world) {
		device := w.connect(wire.V311, wire.Connect{ClientID: "lamp"})
		device.subscribe(prefix+"update/delta", 1)
		device.subscribe(prefix+"get/+", 1)
		app := w.connect(wire.V5, clean("app"))
		app.subscribe(prefix+"update/accepted", 1)
		app.subscribe(prefix+"update/rejected", 1)
		app.subscribe(prefix+"update/documents", 1)

		device.publish(prefix+"get", "")
		device.heard(prefix+"get/rejected", `"code":404`)
		device.drop()

		app.send(wire.Publish{PacketID: 7, QoS: 1, Topic: prefix + "update", Payload: []byte(`{"state":{"desired":{"on":true}},"clientToken":"t"}`)})
		app.heard(prefix+"update/accepted", `"clientToken":"t"`)
		app.heard(prefix+"update/documents", `"previous":{"metadata":{},"state":{},"version":0}`)
		app.gets(wire.Puback{PacketID: 7})

		back := w.connect(wire.V311, wire.Connect{ClientID: "lamp"}) // the delta has waited
		back.heard(prefix+"update/delta", `"state":{"on":true}`)
		back.publish(prefix+"update", `{"state":{"reported":{"on":true}},"version":1}`)
		app.heard(prefix+"update/accepted", `"version":2`)
		app.heard(prefix+"update/documents", `"version":2`)
		back.publish(prefix+"update", `{"state":{"reported":{"on":false}},"version":1,"clientToken":"u"}`)
		app.heard(prefix+"update/rejected", `"code":409,"message":"Version conflict"`)
		back.gets(silence{}) // nothing differs, there is no other delta
	})
}

// heard receives a PUBLISH on a topic whose payload holds a text.
func (c *client) heard(topic, text string) {
	c.w.Helper()
	p, ok := c.next().(wire.Publish)
	if !ok || p.Topic != topic || !strings.Contains(string(p.Payload), text) {
		c.w.Errorf("got %s, want %s with %s", show(p), topic, text)
	}
	if p.QoS > 0 {
		c.send(wire.Puback{PacketID: p.PacketID})
	}
}
