package scenarios

import (
	"context"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// CleanStart holds the specs of Clean Start (Clean Session in 3.1.1), of Session Present and of what a Client
// Identifier stands for.
var CleanStart = Section("Clean Start and session identity",

	Spec("CS-01", "creates a usable session where none is, and says that it is new",

		Both(V5("MQTT-3.1.2-6", "MQTT-3.2.2-3"), V311("MQTT-3.1.2-4", "MQTT-3.2.2-3")),

		func(ctx context.Context) {
			created := Owed(ctx, Twin("MQTT-3.1.2-6", "MQTT-3.1.2-4"))
			c := Connect(created, Persistent(ctx, "me", 300))
			Must(ctx, Twin("MQTT-3.2.2-3", "MQTT-3.2.2-3"), "Session Present is 0 for a Client Identifier that was never used",
				c.Connack.SessionPresent, BeFalse())
			c.Subscribe(ctx, Topic(ctx, "a"), q1)
			c.Publish(ctx, Topic(ctx, "a"), "hello", q1)
			Must(ctx, Twin("MQTT-3.1.2-6", "MQTT-3.1.2-4"), "the new session delivers to its subscription",
				string(c.Receive(created).Payload), Equal("hello"))
		}),

	Spec("CS-02", "resumes a session after DISCONNECT: Session Present, subscription, queued and live messages",
		Both(V5("MQTT-3.1.2-5", "MQTT-3.2.2-3", "MQTT-3.1.2-23"), V311("MQTT-3.1.2-4", "MQTT-3.2.2-2", "MQTT-3.1.2-5")),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			resumesAfter(ctx, me, topic)
		}),

	Spec("CS-03-FIN", "resumes a session after the client's link ends in order, without DISCONNECT", leftSession,
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			c.CloseFIN(ctx)
			resumesAfter(ctx, me, topic)
		}),

	Spec("CS-03-RST", "resumes a session after the client's link is reset", leftSession,
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			c.Drop(ctx)
			resumesAfter(ctx, me, topic)
		}),

	Spec("CS-03-KA", "resumes a session after the link fell silent and Keep Alive ended it", leftSession,
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			me.KeepAlive = 2
			link := Link(ctx)
			c := Connect(ctx, me, link)
			c.Subscribe(ctx, topic, q1)
			SkipIf(ctx, c.KeepAlive(2) > keepAliveLimit, "the server replaced a Keep Alive of 2 s by "+c.KeepAlive(2).String())
			link.StallBoth()
			Wait(ctx, c.KeepAlive(2)*3/2+grace)
			resumesAfter(ctx, me, topic)
		}, Waits(6*second)),

	Spec("CS-04", "discards on Clean Start 1 all that the old session held",
		Both(V5("MQTT-3.1.2-4", "MQTT-3.2.2-2"), V311("MQTT-3.1.2-6", "MQTT-3.2.2-1")),
		func(ctx context.Context) {
			discarded := Twin("MQTT-3.1.2-4", "MQTT-3.1.2-6")
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			open := fullSession(ctx, me, topic)

			fresh := me
			fresh.CleanStart = true
			c := Connect(ctx, fresh)
			Must(ctx, Twin("MQTT-3.2.2-2", "MQTT-3.2.2-1"), "Session Present is 0 when Clean Start is 1",
				c.Connack.SessionPresent, BeFalse())
			nothingOld(ctx, c, topic, discarded)

			// The identifier of the old inbound exchange is free: it brings a new message, not a repetition.
			c.Subscribe(ctx, topic, q2)
			c.Publish(ctx, topic+"/control", "an exchange of QoS 2 is completed", q2)
			again := wire.Publish{Topic: topic, QoS: q2, PacketID: open, Payload: []byte("new")}
			c.PublishPacket(Owed(ctx, discarded), again)
			Must(ctx, discarded, "a PUBLISH with the Packet Identifier of a discarded exchange is a new message",
				string(c.Receive(Owed(ctx, discarded)).Payload), Equal("new"))
		}, Needs(QoS2)),

	Spec("CS-05", "does not bring a discarded session back on the next Clean Start 0",
		Both(V5("MQTT-3.1.2-4"), V311("MQTT-3.1.2-6")),
		func(ctx context.Context) {
			discarded := Twin("MQTT-3.1.2-4", "MQTT-3.1.2-6")
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			fullSession(ctx, me, topic)
			fresh := me
			fresh.CleanStart = true
			Connect(ctx, fresh).Disconnect(ctx)
			nothingOld(ctx, Connect(ctx, me), topic, discarded)
		}, Needs(QoS2)),

	Spec("CS-06", "keeps a session that began with Clean Start 1 and has a Session Expiry Interval",
		V5("MQTT-3.1.2-23", "MQTT-3.2.2-3", "MQTT-3.1.2-5"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			fresh := me
			fresh.CleanStart = true
			c := Connect(ctx, fresh)
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			resumesAfter(ctx, me, topic)
		}),

	Spec("CS-07", "ends a session of Clean Start 0 with its link when there is no Session Expiry Interval",
		V5("MQTT-4.1.0-2", "MQTT-3.2.2-3", "U5-010"),
		func(ctx context.Context) {
			me, topic := wire.Connect{ClientID: ID(ctx, "me")}, Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			Connect(ctx, Clean(ctx, "pub")).Publish(ctx, topic, "late", q1)
			c = Connect(ctx, me)
			nothingOld(ctx, c, topic, "MQTT-4.1.0-2 U5-010")
			Must(ctx, "MQTT-3.2.2-3", "Session Present is 0, as nothing is left of the session", c.Connack.SessionPresent, BeFalse())
		}),

	Spec("CS-08", "keeps nothing of a session with Clean Session 1, and then keeps one with Clean Session 0",
		V311("MQTT-3.1.2-6", "MQTT-3.2.2-3", "MQTT-3.1.2-4", "MQTT-3.2.2-2", "MQTT-3.1.2-5"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 0), Topic(ctx, "a")
			fresh := me
			fresh.CleanStart = true
			c := Connect(ctx, fresh)
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			Connect(ctx, Clean(ctx, "pub")).Publish(ctx, topic, "late", q1)

			c = Connect(ctx, me)
			nothingOld(ctx, c, topic, "MQTT-3.1.2-6")
			Must(ctx, "MQTT-3.2.2-3", "Session Present is 0, as nothing is left of the session", c.Connack.SessionPresent, BeFalse())
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			resumesAfter(ctx, me, topic)
		}),

	Spec("CS-09", "has destroyed a session for good when a client came with Clean Session 1",
		V311("MQTT-3.1.2-6", "MQTT-3.2.2-3"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 0), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			fresh := me
			fresh.CleanStart = true
			Connect(ctx, fresh).Disconnect(ctx)
			c = Connect(ctx, me)
			nothingOld(ctx, c, topic, "MQTT-3.1.2-6")
			Must(ctx, "MQTT-3.2.2-3", "Session Present is 0, as nothing is left of the session", c.Connack.SessionPresent, BeFalse())
		}),

	Spec("CS-13", "hands the session to a second connection of the same client, unacknowledged messages first",
		Both(V5("MQTT-3.1.4-3", "MQTT-3.2.2-3", "MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-3.1.2-5", "MQTT-4.6.0-5"),
			V311("MQTT-3.1.4-2", "MQTT-3.2.2-2", "MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-3.1.2-4", "MQTT-4.6.0-6")),
		takeover),

	Spec("CS-18", "resumes a subscription with all its options, also for what was queued",
		V5("MQTT-3.1.2-5", "MQTT-3.3.1-13", "MQTT-3.8.3-3", "MQTT-3.3.4-3", "MQTT-3.8.4-8"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1, NoLocal, RetainAsPublished, Identified(77))
			c.Disconnect(ctx)
			p := Connect(ctx, Clean(ctx, "pub"))
			p.Publish(ctx, topic, "queued", q2, Retain)

			c = Connect(ctx, me)
			Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
			judge := func(what string, m wire.Publish) {
				Must(ctx, "MQTT-3.8.4-8", what+" has the QoS of the subscription", m.QoS, Equal(q1))
				Must(ctx, "MQTT-3.3.1-13", what+" keeps its RETAIN flag (Retain As Published)", m.Retain, BeTrue())
				Must(ctx, "MQTT-3.3.4-3", what+" carries the Subscription Identifier", m.Properties.Int(wire.PropSubscriptionIdentifier, 0), Equal(uint32(77)))
			}
			queued := c.Receive(Owed(ctx, "MQTT-3.1.2-5"))
			Must(ctx, "MQTT-3.1.2-5", "the message of the meantime is delivered", string(queued.Payload), Equal("queued"))
			judge("the queued message", queued)
			c.Publish(ctx, topic, "own", q1, Retain)
			p.Publish(ctx, topic, "live", q2, Retain)
			got := c.ReceiveUntil(ctx, "live")
			Must(ctx, "MQTT-3.8.3-3", "the client's own message is not sent back (No Local)", Payloads(got), Not(ContainElement("own")))
			judge("the live message", got[len(got)-1])
		}, Needs(RetainedMessages, QoS2, SubscriptionIdentifiers)),

	Spec("CS-17", "closes the link at a second CONNECT and does not carry it out",
		Both(V5("MQTT-3.1.0-2"), V311("MQTT-3.1.0-2")),
		func(ctx context.Context) {
			second := Twin("MQTT-3.1.0-2", "MQTT-3.1.0-2")
			me, other, topic := Clean(ctx, "me"), Persistent(ctx, "other", 300), Topic(ctx, "a")
			leave(ctx, other, topic)
			c := Connect(ctx, me)
			intruder := other
			intruder.CleanStart = true
			c.Send(ctx, intruder)
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			Must(ctx, second, "the Network Connection is closed", closed, BeTrue())
			publishOnce(ctx, topic, "queued")
			Must(ctx, second, "the session that the second CONNECT named is untouched",
				string(Connect(ctx, other).Receive(Owed(ctx, second)).Payload), Equal("queued"))
		}),

	Spec("CS-19", "resumes a session that holds only an unfinished QoS 2 exchange",
		Both(V5("MQTT-4.3.3-10", "MQTT-3.1.2-5", "MQTT-3.2.2-3"), V311("MQTT-4.3.3-2", "MQTT-3.1.2-4", "MQTT-3.2.2-2")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			witness := Connect(ctx, Clean(ctx, "witness"))
			witness.Subscribe(ctx, topic, q2)
			me := Persistent(ctx, "me", 300)
			c := Connect(ctx, me)
			p := wire.Publish{Topic: topic, QoS: q2, PacketID: 7, Payload: []byte("once")}
			c.Send(ctx, p)
			Next[wire.Pubrec](ctx, c)
			c.Drop(ctx)
			c = Connect(ctx, me)
			p.Dup = true
			c.PublishPacket(ctx, p)
			c.Publish(ctx, topic, "sentinel", q2) // only messages of one client have an order
			deduplicated := Twin("MQTT-4.3.3-10 MQTT-3.1.2-5", "MQTT-4.3.3-2 MQTT-3.1.2-4")
			Must(ctx, deduplicated, "the message that was sent twice under one Packet Identifier is delivered once",
				Payloads(witness.ReceiveUntil(ctx, "sentinel")), Equal([]string{"once", "sentinel"}))
			Must(ctx, Twin("MQTT-3.2.2-3", "MQTT-3.2.2-2"), "Session Present is 1, as the session is there", c.Connack.SessionPresent, BeTrue())
		}, Needs(QoS2)),

	Spec("CS-20", "gives a client without Client Identifier one of its own, or refuses it",
		Both(V5("MQTT-3.1.3-6", "MQTT-3.1.3-7", "MQTT-3.2.2-16"), V311("MQTT-3.1.3-6")),
		func(ctx context.Context) {
			a, b := Open(ctx, "a"), Open(ctx, "b")
			a.Send(ctx, wire.Connect{CleanStart: true})
			first, o := Try[wire.Connack](ctx, a, Timings(ctx).Reply)
			Step(ctx, "CONNECT is answered, or the Network Connection closed", o, Not(Equal(Silent)))
			// to accept it is the target's choice, and in 5.0 it may refuse without CONNACK
			SkipIf(ctx, o == Ended, "the server refuses a client without Client Identifier: it closes the Network Connection")
			answer := first.ReasonCode.Name(wire.CONNACK, Version(ctx))
			SkipIf(ctx, first.ReasonCode != wire.Success, "the server refuses a client without Client Identifier: "+answer)
			Record(ctx, "CONNECT with an empty Client Identifier", answer)
			second := b.Handshake(ctx, wire.Connect{CleanStart: true})
			Must(ctx, Twin("MQTT-3.1.3-6", "MQTT-3.1.3-6"), "two clients without Client Identifier are connected side by side",
				second.ReasonCode == wire.Success && a.Alive(ctx) && b.Alive(ctx), BeTrue())
			if Version(ctx) == wire.V311 {
				return
			}
			id, other := first.Properties.Text(wire.PropAssignedClientIdentifier), second.Properties.Text(wire.PropAssignedClientIdentifier)
			Must(ctx, "MQTT-3.2.2-16 MQTT-3.1.3-7", "CONNACK tells the Assigned Client Identifier", id, Not(BeEmpty()))
			Must(ctx, "MQTT-3.2.2-16", "no two clients are assigned the same Client Identifier", id, Not(Equal(other)))
			// who connects with the assigned identifier takes the connection over
			Connect(ctx, wire.Connect{ClientID: id, CleanStart: true})
			_, closed := a.ClosedWithin(ctx, Timings(ctx).Reply)
			Must(ctx, "MQTT-3.1.3-7", "the Assigned Client Identifier is that of the connection", closed, BeTrue())
		}),

	Spec("CS-20-CS0", "refuses a client without Client Identifier and with Clean Session 0 by 0x02", V311("MQTT-3.1.3-8"),
		func(ctx context.Context) {
			c := Open(ctx, "me")
			a := c.Handshake(Owed(ctx, "MQTT-3.1.3-8"), wire.Connect{})
			Must(ctx, "MQTT-3.1.3-8", "the return code is 0x02, identifier rejected",
				a.ReasonCode.Name(wire.CONNACK, wire.V311), Equal(wire.RefusedIdentifier.Name(wire.CONNACK, wire.V311)))
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			Must(ctx, "MQTT-3.1.3-8", "the Network Connection is closed", closed, BeTrue())
		}),

	Spec("CS-21", "accepts Client Identifiers of 23 letters and digits and keeps apart those that differ in case or length",
		Both(V5("MQTT-3.1.3-5", "MQTT-3.1.3-2"), V311("MQTT-3.1.3-5", "MQTT-3.1.3-2")),
		func(ctx context.Context) {
			accepted, apart := Owed(ctx, Twin("MQTT-3.1.3-5", "MQTT-3.1.3-5")), Twin("MQTT-3.1.3-2", "MQTT-3.1.3-2")
			long := (ID(ctx, "") + "ABCxyzABCxyzABCxyz123")[:23]
			ids := []string{long, strings.ToUpper(long), strings.ToLower(long)}
			var cs []*Client
			for _, id := range ids {
				cs = append(cs, Connect(accepted, wire.Connect{ClientID: id, CleanStart: true}))
			}
			for _, extra := range []string{"1", "2"} { // beyond 23 a server may refuse
				c := Open(ctx, "beyond")
				c.Send(ctx, wire.Connect{ClientID: long + extra, CleanStart: true})
				switch a, o := Try[wire.Connack](ctx, c, Timings(ctx).Reply); {
				case o != Arrived:
					Record(ctx, "Client Identifier of 24 characters", o.String())
				case a.ReasonCode == wire.Success:
					cs = append(cs, c)
				default:
					Record(ctx, "Client Identifier of 24 characters", a.ReasonCode.Name(wire.CONNACK, Version(ctx)))
				}
			}
			for _, c := range cs {
				Must(ctx, apart, "a client stays connected when another with a different Client Identifier connects", c.Alive(ctx), BeTrue())
			}
		}),
)
