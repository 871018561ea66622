package scenarios

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// framedClaims are what a client can rely on however its bytes are cut into writes.
var framedClaims = Both(V5("MQTT-3.8.4-1", "MQTT-4.3.2-4", "MQTT-4.3.3-11", "MQTT-4.5.0-1"), V311("MQTT-3.8.4-1", "MQTT-4.3.2-2", "MQTT-4.3.3-2", "MQTT-4.5.0-1"))

// Framing holds the specs of packets that do not come one by one.
var Framing = Section("Packets and the byte stream",
	Spec("FT-01", "takes packets that come byte by byte", framedClaims,
		func(ctx context.Context) {
			link := Link(ctx)
			var every []int
			for at := 1; at < 200; at++ {
				every = append(every, at)
			}
			link.On(netfault.Match{Dir: netfault.ToServer, Every: true}, netfault.Slice{At: every})
			c := Connect(ctx, Clean(ctx, "me"), link)
			topic := Topic(ctx, "a")
			c.Subscribe(Owed(ctx, "MQTT-3.8.4-1"), topic, q1)
			c.Publish(Owed(ctx, acknowledged), topic, "first", q1)
			Must(ctx, accepted, "the first message is delivered", string(c.Receive(Owed(ctx, accepted)).Payload), Equal("first"))
			c.Publish(Owed(ctx, completed), topic, "second", q2)
			Must(ctx, accepted, "the second message is delivered", string(c.Receive(Owed(ctx, accepted)).Payload), Equal("second"))
		}, Needs(QoS2)),

	Spec("FT-03", "takes packets that come together, also those right behind CONNECT", framedClaims,
		func(ctx context.Context) {
			me, topic := Clean(ctx, "me"), Topic(ctx, "a")
			var b []byte
			for _, p := range []wire.Packet{
				me, wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: topic, QoS: q1}}},
				wire.Publish{Topic: topic, QoS: q1, PacketID: 2, Payload: []byte("first")},
				wire.Publish{Topic: topic, QoS: q2, PacketID: 3, Payload: []byte("second")}, wire.Pubrel{PacketID: 3},
			} {
				b = p.Append(b, Version(ctx))
			}
			c := Open(ctx, "me")
			c.SendBytes(ctx, b)
			Step(ctx, "the client is accepted", Next[wire.Connack](ctx, c).ReasonCode, Equal(wire.Success))
			Next[wire.Suback](Owed(ctx, "MQTT-3.8.4-1"), c)
			Next[wire.Puback](Owed(ctx, acknowledged), c)
			Next[wire.Pubcomp](Owed(ctx, completed), c)
			got := []wire.Publish{c.Receive(Owed(ctx, accepted)), c.Receive(Owed(ctx, accepted))}
			Must(ctx, accepted, "both messages are delivered", Payloads(got), ConsistOf("first", "second"))
		}, Needs(QoS2)),

	Spec("FT-04", "answers each of 1,000 packets that come in one write", Both(V5("MQTT-4.3.2-4"), V311("MQTT-4.3.2-2")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			most := max(1, int(c.Connack.Properties.Int(wire.PropReceiveMaximum, 1_000)))
			for sent := 0; sent < 1_000; {
				n := min(most, 1_000-sent)
				var b []byte
				for i := range n {
					b = wire.Publish{Topic: Topic(ctx, "a"), QoS: q1, PacketID: uint16(1 + sent + i), Payload: []byte("x")}.Append(b, Version(ctx))
				}
				c.SendBytes(ctx, b)
				for range n {
					Next[wire.Puback](Owed(ctx, acknowledged), c)
				}
				sent += n
			}
		}, Needs(QoS1)),

	Spec("FT-05", "carries out nothing of a packet that was cut short, and publishes the Will",
		Both(V5("MQTT-3.1.2-8", "MQTT-3.1.2-10"), V311("MQTT-3.1.2-8", "MQTT-3.1.2-10")),
		func(ctx context.Context) {
			w := watch(ctx)
			packets := []wire.Packet{
				wire.Publish{Topic: Topic(ctx, "will"), QoS: q1, PacketID: 1, Payload: []byte("cut short")},
				wire.Disconnect{LongForm: true},
				wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: Topic(ctx, "b"), QoS: q1}}},
			}
			for i, p := range packets {
				for j, leave := range []func(*Client){func(c *Client) { c.CloseFIN(ctx) }, func(c *Client) { c.Drop(ctx) }} {
					me := Clean(ctx, fmt.Sprint("me", 2*i+j))
					me.Will = will(ctx, 1)
					c := Connect(ctx, me)
					b := wire.Bytes(p, Version(ctx))
					c.SendBytes(ctx, b[:len(b)-1])
					leave(c)
					w.oneWill(ctx, published)
				}
			}
		}),
)
