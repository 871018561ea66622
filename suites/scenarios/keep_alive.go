package scenarios

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// keptAlive is claimed by every spec here.
var keptAlive = Both(V5("MQTT-3.1.2-22"), V311("MQTT-3.1.2-24"))

// silence is the statement that a silent client is given up.
var silence = Twin("MQTT-3.1.2-22", "MQTT-3.1.2-24")

// KeepAlive holds the specs of Keep Alive: when a server must give up a silent client, and when it must not.
var KeepAlive = Section("Keep Alive",
	Spec("KA-01", "closes a silent link at one and a half times the Keep Alive",
		Both(V5("MQTT-3.1.2-22", "MQTT-3.2.2-22"), V311("MQTT-3.1.2-24")),
		func(ctx context.Context) {
			c, ka := alive(ctx, "me", 4)
			// The target gets the last packet after this moment, so our own delay cannot make it seem early.
			start := time.Now()
			c.Ping(ctx)
			_, closed := c.ClosedWithin(ctx, closedBy(ka))
			obeyed := silence
			if Version(ctx) == wire.V5 && !c.Connack.Properties.Has(wire.PropServerKeepAlive) {
				obeyed = "MQTT-3.1.2-22 MQTT-3.2.2-22" // the client's own Keep Alive is in force
			}
			Must(ctx, obeyed, fmt.Sprintf("a silent link with a Keep Alive of %s is closed within %s", ka, closedBy(ka)), closed, BeTrue())
			// six: a server that looks every five seconds, and counts in whole ones, is late by up to that
			ShouldBetween(ctx, silence, "it is closed", time.Since(start), ka*3/2, ka*3/2+max(6*second, ka/2))
			if Version(ctx) == wire.V5 {
				d, o := Try[wire.Disconnect](ctx, c, 0)
				Record(ctx, "reason of a Keep Alive close", reasonOf(d, o))
			}
		}, Waits(6*second)),

	Spec("KA-02", "keeps a link on which PINGREQ comes within one and a half times the Keep Alive", keptAlive,
		func(ctx context.Context) {
			Together(ctx,
				func() {
					c, ka := alive(ctx, "me", 2)
					active(ctx, c, ka, func() { c.Send(ctx, wire.Pingreq{}) })
				},
				func() {
					late, ka := alive(ctx, "late", 2)
					for range 3 {
						late.Send(ctx, wire.Pingreq{})
						_, closed := late.ClosedWithin(ctx, ka*12/10)
						Should(ctx, "", "a client that pings after 1.2 times its Keep Alive stays connected", closed, BeFalse())
					}
				})
		}, Waits(8*second)),

	Spec("KA-03-PUBLISH", "counts a PUBLISH of QoS 0 as a sign of life", keptAlive,
		func(ctx context.Context) {
			c, ka := alive(ctx, "me", 2)
			active(ctx, c, ka, func() {
				c.Publish(ctx, Topic(ctx, "a"), "sign of life", q0)
			})
		}, Waits(8*second)),

	Spec("KA-03-PUBACK", "counts a PUBACK as a sign of life", keptAlive,
		func(ctx context.Context) {
			p := Connect(ctx, Clean(ctx, "pub"))
			c, ka := alive(ctx, "me", 2)
			c.Send(ctx, wire.Pingreq{})
			c.Subscribe(ctx, Topic(ctx, "a"), q1)
			for range signs { // so that all that is left to send is PUBACK
				c.Send(ctx, wire.Pingreq{})
				p.Publish(ctx, Topic(ctx, "a"), "to be acknowledged", q1)
			}
			c.Ping(ctx)
			active(ctx, c, ka, func() {
				c.Receive(ctx)
			})
		}, Waits(8*second)),

	Spec("KA-03-SUBSCRIBE", "counts a SUBSCRIBE as a sign of life", keptAlive,
		func(ctx context.Context) {
			c, ka := alive(ctx, "me", 2)
			active(ctx, c, ka, func() {
				c.Send(ctx, wire.Subscribe{PacketID: c.NewID(), Subscriptions: []wire.Subscription{{Filter: Topic(ctx, "a")}}})
			})
			for range signs {
				Next[wire.Suback](ctx, c)
			}
		}, Waits(8*second)),

	Spec("KA-04", "does not take what it sends itself for a sign of life", keptAlive,
		func(ctx context.Context) {
			p := Connect(ctx, Clean(ctx, "pub"))
			c, ka := alive(ctx, "me", 2)
			c.Subscribe(ctx, Topic(ctx, "a"), q0)
			start := time.Now()
			for time.Since(start) < closedBy(ka) {
				p.Publish(ctx, Topic(ctx, "a"), "to a silent client", q0)
				if _, closed := c.ClosedWithin(ctx, ka/4); closed {
					break
				}
			}
			_, closed := c.ClosedWithin(ctx, 0)
			_, o := c.TryPublish(ctx, 0)
			Step(ctx, "messages did come to the silent client", o, Equal(Arrived))
			Must(ctx, silence, fmt.Sprintf("a silent client with a Keep Alive of %s is given up within %s", ka, closedBy(ka)), closed, BeTrue())
		}, Waits(3*second)),

	Spec("KA-06", "does not close a silent link whose Keep Alive is 0", Both(V5("U5-045"), V311("U3-001")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			ka := c.KeepAlive(0)
			SkipIf(ctx, ka > 0, "the server replaced a Keep Alive of 0 by "+ka.String())
			_, closed := c.ClosedWithin(ctx, 60*second)
			// a server may disconnect a client that it takes for inactive at any time
			Should(ctx, Twin("U5-045", "U3-001"), "a silent client with Keep Alive 0 is still connected after 60 s", closed, BeFalse())
		}, Waits(60*second)),

	Spec("KA-08", "does not take the largest Keep Alive for a small one", keptAlive,
		func(ctx context.Context) {
			me := Clean(ctx, "me")
			me.KeepAlive = 65535
			c := Connect(ctx, me)
			ka := c.KeepAlive(65535)
			SkipIf(ctx, ka < 20*second, "the server replaced a Keep Alive of 65,535 s by "+ka.String())
			_, closed := c.ClosedWithin(ctx, 20*second)
			// a server may disconnect a client that it takes for inactive at any time
			Should(ctx, silence, "a client with a Keep Alive of 65,535 s is still connected after 20 s", closed, BeFalse())
		}, Waits(20*second)),
)

// alive connects a client with a Keep Alive in seconds and returns the one in force. Where the server demands one that
// is too long to wait for, the spec is skipped.
func alive(ctx context.Context, name string, seconds uint16) (*Client, time.Duration) {
	me := Clean(ctx, name)
	me.KeepAlive = seconds
	c := Connect(ctx, me)
	ka := c.KeepAlive(seconds)
	SkipIf(ctx, ka > keepAliveLimit, "the server replaced a Keep Alive of "+(time.Duration(seconds)*second).String()+" by "+ka.String())
	return c, ka
}

// signs is how many signs of life an active client gives.
const signs = 6

// active sends a sign of life every 0.7 of a Keep Alive for more than three of them, and demands that the client stays
// connected.
func active(ctx context.Context, c *Client, ka time.Duration, sign func()) {
	last := time.Now() // before the last sign but one
	for range signs {
		began := time.Now()
		sign()
		_, closed := c.ClosedWithin(ctx, ka*7/10)
		if closed {
			inTime(ctx, last, ka*3/2, "the end of the link is seen")
		}
		last = began
		Must(ctx, silence, "a client that sends within its Keep Alive of "+ka.String()+" stays connected", closed, BeFalse())
	}
}

// reasonOf names the Reason Code of a DISCONNECT that may not have come.
func reasonOf(d wire.Disconnect, o Outcome) string {
	if o != Arrived {
		return "no DISCONNECT"
	}
	return d.ReasonCode.String()
}
