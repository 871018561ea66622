package scenarios

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// takeover connects a client a second time while messages to its first connection are unacknowledged and others wait.
func takeover(ctx context.Context) {
	resent, queued := Twin("MQTT-4.4.0-1", "MQTT-4.4.0-1"), Twin("MQTT-3.1.2-5", "MQTT-3.1.2-4")
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	me.Properties = me.Properties.With(wire.ReceiveMaximum(2)) // 3.1.1 has no such limit: all messages are sent there
	old := Connect(ctx, me)
	old.Subscribe(ctx, topic, q1)
	p := Connect(ctx, Clean(ctx, "pub"))
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprint("m", i))
		p.Publish(ctx, topic, all[i], q1)
	}
	ids := map[string]uint16{} // of what the first connection got
	for range 2 {
		got := old.ReceivePublish(ctx)
		ids[string(got.Payload)] = got.PacketID
	}

	c := Connect(ctx, me)
	_, closed := old.ClosedWithin(ctx, Timings(ctx).Reply)
	Must(ctx, Twin("MQTT-3.1.4-3", "MQTT-3.1.4-2"), "the first connection is closed", closed, BeTrue())
	var order []string
	seen := map[string]bool{}
	for len(seen) < len(all) {
		got, o := c.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		c.Acknowledge(ctx, got)
		payload := string(got.Payload)
		if id, was := ids[payload]; was && !seen[payload] {
			Must(ctx, resent, payload+", which was not acknowledged, comes again under its Packet Identifier", got.PacketID, Equal(id))
			Must(ctx, Twin("MQTT-3.3.1-1", "MQTT-3.3.1-1"), payload+" is marked DUP when it comes again", got.Dup, BeTrue())
		}
		seen[payload] = true
		order = append(order, payload)
		if len(seen) == len(ids) {
			c.Ping(ctx) // what the target may send now comes before more is acknowledged: by that it shows what it counts
		}
	}
	for payload := range ids {
		Must(ctx, resent, payload+", which was not acknowledged, comes again", order, ContainElement(payload))
	}
	Must(ctx, queued, "the messages that waited are delivered", order, ContainElements(all))
	Must(ctx, Twin("MQTT-4.6.0-5", "MQTT-4.6.0-6"), "the messages come in the order they were published", firsts(order), Equal(all))
	Must(ctx, Twin("MQTT-3.2.2-3", "MQTT-3.2.2-2"), "Session Present is 1, as the session is there", c.Connack.SessionPresent, BeTrue())
}

// leftSession is claimed by the specs that leave a session in other ways than by DISCONNECT.
var leftSession = Both(V5("MQTT-3.1.2-5", "MQTT-3.2.2-3", "MQTT-3.1.2-23"), V311("MQTT-3.1.2-4", "MQTT-3.2.2-2", "MQTT-3.1.2-5"))

// resumesAfter demands that the session of me, which is subscribed to topic at QoS 1 and not connected, is resumed: a
// message of the meantime and a live one arrive without a new SUBSCRIBE.
func resumesAfter(ctx context.Context, me wire.Connect, topic string) {
	// Whether a session was not kept or is not resumed cannot be told from outside.
	resumed := Twin("MQTT-3.1.2-5 MQTT-3.1.2-23", "MQTT-3.1.2-4 MQTT-3.1.2-5")
	p := Connect(ctx, Clean(ctx, "pub"))
	p.Publish(ctx, topic, "queued", q1)
	c := Connect(ctx, me)
	Must(ctx, resumed, "the message of the meantime is delivered",
		string(c.Receive(Owed(ctx, resumed)).Payload), Equal("queued"))
	p.Publish(ctx, topic, "live", q1)
	Must(ctx, resumed, "the subscription is in force without a new SUBSCRIBE",
		string(c.Receive(Owed(ctx, resumed)).Payload), Equal("live"))
	Must(ctx, Twin("MQTT-3.2.2-3", "MQTT-3.2.2-2"), "Session Present is 1, as the session is there", c.Connack.SessionPresent, BeTrue())
}

// fullSession makes a session with everything in it, leaves it by a reset and returns the Packet Identifier of its
// open inbound exchange: a subscription to topic, two messages sent and not acknowledged, five queued (at least
// where the target takes the Receive Maximum into account), and a QoS 2 PUBLISH from the client without its PUBREL.
func fullSession(ctx context.Context, me wire.Connect, topic string) (openID uint16) {
	me.Properties = me.Properties.With(wire.ReceiveMaximum(2))
	link := Link(ctx)
	c := Connect(ctx, me, link)
	c.Subscribe(ctx, topic, q2)
	openID = 60000
	c.Send(ctx, wire.Publish{Topic: topic + "/open", QoS: q2, PacketID: openID, Payload: []byte("open")})
	Next[wire.Pubrec](ctx, c)
	p := Connect(ctx, Clean(ctx, "pub"))
	p.Publish(ctx, topic, "unacknowledged 1", q1)
	p.Publish(ctx, topic, "unacknowledged 2", q1)
	c.ReceivePublish(ctx)
	c.ReceivePublish(ctx)
	link.Reset()
	c.Closed(ctx)
	for i := range 5 {
		p.Publish(ctx, topic, fmt.Sprint("queued ", i), q1)
	}
	return openID
}

// nothingOld demands that c, just connected, gets nothing of an old session: no old subscription is in force, nothing
// is redelivered, no PUBREL comes. A sentinel on a subscription of the new session shows that the way is open.
func nothingOld(ctx context.Context, c *Client, topic, id string) {
	sentinel := topic + "/sentinel"
	c.Subscribe(ctx, sentinel, q1)
	p := Connect(ctx, Clean(ctx, "check"))
	p.Publish(ctx, topic, "to the old subscription", q1)
	p.Publish(ctx, sentinel, "sentinel", q1)
	var old []wire.Publish
	for _, m := range c.ReceiveUntil(ctx, "sentinel") {
		if !m.Retain && string(m.Payload) != "sentinel" { // a retained message belongs to the new subscription
			old = append(old, m)
		}
	}
	Must(ctx, id, "nothing comes from the old session", Payloads(old), BeEmpty())
	c.Ping(ctx)
	_, o := Try[wire.Pubrel](ctx, c, 0)
	Must(ctx, id, "no PUBREL comes from the old session", o, Equal(Silent))
}

// firsts drops repetitions: order is judged on first occurrences, since QoS 1 may repeat.
func firsts(payloads []string) (f []string) {
	seen := map[string]bool{}
	for _, p := range payloads {
		if !seen[p] {
			f = append(f, p)
		}
		seen[p] = true
	}
	return f
}
