package scenarios

import (
	"context"
	"fmt"
	"math"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// MessageExpiry holds the specs of the Message Expiry Interval, which only 5.0 has.
var MessageExpiry = Section("Message expiry",
	Spec("ME-01", "passes the Message Expiry Interval on with a live message", V5("MQTT-3.3.2-6"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			for _, qos := range []wire.QoS{q0, q1} {
				s := Connect(ctx, Clean(ctx, fmt.Sprint("sub", qos)))
				s.Subscribe(ctx, topic, qos)
				m := publishAging(ctx, topic, "live", 60)
				p := s.Receive(Owed(ctx, "MQTT-3.3.2-6"))
				m.demand(ctx, fmt.Sprintf("the live message at QoS %d", qos), p, m.sent)
			}
		}),

	Spec("ME-02", "takes the time that a message waited for its subscriber off the Message Expiry Interval",
		V5("MQTT-3.3.2-6", "MQTT-4.5.0-1"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic)
			m := publishAging(ctx, topic, "queued", 10)
			Wait(ctx, 4*second)
			asked := time.Now()
			p := Connect(ctx, me).Receive(Owed(ctx, "MQTT-4.5.0-1"))
			Must(ctx, "MQTT-4.5.0-1", "a message of 10 s is there 4 s later", string(p.Payload), Equal("queued"))
			m.demand(ctx, "the message that waited 4 s", p, asked)
		}, Waits(4*second)),

	Spec("ME-03", "does not deliver a queued message when its Message Expiry Interval has passed", V5("MQTT-3.3.2-5"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic)
			publishOnce(ctx, topic, "does not expire")
			publishAging(ctx, topic, "expired", 2)
			Wait(ctx, 4*second)
			c := Connect(ctx, me)
			Step(ctx, "the session has kept a message without expiry", string(c.Receive(ctx).Payload), Equal("does not expire"))
			publishOnce(ctx, topic, "sentinel")
			Must(ctx, "MQTT-3.3.2-5", "a queued message of 2 s is gone 4 s later",
				Payloads(c.ReceiveUntil(ctx, "sentinel")), Not(ContainElement("expired")))
		}, Waits(4*second)),

	Spec("ME-04", "delivers in order what was queued behind expired messages",
		V5("MQTT-3.3.2-5", "MQTT-4.5.0-1", "MQTT-4.6.0-5"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic)
			p := Connect(ctx, Clean(ctx, "pub"))
			// more than a server sends at once: what has expired must not take the place of what is to be sent
			for range 30 {
				p.Publish(ctx, topic, "A expired", q1, With(wire.MessageExpiryInterval(2)))
			}
			// enough of them that a server without order does not keep it by chance
			var behind []string
			for n := range 4 {
				b, c := fmt.Sprintf("B%d does not expire", n), fmt.Sprintf("C%d expires later", n)
				p.Publish(ctx, topic, b, q1)
				p.Publish(ctx, topic, c, q1, With(wire.MessageExpiryInterval(60)))
				behind = append(behind, b, c)
			}
			Wait(ctx, 4*second)
			c := Connect(ctx, me)
			p.Publish(ctx, topic, "sentinel", q1)
			got := firsts(Payloads(c.ReceiveUntil(Owed(ctx, "MQTT-4.5.0-1"), "sentinel")))
			Must(ctx, "MQTT-3.3.2-5", "the messages of 2 s at the head of the queue are gone 4 s later", got, Not(ContainElement("A expired")))
			Must(ctx, "MQTT-4.5.0-1", "the messages behind it are delivered", got, ContainElements(behind))
			Must(ctx, "MQTT-4.6.0-5", "they come in the order they were published", got, Equal(append(behind, "sentinel")))
		}, Waits(4*second)),

	Spec("ME-05", "drops a message that expires while the Receive Maximum keeps it back, and goes on behind it",
		V5("MQTT-3.3.2-5", "MQTT-3.3.4-9", "MQTT-4.5.0-1", "MQTT-4.6.0-5"), expireBehindWindow, Waits(4*second)),

	Spec("ME-06", "sends an unacknowledged message of QoS 1 again though its Message Expiry Interval has passed since",
		V5("MQTT-4.4.0-1", "MQTT-3.3.1-1"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			first, got := expireInFlight(ctx, me, topic, q1)
			// The standard drops only messages whose delivery has not started; brokers are of two minds about it.
			if !Should(ctx, "", "a message of 2 s that was in flight is sent again 4 s later", Payloads(got), ContainElement("in flight")) {
				return
			}
			again := withPayload(got, "in flight")
			Must(ctx, "MQTT-4.4.0-1", "it comes under its Packet Identifier", again.PacketID, Equal(first.PacketID))
			Must(ctx, "MQTT-3.3.1-1", "it is marked DUP", again.Dup, BeTrue())
			Record(ctx, "Message Expiry Interval of an expired message that is sent again", intervalOf(again))
		}, Waits(4*second)),

	Spec("ME-07", "goes on with a QoS 2 exchange though the Message Expiry Interval has passed since its PUBLISH",
		V5("MQTT-4.3.3-7", "MQTT-3.3.1-1"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			first, got := expireInFlight(ctx, me, topic, q2)
			Must(ctx, "MQTT-4.3.3-7", "a message of 2 s whose PUBLISH was sent is sent again 4 s later, under its Packet Identifier",
				identified(got), ContainElement(fmt.Sprint(first.PacketID, " in flight")))
			Must(ctx, "MQTT-3.3.1-1", "it is marked DUP", withPayload(got, "in flight").Dup, BeTrue())
		}, Waits(4*second), Needs(QoS2)),

	Spec("ME-08", "goes on with PUBREL though the Message Expiry Interval has passed since PUBREC",
		V5("MQTT-4.3.3-7", "MQTT-4.3.3-6"), expireBeforePubrel, Waits(4*second), Needs(QoS2)),

	Spec("ME-10", "takes the time that a retained message was stored off its Message Expiry Interval", V5("MQTT-3.3.2-6"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			m := publishAging(ctx, topic, "retained", 10, Retain)
			Wait(ctx, 4*second)
			c := Connect(ctx, Clean(ctx, "late"))
			asked := time.Now()
			c.Subscribe(ctx, topic, q1)
			p := c.Receive(Owed(ctx, "MQTT-3.3.2-6"))
			Step(ctx, "what comes is the retained message", string(p.Payload), Equal("retained"))
			m.demand(ctx, "the message that was retained for 4 s", p, asked)
		}, Waits(4*second), Needs(RetainedMessages)),

	Spec("ME-11", "discards a retained message when its Message Expiry Interval has passed", V5("MQTT-3.3.2-5", "U5-052"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic+"/kept", "does not expire", q1)
			early, p := Connect(ctx, Clean(ctx, "early")), Connect(ctx, Clean(ctx, "pub"))
			p.Publish(ctx, topic, "expired", q1, Retain, With(wire.MessageExpiryInterval(3)))
			early.Subscribe(ctx, topic, q1)
			Step(ctx, "the message was retained", string(early.Receive(ctx).Payload), Equal("expired"))
			Wait(ctx, 5*second)
			exact := lateSubscriber(ctx, "exact")
			exact.Subscribe(ctx, topic, q1)
			Must(ctx, "MQTT-3.3.2-5 U5-052", "a retained message of 3 s is gone 5 s later for a filter equal to its topic",
				Payloads(exact.rest(ctx, topic)), BeEmpty())
			wildcard := lateSubscriber(ctx, "wildcard")
			wildcard.Subscribe(ctx, topic+"/#", q1)
			Step(ctx, "the other retained message is there", string(wildcard.Receive(ctx).Payload), Equal("does not expire"))
			Must(ctx, "MQTT-3.3.2-5 U5-052", "a retained message of 3 s is gone 5 s later for a filter with a wildcard",
				Payloads(wildcard.rest(ctx, topic)), Not(ContainElement("expired")))
		}, Waits(5*second), Needs(RetainedMessages, WildcardSubscriptions)),

	Spec("ME-12", "keeps a retained message without expiry that replaced one with a Message Expiry Interval", V5("MQTT-3.3.1-5"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			publishAging(ctx, topic, "old", 2, Retain)
			Wait(ctx, 1*second)
			publishOnce(ctx, topic, "new", Retain)
			Wait(ctx, 4*second)
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			Must(ctx, "MQTT-3.3.1-5", "the new message is there 3 s after the old one's 2 s have passed",
				string(c.Receive(Owed(ctx, "MQTT-3.3.1-5")).Payload), Equal("new"))
			Must(ctx, "MQTT-3.3.1-5", "the old one is not", Payloads(c.rest(ctx, topic)), Not(ContainElement("old")))
		}, Waits(5*second), Needs(RetainedMessages)),

	Spec("ME-14", "takes a message with Message Expiry Interval 0", V5("MQTT-3.3.4-1"), expireAtOnce, Waits(2*second)),

	Spec("ME-15", "takes the longest Message Expiry Interval, 0xFFFFFFFF, without an overflow", V5("MQTT-3.3.2-6", "MQTT-4.5.0-1"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic)
			live := Connect(ctx, Clean(ctx, "live"))
			live.Subscribe(ctx, topic, q1)
			m := publishAging(ctx, topic, "lasting", math.MaxUint32)
			m.demandCapped(ctx, "the live message", live.Receive(Owed(ctx, "MQTT-4.5.0-1")), m.sent)
			Wait(ctx, 1*second)
			asked := time.Now()
			p := Connect(ctx, me).Receive(Owed(ctx, "MQTT-4.5.0-1"))
			Must(ctx, "MQTT-4.5.0-1", "the message is there 1 s later", string(p.Payload), Equal("lasting"))
			m.demandCapped(ctx, "the message that waited 1 s", p, asked)
		}, Waits(1*second)),

	Spec("ME-16", "closes the link when a PUBLISH has two Message Expiry Intervals", V5("MQTT-4.13.1-1"),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			c.Publish(ctx, Topic(ctx, "a"), "one", q1, With(wire.MessageExpiryInterval(60)))
			wrong := wire.Publish{Topic: Topic(ctx, "a"), QoS: q1, PacketID: c.NewID(), Payload: []byte("two"),
				Properties: wire.Properties{wire.MessageExpiryInterval(60), wire.MessageExpiryInterval(60)}}
			c.Send(ctx, wrong)
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			// of the Message Expiry Interval the standard calls it a Protocol Error in Will Properties only
			Should(ctx, "MQTT-4.13.1-1", "a second Message Expiry Interval ends the Network Connection", closed, BeTrue())
		}),

	Spec("ME-17", "expires messages for a session of 3.1.1 and sends it no property", V5("MQTT-4.5.0-1"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			old := wire.Connect{ClientID: ID(ctx, "old"), ProtocolVersion: wire.V311}
			leave(ctx, old, topic)
			publishAging(ctx, topic, "expired", 2)
			publishAging(ctx, topic, "queued", 60, With(wire.ContentType("text/plain")))
			Wait(ctx, 4*second)
			c := Connect(ctx, old)
			Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
			publishOnce(ctx, topic, "sentinel", With(wire.MessageExpiryInterval(60)))
			var got []string
			for len(got) == 0 || got[len(got)-1] != "sentinel" {
				p := c.Receive(Owed(ctx, "MQTT-4.5.0-1"))
				Must(ctx, "MQTT-4.5.0-1", "a client of 3.1.1 gets the payload as it was published, without properties before it",
					string(p.Payload), BeElementOf("expired", "queued", "sentinel"))
				got = append(got, string(p.Payload))
			}
			Must(ctx, "MQTT-4.5.0-1", "it gets the message that was queued for it", got, ContainElement("queued"))
			Should(ctx, "", "a message of 2 s is gone 4 s later also for a client of 3.1.1", got, Not(ContainElement("expired")))
		}, Waits(4*second)),

	Spec("ME-18", "does not invent a Message Expiry Interval for the message of a 3.1.1 client", V5("MQTT-3.3.2-6"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			c := Connect(ctx, Clean(ctx, "me"))
			c.Subscribe(ctx, topic, q1)
			old := Clean(ctx, "old")
			old.ProtocolVersion = wire.V311
			Connect(ctx, old).Publish(ctx, topic, "from 3.1.1", q1)
			p := c.Receive(ctx)
			Step(ctx, "the message comes", string(p.Payload), Equal("from 3.1.1"))
			// a target whose configuration gives one to messages without looks the same
			Record(ctx, "Message Expiry Interval of a message that was published without", intervalOf(p))
			Should(ctx, "MQTT-3.3.2-6", "a message that was received without Message Expiry Interval is sent without one",
				p.Properties.All(wire.PropMessageExpiryInterval), BeEmpty())
		}),

	Spec("ME-23", "counts the Message Expiry Interval for each subscriber by itself", V5("MQTT-3.3.2-6", "MQTT-4.5.0-1"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic)
			online := Connect(ctx, Clean(ctx, "online"))
			online.Subscribe(ctx, topic, q1)
			m := publishAging(ctx, topic, "for two", 10)
			m.demand(ctx, "the message for the subscriber that is online", online.Receive(Owed(ctx, "MQTT-4.5.0-1")), m.sent)
			Wait(ctx, 4*second)
			asked := time.Now()
			c := Connect(ctx, me)
			m.demand(ctx, "the same message 4 s later for the one that was offline", c.Receive(Owed(ctx, "MQTT-4.5.0-1")), asked)
		}, Waits(4*second)),
)
