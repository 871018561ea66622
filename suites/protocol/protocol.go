// Package protocol holds the specs that go through the standard section by section: each packet type, the rules of
// delivery at each QoS, topics, limits, and what a server does about packets that break the rules.
package protocol

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// The Quality of Service levels, for short.
const (
	q0 = wire.QoS0
	q1 = wire.QoS1
	q2 = wire.QoS2
)

// second is for waits, in the way of the standard's own unit.
const second = time.Second

// grace is how long after an expiry a target may take to act on it before that is called late.
const grace = 3 * time.Second

// as is [Clean] for a client whose name is numbered.
func as(ctx context.Context, name string, number int) wire.Connect {
	return Clean(ctx, fmt.Sprint(name, number))
}

// listener connects a client that subscribes to the filter at QoS 2 and shows by a message that its way is open. The
// message stands on the topic, which the filter must match.
func listener(ctx context.Context, name, filter, topic string) *Client {
	c := Connect(ctx, Clean(ctx, name))
	c.Subscribe(ctx, filter, q2)
	c.Publish(ctx, topic, "control", q1)
	Step(ctx, name+" gets messages", string(c.Receive(ctx).Payload), Equal("control"))
	return c
}

// until receives what comes before the sentinel, which p publishes on the topic now.
func until(ctx context.Context, c, p *Client, topic string, qos wire.QoS) []wire.Publish {
	sentinel := fmt.Sprint("sentinel ", p.NewID())
	p.Publish(ctx, topic, sentinel, qos)
	got := c.ReceiveUntil(ctx, sentinel)
	return got[:len(got)-1]
}

// topics returns the Topic Names of messages.
func topics(ps []wire.Publish) []string {
	names := make([]string, 0, len(ps))
	for _, p := range ps {
		names = append(names, p.Topic)
	}
	return names
}

// resumed connects again to a session that must be there.
func resumed(ctx context.Context, me wire.Connect) *Client {
	c := Connect(ctx, me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	return c
}

// share returns the Topic Filter of a Shared Subscription in a group that no other spec has.
func share(ctx context.Context, group, filter string) string {
	return "$share/" + ID(ctx, group) + "/" + filter
}

// ofVersion returns the half of a [Twin] that belongs to the running version.
func ofVersion(ctx context.Context, id string) string {
	v5, v311, twin := strings.Cut(id, "|")
	if twin && Version(ctx) == wire.V311 {
		return v311
	}
	return v5
}
