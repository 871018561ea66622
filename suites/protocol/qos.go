package protocol

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// QoS holds the specs of the exchanges at QoS 1 and 2 on a link that holds. What cuts do to them is among the scenarios.
var QoS = Section("QoS 1 and QoS 2",
	Spec("Q1-ANSWER", "answers a PUBLISH of QoS 1 by PUBACK with its Packet Identifier",
		Both(V5("MQTT-4.3.2-4", "MQTT-3.3.4-1"), V311("MQTT-4.3.2-2", "MQTT-3.3.4-1")),
		func(ctx context.Context) {
			answered := Owed(ctx, Twin("MQTT-4.3.2-4 MQTT-3.3.4-1", "MQTT-4.3.2-2 MQTT-3.3.4-1"))
			c := Connect(ctx, Clean(ctx, "me"))
			for _, id := range []uint16{1, 2, 255, 256, 65_535} {
				c.Send(ctx, wire.Publish{Topic: Topic(ctx, "a"), QoS: q1, PacketID: id})
				NextWhere(answered, c, func(a wire.Puback) bool { return a.PacketID == id })
			}
		}, Needs(QoS1)),

	Spec("Q2-ANSWER", "answers a PUBLISH of QoS 2 by PUBREC and PUBREL by PUBCOMP, with the Packet Identifier",
		Both(V5("MQTT-4.3.3-8", "MQTT-4.3.3-11", "MQTT-3.3.4-1"), V311("MQTT-4.3.3-2", "MQTT-3.3.4-1")),
		func(ctx context.Context) {
			received, completed := Twin("MQTT-4.3.3-8 MQTT-3.3.4-1", "MQTT-4.3.3-2 MQTT-3.3.4-1"), Twin("MQTT-4.3.3-11", "MQTT-4.3.3-2")
			c := Connect(ctx, Clean(ctx, "me"))
			for _, id := range []uint16{1, 2, 255, 256, 65_535} {
				c.Send(ctx, wire.Publish{Topic: Topic(ctx, "a"), QoS: q2, PacketID: id})
				NextWhere(Owed(ctx, received), c, func(a wire.Pubrec) bool { return a.PacketID == id })
				c.Send(ctx, wire.Pubrel{PacketID: id})
				NextWhere(Owed(ctx, completed), c, func(a wire.Pubcomp) bool { return a.PacketID == id })
			}
		}, Needs(QoS2)),

	Spec("Q2-RELEASE", "answers a PUBREC by PUBREL with its Packet Identifier",
		Both(V5("MQTT-4.3.3-4"), V311("MQTT-4.3.3-1")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			c, p := Connect(ctx, Clean(ctx, "sub")), Connect(ctx, Clean(ctx, "pub"))
			SkipIf(ctx, c.Subscribe(ctx, topic, q2) < q2, "the server grants no QoS 2")
			for i := range 3 {
				p.Publish(ctx, topic, fmt.Sprint("message ", i), q2)
				m := c.ReceivePublish(ctx)
				Step(ctx, "the message comes at QoS 2", m.QoS, Equal(q2))
				c.Send(ctx, wire.Pubrec{PacketID: m.PacketID})
				NextWhere(Owed(ctx, Twin("MQTT-4.3.3-4", "MQTT-4.3.3-1")), c, func(r wire.Pubrel) bool { return r.PacketID == m.PacketID })
				c.Send(ctx, wire.Pubcomp{PacketID: m.PacketID})
			}
		}, Needs(QoS2)),

	Spec("Q2-EXPIRED", "answers PUBREL though the message has expired since its PUBLISH", V5("MQTT-4.3.3-13"),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			c.Send(ctx, wire.Publish{Topic: Topic(ctx, "a"), QoS: q2, PacketID: 7, Properties: wire.Properties{wire.MessageExpiryInterval(1)}})
			Next[wire.Pubrec](ctx, c)
			Wait(ctx, 2*second)
			c.Send(ctx, wire.Pubrel{PacketID: 7})
			Next[wire.Pubcomp](Owed(ctx, "MQTT-4.3.3-13"), c)
		}, Waits(2*second), Needs(QoS2)),

	Spec("Q2-REFUSED", "takes a PUBLISH for a new message after it refused another one with that Packet Identifier", V5("MQTT-4.3.3-9"), reuseAfterRefusal, Needs(QoS2)),

	Spec("Q2-SESSION", "has forgotten which Packet Identifiers were in use when a session has expired",
		V5("MQTT-4.1.0-2", "MQTT-4.3.3-12"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 1), Topic(ctx, "a")
			witness := listener(ctx, "witness", topic, topic)
			c := Connect(ctx, me)
			c.Send(ctx, wire.Publish{Topic: topic, QoS: q2, PacketID: 7, Payload: []byte("old")})
			Next[wire.Pubrec](ctx, c)
			c.Drop(ctx)
			Wait(ctx, 1*second+grace)
			c = Connect(ctx, me)
			Step(ctx, "the session has expired", c.Connack.SessionPresent, BeFalse())
			c.PublishPacket(ctx, wire.Publish{Topic: topic, QoS: q2, PacketID: 7, Payload: []byte("new")})
			// whether the old session was kept or its exchange was taken for this one cannot be told from outside
			forgotten := "MQTT-4.1.0-2 MQTT-4.3.3-12"
			got := Payloads(until(ctx, witness, c, topic, q2))
			Must(ctx, forgotten, "a PUBLISH with the Packet Identifier of an expired session's exchange is a new message", got, ContainElement("new"))
		}, Waits(4*second), Needs(QoS2)),
)

// reuseAfterRefusal publishes what servers tend to refuse, and then a message with the same Packet Identifier.
func reuseAfterRefusal(ctx context.Context) {
	topic := Topic(ctx, "a")
	witness := listener(ctx, "witness", topic, topic)
	c := Connect(ctx, Clean(ctx, "me"))
	for _, bad := range refusable(ctx) {
		c.Send(ctx, wire.Publish{Topic: bad, QoS: q2, PacketID: 7})
		r, o := Try[wire.Pubrec](ctx, c, Timings(ctx).Reply)
		if o != Arrived {
			c = Connect(ctx, Clean(ctx, "me")) // refused by closing
			continue
		}
		if !r.ReasonCode.Failed() {
			c.Send(ctx, wire.Pubrel{PacketID: 7})
			Next[wire.Pubcomp](ctx, c)
			continue
		}
		c.PublishPacket(ctx, wire.Publish{Topic: topic, QoS: q2, PacketID: 7, Payload: []byte("new")})
		Must(ctx, "MQTT-4.3.3-9", "a PUBLISH with the Packet Identifier of a refused one is a new message",
			Payloads(until(ctx, witness, c, topic, q2)), Equal([]string{"new"}))
		return
	}
	SkipIf(ctx, true, "the server refuses no PUBLISH by PUBREC")
}

// refusable returns topics and filters that are well-formed, and that many a server refuses all the same.
func refusable(ctx context.Context) []string {
	return []string{Topic(ctx, strings.Repeat("/", 1_500)), "$SYS/" + Topic(ctx, "a"), Topic(ctx, strings.Repeat("a", 3_500))}
}
