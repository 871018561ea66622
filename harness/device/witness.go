package device

import (
	"bufio"
	"errors"
	"net"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Watch lets another client subscribe until the step ends: what it gets are events "seen". Exactly one member is set,
// and Retained with it.
type Watch struct {
	Topic string `yaml:"topic"` // a Topic Filter; {client} is the Client Identifier
	Will  bool   `yaml:"will"`  // the Will Topic of the device's last CONNECT; a device without a Will is passed over
	// Retained asks for the retained message as well. Without it only what is published from now on is seen.
	Retained bool `yaml:"retained"`
}

// witness is the Client Identifier of the one that watches, before that of the device.
const witness = "mqttspec-witness-"

// watch subscribes and returns when the subscription is in force.
func (c *Client) watch(w Watch) error {
	topic, err := c.expand(w.Topic)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if w.Will {
		if c.connect.Will == nil {
			c.mu.Unlock()
			return lacking("the device has no Will")
		}
		topic = c.connect.Will.Topic
	}
	c.mu.Unlock()
	ours := c.bench.toBroker(c)
	ours.SetDeadline(time.Now().Add(visitTimeout))
	r := bufio.NewReader(ours)
	handling := wire.NoRetained
	if w.Retained {
		handling = wire.SendRetained
	}
	for _, p := range []wire.Packet{
		wire.Connect{ClientID: witness + c.ID, CleanStart: true},
		wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: topic, QoS: wire.QoS2, RetainAsPublished: true, RetainHandling: handling}}},
	} {
		if _, err := ours.Write(wire.Bytes(p, wire.V5)); err != nil {
			return err
		}
		answer, err := take(r)
		if suback, ok := answer.(wire.Suback); ok && suback.ReasonCodes[0].Failed() {
			err = errors.New("the broker refuses the subscription to " + topic)
		}
		if err != nil {
			ours.Close()
			return err
		}
	}
	ours.SetDeadline(time.Time{})
	c.mu.Lock()
	c.witnesses = append(c.witnesses, ours)
	c.mu.Unlock()
	c.bench.goes(c, func() { c.see(ours, r) })
	return nil
}

func take(r *bufio.Reader) (wire.Packet, error) {
	frame, err := wire.ReadFrame(r, 0)
	if err != nil {
		return nil, err
	}
	return wire.Decoder{Version: wire.V5, Sender: wire.FromServer}.Decode(frame)
}

// see tells of what the witness gets until its connection ends.
func (c *Client) see(nc net.Conn, r *bufio.Reader) {
	for {
		p, err := take(r)
		if err != nil {
			nc.Close()
			return
		}
		switch p := p.(type) {
		case wire.Publish:
			c.log.Note("another client sees " + wire.Summary(p, wire.V5))
			c.tellEvent(Event{Kind: eventSeen, Version: wire.V5, Packet: p, Topic: p.Topic})
			switch p.QoS {
			case wire.QoS1:
				_, _ = nc.Write(wire.Bytes(wire.Puback{PacketID: p.PacketID}, wire.V5)) // the end is seen where we read
			case wire.QoS2:
				_, _ = nc.Write(wire.Bytes(wire.Pubrec{PacketID: p.PacketID}, wire.V5))
			}
		case wire.Pubrel:
			_, _ = nc.Write(wire.Bytes(wire.Pubcomp{PacketID: p.PacketID}, wire.V5))
		}
	}
}

// unwatch ends what the step watches.
func (c *Client) unwatch() {
	c.mu.Lock()
	all := c.witnesses
	c.witnesses = nil
	c.mu.Unlock()
	for _, nc := range all {
		nc.Close()
	}
}
