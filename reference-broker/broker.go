package broker

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Broker is an MQTT server. Its methods may be called from several goroutines at once.
type Broker struct {
	config     Config
	defects    map[defect]bool
	tolerances map[tolerance]bool

	mu            sync.Mutex // guards all that follows, and the fields of connections, sessions and messages
	closed        bool
	conns         map[*conn]struct{}
	connected     int // of conns, those that have been accepted by a CONNACK
	listeners     map[net.Listener]struct{}
	sessions      map[string]*session // by client identifier
	subscriptions tree
	retained      map[string]*retainedMessage // by topic
	retainedBytes int
	retainedCount uint64         // of all that were ever stored, for their order
	assigned      uint64         // client identifiers that were assigned
	accepted      uint64         // Network Connections so far
	names         map[string]int // connections so far under each name in the trace

	ending sync.WaitGroup // one for each call of ServeConn
}

// New returns a broker that serves nobody yet. The error names an unknown defect or tolerance, or what contradicts
// itself in c.
func New(c Config) (*Broker, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	b := &Broker{
		config:    c.withDefaults(),
		conns:     map[*conn]struct{}{},
		listeners: map[net.Listener]struct{}{},
		sessions:  map[string]*session{},
		retained:  map[string]*retainedMessage{},
		names:     map[string]int{},
	}
	var err error
	if b.defects, err = chosen("defect", c.Defects, defectRows()); err != nil {
		return nil, err
	}
	if b.tolerances, err = chosen("tolerance", c.Tolerances, toleranceRows); err != nil {
		return nil, err
	}
	b.tolerateByConfig()
	return b, nil
}

// named is a row of one of the tables.
type named[N ~string] interface{ id() N }

// chosen returns the set of the given names, all of which must stand in the table.
func chosen[N ~string, R named[N]](kind string, names []string, table []R) (map[N]bool, error) {
	known := map[N]bool{}
	for _, row := range table {
		known[row.id()] = true
	}
	set := map[N]bool{}
	for _, name := range names {
		if !known[N(name)] {
			return nil, fmt.Errorf("broker: unknown %s %q", kind, name)
		}
		set[N(name)] = true
	}
	return set, nil
}

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("broker: closed")

// ServeConn serves one Network Connection, which the broker owns from now on, and returns when it is over. The first
// packet must be a CONNECT.
func (b *Broker) ServeConn(nc net.Conn) {
	if c := b.open(nc); c != nil {
		c.serve()
	}
}

// open takes in a new Network Connection, or closes it and returns nil if there is no room for it.
func (b *Broker) open(nc net.Conn) *conn {
	b.mu.Lock()
	if b.closed || len(b.conns) >= 2*b.config.MaximumConnections {
		b.mu.Unlock()
		nc.Close()
		return nil
	}
	defer b.mu.Unlock()
	b.accepted++
	c := &conn{b: b, nc: nc, number: b.accepted, written: make(chan struct{})}
	c.wake.L = &b.mu
	b.conns[c] = struct{}{}
	b.ending.Add(1)
	c.connectTimer = time.AfterFunc(b.config.ConnectTimeout, c.connectTimeout) // v5:U5-040, v311:U3-002
	return c
}

// Serve accepts connections from l and serves each in its own goroutine until l fails or Close is called, and then
// returns the error, which is [ErrClosed] in the latter case. TLS is a matter of the listener.
func (b *Broker) Serve(l net.Listener) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		l.Close()
		return ErrClosed
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()
	for {
		nc, err := l.Accept()
		if passes(err) {
			time.Sleep(acceptPause)
			continue
		}
		if err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.listeners, l)
			if b.closed {
				return ErrClosed
			}
			return err
		}
		if c := b.open(nc); c != nil {
			go c.serve()
		}
	}
}

// acceptPause is how long Serve waits when the process has too many files open for another connection.
const acceptPause = 50 * time.Millisecond

// passes reports whether a failure of Accept says nothing about the listener.
func passes(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}

// Close ends the broker: listeners are closed, clients of 5.0 are sent DISCONNECT 0x8B as far as they take it at once,
// and every goroutine has ended when it returns. Wills are not published: there is nobody left to get them.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	var listeners []net.Listener
	for l := range b.listeners {
		listeners = append(listeners, l)
	}
	for c := range b.conns {
		c.shutDown()
	}
	for _, s := range b.sessions {
		s.stopTimers()
	}
	for _, r := range b.retained {
		r.stop()
	}
	b.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	b.ending.Wait()
	return nil
}

// defect reports whether the broker has that defect.
func (b *Broker) defect(d defect) bool { return b.defects[d] }

// tolerates reports whether the broker makes that choice.
func (b *Broker) tolerates(t tolerance) bool { return b.tolerances[t] }

// maximumQoS is the highest QoS that the broker supports.
func (b *Broker) maximumQoS() wire.QoS { return *b.config.MaximumQoS }
