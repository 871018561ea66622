package netfault

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
)

// Link is one client's way to its server. Its methods may be called from several goroutines.
type Link struct {
	// OnPanic gets what a function of a [Match] or a [Rewrite] panicked with; the connection has been reset by then.
	// If it is nil, the panic ends the program. It is set before the first Dial.
	OnPanic func(value any, stack []byte)
	// OnFault, if set, gets what the trace gets about faults, as it happens: which were armed, which fired, which were
	// asked for. It is set before the first rule is armed.
	OnFault func(conn, text string)

	dial  func(context.Context) (net.Conn, error)
	log   *trace.Log
	name  string
	gates [2]gate
	armed [2]atomic.Int32 // rules that wait for a packet in that direction
	wg    sync.WaitGroup

	mu     sync.Mutex
	rules  []*Rule
	conns  []*connection // those that are not over
	opened int
	shut   bool
}

// NewLink returns a link to the server that dial connects to. What passes is recorded in log, unless that is nil,
// under name: on [trace.ClientLeg] as the client sees it, on [trace.TargetLeg] as the server does. Shut it in the end.
func NewLink(dial func(context.Context) (net.Conn, error), log *trace.Log, name string) *Link {
	return &Link{dial: dial, log: log, name: name}
}

// Name returns the name that NewLink was given.
func (l *Link) Name() string { return l.name }

// Dial opens a connection to the server through the link. It may be called again, after a cut or beside another. The
// trace names the first connection as the link, and later ones with #2, #3 and so on. The error is that of dial, or
// [net.ErrClosed] after Shut.
func (l *Link) Dial(ctx context.Context) (net.Conn, error) { return l.DialAs(ctx, "") }

// DialAs is Dial with another name for the trace.
func (l *Link) DialAs(ctx context.Context, name string) (net.Conn, error) {
	client, inner := memnet.Pipe(0)
	if err := l.carry(ctx, name, inner); err != nil {
		return nil, err
	}
	return client, nil
}

// carry connects a client's connection, which it owns, with the server.
func (l *Link) carry(ctx context.Context, name string, client net.Conn) error {
	target, err := l.dial(ctx)
	if err != nil {
		l.log.Add(trace.Event{Conn: l.name, Leg: trace.TargetLeg, Kind: trace.Note, Text: "no connection: " + err.Error()})
		memnet.Abort(client)
		return err
	}
	c, err := l.open(name, client, target)
	if err != nil {
		client.Close()
		target.Close()
		return err
	}
	defer l.wg.Done()
	for _, r := range l.opening() {
		c.fire(r, "the opening of the connection")
	}
	c.start()
	return nil
}

// open makes a connection known.
func (l *Link) open(name string, client, target net.Conn) (*connection, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		return nil, net.ErrClosed
	}
	l.opened++
	if name == "" {
		name = l.name
		if l.opened > 1 {
			name = fmt.Sprintf("%s#%d", l.name, l.opened)
		}
	}
	c := newConnection(l, name, client, target)
	l.conns = append(l.conns, c)
	l.wg.Add(2) // until the connection is started, and until it is forgotten
	return c, nil
}

// forget takes a connection that is over out of the list.
func (l *Link) forget(c *connection) {
	l.mu.Lock()
	for i, other := range l.conns {
		if other == c {
			l.conns = append(l.conns[:i], l.conns[i+1:]...)
			break
		}
	}
	l.mu.Unlock()
	l.wg.Done()
}

// goroutine runs f, which serves c, and turns its panic into a reset and a call of OnPanic.
func (l *Link) goroutine(c *connection, f func()) {
	l.wg.Go(func() {
		defer func() {
			if l.OnPanic == nil {
				return
			}
			if v := recover(); v != nil {
				stack := debug.Stack()
				l.fault(c.name, fmt.Sprintf("panic: %v", v))
				c.abort()
				l.OnPanic(v, stack)
			}
		}()
		f()
	})
}

// On arms a rule. It panics if the action needs a packet and m is about the opening of a connection.
func (l *Link) On(m Match, a Action) *Rule {
	r := newRule(m, a)
	l.fault(l.name, "armed: "+r.String())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rules = append(l.rules, r)
	l.countArmed()
	return r
}

// Rules returns the rules in the order in which they were armed, those that have fired included.
func (l *Link) Rules() []*Rule {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Rule(nil), l.rules...)
}

// Reset ends the open connections with a reset on either side, also where they are idle or stalled.
func (l *Link) Reset() {
	l.now(Reset{})
	for _, c := range l.connections() {
		c.abort()
	}
}

// CutFIN ends both directions of the open connections in order, as the action [Close] does. Bytes that a stall or a
// delay keeps are lost.
func (l *Link) CutFIN() {
	l.now(Close{})
	for _, c := range l.connections() {
		c.cutFIN()
	}
}

// HalfClose ends one direction of the open connections in order, as the action [HalfClose] does.
func (l *Link) HalfClose(d Dir) {
	l.now(HalfClose{Dir: d})
	for _, c := range l.connections() {
		c.flows[d].endOutput("fault")
	}
}

// Stall lets nothing pass in direction d, on open connections and on those to come, until Heal: no bytes, no FIN, no
// RST. What arrives meanwhile is kept, up to 1 MiB for each connection, then the sender feels back-pressure; it is
// delivered after Heal.
func (l *Link) Stall(d Dir) {
	l.now(Stall{Dir: d})
	l.gates[d].setStalled(true)
}

// StallBoth is Stall in both directions, as if the cable were unplugged.
func (l *Link) StallBoth() {
	l.now(Stall{Both: true})
	l.gates[ToServer].setStalled(true)
	l.gates[ToClient].setStalled(true)
}

// Heal ends every stall and delay. Rules stay armed.
func (l *Link) Heal() {
	l.fault(l.name, "heal")
	for d := range l.gates {
		l.gates[d].setDelay(0)
		l.gates[d].setStalled(false)
	}
}

// Delay delays what arrives in direction d, on open connections and on those to come, as the action [Delay] does. 0
// ends it.
func (l *Link) Delay(d Dir, by time.Duration) {
	l.fault(l.name, "now: "+Delay{For: by}.String()+"@"+dirName(d))
	l.gates[d].setDelay(by)
}

// Shut closes the open connections, with a FIN where possible, and waits for the link's goroutines. It must not be
// called by a function of a [Match] or a [Rewrite].
func (l *Link) Shut() {
	l.mu.Lock()
	l.shut = true
	l.mu.Unlock()
	for _, c := range l.connections() {
		c.finish()
	}
	l.wait()
}

// wait waits until the connections are over and their goroutines have ended.
func (l *Link) wait() { l.wg.Wait() }

func (l *Link) connections() []*connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*connection(nil), l.conns...)
}

func (l *Link) fault(conn, text string) {
	l.log.Add(trace.Event{Conn: conn, Kind: trace.Fault, Text: text})
	if l.OnFault != nil {
		l.OnFault(conn, text)
	}
}

func (l *Link) now(a Action) { l.fault(l.name, "now: "+a.String()) }
