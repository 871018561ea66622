package netfault

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// A flow's buffer grows while reads fill it: an idle connection costs little, a busy one few system calls.
const (
	smallBuffer = 4 << 10
	largeBuffer = 256 << 10
	aheadBuffer = 32 << 10
)

// flow is one direction of a connection. One goroutine reads and forwards; when it has to wait for the first time, a
// second one takes over the reading, so that the trace shows what arrives and the sender feels no back-pressure at
// once.
type flow struct {
	c        *connection
	dir      Dir
	from, to *side
	gate     *gate

	stop     chan struct{} // closed when this direction's output has ended
	stopOnce sync.Once
	stopped  atomic.Bool

	// of the goroutine that forwards
	buf        []byte
	ahead      *ahead
	frames     framer
	raw        bool    // no packets any more
	opening    []byte  // the start of the first packet
	learned    bool    // no more need of it: the version is known, or that packet does not tell it
	candidates []*Rule // that could act on the packet in held
	held       []byte
}

func newFlow(c *connection, d Dir, from, to *side) *flow {
	return &flow{c: c, dir: d, from: from, to: to, gate: &c.link.gates[d], stop: make(chan struct{}), learned: d == ToClient}
}

// run forwards until the input ends, or the output cannot go on.
func (f *flow) run() {
	defer func() {
		if f.ahead != nil {
			f.ahead.close()
		}
		f.c.flowEnded()
	}()
	f.buf = make([]byte, smallBuffer)
	for {
		chunk := f.next()
		if len(chunk.b) > 0 && !f.forward(chunk.b, chunk.arrived) {
			return
		}
		if chunk.how != "" {
			f.end(chunk.how, chunk.arrived)
			return
		}
	}
}

// next returns what arrived next.
func (f *flow) next() chunk {
	if f.ahead != nil {
		return f.ahead.take()
	}
	c := f.read(f.buf)
	if len(c.b) == len(f.buf) && len(f.buf) < largeBuffer {
		f.buf = make([]byte, 4*len(f.buf)) // c.b keeps the old one
	}
	return c
}

// read reads once, and records what came.
func (f *flow) read(buf []byte) chunk {
	n, err := f.from.Read(buf)
	c := chunk{b: buf[:n], arrived: time.Now()}
	f.from.in.bytes(c.b)
	if err != nil {
		text := ""
		c.how = f.howEnded(err)
		if c.how == trace.Error || errors.Is(err, io.ErrUnexpectedEOF) {
			text = err.Error()
		}
		f.from.in.end(c.how, text)
	}
	return c
}

// settle is how long the end of an input waits for a write in the other direction that may have met a reset.
const settle = 5 * time.Millisecond

// howEnded tells the way in which the input ended.
func (f *flow) howEnded(err error) trace.How {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the latter is TLS without close_notify
		if f.from.writing.Load() { // that write may be taking the only report of a reset
			wait := time.NewTimer(settle)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-f.c.flows[f.dir^1].stop:
			}
		}
		if f.from.broken.Load() {
			return trace.RST
		}
		return trace.FIN
	case isReset(err):
		return trace.RST
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.ErrClosedPipe):
		return trace.Local
	}
	return trace.Error
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// readAhead lets another goroutine read from now on.
func (f *flow) readAhead() {
	if f.ahead != nil {
		return
	}
	queue := newAhead()
	f.ahead = queue
	f.c.link.goroutine(f.c, func() {
		buf := make([]byte, aheadBuffer)
		for {
			c := f.read(buf)
			c.b = bytes.Clone(c.b)
			if !queue.put(c) || c.how != "" {
				return
			}
		}
	})
}

// forward passes on what arrived, packet by packet where a rule could act. It returns false if the output is gone.
func (f *flow) forward(b []byte, arrived time.Time) bool {
	at := 0 // the bytes of b before it are to be sent
	for at < len(b) && !f.raw {
		if f.frames.atStart() {
			if f.learned && f.c.link.armed[f.dir].Load() == 0 {
				if at += f.frames.skip(b[at:]); at == len(b) {
					break
				}
			}
			f.candidates = f.c.link.candidates(f.candidates[:0], f.dir, wire.TypeOf(b[at]))
			if len(f.candidates) > 0 {
				if !f.send(b[:at], arrived) {
					return false
				}
				b, at = b[at:], 0
			}
		}
		n, whole, err := f.frames.next(b[at:])
		f.learnVersion(b[at:at+n], whole)
		switch {
		case err != nil:
			f.raw = true
			if !f.send(f.held, arrived) {
				return false
			}
			f.held, f.candidates = nil, nil
		case len(f.candidates) == 0:
			at += n
		default:
			f.held = append(f.held, b[:n]...)
			b = b[n:]
			if whole && !f.decide(arrived) {
				return false
			}
		}
	}
	return f.send(b, arrived)
}

// learnVersion takes the protocol version from the first packet to the server, which comes in pieces.
func (f *flow) learnVersion(b []byte, whole bool) {
	if f.learned {
		return
	}
	f.opening = append(f.opening, b[:min(len(b), versionPrefix-len(f.opening))]...)
	v := connectVersion(f.opening)
	f.learned = v != 0 || whole || len(f.opening) == versionPrefix
	f.c.version.CompareAndSwap(0, uint32(v))
}

// decide lets the rules act on the whole packet in held and forwards what they leave of it.
func (f *flow) decide(arrived time.Time) bool {
	raw := f.held
	f.held = f.held[:0]
	if !f.pass(arrived) {
		return true
	}
	p := f.decode(raw)
	drop := false
	var pieces Slice
	var after []*Rule
	on := wire.TypeOf(raw[0]).String()
	for _, r := range f.c.link.hit(f.candidates, p) {
		if actsAfter(r.action) {
			after = append(after, r)
			continue
		}
		f.c.fire(r, on)
		switch a := r.action.(type) {
		case Drop:
			drop = true
		case Slice:
			pieces = a
		case Rewrite:
			raw = a.With(bytes.Clone(raw), p)
		}
	}
	f.candidates = f.candidates[:0]
	if !drop && !f.sendPieces(raw, pieces, arrived) {
		return false
	}
	for _, r := range after {
		f.c.fire(r, on)
	}
	return true
}

// decode decodes a packet if a candidate wants to see it.
func (f *flow) decode(raw []byte) wire.Packet {
	for _, r := range f.candidates {
		if _, rewrites := r.action.(Rewrite); rewrites || r.match.When != nil {
			d := wire.Decoder{Version: wire.Version(f.c.version.Load()), Sender: f.dir.Sender()}
			p, _ := d.Decode(bytes.Clone(raw)) // the packet shares memory with its bytes
			return p
		}
	}
	return nil
}

// sendPieces sends b cut as s says.
func (f *flow) sendPieces(b []byte, s Slice, arrived time.Time) bool {
	sent := 0
	for _, at := range s.At {
		if at <= sent || at >= len(b) {
			continue
		}
		if !f.send(b[sent:at], arrived) {
			return false
		}
		sent = at
		if s.Gap > 0 {
			f.readAhead()
			gap := time.NewTimer(s.Gap)
			select {
			case <-gap.C:
			case <-f.stop:
			}
			gap.Stop()
		}
	}
	return f.send(b[sent:], arrived)
}

// pass waits until what arrived then may go on. It returns false if the output has ended.
func (f *flow) pass(arrived time.Time) bool {
	if f.stopped.Load() {
		return false
	}
	if !f.gate.hindered.Load() {
		return true
	}
	f.readAhead()
	return f.gate.wait(arrived, f.stop)
}

// send writes b, in one write, as soon as it may pass. Once the output has ended it discards b. It returns false if
// the output is gone, so that reading on makes no sense.
func (f *flow) send(b []byte, arrived time.Time) bool {
	if len(b) == 0 || !f.pass(arrived) {
		return true
	}
	f.to.out.bytes(b)
	f.to.writing.Store(true)
	defer f.to.writing.Store(false)
	n, err := f.to.Write(b)
	if err == nil || f.stopped.Load() {
		return true
	}
	f.to.out.note("the last " + strconv.Itoa(len(b)-n) + " bytes were not delivered: " + err.Error())
	if !isReset(err) {
		f.c.abort()
		return false
	}
	f.to.broken.Store(true) // the other flow reads what came before the reset, and passes it on
	return false
}

// end passes on the end of the input.
func (f *flow) end(how trace.How, arrived time.Time) {
	switch how {
	case trace.FIN:
		if f.send(f.held, arrived) && f.pass(arrived) {
			f.endOutput("")
		}
	case trace.RST, trace.Error:
		f.send(f.held, arrived)
		f.pass(arrived)
		if !f.c.wasCut() { // then the other side has got its FIN, and nothing else
			f.c.abort()
		}
	}
}

// endOutput ends the output in order. What arrives afterwards is discarded.
func (f *flow) endOutput(why string) {
	if !f.stopForwarding() {
		return
	}
	f.to.out.end(trace.FIN, why)
	to := f.to.Conn
	if f.to.writing.Load() { // a layer such as TLS could not say goodbye before that write is through
		to = innermost(to)
	}
	if err := memnet.CloseWrite(to); err != nil {
		f.to.Close()
	}
}

// innermost returns the connection under all layers.
func innermost(c net.Conn) net.Conn {
	for {
		layer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = layer.NetConn()
	}
}

// stopForwarding lets the flow discard what it reads. It reports whether it did not do so before.
func (f *flow) stopForwarding() (first bool) {
	f.stopOnce.Do(func() {
		first = true
		f.stopped.Store(true)
		close(f.stop)
	})
	return first
}
