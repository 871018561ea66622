package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Outcome is how a wait for a packet ended. A packet, a silence and a close are three different things.
type Outcome int

// The outcomes.
const (
	Arrived Outcome = iota // the packet is there
	Silent                 // the time is over and the connection is open
	Ended                  // the Network Connection ended first
)

// String returns the outcome in words.
func (o Outcome) String() string {
	return [...]string{"arrived", "silence", "the Network Connection ended"}[o]
}

// await takes the first packet that match accepts, in the order of arrival, and leaves the others.
func (c *Client) await(ctx context.Context, within time.Duration, match func(wire.Packet) bool) (arrival, Outcome) {
	began := time.Now()
	t := time.NewTimer(within)
	defer t.Stop()
	defer c.e.waits()()
	for {
		if ctx.Err() != nil {
			fail(ctx, "", "") // however much has arrived: a body that is to end must not go through all of it
		}
		c.mu.Lock()
		for i, a := range c.inbox {
			if match(a.packet) {
				if i == 0 {
					c.inbox = c.inbox[1:] // nothing to copy, however long it is
				} else {
					c.inbox = append(c.inbox[:i:i], c.inbox[i+1:]...)
				}
				c.mu.Unlock()
				return a, Arrived
			}
		}
		change, ended := c.change, c.ended
		c.mu.Unlock()
		if ended != nil {
			c.stillOpen(ctx)
			return arrival{}, Ended
		}
		select {
		case <-change:
		case <-t.C:
			more, proven := c.e.heardNothing(began, within)
			if more > 0 {
				t.Reset(more)
				continue
			}
			c.e.doubtSilence(proven)
			return arrival{}, Silent
		case <-ctx.Done():
			fail(ctx, "", "")
		}
	}
}

// Try waits at most within for the next packet of type P.
func Try[P wire.Packet](ctx context.Context, c *Client, within time.Duration) (p P, o Outcome) {
	return TryWhere(ctx, c, within, func(P) bool { return true })
}

// TryWhere waits at most within for the next packet of type P that where accepts.
func TryWhere[P wire.Packet](ctx context.Context, c *Client, within time.Duration, where func(P) bool) (p P, o Outcome) {
	a, o := c.await(ctx, within, func(x wire.Packet) bool {
		p, is := x.(P)
		return is && where(p)
	})
	if o == Arrived {
		p = a.packet.(P)
	}
	return p, o
}

// Next waits for the next packet of type P. The step fails if none comes in time.
func Next[P wire.Packet](ctx context.Context, c *Client) P {
	return NextWhere(ctx, c, func(P) bool { return true })
}

// NextWhere waits for the next packet of type P that where accepts. The step fails if none comes in time.
func NextWhere[P wire.Packet](ctx context.Context, c *Client, where func(P) bool) P {
	p, o := TryWhere(ctx, c, c.e.timing.Reply, where)
	expected := fmt.Sprintf("%s gets a %v", c.Name, p.Type())
	if o != Arrived {
		fail(ctx, expected, "%s", c.why(o))
	}
	kept(ctx, expected)
	return p
}

// why explains an outcome other than Arrived.
func (c *Client) why(o Outcome) string {
	if o == Silent {
		return fmt.Sprintf("silence for %s", c.e.timing.Reply)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	how, text := howEnded(c.ended)
	why := fmt.Sprintf("the Network Connection ended (%s)", how)
	if text != "" {
		why += ": " + text
	}
	for _, a := range c.inbox {
		if d, is := a.packet.(wire.Disconnect); is {
			why += ", DISCONNECT " + codeName(d.ReasonCode, wire.DISCONNECT, c.version)
		}
	}
	return why
}

// ReceivePublish waits for the next PUBLISH and does not acknowledge it. The step fails if none comes in time.
func (c *Client) ReceivePublish(ctx context.Context) wire.Publish {
	return Next[wire.Publish](ctx, c)
}

// TryPublish waits at most within for the next PUBLISH and does not acknowledge it.
func (c *Client) TryPublish(ctx context.Context, within time.Duration) (wire.Publish, Outcome) {
	return Try[wire.Publish](ctx, c, within)
}

// TimedPublish is [Client.TryPublish] that also returns when the PUBLISH arrived, which may be long before it is asked
// for.
func (c *Client) TimedPublish(ctx context.Context, within time.Duration) (p wire.Publish, at time.Time, o Outcome) {
	a, o := c.await(ctx, within, func(x wire.Packet) bool {
		_, is := x.(wire.Publish)
		return is
	})
	if o == Arrived {
		p, at = a.packet.(wire.Publish), a.at
	}
	return p, at, o
}

// Pending returns the PUBLISH packets that have arrived and not been asked for.
func (c *Client) Pending() (ps []wire.Publish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.inbox {
		if p, is := a.packet.(wire.Publish); is {
			ps = append(ps, p)
		}
	}
	return ps
}

// Acknowledge does the receiver's part of the exchange that p began: nothing for QoS 0, a PUBACK for QoS 1, and for
// QoS 2 a PUBREC, the wait for the PUBREL and a PUBCOMP.
func (c *Client) Acknowledge(ctx context.Context, p wire.Publish) {
	switch p.QoS {
	case wire.QoS1:
		c.Send(ctx, wire.Puback{PacketID: p.PacketID})
	case wire.QoS2:
		c.Send(ctx, wire.Pubrec{PacketID: p.PacketID})
		NextWhere(ctx, c, func(r wire.Pubrel) bool { return r.PacketID == p.PacketID })
		c.Send(ctx, wire.Pubcomp{PacketID: p.PacketID})
	}
}

// Receive waits for the next PUBLISH and acknowledges it. The step fails if none comes in time. Under [Owed] the
// PUBLISH is owed, not the packets that complete its exchange.
func (c *Client) Receive(ctx context.Context) wire.Publish {
	p := c.ReceivePublish(ctx)
	c.Acknowledge(unowed(ctx), p)
	return p
}

// ReceiveUntil receives and acknowledges every PUBLISH up to the sentinel, the one with the given payload, which is
// the last of those returned. The step fails if the sentinel does not come.
func (c *Client) ReceiveUntil(ctx context.Context, payload string) (ps []wire.Publish) {
	for {
		p := c.Receive(ctx)
		ps = append(ps, p)
		if string(p.Payload) == payload {
			return ps
		}
	}
}

// Payloads returns the payloads of messages, for comparison and for messages that people read.
func Payloads(ps []wire.Publish) []string {
	s := make([]string, 0, len(ps))
	for _, p := range ps {
		s = append(s, string(p.Payload))
	}
	return s
}
