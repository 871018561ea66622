package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// lacking is why an instruction makes no sense with a device: it does not offer what is needed.
type lacking string

// Error returns the reason.
func (l lacking) Error() string { return string(l) }

// errOffline is why an instruction cannot be carried out now.
var errOffline = errors.New("the device is not connected")

// arm puts a rule in force. What happened before it are the first n events.
func (c *Client) arm(r *rule) (n int) {
	c.tell("from here on: " + r.text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = append(c.rules, r)
	return c.before + len(c.events)
}

// settle takes back what a step has put in force. A connection on which something was withheld or changed is closed:
// what the device and the broker believe of each other need no longer be the same.
func (c *Client) settle() {
	c.unhold()
	c.unwatch()
	c.bench.services.release(c.ID, "")
	c.mu.Lock()
	if retained := c.retained; len(retained) > 0 {
		c.retained = nil
		c.mu.Unlock()
		_ = c.bench.clear(retained) // what cannot be removed from a broker that is closing does not matter any more
		c.mu.Lock()
	}
	if c.shown != "" {
		c.bench.config.TLS.show(c.address, Certificate{Kind: certificateGood})
	}
	c.rules, c.collected, c.shown = nil, nil, ""
	disturbed := c.disturbed || c.stalled || c.slice.Size > 0
	c.disturbed, c.stalled, c.slice = false, false, Slice{}
	c.wakeAll()
	open := append([]*conn(nil), c.conns...)
	c.mu.Unlock()
	if disturbed {
		for _, n := range open {
			n.abort("close")
		}
	}
}

// act carries out an instruction that needs no script.
func (c *Client) act(ctx context.Context, in Instruction) error {
	if r := ruleOf(in); r != nil {
		c.arm(r)
		return nil
	}
	c.tell("now: " + in.String())
	switch {
	case in.Close != nil:
		return c.each(func(n *conn) { n.abort("close") })
	case in.Reset != nil:
		return c.each(func(n *conn) { n.abort("reset") })
	case in.Disconnect != nil:
		return c.disconnect(*in.Disconnect)
	case in.Stall != nil, in.Heal != nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stalled = in.Stall != nil
		c.wakeAll()
	case in.Slice != nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.slice = *in.Slice
	case in.Hold != nil:
		c.hold()
	case in.Release != nil:
		c.unhold()
		t, _ := wire.ParseType(in.Release.Packet)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.release(t)
	case in.Publish != nil:
		return c.publish(*in.Publish)
	case in.Send != nil:
		return c.sendDirectly(*in.Send)
	case in.Forget != nil:
		return c.forget()
	case in.Certificate != nil:
		if c.bench.config.TLS == nil {
			return lacking("the device does not connect with TLS")
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.shown = in.Certificate.Kind
		c.bench.config.TLS.show(c.address, *in.Certificate)
	case in.Shadow != nil:
		c.bench.services.arm(c.ID, *in.Shadow)
	case in.Watch != nil:
		return c.watch(*in.Watch)
	case in.Hook != nil:
		return c.hook(ctx, in.Hook.Do)
	default:
		return fmt.Errorf("%s is for scripts", in)
	}
	return nil
}

// hookTimeout bounds what a hook may take.
const hookTimeout = time.Minute

// prompts say to whoever watches what a hook would do.
var prompts = map[string]string{
	"act":       "let the device publish something, if it does not by itself",
	"reboot":    "restart the device, if it does not come back by itself",
	"power-off": "cut the power of the device now",
	"power-on":  "give the device its power again",
	"stop":      "let the device end its connection in an orderly way, with DISCONNECT",
}

// ask asks whoever watches to do what a hook would do.
func (c *Client) ask(what string) {
	text := prompts[what]
	if text == "" {
		text = what
	}
	c.tell("there is no hook: " + text)
}

func (c *Client) hook(ctx context.Context, what string) error {
	if c.bench.config.Hook == nil {
		c.ask(what)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	return c.bench.config.Hook(ctx, c.ID, what)
}

// each does something to every open connection.
func (c *Client) each(do func(*conn)) error {
	c.mu.Lock()
	open := append([]*conn(nil), c.conns...)
	c.mu.Unlock()
	for _, n := range open {
		do(n)
	}
	if len(open) == 0 {
		return errOffline
	}
	return nil
}

// online returns the connection on which the device is served.
func (c *Client) onlineConn() (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.current(); n != nil {
		return n, nil
	}
	return nil, errOffline
}

func (c *Client) disconnect(d Disconnect) error {
	n, err := c.onlineConn()
	if err != nil {
		return err
	}
	if wire.Version(n.version.Load()) != wire.V311 {
		p := wire.Disconnect{ReasonCode: d.Code, LongForm: d.Long}
		if d.Reference != "" {
			p.Properties = wire.Properties{wire.ServerReference(d.Reference)}
		}
		n.send(p)
	}
	n.end("close")
	return nil
}

func (c *Client) publish(p Publish) error {
	topic, err := c.expand(p.Topic)
	if err != nil {
		return err
	}
	if topic == "" {
		topic = c.subscribedTopic()
	}
	if topic == "" {
		return lacking(c.unsubscribed())
	}
	if p.Retain {
		c.mu.Lock()
		for i := range max(p.Count, 1) {
			c.retained = append(c.retained, p.numbered(topic, i))
		}
		c.mu.Unlock()
	}
	return c.bench.deliver(topic, p)
}

// forget cuts the connection and lets the broker discard the session, as if it had expired meanwhile.
func (c *Client) forget() error {
	c.hold()
	defer c.unhold()
	var asked []*conn
	if err := c.each(func(n *conn) {
		n.abort("close")
		c.mu.Lock()
		defer c.mu.Unlock()
		if n.asked {
			asked = append(asked, n)
		}
	}); err != nil && !errors.Is(err, errOffline) {
		return err
	}
	for _, n := range asked { // a CONNECT that is under way would open the session again
		select {
		case <-n.heard:
		case <-time.After(visitTimeout):
		case <-c.ctx.Done():
		}
	}
	return c.bench.forget(c.sessionID())
}

// subscribed notes that a SUBACK is about to be sent. The caller holds mu.
func (c *Client) subscribed(n *conn, p wire.Suback) {
	for i, f := range c.pending[p.PacketID] {
		if i < len(p.ReasonCodes) && !p.ReasonCodes[i].Failed() {
			c.filters, c.once = append(without(c.filters, f), f), true
		}
	}
	delete(c.pending, p.PacketID)
	c.happened(Event{Kind: eventSubscribed, Conn: n.number})
}
