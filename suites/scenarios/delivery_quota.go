package scenarios

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// smallerMaximum resumes with a Receive Maximum that is smaller than the number of messages that are unacknowledged.
func smallerMaximum(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	link, p := Link(ctx), Connect(ctx, Clean(ctx, "pub"))
	c := Connect(ctx, limited(me, 10), link)
	c.Subscribe(ctx, topic, q1)
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprint("m", i))
		p.Publish(ctx, topic, all[i], q1)
		c.ReceivePublish(ctx)
	}
	link.Reset()
	c.Closed(ctx)
	c = Connect(ctx, limited(me, 2))
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	var got []string
	for len(got) < len(all) {
		first := c.ReceivePublish(Owed(ctx, "MQTT-4.4.0-1"))
		c.Ping(ctx)
		Must(ctx, "MQTT-3.3.4-9", "at most two messages are unacknowledged", len(c.Pending()), BeNumerically("<=", 1))
		c.Acknowledge(ctx, first)
		got = append(got, string(first.Payload))
	}
	Must(ctx, "MQTT-4.4.0-1", "all messages come again", got, ConsistOf(all))
}

// placeUntilPubcomp lets a second message wait for every step of an exchange of QoS 2 that takes the only place.
func placeUntilPubcomp(ctx context.Context) {
	r := receiving(ctx, q2)
	r.get(ctx)
	window := "MQTT-3.3.4-9 MQTT-4.9.0-2"
	r.publish(ctx, "second")
	r.Ping(ctx)
	_, o := r.TryPublish(ctx, Timings(ctx).Quiet)
	Must(ctx, window, "the second message waits for the first one's PUBREC", o, Equal(Silent))
	r.Send(ctx, wire.Pubrec{PacketID: r.got.PacketID})
	Next[wire.Pubrel](ctx, r.Client)
	r.Ping(ctx)
	_, o = r.TryPublish(ctx, Timings(ctx).Quiet)
	Must(ctx, window, "the second message waits for the first one's PUBCOMP", o, Equal(Silent))
	r.Send(ctx, wire.Pubcomp{PacketID: r.got.PacketID})
	Step(ctx, "the second message comes then", string(r.Receive(ctx).Payload), Equal("second"))
}

// maximumAnew resumes without a Receive Maximum after a connection that had one of 1.
func maximumAnew(ctx context.Context) {
	r := receiving(ctx, q1) // which takes one
	r.get(ctx)
	r.link.Reset()
	r.Closed(ctx)
	r.Client = Connect(ctx, limited(r.me, 0))
	Step(ctx, "the session is resumed", r.Connack.SessionPresent, BeTrue())
	Step(ctx, "the open message comes again", string(r.ReceivePublish(ctx).Payload), Equal("message"))
	for i := range 3 {
		r.publish(ctx, fmt.Sprint("m", i))
		Must(ctx, "U5-037", "where the client names no Receive Maximum, messages do not wait for acknowledgements",
			string(r.ReceivePublish(Owed(ctx, "U5-037")).Payload), Equal(fmt.Sprint("m", i)))
	}
}

// flowUnderMaximum publishes more messages at once than the Receive Maximum has places for.
func flowUnderMaximum(ctx context.Context) {
	c, p, topic := Connect(ctx, limited(Clean(ctx, "me"), 2)), Connect(ctx, Clean(ctx, "pub")), Topic(ctx, "a")
	c.Subscribe(ctx, topic, q1)
	var all, got []string
	for i := range 12 {
		all = append(all, fmt.Sprint("m", i))
		p.Publish(ctx, topic, all[i], q1)
	}
	for len(got) < len(all) {
		m, o := c.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		c.Acknowledge(ctx, m)
		got = firsts(append(got, string(m.Payload)))
	}
	Must(ctx, "MQTT-4.5.0-1", "each message comes", got, ContainElements(all))
	Must(ctx, "MQTT-4.6.0-5", "they come in the order they were published", got, Equal(all))
}

// onlyPublishWaits uses up the Receive Maximum and then does everything that is not held back by it.
func onlyPublishWaits(ctx context.Context) {
	r := receiving(ctx, q1)
	r.get(ctx)
	r.publish(ctx, "waits")
	free := Owed(ctx, "MQTT-3.3.4-10 MQTT-4.9.0-3")
	r.Ping(free)
	// identifiers far from those that the server uses: some take them for one another
	r.Send(ctx, wire.Subscribe{PacketID: 40_001, Subscriptions: []wire.Subscription{{Filter: r.topic + "/other", QoS: q1}}})
	Next[wire.Suback](free, r.Client)
	r.PublishPacket(free, wire.Publish{Topic: r.topic + "/elsewhere", QoS: q1, PacketID: 40_002})
	r.PublishPacket(free, wire.Publish{Topic: r.topic + "/elsewhere", QoS: q2, PacketID: 40_003})
	r.Send(ctx, wire.Unsubscribe{PacketID: 40_004, Filters: []string{r.topic + "/other"}})
	Next[wire.Unsuback](free, r.Client)
	r.Acknowledge(ctx, r.got)
	Step(ctx, "what waited comes when there is room", string(r.Receive(ctx).Payload), Equal("waits"))
}

// limited returns a CONNECT with another Receive Maximum, or without if it is 0.
func limited(p wire.Connect, maximum uint16) wire.Connect {
	p.Properties = p.Properties.Without(wire.PropReceiveMaximum)
	if maximum > 0 {
		p.Properties = p.Properties.With(wire.ReceiveMaximum(maximum))
	}
	return p
}
