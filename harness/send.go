package harness

import (
	"context"
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Retain sets the RETAIN flag of a PUBLISH.
func Retain(p *wire.Publish) { p.Retain = true }

// With adds properties to a PUBLISH.
func With(props ...wire.Property) func(*wire.Publish) {
	return func(p *wire.Publish) { p.Properties = p.Properties.With(props...) }
}

// Publish publishes a message and completes its exchange: it waits for the PUBACK or the PUBCOMP. The step fails if
// the target refuses or does not answer. If the target has announced that it does not serve such a message, the spec is
// skipped.
func (c *Client) Publish(ctx context.Context, topic, payload string, qos wire.QoS, edit ...func(*wire.Publish)) {
	p := wire.Publish{Topic: topic, Payload: []byte(payload), QoS: qos}
	for _, f := range edit {
		f(&p)
	}
	c.PublishPacket(ctx, p)
}

// PublishPacket is [Client.Publish] for a packet. A Packet Identifier of 0 is replaced by a new one.
func (c *Client) PublishPacket(ctx context.Context, p wire.Publish) {
	c.withinLimits(ctx, p)
	if p.QoS > 0 && p.PacketID == 0 {
		p.PacketID = c.NewID()
	}
	c.Send(ctx, p)
	c.Complete(ctx, p)
}

// Complete does the sender's part of the exchange that the PUBLISH p began. The step fails if the target refuses or
// does not answer.
func (c *Client) Complete(ctx context.Context, p wire.Publish) {
	switch p.QoS {
	case wire.QoS1:
		a := NextWhere(ctx, c, func(a wire.Puback) bool { return a.PacketID == p.PacketID })
		c.accepted(ctx, a.ReasonCode, wire.PUBACK)
	case wire.QoS2:
		r := NextWhere(ctx, c, func(r wire.Pubrec) bool { return r.PacketID == p.PacketID })
		c.accepted(ctx, r.ReasonCode, wire.PUBREC)
		c.Send(ctx, wire.Pubrel{PacketID: p.PacketID})
		NextWhere(ctx, c, func(q wire.Pubcomp) bool { return q.PacketID == p.PacketID })
	}
}

func (c *Client) accepted(ctx context.Context, code wire.ReasonCode, t wire.Type) {
	if code.Failed() {
		fail(ctx, "the PUBLISH is accepted", "%v %s", t, codeName(code, t, c.protocol()))
	}
}

// NoLocal keeps a client's own messages away from its subscription (5.0).
func NoLocal(s *wire.Subscribe) { s.Subscriptions[0].NoLocal = true }

// RetainAsPublished keeps the RETAIN flag on messages as they are forwarded (5.0).
func RetainAsPublished(s *wire.Subscribe) { s.Subscriptions[0].RetainAsPublished = true }

// RetainHandling says when retained messages are sent (5.0).
func RetainHandling(h wire.RetainHandling) func(*wire.Subscribe) {
	return func(s *wire.Subscribe) { s.Subscriptions[0].RetainHandling = h }
}

// Identified gives the subscription a Subscription Identifier (5.0).
func Identified(n uint32) func(*wire.Subscribe) {
	return func(s *wire.Subscribe) { s.Properties = s.Properties.With(wire.SubscriptionIdentifier(n)) }
}

// Subscribe subscribes to one Topic Filter, waits for the SUBACK and returns the QoS that was granted, which may be 1
// where 2 was asked for. The step fails if the subscription is refused. If the target grants QoS 0 where more was asked
// for, or has announced that it does not serve such subscriptions, the spec is skipped.
func (c *Client) Subscribe(ctx context.Context, filter string, qos wire.QoS, edit ...func(*wire.Subscribe)) wire.QoS {
	p := wire.Subscribe{Subscriptions: []wire.Subscription{{Filter: filter, QoS: qos}}}
	for _, f := range edit {
		f(&p)
	}
	c.subscribable(ctx, p)
	a := c.SubscribeTo(ctx, p)
	if len(a.ReasonCodes) != 1 || a.ReasonCodes[0] > wire.ReasonCode(qos) {
		fail(ctx, fmt.Sprintf("the subscription to %q is granted at QoS %d or lower", filter, qos), "SUBACK %v", a.ReasonCodes)
	}
	granted := wire.QoS(a.ReasonCodes[0])
	SkipIf(ctx, granted == wire.QoS0 && qos > wire.QoS0, fmt.Sprintf("the server grants QoS 0 where QoS %d is asked for", qos))
	return granted
}

// SubscribeTo sends a SUBSCRIBE with a new Packet Identifier and returns the SUBACK, whatever its Reason Codes are.
func (c *Client) SubscribeTo(ctx context.Context, p wire.Subscribe) wire.Suback {
	p.PacketID = c.NewID()
	c.Send(ctx, p)
	return NextWhere(ctx, c, func(a wire.Suback) bool { return a.PacketID == p.PacketID })
}

// Unsubscribe ends subscriptions and returns the UNSUBACK.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) wire.Unsuback {
	p := wire.Unsubscribe{PacketID: c.NewID(), Filters: filters}
	c.Send(ctx, p)
	return NextWhere(ctx, c, func(a wire.Unsuback) bool { return a.PacketID == p.PacketID })
}
