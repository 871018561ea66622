package profile

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// TestTopicAliases sets the highest alias, uses it, and sets one above.
func TestTopicAliases(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		witness := w.connect(wire.V5, clean("w"))
		witness.subscribe("a", 1)
		c := w.connect(wire.V5, clean("c"))
		c.publish("a", "set", wire.TopicAlias(8))
		c.publish("", "used", wire.TopicAlias(8))
		witness.got("set")
		if p := witness.got("used"); p.Topic != "a" {
			w.Errorf("got %s", show(p))
		}
		c.send(wire.Publish{PacketID: 7, QoS: 1, Topic: "a", Properties: wire.Properties{wire.TopicAlias(9)}})
		c.gets(wire.Disconnect{ReasonCode: wire.TopicAliasInvalid}, nil)
	})
}

// TestConnectTime opens a connection and says nothing.
func TestConnectTime(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		near, far := memnet.Pipe(0)
		go w.b.ServeConn(far)
		c := &client{w: w, nc: near, version: wire.V5}
		start := time.Now()
		got := c.within(time.Hour)
		if waited := time.Since(start); got != nil || waited != 30*time.Second {
			w.Errorf("got %s after %v, want the end after 30 s", show(got), waited)
		}
	})
}

// TestExpiryAtDisconnect changes the Session Expiry Interval with DISCONNECT: shorter, longer than the quota, and from 0.
func TestExpiryAtDisconnect(t *testing.T) {
	for _, x := range []struct {
		what         string
		first, later uint32
		life         time.Duration // 0: the DISCONNECT is an error
	}{
		{"shorter", 7200, 60, time.Minute},
		{"longer", 60, 7200, 2 * time.Hour},
		{"above the quota", 60, 0xFFFF_FFFF, 7 * 24 * time.Hour},
		{"from 0", 0, 60, 0},
	} {
		for _, away := range []time.Duration{x.life - time.Second, x.life + time.Second} {
			inWorld(t, nil, func(w *world) {
				c := w.connect(wire.V5, persistent("c", x.first))
				c.send(wire.Disconnect{Properties: wire.Properties{wire.SessionExpiryInterval(x.later)}})
				if x.life == 0 {
					c.gets(wire.Disconnect{ReasonCode: wire.ProtocolError}, nil)
				}
				synctest.Wait()
				time.Sleep(away)
				_, connack := w.open(wire.V5, persistent("c", 60))
				if want := away > 0 && away < x.life; connack.SessionPresent != want {
					w.Errorf("%s, after %v: Session Present is %v", x.what, away, connack.SessionPresent)
				}
			})
		}
	}
}

// TestWillExpiry has a Will whose Message Expiry Interval counts from the end of the connection, however long that has
// lasted.
func TestWillExpiry(t *testing.T) {
	for _, x := range []struct {
		away time.Duration
		want bool
	}{{2 * time.Second, true}, {4 * time.Second, false}} {
		inWorld(t, nil, func(w *world) {
			w.connect(wire.V5, persistent("w", 600)).subscribe("gone", 1)
			witness := w.connect(wire.V5, persistent("w", 600))
			witness.drop()
			p := clean("c")
			p.KeepAlive = 1200
			p.Will = &wire.Will{Topic: "gone", QoS: 1, Payload: []byte("x"), Properties: wire.Properties{wire.MessageExpiryInterval(3)}}
			c := w.connect(wire.V5, p)
			time.Sleep(20 * time.Second)
			c.drop()
			time.Sleep(x.away)
			got := w.connect(wire.V5, persistent("w", 600)).next()
			if _, came := got.(wire.Publish); came != x.want {
				w.Errorf("after %v: got %s", x.away, show(got))
			}
		})
	}
}

// TestRetainedWill publishes a retained Will: it is kept as any other message.
func TestRetainedWill(t *testing.T) {
	for _, v := range both {
		inWorld(t, nil, func(w *world) {
			p := clean("c")
			p.Will = &wire.Will{Topic: "status", QoS: 1, Retain: true, Payload: []byte("gone")}
			w.connect(v, p).drop()
			c := w.connect(v, clean("w"))
			c.subscribe("status", 1)
			if got := c.got("gone"); !got.Retain {
				w.Errorf("%v: RETAIN is 0", v)
			}
		})
	}
}

// TestResubscribing counts filters of a connection: the same one again is none more, and one that is given back makes room.
func TestResubscribing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V5, clean("c"))
		for i := range 50 {
			c.subscribe("a/"+string(rune('0'+i)), 1)
		}
		c.subscribe("a/0", 0)
		c.send(wire.Subscribe{PacketID: 7, Subscriptions: []wire.Subscription{{Filter: "b", QoS: 1}}})
		c.gets(wire.Suback{PacketID: 7, ReasonCodes: []wire.ReasonCode{wire.QuotaExceeded}})
		c.send(wire.Unsubscribe{PacketID: 8, Filters: []string{"a/0"}})
		c.gets(wire.Unsuback{PacketID: 8, ReasonCodes: []wire.ReasonCode{0}})
		c.subscribe("b", 1)
	})
}
