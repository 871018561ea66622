package netfault

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
)

// linger is how long a connection whose directions a fault has ended waits for the ends of its peers. A socket that is
// closed outright answers what is still under way with a reset, which could overtake the FIN.
const linger = 5 * time.Second

// connection is one client's connection and the one to the server that belongs to it.
type connection struct {
	link    *Link
	name    string
	version atomic.Uint32 // the protocol version, 0 before the CONNECT
	client  *side
	target  *side
	flows   [2]*flow // by Dir

	mu      sync.Mutex
	over    bool // both sides are closed
	cut     bool // a fault has ended both directions
	running int  // flows that have not ended
}

// side is one of the two connections, seen from here.
type side struct {
	net.Conn
	in, out *stream // what we receive and what we send
	writing atomic.Bool
	broken  atomic.Bool // a write met a reset; the kernel reports that once, so a read may see a plain end
}

func newConnection(l *Link, name string, client, target net.Conn) *connection {
	c := &connection{link: l, name: name, running: 2}
	c.client = &side{Conn: client, in: c.stream(trace.ClientLeg, ToServer), out: c.stream(trace.ClientLeg, ToClient)}
	c.target = &side{Conn: target, in: c.stream(trace.TargetLeg, ToClient), out: c.stream(trace.TargetLeg, ToServer)}
	c.flows[ToServer] = newFlow(c, ToServer, c.client, c.target)
	c.flows[ToClient] = newFlow(c, ToClient, c.target, c.client)
	l.log.Add(trace.Event{Conn: name, Leg: trace.TargetLeg, Kind: trace.Open})
	l.log.Add(trace.Event{Conn: name, Leg: trace.ClientLeg, Kind: trace.Open})
	return c
}

func (c *connection) stream(leg trace.Leg, d Dir) *stream {
	if c.link.log == nil {
		return nil
	}
	return &stream{log: c.link.log, conn: c.name, leg: leg, dir: d, version: &c.version}
}

func (c *connection) start() {
	for _, f := range c.flows {
		c.link.goroutine(c, f.run)
	}
}

// flowEnded is called by each flow at its end. The last one closes what is still open.
func (c *connection) flowEnded() {
	c.mu.Lock()
	c.running--
	last := c.running == 0
	c.mu.Unlock()
	if !last {
		return
	}
	if c.client.broken.Load() || c.target.broken.Load() {
		c.abort()
	}
	c.finish()
}

// end marks the connection as over and stops its flows. It reports whether it was not over before.
func (c *connection) end() bool {
	c.mu.Lock()
	first := !c.over
	c.over = true
	c.mu.Unlock()
	for _, f := range c.flows {
		f.stopForwarding()
	}
	return first
}

// finish closes both sides. It does nothing if that has been done.
func (c *connection) finish() {
	if !c.end() {
		return
	}
	for _, s := range []*side{c.client, c.target} {
		s.out.end(trace.Local, "")
		s.in.end(trace.Local, "")
		s.Close()
	}
	c.link.forget(c)
}

// abort resets both sides. It does nothing if the connection is over.
func (c *connection) abort() {
	if !c.end() {
		return
	}
	for _, s := range []*side{c.client, c.target} {
		if s.broken.Load() || s.in.ended() == trace.RST {
			s.out.end(trace.Local, "reset by the other end")
		} else {
			s.out.end(trace.RST, "")
		}
		s.in.end(trace.Local, "")
		memnet.Abort(s.Conn)
	}
	c.link.forget(c)
}

// cutFIN ends both directions in order. The flows read on, and discard, until both peers have ended theirs.
func (c *connection) cutFIN() {
	c.mu.Lock()
	first := !c.over && !c.cut
	c.cut = true
	c.mu.Unlock()
	if !first {
		return
	}
	for _, f := range c.flows {
		f.endOutput("fault")
		f.to.SetReadDeadline(time.Now().Add(linger))
	}
}

// wasCut reports whether a fault has ended both directions.
func (c *connection) wasCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// fire lets a rule act now. What the action does to the packet itself is the flow's business.
func (c *connection) fire(r *Rule, on string) {
	l := c.link
	r.hasFired.Store(true)
	l.fault(c.name, "fired: "+r.String()+" on "+on)
	switch a := r.action.(type) {
	case Close:
		c.cutFIN()
	case Reset:
		c.abort()
	case HalfClose:
		c.flows[a.Dir].endOutput("fault")
	case Stall:
		if a.Both {
			l.gates[a.Dir^1].setStalled(true)
		}
		l.gates[a.Dir].setStalled(true)
	case Delay:
		if a.Both {
			l.gates[r.match.Dir^1].setDelay(a.For)
		}
		l.gates[r.match.Dir].setDelay(a.For)
	}
	r.once.Do(func() { close(r.fired) })
}
