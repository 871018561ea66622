package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DefaultBuffer is how many bytes each direction of a connection holds, unless
// told otherwise. It is large enough for brokers that write while they hold a
// lock, as loopback TCP is.
const DefaultBuffer = 256 << 10

// Conn is one end of a connection in memory. It is a [net.Conn], and its methods
// may be called from several goroutines at once. Errors are of type
// [*net.OpError] around the error numbers that a TCP connection reports,
// except for the plain [io.EOF].
type Conn struct {
	mu            *sync.Mutex // guards both ends: a reset changes both directions at once
	peer          *Conn
	limit         int // bytes that in may hold
	local, remote net.Addr

	in      queue     // bytes that the peer wrote and this end has not read
	changed sync.Cond // of the direction towards this end: our reads, the peer's writes

	readDeadline, writeDeadline deadline

	reading int  // calls of Read that wait
	writing bool // a Write has begun and not ended

	closed  bool  // Close or Abort was called on this end
	sentFIN bool  // this end will send no more
	gotFIN  bool  // the peer will send no more
	dead    bool  // a reset came or went, or both directions have ended
	reset   error // what the reset reports; given to one call only, as the kernel does
}

// Pipe returns the two ends of a new connection. Each direction holds up to limit
// bytes that are written and not yet read; a limit of zero or less means
// [DefaultBuffer]. The ends' addresses are from a range reserved for
// documentation; a is the one that looks like a client.
func Pipe(limit int) (a, b *Conn) { return pipe(limit, clientAddr(0), serverAddr()) }

func pipe(limit int, client, server net.Addr) (a, b *Conn) {
	if limit <= 0 {
		limit = DefaultBuffer
	}
	mu := new(sync.Mutex)
	a = &Conn{mu: mu, limit: limit, local: client, remote: server}
	b = &Conn{mu: mu, limit: limit, local: server, remote: client}
	a.peer, b.peer = b, a
	a.changed.L, b.changed.L = mu, mu
	return a, b
}

// Read waits until there are bytes and moves as many as there are to p. Bytes
// that came before an end or a reset are read first. The end of the peer's
// direction is [io.EOF]. A reset is ECONNRESET, once, and then io.EOF; it is
// only io.EOF if the peer's direction had ended before. After Close it is
// [net.ErrClosed], and after the read deadline [os.ErrDeadlineExceeded], even if
// there are bytes.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case len(p) == 0:
			return 0, nil
		case c.readDeadline.passed:
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case c.in.size > 0:
			n := c.in.pop(p)
			c.changed.Broadcast()
			return n, nil
		case c.gotFIN:
			return 0, io.EOF
		case c.reset != nil:
			return 0, c.fail("read", c.takeReset("read"))
		case c.dead:
			return 0, io.EOF
		}
		c.reading++
		c.changed.Wait()
		c.reading--
	}
}

// Write waits until all of p is in the peer's buffer. Like TCP it cannot see that
// the peer has closed before it tries: that first Write succeeds and provokes a
// reset, and the next one is EPIPE. A reset by the peer is ECONNRESET, once, and
// then EPIPE, which is also what follows CloseWrite. After Close it is
// [net.ErrClosed], and after the write deadline [os.ErrDeadlineExceeded].
// The number is that of the bytes the peer can read, or could have read. Writes
// of several goroutines do not mix.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing && !c.closed {
		c.peer.changed.Wait()
	}
	if c.closed {
		return 0, c.fail("write", net.ErrClosed)
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.peer.changed.Broadcast()
	}()
	for {
		switch {
		case c.closed:
			return n, c.fail("write", net.ErrClosed)
		case c.writeDeadline.passed:
			return n, c.fail("write", os.ErrDeadlineExceeded)
		case c.reset != nil && c.reading == 0:
			return n, c.fail("write", c.takeReset("write"))
		case c.sentFIN || c.dead:
			return n, c.fail("write", os.NewSyscallError("write", syscall.EPIPE))
		case len(p) == 0:
			return 0, nil
		}
		space := min(len(p)-n, c.limit-c.peer.in.size)
		if c.peer.closed {
			c.receiveReset()
		} else {
			c.peer.in.push(p[n : n+space])
			c.peer.changed.Broadcast()
		}
		if n += space; n == len(p) {
			return n, nil
		}
		if space == 0 {
			c.peer.changed.Wait()
		}
	}
}

// Close ends both directions. Bytes already written stay readable for the peer,
// which then reads io.EOF. If this end has not read all that the peer wrote, the
// peer is told by a reset, as from Abort. Calls that wait on this end return
// [net.ErrClosed], and so does a second Close.
func (c *Conn) Close() error { return c.end(false) }

// Abort closes the connection with a reset (RST): bytes already written stay
// readable for the peer, which then sees ECONNRESET. A peer to which this
// end has already sent its end of file sees io.EOF, and EPIPE when it writes.
// For this end it is as Close.
func (c *Conn) Abort() error { return c.end(true) }

func (c *Conn) end(abort bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.readDeadline.stop()
	c.writeDeadline.stop()
	if abort || c.in.size > 0 {
		c.dead = true
		c.peer.receiveReset()
	} else {
		c.sendFIN()
	}
	c.in.clear()
	c.changed.Broadcast()
	c.peer.changed.Broadcast()
	return nil
}

// CloseWrite ends the direction towards the peer (FIN): the peer reads what was
// written and then io.EOF, and may go on writing. Further writes here are EPIPE.
// It is ENOTCONN after a reset, or once both directions have ended, and
// [net.ErrClosed] after Close.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return c.fail("close", net.ErrClosed)
	case c.dead:
		return c.fail("close", os.NewSyscallError("shutdown", syscall.ENOTCONN))
	}
	c.sendFIN()
	c.peer.changed.Broadcast()
	return nil
}

// sendFIN ends the direction towards the peer. The caller holds mu and wakes.
func (c *Conn) sendFIN() {
	c.sentFIN = true
	c.peer.gotFIN = true
	if c.gotFIN {
		c.dead, c.peer.dead = true, true
	}
}

// receiveReset is the arrival of a reset at this end. Where both directions have
// ended already it changes nothing that can be seen. The caller holds mu.
func (c *Conn) receiveReset() {
	c.dead = true
	c.reset = syscall.ECONNRESET
	if c.gotFIN {
		c.reset = syscall.EPIPE
	}
	c.changed.Broadcast()
	c.peer.changed.Broadcast()
}

func (c *Conn) takeReset(call string) error {
	err := os.NewSyscallError(call, c.reset)
	c.reset = nil
	return err
}

// fail wraps err as package net does.
func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: network, Source: c.local, Addr: c.remote, Err: err}
}

// LocalAddr returns a [*net.TCPAddr] for those who take addresses apart. Nothing
// can be dialled there.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the peer's LocalAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadline(t, true, true) }

// SetReadDeadline makes Read return [os.ErrDeadlineExceeded] from t on, also
// where it waits already. The zero time means no deadline.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(t, true, false) }

// SetWriteDeadline makes Write return [os.ErrDeadlineExceeded] from t on, also
// where it waits already; what it has written by then stays written. The zero
// time means no deadline.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(t, false, true) }

func (c *Conn) setDeadline(t time.Time, read, write bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return &net.OpError{Op: "set", Net: network, Addr: c.local, Err: net.ErrClosed}
	}
	if read {
		c.readDeadline.set(t, c.mu, &c.changed)
		c.changed.Broadcast()
	}
	if write {
		c.writeDeadline.set(t, c.mu, &c.peer.changed)
		c.peer.changed.Broadcast()
	}
	return nil
}
