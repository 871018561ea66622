package profile

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

var both = []wire.Version{wire.V5, wire.V311}

// TestConnect has CONNECT packets and how they are answered: a Reason Code or Connect Return code, or -1 for a close
// without CONNACK.
func TestConnect(t *testing.T) {
	name := func(n int) wire.Connect { return clean(strings.Repeat("x", n)) }
	will := func(w wire.Will) wire.Connect { c := clean("c"); c.Will = &w; return c }
	for _, x := range []struct {
		what    string
		connect wire.Connect
		v5      int
		v311    int
	}{
		{"the longest id", name(128), 0, 0},
		{"a longer id", name(129), 0x85, 2},
		{"an id that begins with $", clean("$c"), 0x85, 2},
		{"a will at QoS 1", will(wire.Will{Topic: "a", QoS: 1, Retain: true}), 0, 0},
		{"a will at QoS 2", will(wire.Will{Topic: "a", QoS: 2}), 0x9B, -1},
		{"a will to a deep topic", will(wire.Will{Topic: "1/2/3/4/5/6/7/8/9"}), 0x90, -1},
		{"a will to a reserved topic", will(wire.Will{Topic: "$aws/events/x"}), 0x87, 5},
		{"a will to a shadow", will(wire.Will{Topic: "$aws/things/c/shadow/update"}), 0, 0},
	} {
		for _, v := range both {
			want := x.v5
			if v == wire.V311 {
				want = x.v311
			}
			inWorld(t, nil, func(w *world) {
				_, connack := w.open(v, x.connect)
				got := -1
				if connack != nil {
					got = int(connack.ReasonCode)
				}
				if got != want {
					w.Errorf("%s (%v): got 0x%02X, want 0x%02X", x.what, v, got, want)
				}
				if connack != nil && connack.Properties.Has(wire.PropReasonString) {
					w.Errorf("%s (%v): there is a Reason String", x.what, v)
				}
			})
		}
	}
	inWorld(t, nil, func(w *world) {
		p := clean("c")
		p.Properties = wire.Properties{wire.AuthenticationMethod("SCRAM-SHA-1")}
		if _, connack := w.open(wire.V5, p); connack == nil || connack.ReasonCode != wire.UnspecifiedError {
			w.Errorf("enhanced authentication: got %+v, want 0x80, as 0x8C is not listed", connack)
		}
	})
}

// TestConnackProperties holds the announcements of 5.0 for clients that ask for more, for less and for nothing.
func TestConnackProperties(t *testing.T) {
	for _, x := range []struct {
		what      string
		keepAlive uint16
		expiry    uint32
		want      string
	}{
		{"nothing asked for", 0, 0, "0 1200"},
		{"within the limits", 60, 7200, "7200 60"},
		{"at the limits", 1200, 604_800, "604800 1200"},
		{"above the limits", 1201, 604_801, "604800 1200"},
		{"for ever", 65_535, 0xFFFF_FFFF, "604800 1200"},
		{"below the limits", 29, 1, "1 30"},
	} {
		inWorld(t, nil, func(w *world) {
			p := persistent("c", x.expiry)
			p.KeepAlive = x.keepAlive
			_, connack := w.open(wire.V5, p)
			ps := connack.Properties
			got := fmt.Sprint(ps.Int(wire.PropSessionExpiryInterval, 99), " ", ps.Int(wire.PropServerKeepAlive, 99))
			if got != x.want {
				w.Errorf("%s: Session Expiry Interval and Server Keep Alive are %s, want %s", x.what, got, x.want)
			}
			for id, want := range map[wire.PropertyID]uint32{
				wire.PropReceiveMaximum: 100, wire.PropMaximumQoS: 1, wire.PropRetainAvailable: 1, wire.PropMaximumPacketSize: 131_072,
				wire.PropTopicAliasMaximum: 8, wire.PropWildcardSubscriptionAvailable: 1, wire.PropSubscriptionIdentifierAvailable: 0,
			} {
				if got := ps.Int(id, 99); got != want {
					w.Errorf("%s: %v is %d, want %d", x.what, id, got, want)
				}
			}
			if ps.Has(wire.PropSharedSubscriptionAvailable) || len(ps) != 9 {
				w.Errorf("%s: got %v", x.what, ps)
			}
		})
	}
	inWorld(t, nil, func(w *world) {
		_, connack := w.open(wire.V5, clean(""))
		if !connack.Properties.Has(wire.PropAssignedClientIdentifier) {
			w.Errorf("no Assigned Client Identifier: %v", connack.Properties)
		}
	})
}

// TestKeepAlive waits for the close of a silent client.
func TestKeepAlive(t *testing.T) {
	for _, x := range []struct {
		asked uint16
		want  time.Duration
	}{{0, 1800 * time.Second}, {5, 45 * time.Second}, {60, 90 * time.Second}, {2000, 1800 * time.Second}} {
		for _, v := range both {
			inWorld(t, nil, func(w *world) {
				p := clean("c")
				p.KeepAlive = x.asked
				c := w.connect(v, p)
				start := time.Now()
				got := c.within(time.Hour)
				if v == wire.V5 {
					if d, ok := got.(wire.Disconnect); !ok || d.ReasonCode != wire.KeepAliveTimeout || len(d.Properties) > 0 {
						w.Errorf("Keep Alive %d (%v): got %s", x.asked, v, show(got))
					}
				} else if got != nil {
					w.Errorf("Keep Alive %d (%v): got %s", x.asked, v, show(got))
				}
				if waited := time.Since(start); waited != x.want {
					w.Errorf("Keep Alive %d (%v): closed after %v, want %v", x.asked, v, waited, x.want)
				}
			})
		}
	}
}

// TestPublishTopics has topics and the code of PUBACK in 5.0; 3.1.1 closes if it is not 0.
func TestPublishTopics(t *testing.T) {
	for _, x := range []struct {
		topic  string
		retain bool
		want   wire.ReasonCode
	}{
		{"1/2/3/4/5/6/7/8", false, 0},
		{"1/2/3/4/5/6/7/8/9", false, wire.TopicNameInvalid},
		{strings.Repeat("x", 256), false, 0},
		{strings.Repeat("x", 257), false, wire.TopicNameInvalid},
		{"$aws/rules/r/1/2/3/4/5/6/7/8", false, 0},
		{"$aws/rules/r/1/2/3/4/5/6/7/8/9", false, wire.TopicNameInvalid},
		{"$aws/things/t/shadow/get", false, 0},
		{"$aws/things/t/shadow/get", true, wire.NotAuthorized},
		{"$aws/things/t/shadow/get/accepted", false, wire.NotAuthorized},
		{"$aws/events/presence/connected/c", false, wire.NotAuthorized},
		{"$mine", false, wire.NotAuthorized},
		{"a", true, 0},
	} {
		for _, q := range []wire.QoS{0, 1} {
			inWorld(t, nil, func(w *world) {
				c := w.connect(wire.V5, clean("c"))
				p := wire.Publish{Topic: x.topic, QoS: q, Retain: x.retain}
				if q == 1 {
					p.PacketID = 7
				}
				c.send(p)
				switch {
				case q == 1:
					c.gets(wire.Puback{PacketID: 7, ReasonCode: x.want}, silence{})
				case x.want == 0:
					c.gets(silence{})
				default:
					c.gets(wire.Disconnect{ReasonCode: x.want}, nil)
				}
				c = w.connect(wire.V311, clean("d"))
				c.send(p)
				switch {
				case x.want != 0:
					c.gets(nil)
				case q == 1:
					c.gets(wire.Puback{PacketID: 7}, silence{})
				default:
					c.gets(silence{})
				}
			})
		}
	}
}

// TestPublishSize has packets at the limit and above it.
func TestPublishSize(t *testing.T) {
	const header = 1 + 3 + 2 + 1 // fixed header, topic "a"
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V311, clean("c"))
		c.send(wire.Publish{Topic: "a", Payload: make([]byte, 131_072-header)})
		c.gets(silence{})
		c.send(wire.Publish{Topic: "a", Payload: make([]byte, 131_072-header+1)})
		c.gets(nil)
		d := w.connect(wire.V5, clean("d"))
		d.send(wire.Publish{Topic: "a", Payload: make([]byte, 131_072)})
		d.gets(wire.Disconnect{ReasonCode: wire.QuotaExceeded}, nil)
	})
}

// TestSubscribe has filters and how they are answered.
func TestSubscribe(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, x := range []struct {
		filter string
		v5     wire.ReasonCode
		v311   wire.ReasonCode
	}{
		{"a/#", 1, 1},
		{"1/2/3/4/5/6/7/#", 1, 1},
		{"1/2/3/4/5/6/7/8/#", 0x8F, 0x80},
		{"$share/g/1/2/3/4/5/6/7/#", 1, 1},
		{"$share/g/1/2/3/4/5/6/7/8/#", 0x8F, 0x80},
		{long, 1, 1},
		{long + "x", 0x8F, 0x80},
		{"$share/" + long[:128] + "/" + long, 1, 1},
		{"$share/" + long[:129] + "/a", 0x8F, 0x80},
		{"$share/g/" + long + "x", 0x8F, 0x80},
		{"$aws/things/t/shadow/#", 1, 1},
		{"$aws/events/presence/#", 1, 1},
	} {
		for _, v := range both {
			want := x.v5
			if v == wire.V311 {
				want = x.v311
			}
			inWorld(t, nil, func(w *world) {
				c := w.connect(v, clean("c"))
				c.send(wire.Subscribe{PacketID: 7, Subscriptions: []wire.Subscription{{Filter: x.filter, QoS: 1}}})
				c.gets(wire.Suback{PacketID: 7, ReasonCodes: []wire.ReasonCode{want}}, silence{})
			})
		}
	}
}

// TestSubscribeLimits has the number of filters in a packet and on a connection, and identifiers.
func TestSubscribeLimits(t *testing.T) {
	filters := func(from, n int) (all []wire.Subscription) {
		for i := range n {
			all = append(all, wire.Subscription{Filter: fmt.Sprint("a/", from+i)})
		}
		return all
	}
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V5, clean("c"))
		for i := range 6 {
			c.send(wire.Subscribe{PacketID: 7, Subscriptions: filters(8*i, 8)})
			c.gets(wire.Suback{PacketID: 7, ReasonCodes: make([]wire.ReasonCode, 8)})
		}
		c.send(wire.Subscribe{PacketID: 7, Subscriptions: filters(48, 3)})
		c.gets(wire.Suback{PacketID: 7, ReasonCodes: []wire.ReasonCode{0, 0, wire.QuotaExceeded}})
		c.send(wire.Subscribe{PacketID: 7, Subscriptions: filters(0, 9)})
		c.gets(wire.Disconnect{ReasonCode: wire.QuotaExceeded}, nil)

		old := w.connect(wire.V311, clean("d"))
		old.send(wire.Subscribe{PacketID: 7, Subscriptions: filters(0, 9)})
		old.gets(nil)

		c = w.connect(wire.V5, clean("e"))
		c.send(wire.Subscribe{PacketID: 7, Subscriptions: filters(0, 1), Properties: wire.Properties{wire.SubscriptionIdentifier(1)}})
		c.gets(wire.Disconnect{ReasonCode: wire.SubscriptionIdentifiersNotSupported}, nil)
	})
}

func TestUnsubscribeCodes(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V5, clean("c"))
		c.subscribe("a", 1)
		c.send(wire.Unsubscribe{PacketID: 7, Filters: []string{"a", "b"}})
		c.gets(wire.Unsuback{PacketID: 7, ReasonCodes: []wire.ReasonCode{0, 0}}) // 0x11 is not listed
	})
}

// TestQoS2 shows that nothing of QoS 2 is answered, and that nothing comes of it.
func TestQoS2(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		witness := w.connect(wire.V5, clean("w"))
		witness.subscribe("#", 1)
		publish := wire.Publish{PacketID: 7, QoS: 2, Topic: "a", Payload: []byte("two")}
		subscribe := wire.Subscribe{PacketID: 8, Subscriptions: []wire.Subscription{{Filter: "b", QoS: 1}, {Filter: "c", QoS: 2}}}

		c := w.connect(wire.V5, clean("c"))
		c.send(publish)
		c.gets(wire.Disconnect{ReasonCode: wire.QoSNotSupported}, nil)
		c = w.connect(wire.V5, clean("c"))
		c.send(subscribe)
		c.gets(wire.Disconnect{ReasonCode: wire.QoSNotSupported}, nil)

		old := w.connect(wire.V311, clean("d"))
		old.send(publish)
		old.gets(silence{})
		old.send(subscribe)
		old.gets(silence{})
		old.publish("b", "one")
		old.gets(silence{}) // it has not subscribed to b
		witness.got("one")
		witness.gets(silence{})
	})
}

// TestMessageExpiry has Message Expiry Intervals as they are sent and as they arrive at once.
func TestMessageExpiry(t *testing.T) {
	for _, x := range []struct{ sent, want uint32 }{{0, 1}, {1, 1}, {60, 60}, {604_800, 604_800}, {604_801, 604_800}} {
		inWorld(t, nil, func(w *world) {
			c := w.connect(wire.V5, clean("c"))
			c.subscribe("a", 1)
			d := w.connect(wire.V5, clean("d"))
			d.publish("a", "x", wire.MessageExpiryInterval(x.sent))
			if got := c.got("x").Properties.Int(wire.PropMessageExpiryInterval, 99); got != x.want {
				w.Errorf("%d: got %d, want %d", x.sent, got, x.want)
			}
		})
	}
}

// TestExpiryReaches311 stores a message of 5.0 for a client of 3.1.1 for longer than it lives.
func TestExpiryReaches311(t *testing.T) {
	for _, x := range []struct {
		away time.Duration
		want bool
	}{{2 * time.Second, true}, {3 * time.Second, false}} {
		inWorld(t, nil, func(w *world) {
			c := w.connect(wire.V311, wire.Connect{ClientID: "c"})
			c.subscribe("a", 1)
			c.drop()
			w.connect(wire.V5, clean("d")).publish("a", "x", wire.MessageExpiryInterval(3))
			time.Sleep(x.away)
			got := w.connect(wire.V311, wire.Connect{ClientID: "c"}).next()
			if _, came := got.(wire.Publish); came != x.want {
				w.Errorf("after %v: got %s", x.away, show(got))
			}
		})
	}
}

// TestSessionLife waits for the end of sessions.
func TestSessionLife(t *testing.T) {
	for _, x := range []struct {
		version wire.Version
		connect wire.Connect
		life    time.Duration
	}{
		{wire.V311, wire.Connect{ClientID: "c"}, time.Hour},
		{wire.V5, persistent("c", 7200), 2 * time.Hour},
		{wire.V5, persistent("c", 0xFFFF_FFFF), 7 * 24 * time.Hour},
	} {
		for _, away := range []time.Duration{x.life - time.Second, x.life + time.Second} {
			inWorld(t, nil, func(w *world) {
				w.connect(x.version, x.connect).drop()
				time.Sleep(away)
				_, connack := w.open(x.version, x.connect)
				if want := away < x.life; connack.SessionPresent != want {
					w.Errorf("%v after %v: Session Present is %v", x.version, away, connack.SessionPresent)
				}
			})
		}
	}
}

// TestVersionsDoNotShareSessions comes back with the other version, and then with that again.
func TestVersionsDoNotShareSessions(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for i, x := range []struct {
			version wire.Version
			want    bool
		}{{wire.V5, false}, {wire.V5, true}, {wire.V311, false}, {wire.V311, true}, {wire.V5, false}} {
			c, connack := w.open(x.version, persistent("c", 600))
			if connack.SessionPresent != x.want {
				w.Errorf("connection %d (%v): Session Present is %v", i+1, x.version, connack.SessionPresent)
			}
			c.drop()
		}
	})
}

// TestStoredMessagesComeSlowly counts what comes in each second after coming back, at QoS 1 in flight and queued.
func TestStoredMessagesComeSlowly(t *testing.T) {
	for _, v := range both {
		inWorld(t, nil, func(w *world) {
			c := w.connect(v, persistent("c", 600))
			c.subscribe("a", 1)
			d := w.connect(v, clean("d"))
			for i := range 5 {
				d.publish("a", fmt.Sprint(i))
				c.got(fmt.Sprint(i)) // not acknowledged
			}
			c.drop()
			for i := 5; i < 25; i++ {
				d.publish("a", fmt.Sprint(i))
			}
			back := w.connect(v, persistent("c", 600))
			start := time.Now()
			for i := range 25 {
				p := back.got(fmt.Sprint(i))
				if got, want := time.Since(start), time.Duration(i)*100*time.Millisecond; got != want {
					w.Errorf("%v: message %d after %v, want %v", v, i, got, want)
				}
				back.send(wire.Puback{PacketID: p.PacketID})
			}
			time.Sleep(time.Second)
			start = time.Now()
			for i := range 3 {
				d.publish("a", fmt.Sprint("live", i))
			}
			for i := range 3 {
				back.got(fmt.Sprint("live", i))
			}
			if waited := time.Since(start); waited != 0 {
				w.Errorf("%v: live messages took %v", v, waited)
			}
		})
	}
}

// TestInflight publishes more than a client acknowledges.
func TestInflight(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.connect(wire.V311, clean("c"))
		c.subscribe("a", 1)
		d := w.connect(wire.V311, clean("d"))
		for i := range 101 {
			d.publish("a", fmt.Sprint(i))
		}
		synctest.Wait()
		var first wire.Publish
		for i := range 100 {
			p := c.got(fmt.Sprint(i))
			if i == 0 {
				first = p
			}
		}
		c.gets(silence{})
		c.send(wire.Puback{PacketID: first.PacketID})
		c.got("100")
	})
}

// TestRetry leaves a message unacknowledged: it comes again with DUP 0 until the hour is over.
func TestRetry(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := clean("c")
		p.KeepAlive = 1200
		c := w.connect(wire.V5, p)
		c.subscribe("a", 1)
		d := w.connect(wire.V5, clean("d"))
		d.publish("a", "x")
		first := c.got("x")
		times := 0
		for start := time.Now(); time.Since(start) < 2*time.Hour; {
			switch got := c.within(10 * time.Minute).(type) {
			case wire.Publish:
				times++
				if got.PacketID != first.PacketID || got.Dup {
					w.Fatalf("retry %d: got %s", times, show(got))
				}
			case silence:
			default:
				if got != nil {
					w.Fatalf("got %s", show(got))
				}
			}
			c.send(wire.Pingreq{})
			if _, ok := c.next().(wire.Pingresp); !ok {
				w.Fatal("no PINGRESP")
			}
		}
		if times != 119 {
			w.Errorf("it came again %d times, want 119: every 30 s until the hour is over", times)
		}
	})
}
