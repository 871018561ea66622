package device

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

const (
	// maxFrame is the largest packet that is taken from a device, in bytes.
	maxFrame = 16 << 20
	// linger is how long a connection that we have ended waits for the device to end its direction, so that what was
	// sent last is not lost to a reset.
	linger = 2 * time.Second
	// maxLate is how many packets are taken from a device after we have ended the connection.
	maxLate = 1000
	// firstInjected is the Packet Identifier after which those of packets that go past the broker begin. The broker
	// counts from 1.
	firstInjected = 50_000
)

// conn is one Network Connection of a device. It stands between the device's socket and the reference broker: it
// records what passes next to the device, tells the plan, and does to the traffic what the plan says. The broker behind
// it stays correct.
type conn struct {
	bench  *Bench
	nc     net.Conn
	early  []trace.Event // of before the client was known
	client *Client       // nil until the first packet
	number int           // of the client's connections
	name   string        // in the trace

	// of the goroutine that reads from the device
	server  net.Conn // our end of the way to the broker, nil if there is none
	method  string   // the Authentication Method of the CONNECT; the broker is not told
	connect []byte   // what waits for the device to be authenticated
	silent  bool     // nothing is answered any more: a CONNACK is withheld

	version atomic.Uint32
	goodbye atomic.Bool   // the device has sent DISCONNECT
	left    chan struct{} // closed when the device has ended its direction
	heard   chan struct{} // closed when the broker has handled the CONNECT, or will never get it
	hear    sync.Once

	// guarded by the client's mu
	wake    *sync.Cond
	out     []output
	asked   bool // the broker gets the CONNECT
	online  bool
	ending  bool // nothing more is taken for output
	aborted bool
	over    bool    // the writer has nothing to wait for any more
	kept    *output // the first of two that change places
	pings   []bool  // that the broker has not answered, in their order; true: it is ours

	serving sync.WaitGroup
}

// serve carries the connection to its end.
func (n *conn) serve() {
	defer n.nc.Close()
	r := bufio.NewReader(n.nc)
	frame, about, err := n.first(r)
	if about != nil && !n.bench.knows(host(n.nc.RemoteAddr()), about.Trouble) {
		n.strange(*about)
		return
	}
	if n.client = n.bench.clientOf(n, frame); n.client == nil {
		if len(frame) > 0 {
			n.strange(Notice{Trouble: TroubleCrowd, Text: fmt.Sprintf("is one device too many: %d are judged", n.bench.maxClients())})
		}
		return // or nobody to attribute silence to
	}
	n.admit()
	select {
	case <-n.client.ready:
	case <-n.bench.ctx.Done():
		return
	}
	n.left = make(chan struct{})
	defer n.handled()
	n.goes(n.write)
	for late := 0; err == nil && late < maxLate; {
		n.received(frame)
		leaving, flooded := n.leaving()
		if flooded {
			n.tell("the device floods: closed")
			n.strange(Notice{Trouble: TroubleFlood, Text: fmt.Sprintf("floods as device %s: closed", n.client.ID)})
			break
		}
		if leaving {
			late++
		}
		frame, err = wire.ReadFrame(r, maxFrame)
	}
	if err == nil {
		frame, err = nil, net.ErrClosed // we have had enough
	}
	n.ended(frame, err)
	n.nc.Close() // a write that the device does not take would not end otherwise
	n.serving.Wait()
}

// admit makes the connection known to its client.
func (n *conn) admit() {
	c := n.client
	c.mu.Lock()
	c.count++
	n.number = c.count
	n.name, n.heard = "device", make(chan struct{})
	if n.number > 1 {
		n.name = fmt.Sprintf("device#%d", n.number)
	}
	n.wake = sync.NewCond(&c.mu)
	c.conns = append(c.conns, n)
	c.address = host(n.nc.RemoteAddr())
	c.mu.Unlock()
	n.log(trace.Event{Kind: trace.Open})
	for _, e := range n.early {
		n.log(e)
	}
	c.mu.Lock()
	opened := Event{Kind: eventOpen, Conn: n.number}
	if w := n.webSocket(); w != nil {
		opened.WebSocket, opened.Text = true, w.offered
	}
	c.happened(opened)
	c.mu.Unlock()
}

func host(a net.Addr) string {
	if a == nil {
		return ""
	}
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}

func (n *conn) log(e trace.Event) {
	e.Conn = n.name
	if e.Version == 0 {
		e.Version = wire.Version(n.version.Load())
	}
	n.client.log.Add(e)
	if n.bench.config.OnEvent != nil {
		e.At = time.Now()
		n.bench.config.OnEvent(n.client.ID, e)
	}
}

// tell notes in the trace what was done to the device.
func (n *conn) tell(format string, args ...any) {
	n.log(trace.Event{Kind: trace.Note, Text: fmt.Sprintf(format, args...)})
}

// received handles a packet of the device.
func (n *conn) received(frame []byte) {
	p, err := wire.Decoder{Version: wire.Version(n.version.Load()), Sender: wire.FromClient}.Decode(frame)
	var bad *wire.Violation
	errors.As(err, &bad)
	if connect, ok := p.(wire.Connect); ok && n.version.Load() == 0 {
		n.version.Store(uint32(connect.ProtocolVersion))
	}
	n.log(trace.Event{Kind: trace.Packet, Dir: trace.ToServer, Bytes: frame})
	_, isConnect := p.(wire.Connect)
	if held := n.client.holding(); held != nil && isConnect {
		select {
		case <-held:
		case <-n.bench.ctx.Done():
		}
	}
	passing, connack, own := n.weighed(p, bad, frame)
	for _, f := range append(passing.fired, connack.fired...) {
		n.tell("%s — %s", f, summary(p, frame, wire.Version(n.version.Load())))
	}
	switch {
	case passing.cut != nil && !passing.cut.After:
	case passing.drop, own:
		n.alive()
	case connack.drop:
		n.silent = true
	case connack.refuse != nil:
		n.silent = true
		n.send(wire.Connack{ReasonCode: connack.refuse.Code})
		n.end("close")
	case n.silent:
	default:
		if frame = n.authenticated(p, bad != nil, frame); frame != nil {
			n.forward(frame, isConnect || n.server == nil)
		}
	}
	if n.server == nil {
		n.handled()
	}
	if passing.cut != nil {
		n.end(passing.cut.How)
	}
}

// handled notes that the broker has handled the CONNECT, or will never get it.
func (n *conn) handled() { n.hear.Do(func() { close(n.heard) }) }

// summary tells a packet in a line, also one that cannot be understood.
func summary(p wire.Packet, frame []byte, v wire.Version) string {
	if p == nil {
		p = wire.Raw(frame)
	}
	return wire.Summary(p, v)
}

// forward passes a packet on to the broker.
func (n *conn) forward(frame []byte, dial bool) {
	if n.server == nil {
		if !dial {
			return
		}
		n.server = n.bench.toBroker(n.client)
		n.goes(n.fromServer)
	}
	if wire.TypeOf(frame[0]) == wire.PINGREQ {
		n.ping(frame, false)
		return
	}
	_, _ = n.server.Write(frame) // a broker that has closed is seen where we read from it
}

// fromServer passes on what the broker sends.
func (n *conn) fromServer() {
	r := bufio.NewReader(n.server)
	for {
		frame, err := wire.ReadFrame(r, 0)
		n.handled()
		if err != nil {
			n.await()
			n.end("close")
			return
		}
		n.fromBroker(frame)
	}
}

// fromBroker lets the rules act on a packet of the broker and passes on what they leave of it.
func (n *conn) fromBroker(frame []byte) {
	v := wire.Version(n.version.Load())
	p, _ := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(frame)
	c := n.client
	passing, sent := n.passes(frame)
	if !sent {
		return
	}
	for _, f := range passing.fired {
		n.tell("%s — %s", f, summary(p, frame, v))
	}
	o := output{bytes: frame}
	if passing.delay > 0 {
		o.due = time.Now().Add(passing.delay)
	}
	if connack, ok := p.(wire.Connack); ok {
		for _, e := range passing.edits {
			connack = e.edit(connack, v)
		}
		p = connack
		if n.method != "" && connack.ReasonCode == wire.Success {
			connack.Properties = connack.Properties.With(wire.AuthenticationMethod(n.method))
			p, o.bytes = connack, wire.Bytes(connack, v)
		}
		o.then = func() { n.wentOnline(connack) }
	}
	if passing.refuse != nil {
		p = passing.refuse.edit(p)
	}
	if suback, ok := p.(wire.Suback); ok {
		o.then = func() { c.subscribed(n, suback) }
	}
	if len(passing.edits) > 0 || passing.refuse != nil {
		o.bytes = wire.Bytes(p, v)
	}
	if cut := passing.cut; cut != nil {
		o.end = cut.How
		switch {
		case cut.After:
		case cut.Keep > 0 && cut.Keep < len(o.bytes):
			o.bytes, o.then = o.bytes[:cut.Keep], nil
		default:
			o.bytes, o.then = nil, nil
		}
	}
	if passing.drop {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if passing.collect {
		c.collected = append(c.collected, collected{n, wire.TypeOf(frame[0]), o})
		return
	}
	if passing.swap && n.kept == nil {
		n.kept = &o
		return
	}
	n.enqueue(o)
	if passing.swap {
		n.enqueue(*n.kept)
		n.kept = nil
	}
}

// wentOnline notes that the device has been accepted. The caller holds mu.
func (n *conn) wentOnline(p wire.Connack) {
	if p.ReasonCode != wire.Success {
		return
	}
	n.online, n.client.connack = true, p
	if !p.SessionPresent {
		n.client.injected, n.client.filters = map[uint16]time.Duration{}, nil
	}
	if id := p.Properties.Text(wire.PropAssignedClientIdentifier); id != "" {
		n.client.assigned = id
	}
	n.client.happened(Event{Kind: eventOnline, Conn: n.number, Text: fmt.Sprint(p.SessionPresent), WebSocket: n.webSocket() != nil})
}

// ended notes the end of what the device sends.
func (n *conn) ended(rest []byte, err error) {
	if len(rest) > 0 {
		n.log(trace.Event{Kind: trace.Bytes, Dir: trace.ToServer, Bytes: rest})
	}
	close(n.left)
	how, text := howEnded(err)
	if isTextFrame(err) {
		n.client.mu.Lock()
		n.client.happened(Event{Kind: eventText, Conn: n.number})
		n.client.mu.Unlock()
	}
	n.log(trace.Event{Kind: trace.Close, Dir: trace.ToServer, How: how, Text: text})
	c := n.client
	c.mu.Lock()
	ours := n.ending // before the broker learns of it: what it ends then is no longer our doing
	n.ending = true
	c.mu.Unlock()
	if n.server != nil {
		if how == trace.FIN {
			memnet.CloseWrite(n.server)
		} else {
			memnet.Abort(n.server)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.online {
		defer c.happened(Event{Kind: eventOffline, Conn: n.number, Text: string(how)})
	}
	n.online, n.over = false, true
	n.wake.Broadcast()
	c.conns = slices.DeleteFunc(slices.Clone(c.conns), func(other *conn) bool { return other == n })
	if how != trace.Local && !ours {
		c.happened(Event{Kind: eventClose, Conn: n.number, Text: string(how)})
	} else {
		c.happened(Event{Kind: eventEnd, Conn: n.number, Text: string(how)})
	}
}
