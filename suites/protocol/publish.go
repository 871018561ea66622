package protocol

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Publishing holds the specs of PUBLISH as it is passed on.
var Publishing = Section("PUBLISH",
	Spec("PB-PAYLOAD", "delivers a message with the payload that it was published with",
		Both(V5("MQTT-4.5.0-1"), V311("MQTT-4.5.0-1")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			c, p := Connect(ctx, Clean(ctx, "sub")), Connect(ctx, Clean(ctx, "pub"))
			c.Subscribe(ctx, topic, q2)
			for _, payload := range [][]byte{{}, {0}, every, slices.Repeat(every, 12), []byte("\xff\xfe\x00\xc3\x28")} {
				for _, qos := range []wire.QoS{q0, q1, q2} {
					p.PublishPacket(ctx, wire.Publish{Topic: topic, QoS: qos, Payload: payload})
					got := c.Receive(Owed(ctx, "MQTT-4.5.0-1"))
					Must(ctx, "MQTT-4.5.0-1", fmt.Sprintf("a payload of %d bytes arrives as it is at QoS %d", len(payload), qos),
						fmt.Sprintf("%x", got.Payload), Equal(fmt.Sprintf("%x", payload)))
				}
			}
		}, Needs(QoS2)),

	Spec("PB-PROPERTIES", "delivers a message with the properties that it was published with",
		V5("MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-18", "MQTT-3.3.2-20"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			c, p := Connect(ctx, Clean(ctx, "sub")), Connect(ctx, Clean(ctx, "pub"))
			c.Subscribe(ctx, topic, q1)
			sent := wire.Properties{
				wire.PayloadFormatIndicator(1), wire.ContentType("text/plain; charset=utf-8"), wire.ResponseTopic(Topic(ctx, "answers")),
				wire.CorrelationData("\x00\xff\xc3\x28"), wire.UserProperty("b", "1"), wire.UserProperty("a", "2"), wire.UserProperty("b", "1"), wire.UserProperty("", ""),
			}
			p.Publish(ctx, topic, "message", q1, With(sent...))
			got := c.Receive(ctx).Properties
			for id, property := range map[string]wire.PropertyID{
				"MQTT-3.3.2-4": wire.PropPayloadFormatIndicator, "MQTT-3.3.2-15": wire.PropResponseTopic,
				"MQTT-3.3.2-16": wire.PropCorrelationData, "MQTT-3.3.2-20": wire.PropContentType,
			} {
				Must(ctx, id, fmt.Sprintf("%v is unaltered", property), got.All(property), Equal(sent.All(property)))
			}
			user := slices.DeleteFunc(got.All(wire.PropUserProperty), func(p wire.Property) bool {
				return !slices.Contains(sent, p) // a server may add its own
			})
			Must(ctx, "MQTT-3.3.2-17", "all User Properties are there, unaltered", user, ConsistOf(sent.All(wire.PropUserProperty)))
			Must(ctx, "MQTT-3.3.2-18", "the User Properties are in their order", user, Equal(sent.All(wire.PropUserProperty)))
		}),

	Spec("PB-WILL-EXPIRY", "publishes a Will with the whole of its Message Expiry Interval, however long the link lasted", V5("U5-054"),
		func(ctx context.Context) {
			topic, me := Topic(ctx, "a"), Clean(ctx, "me")
			w := listener(ctx, "witness", topic, topic)
			me.Will = &wire.Will{Topic: topic, Payload: []byte("gone"), QoS: q1, Properties: wire.Properties{wire.MessageExpiryInterval(100)}}
			c := Connect(ctx, me)
			Wait(ctx, 3*second)
			c.Drop(ctx)
			p := w.Receive(ctx)
			Step(ctx, "the Will is published", string(p.Payload), Equal("gone"))
			Must(ctx, "U5-054", "the Message Expiry Interval of 100 s has lost nothing to the 3 s of the link, but for rounding",
				p.Properties.Int(wire.PropMessageExpiryInterval, 0), BeNumerically(">=", 99))
		}, Waits(3*second)),

	Spec("PB-SUBID", "does not accept a PUBLISH with a Subscription Identifier", V5("MQTT-3.3.4-6"),
		func(ctx context.Context) {
			p := wire.Publish{Topic: Topic(ctx, "a"), QoS: q1, PacketID: 7}
			legal := p
			p.Properties = wire.Properties{wire.SubscriptionIdentifier(3)}
			punished(ctx, []wire.Packet{legal}, []offence{{"MQTT-3.3.4-6", "PUBLISH with a Subscription Identifier", p, true}})
		}, Needs(QoS1)),

	Spec("PB-DUP", "does not pass DUP on from the publisher",
		Both(V5("MQTT-3.3.1-3"), V311("MQTT-3.3.1-3")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			c, p := Connect(ctx, Clean(ctx, "sub")), Connect(ctx, Clean(ctx, "pub"))
			c.Subscribe(ctx, topic, q2)
			p.Publish(ctx, topic, "control", q1)
			Step(ctx, "messages are delivered", string(c.Receive(ctx).Payload), Equal("control"))
			for _, qos := range []wire.QoS{q1, q2} {
				p.Publish(ctx, topic, "again", qos, func(p *wire.Publish) { p.Dup = true })
				Must(ctx, "MQTT-3.3.1-3", fmt.Sprintf("a message that came with DUP 1 at QoS %d goes out with DUP 0", qos), c.Receive(ctx).Dup, BeFalse())
			}
		}, Needs(QoS2)),
)

// Ping holds the specs of PINGREQ.
var Ping = Section("PINGREQ",
	Spec("PG-ANSWER", "answers each PINGREQ by a PINGRESP", Both(V5("MQTT-3.12.4-1"), V311("MQTT-3.12.4-1")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			for range 3 {
				c.Send(ctx, wire.Pingreq{})
			}
			for range 3 {
				Next[wire.Pingresp](Owed(ctx, "MQTT-3.12.4-1"), c)
			}
		}),

	Spec("PG-BYTES", "closes a link on which only parts of a packet come, as one on which nothing comes",
		Both(V5("MQTT-3.1.2-22"), V311("MQTT-3.1.2-24")),
		func(ctx context.Context) {
			me := Clean(ctx, "me")
			me.KeepAlive = 2
			c := Connect(ctx, me)
			ka := c.KeepAlive(2)
			SkipIf(ctx, ka > 4*second, "the server replaced a Keep Alive of 2 s by "+ka.String())
			b := wire.Bytes(wire.Publish{Topic: Topic(ctx, "a"), Payload: make([]byte, 100)}, Version(ctx))
			closed := false
			for at := 0; at < 12 && !closed; at++ { // three times the Keep Alive in all
				c.SendBytes(ctx, b[at:at+1])
				_, closed = c.ClosedWithin(ctx, ka/4)
			}
			Must(ctx, Twin("MQTT-3.1.2-22", "MQTT-3.1.2-24"), "the link is closed by three times the Keep Alive of "+ka.String(), closed, BeTrue())
		}, Waits(6*second)),
)
