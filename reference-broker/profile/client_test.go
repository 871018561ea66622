package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

// world is a broker with the profile of AWS IoT Core, in virtual time.
type world struct {
	*testing.T
	b *broker.Broker
}

// inWorld runs a test in a bubble.
func inWorld(t *testing.T, rules []awsiot.Rule, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := load(t, "aws-iot-core")
		options := p.Services()
		options.Rules = rules
		services, err := awsiot.New(options)
		if err != nil {
			t.Fatal(err)
		}
		config := p.Config()
		config.Hook = services
		b, err := broker.New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer services.Close()
		defer b.Close()
		body(&world{t, b})
	})
}

// client is a raw client: it acknowledges nothing by itself.
type client struct {
	w       *world
	nc      *memnet.Conn
	version wire.Version
	early   []wire.Packet // received while a PUBACK was awaited
}

// open connects and returns the CONNACK, nil if the broker closes without one.
func (w *world) open(v wire.Version, p wire.Connect) (*client, *wire.Connack) {
	w.Helper()
	near, far := memnet.Pipe(0)
	go w.b.ServeConn(far)
	c := &client{w: w, nc: near, version: v}
	c.send(p)
	switch got := c.next().(type) {
	case wire.Connack:
		return c, &got
	case nil:
		return c, nil
	default:
		w.Fatalf("got %#v, want CONNACK", got)
		return nil, nil
	}
}

// connect connects and expects to be accepted.
func (w *world) connect(v wire.Version, p wire.Connect) *client {
	w.Helper()
	c, connack := w.open(v, p)
	if connack == nil || connack.ReasonCode != wire.Success {
		w.Fatalf("CONNACK %+v", connack)
	}
	return c
}

func (c *client) send(p wire.Packet) {
	c.w.Helper()
	if _, err := c.nc.Write(p.Append(nil, c.version)); err != nil {
		c.w.Fatalf("write: %v", err)
	}
}

// silence is what next returns if nothing comes.
type silence struct{ wire.Packet }

// next returns the next packet, silence{} after a second, and nil if the connection has ended.
func (c *client) next() wire.Packet {
	c.w.Helper()
	return c.within(time.Second)
}

func (c *client) within(d time.Duration) wire.Packet {
	c.w.Helper()
	if len(c.early) > 0 {
		p := c.early[0]
		c.early = c.early[1:]
		return p
	}
	c.nc.SetReadDeadline(time.Now().Add(d))
	frame, err := wire.ReadFrame(c.nc, 0)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silence{}
	case err != nil:
		c.w.Fatalf("read: %v", err)
	}
	p, err := wire.Decoder{Version: c.version, Sender: wire.FromServer}.Decode(frame)
	if err != nil {
		c.w.Fatalf("% X: %v", frame, err)
	}
	return p
}

// gets compares what comes next with want: packets, silence{} or nil for the end of the connection.
func (c *client) gets(want ...wire.Packet) {
	c.w.Helper()
	for i, w := range want {
		if got := show(c.next()); got != show(w) {
			c.w.Errorf("packet %d:\ngot  %s\nwant %s", i+1, got, show(w))
		}
	}
}

// show writes a packet so that two can be compared.
func show(p wire.Packet) string {
	switch p := p.(type) {
	case nil:
		return "the end"
	case silence:
		return "silence"
	case wire.Publish:
		return fmt.Sprintf("PUBLISH %s %q QoS %d DUP %v RETAIN %v id %d %v", p.Topic, p.Payload, p.QoS, p.Dup, p.Retain, p.PacketID, p.Properties)
	default:
		return fmt.Sprintf("%v % X", p.Type(), p.Append(nil, wire.V5))
	}
}

// subscribe subscribes and expects to be granted what it asks for.
func (c *client) subscribe(filter string, q wire.QoS) {
	c.w.Helper()
	c.send(wire.Subscribe{PacketID: 1000, Subscriptions: []wire.Subscription{{Filter: filter, QoS: q}}})
	got, ok := c.next().(wire.Suback)
	if !ok || len(got.ReasonCodes) != 1 || got.ReasonCodes[0] != wire.ReasonCode(q) {
		c.w.Fatalf("SUBSCRIBE %s: got %+v", filter, got)
	}
}

// publish publishes at QoS 1 and expects success.
func (c *client) publish(topic, payload string, props ...wire.Property) {
	c.w.Helper()
	c.send(wire.Publish{PacketID: 2000, QoS: wire.QoS1, Topic: topic, Payload: []byte(payload), Properties: props})
	early := c.early
	c.early = nil
	for {
		got := c.next()
		if ack, ok := got.(wire.Puback); ok && ack.ReasonCode == wire.Success {
			c.early = early
			return
		}
		if _, ok := got.(wire.Publish); !ok {
			c.w.Fatalf("PUBLISH %s: got %s", topic, show(got))
		}
		early = append(early, got)
	}
}

// got returns the next PUBLISH, which must have the payload.
func (c *client) got(payload string) wire.Publish {
	c.w.Helper()
	p, ok := c.next().(wire.Publish)
	if !ok || !bytes.Equal(p.Payload, []byte(payload)) {
		c.w.Fatalf("got %s, want PUBLISH %q", show(p), payload)
	}
	return p
}

// drop cuts the connection.
func (c *client) drop() {
	c.nc.Abort()
	synctest.Wait()
}

// clean is a CONNECT whose session ends with its connection, persistent one whose session does not.
func clean(id string) wire.Connect { return wire.Connect{ClientID: id, CleanStart: true} }

func persistent(id string, seconds uint32) wire.Connect {
	return wire.Connect{ClientID: id, Properties: wire.Properties{wire.SessionExpiryInterval(seconds)}}
}
