package harness

import (
	"context"
	"fmt"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// announced returns what the target told of its limits: in the CONNACK of this connection, or for 3.1.1, whose CONNACK
// cannot say it, in the one that was observed in 5.0 before the run.
func (c *Client) announced() wire.Properties {
	if c.protocol() == wire.V5 && len(c.Connack.Properties) > 0 {
		return c.Connack.Properties
	}
	return c.e.observed.Connack[wire.V5].Properties
}

// withinLimits ends the spec with a skip if the target has announced that it does not serve a PUBLISH like p: a client
// must not send it then (MQTT-3.2.2-11, MQTT-3.2.2-14, MQTT-3.2.2-15).
func (c *Client) withinLimits(ctx context.Context, p wire.Publish) {
	limits := c.announced()
	lacks(ctx, limits, wire.PropMaximumQoS, 2, uint32(p.QoS))
	if p.Retain {
		lacks(ctx, limits, wire.PropRetainAvailable, 1, 1)
	}
	lacks(ctx, limits, wire.PropMaximumPacketSize, wire.MaxVarint+5, uint32(len(wire.Bytes(p, c.protocol()))))
}

// subscribable ends the spec with a skip if the target has announced that it does not serve a SUBSCRIBE like p.
func (c *Client) subscribable(ctx context.Context, p wire.Subscribe) {
	limits := c.announced()
	for _, s := range p.Subscriptions {
		_, filter, shared := wire.SharedFilter(s.Filter)
		if shared {
			lacks(ctx, limits, wire.PropSharedSubscriptionAvailable, 1, 1)
		}
		if strings.ContainsAny(filter, "+#") {
			lacks(ctx, limits, wire.PropWildcardSubscriptionAvailable, 1, 1)
		}
	}
	if p.Properties.Has(wire.PropSubscriptionIdentifier) {
		lacks(ctx, limits, wire.PropSubscriptionIdentifierAvailable, 1, 1)
	}
}

// willServed ends the spec with a skip if the target does not serve the Will of a CONNECT and says so, before or with
// its answer (MQTT-3.2.2-12, MQTT-3.2.2-13).
func (c *Client) willServed(ctx context.Context, p wire.Connect, answer wire.ReasonCode) {
	if p.Will == nil {
		return
	}
	lacks(ctx, c.announced(), wire.PropMaximumQoS, 2, uint32(p.Will.QoS))
	if p.Will.Retain {
		lacks(ctx, c.announced(), wire.PropRetainAvailable, 1, 1)
	}
	refused := answer == wire.QoSNotSupported && p.Will.QoS > 0 || answer == wire.RetainNotSupported && p.Will.Retain
	SkipIf(ctx, refused, fmt.Sprintf("the server does not serve the Will: CONNACK %s", codeName(answer, wire.CONNACK, c.protocol())))
}

// lacks ends the spec with a skip if the limit with the given name, or its value where it was not announced, is below
// what is needed.
func lacks(ctx context.Context, limits wire.Properties, id wire.PropertyID, absent, needed uint32) {
	n := limits.Int(id, absent)
	SkipIf(ctx, n < needed, fmt.Sprintf("the server announces %v %d (CONNACK), %d is needed", id, n, needed))
}
