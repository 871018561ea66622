package broker

import (
	"bytes"
	"errors"
	"net"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// tb is what a behaviour needs of a *testing.T: it also runs where its failure is what is wanted.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is a broker in virtual time.
type world struct {
	t tb
	b *Broker
}

// client is a raw client: it acknowledges nothing by itself.
type client struct {
	t       tb
	nc      *memnet.Conn
	version wire.Version
	connack wire.Connack
	early   []wire.Packet // received while another packet was awaited
}

// open makes a Network Connection.
func (w *world) open(v wire.Version) *client {
	near, far := memnet.Pipe(0)
	go w.b.ServeConn(far)
	return &client{t: w.t, nc: near, version: v}
}

// connect connects and expects to be accepted.
func (w *world) connect(v wire.Version, p wire.Connect) *client {
	w.t.Helper()
	c := w.open(v)
	c.send(p)
	c.connack = next[wire.Connack](c)
	if c.connack.ReasonCode != wire.Success {
		w.t.Fatalf("CONNACK %v", c.connack.ReasonCode)
	}
	return c
}

func (c *client) send(p wire.Packet) {
	c.t.Helper()
	c.sendBytes(p.Append(nil, c.version))
}

func (c *client) sendBytes(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// receive returns the next packet, or an error: io.EOF, ECONNRESET, or os.ErrDeadlineExceeded after d.
func (c *client) receive(d time.Duration) (wire.Packet, error) {
	c.t.Helper()
	if len(c.early) > 0 {
		p := c.early[0]
		c.early = c.early[1:]
		return p, nil
	}
	c.nc.SetReadDeadline(time.Now().Add(d))
	frame, err := wire.ReadFrame(c.nc, 0)
	if err != nil {
		return nil, err
	}
	p, err := wire.Decoder{Version: c.version, Sender: wire.FromServer}.Decode(frame)
	if err != nil {
		c.t.Fatalf("% X: %v", frame, err)
	}
	return p, nil
}

// next returns the next packet, which must be of type P.
func next[P wire.Packet](c *client) P {
	c.t.Helper()
	got, err := c.receive(time.Second)
	var want P
	if err != nil {
		c.t.Fatalf("no %v: %v", want.Type(), err)
	}
	p, ok := got.(P)
	if !ok {
		c.t.Fatalf("got %#v, want %v", got, want.Type())
	}
	return p
}

// await returns the next packet of type P and keeps PUBLISH packets that come before it for later.
func await[P wire.Packet](c *client) P {
	c.t.Helper()
	early := c.early
	c.early = nil
	for {
		got, err := c.receive(time.Second)
		var want P
		if err != nil {
			c.t.Fatalf("no %v: %v", want.Type(), err)
		}
		if p, ok := got.(P); ok {
			c.early = early
			return p
		}
		if _, ok := got.(wire.Publish); !ok {
			c.t.Fatalf("got %#v, want %v", got, want.Type())
		}
		early = append(early, got)
	}
}

// nothing expects that nothing comes within d.
func (c *client) nothing(d time.Duration) {
	c.t.Helper()
	var timeout net.Error
	if p, err := c.receive(d); !errors.As(err, &timeout) || !timeout.Timeout() {
		c.t.Fatalf("got %#v (%v), want silence", p, err)
	}
}

// farewell is the DISCONNECT with which the broker ended a connection, if it sent one.
type farewell struct {
	wire.Disconnect
	sent bool
}

// closed expects that the broker ends the connection within d, and returns what it said before.
func (c *client) closed(d time.Duration) (told farewell) {
	c.t.Helper()
	for deadline := time.Now().Add(d); ; {
		p, err := c.receive(time.Until(deadline))
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.t.Fatalf("still open after %v", d)
		}
		if err != nil {
			return told
		}
		if p, ok := p.(wire.Disconnect); ok {
			told = farewell{p, true}
		}
	}
}

func (c *client) subscribe(filter string, qos wire.QoS, props ...wire.Property) wire.Suback {
	c.t.Helper()
	return c.subscribeTo(wire.Subscription{Filter: filter, QoS: qos}, props...)
}

func (c *client) subscribeTo(s wire.Subscription, props ...wire.Property) wire.Suback {
	c.t.Helper()
	c.send(wire.Subscribe{PacketID: 1000, Properties: props, Subscriptions: []wire.Subscription{s}})
	return await[wire.Suback](c)
}

// publish publishes and completes the exchange.
func (c *client) publish(topic, payload string, qos wire.QoS, props ...wire.Property) {
	c.t.Helper()
	c.publishPacket(wire.Publish{Topic: topic, Payload: []byte(payload), QoS: qos, Properties: props})
}

func (c *client) publishPacket(p wire.Publish) {
	c.t.Helper()
	if p.QoS > 0 && p.PacketID == 0 {
		p.PacketID = 2000
	}
	c.send(p)
	switch p.QoS {
	case wire.QoS0:
		synctest.Wait()
	case wire.QoS1:
		await[wire.Puback](c)
	case wire.QoS2:
		await[wire.Pubrec](c)
		c.send(wire.Pubrel{PacketID: p.PacketID})
		await[wire.Pubcomp](c)
	}
}

// got receives a PUBLISH and compares its payload.
func (c *client) got(payload string) wire.Publish {
	c.t.Helper()
	p := next[wire.Publish](c)
	if !bytes.Equal(p.Payload, []byte(payload)) {
		c.t.Fatalf("got %q, want %q", p.Payload, payload)
	}
	return p
}

// ack completes the exchange of a PUBLISH.
func (c *client) ack(p wire.Publish) {
	c.t.Helper()
	switch p.QoS {
	case wire.QoS1:
		c.send(wire.Puback{PacketID: p.PacketID})
	case wire.QoS2:
		c.send(wire.Pubrec{PacketID: p.PacketID})
		await[wire.Pubrel](c)
		c.send(wire.Pubcomp{PacketID: p.PacketID})
	}
}

// drop cuts the connection and waits until the broker has noticed.
func (c *client) drop() {
	c.nc.Abort()
	synctest.Wait()
}

// leave disconnects.
func (c *client) leave(edit ...func(*wire.Disconnect)) {
	var d wire.Disconnect
	for _, e := range edit {
		e(&d)
	}
	c.send(d)
	synctest.Wait()
	c.nc.Close()
	synctest.Wait()
}

// persistent is a CONNECT whose session outlives its connection for seconds, in 3.1.1 for ever.
func persistent(id string, seconds uint32) wire.Connect {
	return wire.Connect{ClientID: id, Properties: wire.Properties{wire.SessionExpiryInterval(seconds)}}
}

// clean is a CONNECT of a session that ends with its connection.
func clean(id string) wire.Connect { return wire.Connect{ClientID: id, CleanStart: true} }
