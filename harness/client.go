package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// Client is one Network Connection to the target, scripted packet by packet. It reads all the time and keeps what
// arrives until the spec asks for it, so that nothing that comes early is lost. By itself it sends nothing: no
// acknowledgement, no PINGREQ.
type Client struct {
	Connack wire.Connack // the answer to CONNECT, where [Connect] made the client
	Name    string       // of the Network Connection in the trace

	e       *environment
	conn    net.Conn
	linked  bool // the link writes the trace
	version wire.Version

	mu      sync.Mutex
	inbox   []arrival
	kept    int           // bytes that have arrived
	counted int64         // of these in allKept
	change  chan struct{} // closed and replaced when something arrives
	ended   error         // why the connection ended
	endAt   time.Time
	nextID  uint16
	local   bool // we ended it

	unproven bool // that it was found open shows nothing, as the target stood still; e.mu guards it

	done chan struct{} // closed when reading has ended
}

// arrival is a packet as it came.
type arrival struct {
	packet wire.Packet
	at     time.Time
}

// Persistent returns a CONNECT that keeps its session: Clean Start 0 and the given Session Expiry Interval in 5.0,
// Clean Session 0 in 3.1.1, where a session has no interval.
func Persistent(ctx context.Context, name string, seconds uint32) wire.Connect {
	return wire.Connect{ClientID: ID(ctx, name), Properties: wire.Properties{wire.SessionExpiryInterval(seconds)}}
}

// Clean returns a CONNECT whose session begins anew and ends with the connection.
func Clean(ctx context.Context, name string) wire.Connect {
	return wire.Connect{ClientID: ID(ctx, name), CleanStart: true}
}

// Open opens a Network Connection and sends nothing. The name stands for it in the trace.
func Open(ctx context.Context, name string, via ...*netfault.Link) *Client {
	e := from(ctx)
	c := &Client{e: e, Name: e.name(name), version: e.item.Version, change: make(chan struct{}), done: make(chan struct{})}
	SkipIf(ctx, !e.opens(), fmt.Sprintf("needs more than %d connections at a time, and the target is said to bear no more for a spec", e.connections))
	var err error
	if len(via) > 0 {
		c.linked = true
		c.conn, err = via[0].DialAs(ctx, c.Name)
	} else {
		c.conn, err = e.target.Dial(ctx)
		e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Open})
	}
	if err != nil {
		e.closes()
		close(c.done)
		Undecided(ctx, "the target cannot be reached: %v", err)
	}
	e.mu.Lock()
	e.clients = append(e.clients, c)
	e.mu.Unlock()
	go e.guard(c.read)
	e.atEnd(func() {
		c.end(trace.Local, c.conn.Close)
		<-c.done
		c.releases()
	})
	return c
}

// Connect opens a Network Connection, sends the CONNECT and waits for a CONNACK that accepts it. The step fails if the
// target refuses. If it grants a shorter Session Expiry Interval than was asked for, or does not serve such a Will, the
// spec is skipped: it cannot be carried out on this target. A CONNECT of version 0 has the spec's version.
func Connect(ctx context.Context, p wire.Connect, via ...*netfault.Link) *Client {
	c := Open(ctx, p.ClientID, via...)
	c.willServed(ctx, p, wire.Success)
	answer := c.Handshake(ctx, p)
	c.willServed(ctx, p, answer.ReasonCode)
	if answer.ReasonCode != wire.Success {
		fail(ctx, c.Name+" is accepted", "CONNACK %s", codeName(answer.ReasonCode, wire.CONNACK, c.version))
	}
	kept(ctx, c.Name+" is accepted")
	asked := p.Properties.Int(wire.PropSessionExpiryInterval, 0)
	if granted := answer.Properties.Int(wire.PropSessionExpiryInterval, asked); c.version == wire.V5 && granted < asked {
		SkipIf(ctx, true, fmt.Sprintf("the server keeps sessions for %d s at most (CONNACK), %d s are needed", granted, asked))
	}
	return c
}

// Handshake sends the CONNECT on an open Network Connection and returns the CONNACK, accepting or not.
func (c *Client) Handshake(ctx context.Context, p wire.Connect) wire.Connack {
	c.Send(ctx, p)
	c.Connack = Next[wire.Connack](ctx, c)
	return c.Connack
}

func codeName(r wire.ReasonCode, t wire.Type, v wire.Version) string {
	return fmt.Sprintf("0x%02X %s", byte(r), r.Name(t, v))
}

// KeepAlive returns the Keep Alive in force after a CONNECT that asked for the given one: that of the server if it
// sent one (MQTT-3.1.2-21).
func (c *Client) KeepAlive(asked uint16) time.Duration {
	return time.Duration(c.Connack.Properties.Int(wire.PropServerKeepAlive, uint32(asked))) * time.Second
}

// Send sends one packet. A connection that has ended swallows it: the end is seen by the next step that waits.
func (c *Client) Send(ctx context.Context, p wire.Packet) {
	if connect, ok := p.(wire.Connect); ok {
		connect = authorize(c.e.target, connect)
		c.introduce(connect)
		p = connect
	}
	if publish, ok := p.(wire.Publish); ok && publish.Retain {
		c.e.leave(publish.Topic, "", 0)
	}
	c.SendBytes(ctx, wire.Bytes(p, c.version))
}

// introduce learns from a CONNECT what concerns the connection.
func (c *Client) introduce(p wire.Connect) {
	c.mu.Lock()
	if p.ProtocolVersion != 0 {
		c.version = p.ProtocolVersion
	}
	v := c.version
	c.mu.Unlock()
	if p.Will != nil && p.Will.Retain {
		c.e.leave(p.Will.Topic, "", 0)
	}
	if v == wire.V311 && !p.CleanStart || p.Properties.Int(wire.PropSessionExpiryInterval, 0) > 0 {
		c.e.leave("", p.ClientID, v)
	}
}

// SendBytes sends bytes, which need not be a packet.
func (c *Client) SendBytes(ctx context.Context, b []byte) {
	if !c.linked {
		c.record(b)
	}
	if _, err := c.conn.Write(b); err != nil && context.Cause(ctx) == nil {
		c.e.log.Note(c.Name + ": write: " + err.Error())
	}
}

// record puts bytes that are about to be sent into the trace, packet by packet.
func (c *Client) record(b []byte) {
	v := c.protocol()
	for len(b) > 0 {
		h, n, err := wire.ParseHeader(b)
		kind, size := trace.Packet, n+h.Length
		if err != nil || n == 0 || size > len(b) {
			kind, size = trace.Bytes, len(b)
		}
		c.e.log.Add(trace.Event{Conn: c.Name, Kind: kind, Dir: trace.ToServer, Version: v, Bytes: b[:size]})
		b = b[size:]
	}
}

func (c *Client) protocol() wire.Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// maxIncoming bounds a packet from the target: far above anything that a spec provokes.
const maxIncoming = 4 << 20

// read keeps what arrives until the connection ends.
func (c *Client) read() {
	defer close(c.done)
	defer c.e.closes()
	r := bufio.NewReader(c.conn)
	for {
		b, err := wire.ReadFrame(r, maxIncoming)
		if err != nil {
			c.finish(b, err)
			return
		}
		v := c.protocol()
		if !c.linked {
			c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Packet, Dir: trace.ToClient, Version: v, Bytes: b})
		}
		p, err := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(b)
		if p == nil {
			p = wire.Raw(b) // a monitor says what is wrong with it
			c.e.log.Note(c.Name + ": undecodable: " + err.Error())
		}
		c.mu.Lock()
		c.inbox = append(c.inbox, arrival{p, time.Now()})
		flooded := c.keeps(len(b))
		c.wake()
		c.mu.Unlock()
		if flooded {
			c.e.log.Note(c.Name + ": flooded: more came than a spec asks for; no more is read")
			c.finish(nil, errFlooded)
			return
		}
	}
}

// wake tells the waiters that something changed. The lock is held.
func (c *Client) wake() {
	close(c.change)
	c.change = make(chan struct{})
}

// finish records how the connection ended.
func (c *Client) finish(rest []byte, err error) {
	c.mu.Lock()
	local := c.local
	c.ended, c.endAt = err, time.Now()
	c.wake()
	c.mu.Unlock()
	if c.linked || local {
		return
	}
	if len(rest) > 0 {
		c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Bytes, Dir: trace.ToClient, Version: c.protocol(), Bytes: rest})
	}
	how, text := howEnded(err)
	c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Close, Dir: trace.ToClient, How: how, Text: text})
}

func howEnded(err error) (trace.How, string) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return trace.FIN, ""
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), strings.Contains(err.Error(), "forcibly closed"):
		return trace.RST, ""
	}
	return trace.Error, err.Error()
}

// end ends the connection from our side, once.
func (c *Client) end(how trace.How, f func() error) {
	c.mu.Lock()
	again := c.local || c.ended != nil && how == trace.Local
	c.local = true
	c.mu.Unlock()
	if !again && !c.linked {
		c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Close, Dir: trace.ToServer, How: how})
	}
	if err := f(); err != nil && !again && !errors.Is(err, net.ErrClosed) {
		c.e.log.Note(c.Name + ": close: " + err.Error())
	}
}

// Drop ends the Network Connection with a reset, as a device that loses power behind a router does.
func (c *Client) Drop(context.Context) {
	c.end(trace.RST, func() error { return memnet.Abort(c.conn) })
	<-c.done
}

// CloseFIN ends the Network Connection in order, but without a DISCONNECT.
func (c *Client) CloseFIN(context.Context) {
	c.end(trace.FIN, c.conn.Close)
	<-c.done
}

// CloseWrite ends the client's direction only: the target reads the end of the stream and may still send.
func (c *Client) CloseWrite(ctx context.Context) {
	if !c.linked {
		c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Close, Dir: trace.ToServer, How: trace.FIN})
	}
	if err := memnet.CloseWrite(c.conn); err != nil {
		SkipIf(ctx, errors.Is(err, errors.ErrUnsupported), "this transport has no half-close")
		Undecided(ctx, "half-close: %v", err)
	}
}

// Disconnect sends a DISCONNECT (Reason Code 0x00 unless edited) and waits until the target has closed the Network
// Connection, so that whatever a DISCONNECT brings about has been decided by then.
func (c *Client) Disconnect(ctx context.Context, edit ...func(*wire.Disconnect)) {
	var p wire.Disconnect
	for _, f := range edit {
		f(&p)
	}
	c.Send(ctx, p)
	if memnet.CloseWrite(c.conn) != nil {
		c.CloseFIN(ctx) // a WebSocket has no half-close
		return
	}
	if !c.linked {
		c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Close, Dir: trace.ToServer, How: trace.FIN})
	}
	c.Closed(ctx)
}

// Closed waits until the Network Connection has ended; the step fails if it stays open.
func (c *Client) Closed(ctx context.Context) {
	if _, ok := c.ClosedWithin(ctx, c.e.timing.Reply); !ok {
		fail(ctx, "the Network Connection of "+c.Name+" is closed", "it is still open after %s", c.e.timing.Reply)
	}
	kept(ctx, "the Network Connection of "+c.Name+" is closed")
}

// ClosedWithin waits at most d for the end of the Network Connection. It returns how long that took from now, or
// false if it is still open.
func (c *Client) ClosedWithin(ctx context.Context, d time.Duration) (time.Duration, bool) {
	start := time.Now()
	t := time.NewTimer(d)
	defer t.Stop()
	defer c.e.waits()()
	for {
		select {
		case <-c.done:
			c.stillOpen(ctx)
			c.openUnproven(false)
			return max(0, c.endTime().Sub(start)), true
		case <-t.C:
			select {
			case <-c.done: // both were ready: what has happened counts
				c.stillOpen(ctx)
				c.openUnproven(false)
				return max(0, c.endTime().Sub(start)), true
			default:
			}
			more, proven := c.e.heardNothing(start, d)
			if more <= 0 {
				c.openUnproven(!proven)
				return d, false
			}
			t.Reset(more)
		case <-ctx.Done():
			fail(ctx, "", "")
		}
	}
}

func (c *Client) endTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endAt
}

// Alive reports whether the Network Connection is still open on the side of the target: it answers a PINGREQ.
func (c *Client) Alive(ctx context.Context) bool {
	c.Send(ctx, wire.Pingreq{})
	_, o := Try[wire.Pingresp](ctx, c, c.e.timing.Reply)
	return o == Arrived
}

// Ping sends a PINGREQ and waits for its PINGRESP. All packets that the client sent before have then been read.
func (c *Client) Ping(ctx context.Context) {
	c.Send(ctx, wire.Pingreq{})
	Next[wire.Pingresp](ctx, c)
}

// NewID returns a Packet Identifier that the client has not used yet on this connection.
func (c *Client) NewID() uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextID++
	return c.nextID
}
