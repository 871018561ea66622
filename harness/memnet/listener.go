package memnet

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// network is the name in the text of errors; addresses are those of TCP.
const network = "mem"

// The addresses come from TEST-NET-1, which is reserved for documentation: they
// have the form that programs expect of a TCP connection, and are no host's.
func serverAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1883} }

// clientAddr gives the nth client a port from the ephemeral range.
func clientAddr(n int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 49152 + n%16384}
}

// Listener is a [net.Listener] whose connections come from its method Dial.
type Listener struct {
	mu      sync.Mutex
	changed sync.Cond
	dialled int     // connections made so far
	waiting []*Conn // server ends that nobody has accepted yet, oldest first
	closed  bool
}

// Listen returns an open listener.
func Listen() *Listener {
	l := &Listener{}
	l.changed.L = &l.mu
	return l
}

// Dial makes a connection to the listener, with [DefaultBuffer] bytes for each
// direction. It does not wait to be accepted, and what is written meanwhile
// waits in the buffer. It is ECONNREFUSED once the listener is closed,
// and ctx's error if that has ended.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, l.fail("dial", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, l.fail("dial", syscall.ECONNREFUSED)
	}
	client, server := pipe(DefaultBuffer, clientAddr(l.dialled), serverAddr())
	l.dialled++
	l.waiting = append(l.waiting, server)
	l.changed.Signal()
	return client, nil
}

// Accept waits for the next connection and returns its server end. It is
// [net.ErrClosed] once the listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && len(l.waiting) == 0 {
		l.changed.Wait()
	}
	if l.closed {
		return nil, l.fail("accept", net.ErrClosed)
	}
	c := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	return c, nil
}

// Close stops the listener. Connections that nobody has accepted are aborted; the
// others live on. A second Close is [net.ErrClosed].
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return l.fail("close", net.ErrClosed)
	}
	l.closed = true
	orphans := l.waiting
	l.waiting = nil
	l.changed.Broadcast()
	l.mu.Unlock()
	for _, c := range orphans {
		c.Abort()
	}
	return nil
}

// Addr returns a [*net.TCPAddr] from a range reserved for documentation.
func (l *Listener) Addr() net.Addr { return serverAddr() }

func (l *Listener) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: network, Addr: serverAddr(), Err: err}
}
