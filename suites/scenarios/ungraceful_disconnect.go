package scenarios

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// willClaims is claimed by the specs of both versions that end a link in some way and await the Will.
var willClaims = Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-10"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10"))

// published is the statement that a Will is published.
var published = Twin("MQTT-3.1.2-8", "MQTT-3.1.2-8")

// early is how much sooner than the standard says a timed Will may be seen without a warning: two clocks are compared.
const early = 100 * time.Millisecond

// UngracefulDisconnect holds the specs of the Will: when a server publishes it, when not, and in what form.
var UngracefulDisconnect = Section("Ungraceful disconnect and the Will",
	Spec("UD-01-FIN", "publishes the Will when the link ends in order, without DISCONNECT", willClaims,
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.CloseFIN(ctx)
			w.oneWill(ctx, published)
		}),

	Spec("UD-01-RST", "publishes the Will when the link is reset", willClaims,
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.Drop(ctx)
			w.oneWill(ctx, published)
		}),

	Spec("UD-01-PROMPT", "publishes the Will promptly", Both(V5("U5-055"), V311("U3-016")),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			dropped := time.Now()
			c.Drop(ctx)
			_, at, o := w.TimedPublish(ctx, grace+Timings(ctx).Slack)
			Step(ctx, "the Will comes", o, Equal(Arrived))
			ShouldBetween(ctx, Twin("U5-055", "U3-016"), "it comes", at.Sub(dropped), 0, grace)
		}),

	Spec("UD-01-HALF", "publishes the Will when the client ends its direction of the link, without DISCONNECT", willClaims,
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.CloseWrite(ctx)
			w.oneWill(ctx, published)
		}),

	Spec("UD-02", "publishes the Will of a silent client when Keep Alive has ended its link, and not before",
		Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-22"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-24")),
		func(ctx context.Context) {
			w := watch(ctx)
			me := Clean(ctx, "me")
			me.KeepAlive, me.Will = 2, will(ctx, 1)
			link := Link(ctx)
			c := Connect(ctx, me, link)
			ka := c.KeepAlive(2)
			SkipIf(ctx, ka > keepAliveLimit, "the server replaced a Keep Alive of 2 s by "+ka.String())
			start := time.Now()
			c.Ping(ctx)
			link.Stall(netfault.ToServer) // the other direction stays, so that the end is seen
			var ended, came time.Duration
			Together(ctx,
				func() {
					_, closed := c.ClosedWithin(ctx, closedBy(ka))
					ended = time.Since(start)
					Must(ctx, silence, fmt.Sprintf("the silent link with a Keep Alive of %s is closed within %s", ka, closedBy(ka)), closed, BeTrue())
				},
				func() {
					_, o := w.TryPublish(ctx, closedBy(ka)+Timings(ctx).Reply)
					came = time.Since(start)
					Must(ctx, published, "the Will of the silent client is published", o, Equal(Arrived))
				})
			ShouldBetween(ctx, silence, "the silent link is closed", ended, ka*3/2, ka*3/2+5*second)
			// they come on two connections, of which one has a proxy in it
			MustBetween(ctx, published, "the Will comes after the end of the link", came-ended, -500*time.Millisecond, 5*second)
		}, Waits(3*second)),

	Spec("UD-03", "does not publish the Will of a client that left with DISCONNECT",
		Both(V5("MQTT-3.14.4-3", "MQTT-3.1.2-10", "U5-031"), V311("MQTT-3.14.4-3", "MQTT-3.1.2-10")),
		func(ctx context.Context) {
			// 5.0: neither at once nor when the delay or the session is over
			w, c := withWill(ctx, will(ctx, 1, wire.WillDelayInterval(2)), 3)
			c.Disconnect(ctx) // of two bytes: no Reason Code, which means 0x00
			w.silent(ctx, Twin("MQTT-3.14.4-3 U5-031", "MQTT-3.14.4-3"), "at once")
			if Version(ctx) == wire.V5 {
				Wait(ctx, 5*second)
				w.silent(ctx, "MQTT-3.1.2-10", "after its delay and the end of the session")
			} else {
				Wait(ctx, Timings(ctx).Quiet)
				w.silent(ctx, "MQTT-3.1.2-10", "later")
			}
		}, Waits(5*second)),

	Spec("UD-04", "publishes the Will at once after DISCONNECT with Will Message", V5("U5-032", "MQTT-3.1.2-10"),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.Disconnect(ctx, func(d *wire.Disconnect) { d.ReasonCode = wire.DisconnectWithWillMessage })
			w.oneWill(ctx, "U5-032")
		}),

	Spec("UD-04-WD", "waits for the Will Delay Interval after DISCONNECT with Will Message", V5("U5-032", "U5-055"),
		func(ctx context.Context) {
			timedWills(ctx, "U5-032", 2, 60, 2*second, func(c *Client) {
				c.Disconnect(ctx, func(d *wire.Disconnect) { d.ReasonCode = wire.DisconnectWithWillMessage })
			})
		}, Waits(6*second)),

	Spec("UD-05", "publishes the Will after a DISCONNECT with an error Reason Code", V5("MQTT-3.1.2-8", "MQTT-3.1.2-10"),
		func(ctx context.Context) {
			w := watch(ctx)
			for i, code := range []wire.ReasonCode{wire.UnspecifiedError, wire.ProtocolError, wire.AdministrativeAction} {
				me := Clean(ctx, fmt.Sprint("me", i))
				me.Will = will(ctx, 1)
				Connect(ctx, me).Disconnect(ctx, func(d *wire.Disconnect) { d.ReasonCode = code })
				w.oneWill(ctx, "MQTT-3.1.2-8")
			}
		}),

	Spec("UD-06-QOS3", "closes the link of a client that publishes at QoS 3 and publishes its Will",
		Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-3.3.1-4"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-3.3.1-4")),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.Send(ctx, wire.Publish{Topic: Topic(ctx, "a"), QoS: 3, PacketID: 1})
			w.punished(ctx, c, Twin("MQTT-3.3.1-4", "MQTT-3.3.1-4"))
		}),

	Spec("UD-06-CONNECT", "closes the link of a client that sends a second CONNECT and publishes its Will",
		Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-3.1.0-2"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-3.1.0-2")),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.Send(ctx, Clean(ctx, "me"))
			w.punished(ctx, c, Twin("MQTT-3.1.0-2", "MQTT-3.1.0-2"))
		}),

	Spec("UD-06-UTF8", "closes the link of a client that sends ill-formed UTF-8 and publishes its Will",
		Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-1.5.4-1"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-1.5.3-1")),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.Send(ctx, wire.Publish{Topic: Topic(ctx, "a") + "\xc3\x28"})
			if Version(ctx) == wire.V311 {
				w.punished(ctx, c, "MQTT-1.5.3-1")
				return
			}
			// a server of 5.0 need not look so closely, see 4.13.1
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			if Should(ctx, "MQTT-1.5.4-1", "the Network Connection is closed", closed, BeTrue()) {
				w.oneWill(ctx, published)
			}
		}),

	Spec("UD-07-0", "publishes a Will with Will Retain 0 as a message that is not retained",
		Both(V5("MQTT-3.1.2-14"), V311("MQTT-3.1.2-16")),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1), 0)
			c.Drop(ctx)
			w.oneWill(ctx, "")
			late := Connect(ctx, Clean(ctx, "late"))
			late.Subscribe(ctx, Topic(ctx, "will"), q1)
			publishOnce(ctx, Topic(ctx, "will"), "sentinel")
			Must(ctx, Twin("MQTT-3.1.2-14", "MQTT-3.1.2-16"), "a late subscriber does not get the Will",
				Payloads(late.ReceiveUntil(ctx, "sentinel")), Equal([]string{"sentinel"}))
		}),

	Spec("UD-07-1", "publishes a Will with Will Retain 1 as a retained message",
		Both(V5("MQTT-3.1.2-15"), V311("MQTT-3.1.2-17")),
		func(ctx context.Context) {
			last := will(ctx, 1)
			last.Retain = true
			w, c := withWill(ctx, last, 0)
			c.Drop(ctx)
			w.oneWill(ctx, "")
			retained := Twin("MQTT-3.1.2-15", "MQTT-3.1.2-17")
			late := Connect(ctx, Clean(ctx, "late"))
			publishOnce(ctx, Topic(ctx, "control"), "control", Retain)
			late.Subscribe(ctx, Topic(ctx, "control"), q1)
			Step(ctx, "retained messages are stored, and marked as such", late.Receive(ctx).Retain, BeTrue())
			late.Subscribe(ctx, Topic(ctx, "will"), q1)
			p := late.Receive(Owed(ctx, retained))
			Must(ctx, retained, "a late subscriber gets the Will", string(p.Payload), Equal("gone"))
			Must(ctx, retained, "the Will has RETAIN 1 for a late subscriber", p.Retain, BeTrue())
		}, Needs(RetainedMessages)),

	Spec("UD-08", "delivers the Will at the lower of its own QoS and the subscription's, also to a client that is offline",
		Both(V5("MQTT-3.8.4-8", "MQTT-4.5.0-1", "MQTT-3.1.2-8"), V311("MQTT-3.8.4-6", "MQTT-4.5.0-1", "MQTT-3.1.2-8")),
		willQoS, Needs(QoS2)),

	Spec("UD-09", "publishes the Will with all the properties it was given, and in their order",
		V5("MQTT-3.1.3-10", "U5-054", "MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-18", "MQTT-3.3.2-20"),
		willProperties),

	Spec("UD-10", "publishes the Will when its Will Delay Interval is over", V5("MQTT-3.1.2-8", "U5-055"),
		func(ctx context.Context) {
			timedWills(ctx, "MQTT-3.1.2-8", 3, 60, 3*second, func(c *Client) { c.Drop(ctx) })
		}, Waits(7*second)),

	Spec("UD-10-BUSY", "publishes a delayed Will while other clients go on leaving", V5("U5-055"), busyWills, Waits(5*second)),

	Spec("UD-11", "publishes the Will when the session ends before the Will Delay Interval", V5("MQTT-3.1.2-8", "U5-055"),
		func(ctx context.Context) {
			timedWills(ctx, "MQTT-3.1.2-8", 60, 3, 3*second, func(c *Client) { c.Drop(ctx) })
		}, Waits(7*second)),

	Spec("UD-12", "publishes the Will at once when the session ends with the link, whatever its Will Delay Interval", V5("MQTT-3.1.2-8", "MQTT-3.1.2-10"),
		func(ctx context.Context) {
			w, c := withWill(ctx, will(ctx, 1, wire.WillDelayInterval(60)), 0)
			c.Drop(ctx)
			w.oneWill(ctx, "MQTT-3.1.2-8")
		}),

	Spec("UD-13", "does not publish the Will of a client that is back within the Will Delay Interval", V5("MQTT-3.1.3-9"),
		func(ctx context.Context) {
			me := Persistent(ctx, "me", 60)
			me.Will = will(ctx, 1, wire.WillDelayInterval(3))
			w := watch(ctx)
			c := Connect(ctx, me)
			dropped := time.Now()
			c.Drop(ctx)
			Wait(ctx, 1*second)
			back := me
			back.Will = nil
			Step(ctx, "the session is resumed", Connect(ctx, back).Connack.SessionPresent, BeTrue())
			inTime(ctx, dropped, 3*second, "the client is back")
			Wait(ctx, 2*second+grace)
			w.silent(ctx, "MQTT-3.1.3-9", "after its delay")
		}, Waits(6*second)),

	Spec("UD-14", "publishes the Will when a client comes back with Clean Start 1 within the Will Delay Interval", V5("MQTT-3.1.2-8", "MQTT-3.1.2-10", "U5-047"),
		func(ctx context.Context) {
			me := Persistent(ctx, "me", 60)
			me.Will = will(ctx, 1, wire.WillDelayInterval(30))
			w := watch(ctx)
			Connect(ctx, me).Drop(ctx)
			Wait(ctx, 1*second)
			w.silent(ctx, "MQTT-3.1.2-8", "while its delay runs")
			back := me
			back.Will, back.CleanStart = nil, true
			Connect(ctx, back)
			_, o := w.TryPublish(ctx, Timings(ctx).Reply)
			// MQTT-3.1.2-8 excuses a server to whose client a connection is opened within the delay, without regard to Clean
			// Start. That the old session has ended with it, and that this is reason enough, is said in comments.
			Should(ctx, "U5-047", "the Will is published: its session has ended", o, Equal(Arrived))
			Must(ctx, "MQTT-3.1.2-10", "the Will does not come twice", w.untilSentinel(ctx), BeEmpty())
		}, Waits(1*second)),

	Spec("UD-15", "publishes the Will of a connection that another takes over, unless it waits for a session that goes on",
		V5("MQTT-3.1.3-9", "MQTT-3.1.2-10", "U5-047"), willTakeover, Waits(5*second)),

	Spec("UD-16", "publishes the Will of a connection that another takes over", V311("MQTT-3.1.2-8", "MQTT-3.1.2-10"),
		func(ctx context.Context) {
			me := Persistent(ctx, "me", 0)
			me.Will = will(ctx, 1)
			w := watch(ctx)
			old := Connect(ctx, me)
			me.Will = nil
			Connect(ctx, me)
			old.Closed(ctx)
			w.oneWill(ctx, published) // 3.1.1 knows no exception but DISCONNECT
		}),

	Spec("UD-17", "publishes the Will when a session ends that DISCONNECT with Will Message made shorter", V5("MQTT-3.1.2-8", "U5-046", "U5-055"),
		func(ctx context.Context) {
			timedWills(ctx, "MQTT-3.1.2-8 U5-046", 60, 300, 1*second, func(c *Client) {
				c.Disconnect(ctx, func(d *wire.Disconnect) { d.ReasonCode = wire.DisconnectWithWillMessage }, expiry(1))
			})
		}, Waits(5*second)),

	Spec("UD-18", "does not publish a Will again that was published", Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-10"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10")),
		func(ctx context.Context) {
			w := watch(ctx)
			me := Persistent(ctx, "me", 300)
			me.Will = will(ctx, 1)
			Connect(ctx, me).Drop(ctx)
			w.oneWill(ctx, published)
			me.Will = nil
			again := Connect(ctx, me)
			Step(ctx, "the session is resumed", again.Connack.SessionPresent, BeTrue())
			again.Drop(ctx)
			Wait(ctx, Timings(ctx).Quiet)
			w.silent(ctx, removed, "when the session's next connection, which gave none, is dropped")
		}),

	Spec("UD-19", "publishes the Will that the latest CONNECT gave, not an older one",
		Both(V5("MQTT-3.1.2-7", "MQTT-3.1.2-8"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10")),
		func(ctx context.Context) {
			given := Twin("MQTT-3.1.2-7 MQTT-3.1.2-8", "MQTT-3.1.2-8")
			w := watch(ctx)
			me := Persistent(ctx, "me", 300)
			me.Will = will(ctx, 1)
			me.Will.Payload = []byte("old")
			Connect(ctx, me).Disconnect(ctx)
			w.silent(ctx, Twin("MQTT-3.1.2-8", "MQTT-3.1.2-10"), "after DISCONNECT")
			me.Will = will(ctx, 1)
			me.Will.Payload = []byte("new")
			Connect(ctx, me).Drop(ctx)
			Must(ctx, given, "the Will of the latest CONNECT is published", string(w.Receive(Owed(ctx, given)).Payload), Equal("new"))
			Must(ctx, given, "no other Will is published", w.untilSentinel(ctx), BeEmpty())
		}),

	Spec("UD-20", "does not publish the Will of a client that is back within the Will Delay Interval and leaves with DISCONNECT",
		V5("MQTT-3.1.2-10", "MQTT-3.1.3-9"),
		func(ctx context.Context) {
			w := watch(ctx)
			me := Persistent(ctx, "me", 60)
			me.Will = will(ctx, 1, wire.WillDelayInterval(2))
			c := Connect(ctx, me)
			dropped := time.Now()
			c.Drop(ctx)
			back := Connect(ctx, me)
			inTime(ctx, dropped, 2*second, "the client is back")
			back.Disconnect(ctx)
			Wait(ctx, 2*second+grace)
			w.silent(ctx, "MQTT-3.1.2-10 MQTT-3.1.3-9", "after its delay")
		}, Waits(5*second)),
)
