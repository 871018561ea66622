package scenarios

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// The duties of QoS 1 and 2. Version 3.1.1 has one statement for each side, 5.0 one for each duty.
var (
	acknowledged = Twin("MQTT-4.3.2-4", "MQTT-4.3.2-2")                           // a PUBLISH of QoS 1 is answered by PUBACK
	newAtQoS1    = Twin("MQTT-4.3.2-5", "MQTT-4.3.2-2")                           // after PUBACK its identifier means a new message
	accepted     = Twin("MQTT-4.5.0-1", "MQTT-4.5.0-1")                           // an accepted message goes to all who subscribed
	received     = Twin("MQTT-4.3.3-8", "MQTT-4.3.3-2")                           // a PUBLISH of QoS 2 is answered by PUBREC
	onlyOnce     = Twin("MQTT-4.3.3-10", "MQTT-4.3.3-2")                          // repeated before PUBREL it is no new message
	completed    = Twin("MQTT-4.3.3-11", "MQTT-4.3.3-2")                          // PUBREL is answered by PUBCOMP
	newAtQoS2    = Twin("MQTT-4.3.3-12", "MQTT-4.3.3-2")                          // after PUBCOMP its identifier means a new message
	open1        = Twin("MQTT-4.3.2-3", "MQTT-4.3.2-1")                           // sent at QoS 1 a message is open until PUBACK
	openRelease  = Twin("MQTT-4.3.3-5", "MQTT-4.3.3-1")                           // a PUBREL is open until PUBCOMP
	noPublish    = Twin("MQTT-4.3.3-6", "MQTT-4.3.3-1")                           // after PUBREL, PUBLISH is not sent again
	resent1      = Twin("MQTT-4.4.0-1 MQTT-4.3.2-3", "MQTT-4.4.0-1 MQTT-4.3.2-1") // what is open is sent again on resume
	resent2      = Twin("MQTT-4.4.0-1 MQTT-4.3.3-3", "MQTT-4.4.0-1 MQTT-4.3.3-1")
	resentRel    = Twin("MQTT-4.4.0-1 MQTT-4.3.3-5", "MQTT-4.4.0-1 MQTT-4.3.3-1")
	inOrder      = Twin("MQTT-4.6.0-5", "MQTT-4.6.0-6") // messages of one publisher, topic and QoS keep their order
	markedDup    = Twin("MQTT-3.3.1-1", "MQTT-3.3.1-1") // what is sent again has DUP 1
)

var (
	inbound2Claims  = Both(V5("MQTT-4.3.3-8", "MQTT-4.3.3-10", "MQTT-4.3.3-11"), V311("MQTT-4.3.3-2"))
	redelivery1     = Both(V5("MQTT-4.4.0-1", "MQTT-4.3.2-3", "MQTT-3.3.1-1"), V311("MQTT-4.4.0-1", "MQTT-4.3.2-1", "MQTT-3.3.1-1"))
	redelivery2     = Both(V5("MQTT-4.4.0-1", "MQTT-4.3.3-3", "MQTT-3.3.1-1"), V311("MQTT-4.4.0-1", "MQTT-4.3.3-1", "MQTT-3.3.1-1"))
	releaseClaims   = Both(V5("MQTT-4.4.0-1", "MQTT-4.3.3-5", "MQTT-4.3.3-6"), V311("MQTT-4.4.0-1", "MQTT-4.3.3-1"))
	exactlyOneClaim = Both(V5("MQTT-4.3.3-10", "MQTT-4.3.3-11"), V311("MQTT-4.3.3-2"))
)

// Delivery holds the specs of the guarantees of QoS 1 and 2 while the link is cut at each point of an exchange.
var Delivery = Section("Delivery guarantees under faults",
	Spec("DG-01", "delivers a QoS 1 message that reached it only at the second attempt, with DUP 1",
		Both(V5("MQTT-4.3.2-4", "MQTT-4.5.0-1"), V311("MQTT-4.3.2-2", "MQTT-4.5.0-1")),
		func(ctx context.Context) {
			s := sending(ctx, q1)
			s.lose(ctx, "", netfault.ToServer, wire.PUBLISH, s.message)
			s.sendAgain(Owed(ctx, acknowledged))
			Must(ctx, accepted, "the message is delivered once", s.delivered(ctx, 1), Equal([]string{"once"}))
		}),

	Spec("DG-02", "acknowledges a QoS 1 message again whose PUBACK was lost",
		Both(V5("MQTT-4.3.2-4", "MQTT-4.5.0-1"), V311("MQTT-4.3.2-2", "MQTT-4.5.0-1")),
		func(ctx context.Context) {
			s := sending(ctx, q1)
			s.lose(ctx, acknowledged, netfault.ToClient, wire.PUBACK, s.message)
			s.sendAgain(Owed(ctx, acknowledged))
			got := s.delivered(ctx, 1)
			Must(ctx, accepted, "the message is delivered", got, ContainElement("once"))
			Record(ctx, "copies of a QoS 1 message whose PUBACK was lost", fmt.Sprint(len(got)))
		}),

	Spec("DG-03", "takes a PUBLISH for a new message once its Packet Identifier was acknowledged, whatever DUP says",
		Both(V5("MQTT-4.3.2-5"), V311("MQTT-4.3.2-2")),
		func(ctx context.Context) {
			s := sending(ctx, q1)
			for i, dup := range []bool{false, false, true} {
				s.message.Payload, s.message.Dup = []byte(fmt.Sprint("message ", i)), dup
				s.PublishPacket(ctx, s.message)
			}
			Must(ctx, newAtQoS1, "all three messages with one Packet Identifier are delivered", s.delivered(ctx, 3), Equal([]string{"message 0", "message 1", "message 2"}))
		}),

	Spec("DG-04", "begins a QoS 2 exchange anew when the link was cut in the middle of PUBLISH", inbound2Claims,
		func(ctx context.Context) {
			s := sending(ctx, q2)
			b := wire.Bytes(s.message, Version(ctx))
			s.SendBytes(ctx, b[:len(b)/2])
			s.back(ctx)
			s.sendAgain(Owed(ctx, received))
			s.complete(ctx)
		}, Needs(QoS2)),

	Spec("DG-05", "delivers a QoS 2 message once whose PUBREC was lost", inbound2Claims,
		func(ctx context.Context) {
			s := sending(ctx, q2)
			s.lose(ctx, received, netfault.ToClient, wire.PUBREC, s.message)
			s.sendAgain(Owed(ctx, Twin("MQTT-4.3.3-8 MQTT-4.3.3-10", "MQTT-4.3.3-2")))
			s.complete(ctx)
		}, Needs(QoS2)),

	Spec("DG-05-CODE", "does not refuse a QoS 2 PUBLISH that comes again, or is done with its exchange then", V5("MQTT-4.3.3-9"),
		refusesRepeat, Needs(QoS2)),

	Spec("DG-06", "completes a QoS 2 exchange whose PUBREL was lost", exactlyOneClaim,
		func(ctx context.Context) {
			s := sending(ctx, q2)
			s.Send(ctx, s.message)
			Next[wire.Pubrec](ctx, s.Client)
			s.lose(ctx, "", netfault.ToServer, wire.PUBREL, wire.Pubrel{PacketID: s.message.PacketID})
			s.complete(ctx)
		}, Needs(QoS2)),

	Spec("DG-07", "completes a QoS 2 exchange again whose PUBCOMP was lost", exactlyOneClaim,
		func(ctx context.Context) {
			s := sending(ctx, q2)
			s.Send(ctx, s.message)
			Next[wire.Pubrec](ctx, s.Client)
			s.lose(ctx, completed, netfault.ToClient, wire.PUBCOMP, wire.Pubrel{PacketID: s.message.PacketID})
			s.complete(ctx)
		}, Needs(QoS2)),

	Spec("DG-08", "takes a PUBLISH of QoS 2 for a new message once its Packet Identifier was released, whatever DUP says",
		Both(V5("MQTT-4.3.3-12"), V311("MQTT-4.3.3-2")),
		func(ctx context.Context) {
			s := sending(ctx, q2)
			for i, dup := range []bool{false, false, true} {
				s.message.Payload, s.message.Dup = []byte(fmt.Sprint("message ", i)), dup
				s.PublishPacket(ctx, s.message)
			}
			Must(ctx, newAtQoS2, "all three messages with one Packet Identifier are delivered", s.delivered(ctx, 3), Equal([]string{"message 0", "message 1", "message 2"}))
		}, Needs(QoS2)),

	Spec("DG-09", "answers a QoS 2 PUBLISH that is repeated before PUBREL and delivers the message once", inbound2Claims,
		func(ctx context.Context) {
			s := sending(ctx, q2)
			s.Send(ctx, s.message)
			Next[wire.Pubrec](Owed(ctx, received), s.Client)
			s.sendAgain(Owed(ctx, onlyOnce))
			s.complete(ctx)
		}, Needs(QoS2)),

	// The standard lets a client of 3.1.1 repeat a message on a link that holds, as often as it likes.
	Spec("DG-09-OFTEN", "answers a QoS 2 PUBLISH each time that it is repeated before PUBREL", V311("MQTT-4.3.3-2"),
		func(ctx context.Context) {
			s := sending(ctx, q2)
			s.Send(ctx, s.message)
			Next[wire.Pubrec](Owed(ctx, received), s.Client)
			for range 3 {
				s.sendAgain(Owed(ctx, onlyOnce))
			}
			s.complete(ctx)
		}, Needs(QoS2)),

	Spec("DG-11", "answers a PUBREL that releases nothing by PUBCOMP", Both(V5("MQTT-4.3.3-11"), V311("MQTT-4.3.3-2")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			c.Send(ctx, wire.Pubrel{PacketID: 7})
			a := Next[wire.Pubcomp](Owed(ctx, completed), c)
			Must(ctx, completed, "PUBCOMP has the Packet Identifier of PUBREL", a.PacketID, Equal(uint16(7)))
			if Version(ctx) == wire.V5 {
				Record(ctx, "PUBCOMP for a PUBREL that releases nothing", a.ReasonCode.Name(wire.PUBCOMP, wire.V5))
			}
		}, Needs(QoS2)),

	Spec("DG-12", "delivers no second message under a Packet Identifier that is not released", Both(V5("MQTT-4.3.3-10"), V311("MQTT-4.3.3-2")),
		func(ctx context.Context) {
			s := sending(ctx, q2)
			s.Send(ctx, s.message)
			Next[wire.Pubrec](ctx, s.Client)
			s.message.Payload = []byte("another one")
			s.Send(ctx, s.message)
			Next[wire.Pubrec](Owed(ctx, onlyOnce), s.Client)
			s.Send(ctx, wire.Pubrel{PacketID: s.message.PacketID})
			Next[wire.Pubcomp](ctx, s.Client)
			Must(ctx, onlyOnce, "one message is delivered", s.delivered(ctx, 1), HaveLen(1))
		}, Needs(QoS2)),

	Spec("DG-13", "sends a QoS 1 message again that was lost", redelivery1,
		func(ctx context.Context) { r := receiving(ctx, q1); r.losePublish(ctx); r.again(ctx, resent1) }),

	Spec("DG-14", "sends a QoS 1 message again whose PUBACK was lost", redelivery1,
		func(ctx context.Context) {
			r := receiving(ctx, q1)
			r.get(ctx)
			r.lose(ctx, wire.Puback{PacketID: r.got.PacketID})
			r.again(ctx, resent1)
		}),

	Spec("DG-14-HELD", "sends a QoS 1 message again that had waited for the Receive Maximum", V5("MQTT-4.4.0-1", "MQTT-4.3.2-3", "MQTT-3.3.1-1"),
		func(ctx context.Context) {
			r := receiving(ctx, q1)
			r.get(ctx)
			r.publish(ctx, "held back")
			r.Ping(ctx)
			r.Acknowledge(ctx, r.got)
			r.got = r.ReceivePublish(ctx)
			Step(ctx, "what has waited comes when there is room", string(r.got.Payload), Equal("held back"))
			r.back(ctx)
			r.again(ctx, resent1)
		}),

	Spec("DG-15", "does not send a QoS 1 message again that was acknowledged", Both(V5("MQTT-4.3.2-3"), V311("MQTT-4.3.2-1")),
		func(ctx context.Context) {
			r := receiving(ctx, q1)
			r.get(ctx)
			r.Acknowledge(ctx, r.got)
			r.finished(ctx, open1)
		}),

	Spec("DG-17", "sends a QoS 2 message again that was lost", redelivery2,
		func(ctx context.Context) { r := receiving(ctx, q2); r.losePublish(ctx); r.again(ctx, resent2) }, Needs(QoS2)),

	Spec("DG-18", "sends a QoS 2 message again whose PUBREC was lost", redelivery2,
		func(ctx context.Context) {
			r := receiving(ctx, q2)
			r.get(ctx)
			r.lose(ctx, wire.Pubrec{PacketID: r.got.PacketID})
			r.again(ctx, resent2)
		}, Needs(QoS2)),

	Spec("DG-19", "sends PUBREL again that was lost, and not PUBLISH", releaseClaims,
		func(ctx context.Context) {
			r := receiving(ctx, q2)
			r.get(ctx)
			cut := r.link.On(netfault.Match{Dir: netfault.ToClient, Type: wire.PUBREL}, netfault.Drop{})
			r.Send(ctx, wire.Pubrec{PacketID: r.got.PacketID})
			Fired(ctx, cut)
			r.back(ctx)
			r.releasedAgain(ctx)
		}, Needs(QoS2)),

	Spec("DG-20", "sends PUBREL again whose PUBCOMP was lost, and not PUBLISH", releaseClaims,
		func(ctx context.Context) {
			r := receiving(ctx, q2)
			r.get(ctx)
			r.Send(ctx, wire.Pubrec{PacketID: r.got.PacketID})
			Next[wire.Pubrel](ctx, r.Client)
			r.lose(ctx, wire.Pubcomp{PacketID: r.got.PacketID})
			r.releasedAgain(ctx)
		}, Needs(QoS2)),

	Spec("DG-21", "sends neither PUBLISH nor PUBREL again for a QoS 2 exchange that is complete", Both(V5("MQTT-4.3.3-5"), V311("MQTT-4.3.3-1")),
		func(ctx context.Context) {
			r := receiving(ctx, q2)
			r.get(ctx)
			r.Acknowledge(ctx, r.got)
			r.finished(ctx, openRelease)
		}, Needs(QoS2)),

	Spec("DG-23-1", "does not send a QoS 1 message again that the client refused", V5("MQTT-4.4.0-2"),
		func(ctx context.Context) {
			r := receivingAt(ctx, q1, 10)
			r.get(ctx)
			r.Send(ctx, wire.Puback{PacketID: r.got.PacketID, ReasonCode: wire.ImplementationSpecificError})
			r.finished(ctx, "MQTT-4.4.0-2")
		}),

	Spec("DG-23-2", "does not go on with a QoS 2 message that the client refused", V5("MQTT-4.4.0-2", "MQTT-4.3.3-4", "U5-070"),
		func(ctx context.Context) {
			r := receivingAt(ctx, q2, 10)
			r.get(ctx)
			r.Send(ctx, wire.Pubrec{PacketID: r.got.PacketID, ReasonCode: wire.ImplementationSpecificError})
			r.Ping(ctx)
			_, o := Try[wire.Pubrel](ctx, r.Client, Timings(ctx).Quiet)
			Must(ctx, "MQTT-4.3.3-4", "a PUBREC that refuses is not answered by PUBREL", o, Equal(Silent))
			r.finished(ctx, "MQTT-4.4.0-2")
			r.Ping(ctx) // what it has acknowledged is done with before its session goes on
			one := receiving(ctx, q2)
			one.get(ctx)
			one.Send(ctx, wire.Pubrec{PacketID: one.got.PacketID, ReasonCode: wire.ImplementationSpecificError})
			one.publish(ctx, "next")
			_, o = one.TryPublish(ctx, Timings(ctx).Reply)
			Should(ctx, "U5-070", "a PUBREC that refuses makes room in the Receive Maximum", o, Equal(Arrived))
		}, Needs(QoS2)),

	Spec("DG-24", "does not send a message again on a link that holds", V5("MQTT-4.4.0-1"),
		func(ctx context.Context) {
			r := receiving(ctx, q1)
			r.get(ctx)
			_, o := r.TryPublish(ctx, 30*second)
			Must(ctx, "MQTT-4.4.0-1", "an unacknowledged message is not sent again within 30 s", o, Equal(Silent))
			r.Acknowledge(ctx, r.got)
		}, Waits(30*second)),

	Spec("DG-25", "resumes exchanges of all states in their order, and then what was queued",
		Both(V5("MQTT-4.4.0-1", "MQTT-4.6.0-5", "MQTT-4.3.3-6"), V311("MQTT-4.4.0-1", "MQTT-4.6.0-6", "MQTT-4.3.3-1")),
		mixedStates, Needs(QoS2)),

	Spec("DG-33", "delivers what it acknowledged while the subscriber was away, all of it and in order",
		Both(V5("MQTT-4.5.0-1", "MQTT-4.6.0-5"), V311("MQTT-4.5.0-1", "MQTT-4.6.0-6")), queuedInOrder, Needs(QoS2)),

	Spec("DG-26", "keeps within a Receive Maximum that is smaller on the next connection", V5("MQTT-3.3.4-9", "MQTT-4.4.0-1"),
		smallerMaximum),

	Spec("DG-27", "holds a QoS 2 message's place in the Receive Maximum until PUBCOMP", V5("MQTT-3.3.4-9", "MQTT-4.9.0-2"),
		placeUntilPubcomp, Needs(QoS2)),

	Spec("DG-28", "takes the Receive Maximum of each connection anew", V5("U5-037"), maximumAnew),

	Spec("DG-29-FLOW", "delivers all that has waited for the Receive Maximum to a client that acknowledges each message",
		V5("MQTT-4.5.0-1", "MQTT-4.6.0-5"),
		flowUnderMaximum, Needs(QoS1)),

	Spec("DG-29", "holds back only PUBLISH while the Receive Maximum leaves no room", V5("MQTT-3.3.4-10", "MQTT-4.9.0-3"),
		onlyPublishWaits, Needs(QoS2)),

	Spec("DG-36", "honours the highest QoS where subscriptions overlap", Both(V5("MQTT-3.3.4-2"), V311("MQTT-3.3.5-1")),
		overlapLive, Needs(WildcardSubscriptions, QoS2)),

	Spec("DG-37", "completes a delivery that it has begun though its subscription is gone",
		Both(V5("MQTT-3.10.4-3"), V311("MQTT-3.10.4-3")),
		func(ctx context.Context) {
			r := receiving(ctx, q1)
			r.get(ctx)
			r.Unsubscribe(ctx, r.topic)
			r.back(ctx)
			p := r.Receive(Owed(ctx, "MQTT-3.10.4-3"))
			Must(ctx, "MQTT-3.10.4-3", "the message that was begun comes again", identified([]wire.Publish{p}), Equal(identified([]wire.Publish{r.got})))
		}),

	Spec("DG-38", "completes a QoS 2 delivery of a Shared Subscription with the member that it was begun with, or with none", V5("MQTT-4.8.2-4", "MQTT-4.8.2-5"),
		sharedCut, Needs(QoS2, SharedSubscriptions)),

	Spec("DG-40", "drops a queued message that is too large for the client and delivers those around it", V5("MQTT-3.1.2-25", "MQTT-3.1.2-24"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c, p := Connect(ctx, me), Connect(ctx, Clean(ctx, "pub"))
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			for _, payload := range []string{"before", strings.Repeat("x", 600), "after"} {
				p.Publish(ctx, topic, payload, q1)
			}
			me.Properties = me.Properties.With(wire.MaximumPacketSize(500))
			c = Connect(ctx, me)
			Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
			goesOn := Owed(ctx, "MQTT-3.1.2-25")
			got := Payloads([]wire.Publish{c.Receive(goesOn), c.Receive(goesOn)})
			Must(ctx, "MQTT-3.1.2-24", "the message that is too large is not sent", got, Not(ContainElement(HavePrefix("xxx"))))
			Must(ctx, "MQTT-3.1.2-25", "the messages around it are delivered", got, Equal([]string{"before", "after"}))
			c.Ping(ctx) // the acknowledgements have been read then
			c.Drop(ctx)
			c = Connect(ctx, me)
			publishOnce(ctx, topic, "sentinel")
			Must(ctx, "MQTT-3.1.2-25", "on the next connection it is done with", Payloads(c.ReceiveUntil(ctx, "sentinel")), Equal([]string{"sentinel"}))
		}),
)
