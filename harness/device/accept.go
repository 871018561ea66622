package device

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

const (
	// maxConns is how many connections are open at a time.
	maxConns = 1000
	// maxRetry is the longest pause before a connection is accepted again, when that failed.
	maxRetry = time.Second
)

// Expect changes how many devices go through the plan before the bench is done.
func (b *Bench) Expect(devices int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.config.Expect = devices
	b.finish()
}

// finish closes done when enough devices have been through the plan. The caller holds mu.
func (b *Bench) finish() {
	if b.finished >= b.config.Expect && !b.complete {
		b.complete = true
		close(b.done)
	}
}

// maxClients is how many devices are judged.
func (b *Bench) maxClients() int { return max(64, 2*b.config.Expect) }

// patient accepts connections as long as that makes sense: what is only lacking now may come back.
type patient struct {
	net.Listener
	bench *Bench
}

// passing are failures that say nothing about the next connection.
var passing = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED}

// Accept returns the next connection. One too many is closed.
func (p patient) Accept() (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; {
		nc, err := p.Listener.Accept()
		switch {
		case err == nil && p.bench.crowded():
			p.bench.notice(Notice{Trouble: TroubleCrowd, Address: host(nc.RemoteAddr()), Text: fmt.Sprintf("connects while %d connections are open: closed", maxConns)})
			nc.Close()
		case err == nil:
			return nc, nil
		case slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) }):
			p.bench.notice(Notice{Trouble: TroubleAccept, Text: "no connection can be accepted, trying on: " + reason(err).Error()})
			if pause(p.bench.ctx, wait) != nil {
				return nil, err
			}
			wait = min(2*wait, maxRetry)
		default:
			return nil, err
		}
	}
}

// reason returns what the system said.
func reason(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

// crowded reports whether no more connections are taken.
func (b *Bench) crowded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns) >= maxConns
}

// securing makes the TLS handshakes of what a listener accepts, where there are to be any, side by side: one that does
// not get on must not keep the others waiting.
type securing struct {
	net.Listener
	bench   *Bench
	secured chan net.Conn
	failed  chan error
}

func (b *Bench) securing(l net.Listener) *securing {
	s := &securing{Listener: patient{l, b}, bench: b, secured: make(chan net.Conn), failed: make(chan error, 1)}
	b.goes(nil, s.run)
	return s
}

func (s *securing) run() {
	for {
		nc, err := s.Listener.Accept()
		if err != nil {
			s.failed <- err
			return
		}
		s.bench.goes(nil, func() {
			secured, _, ok := s.bench.secure(nc)
			if !ok {
				return
			}
			if secured, ok = s.bench.web(secured); !ok {
				return
			}
			select {
			case s.secured <- secured:
			case <-s.bench.ctx.Done():
				secured.Close()
			}
		})
	}
}

// begun is a connection whose first bytes have been looked at.
type begun struct {
	net.Conn
	r *bufio.Reader
}

// Read reads what has been looked at first.
func (c begun) Read(b []byte) (int, error) { return c.r.Read(b) }

// web reports whether a connection begins with HTTP, and closes it otherwise.
func (b *Bench) web(nc net.Conn) (net.Conn, bool) {
	b.mu.Lock()
	b.conns[nc] = struct{}{} // Close ends the wait
	closed := b.closed
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.conns, nc)
		b.mu.Unlock()
	}()
	c := begun{nc, bufio.NewReader(nc)}
	nc.SetReadDeadline(time.Now().Add(firstPacketTimeout))
	first, err := c.r.Peek(1)
	nc.SetReadDeadline(time.Time{})
	about := Notice{Address: host(nc.RemoteAddr())}
	switch {
	case closed:
	case isTimeout(err):
		about.Trouble, about.Text = TroubleSilent, "connects and "+afterwards(err)
	case err != nil: // somebody looked whether the port is open
	case first[0] == byte(wire.CONNECT)<<4:
		about.Trouble, about.Text = TroublePlain, "sends CONNECT without a WebSocket, and this port is for MQTT over WebSocket"
	case first[0] == 0x16 && b.config.TLS == nil:
		about.Trouble, about.Text = TroubleTLS, "begins with TLS, and this port is for MQTT over WebSocket without it"
	case first[0] < 'A' || first[0] > 'Z':
		about.Trouble, about.Text = TroubleGarbage, fmt.Sprintf("begins with %#02x, and this port is for MQTT over WebSocket", first[0])
	default:
		return c, true
	}
	if about.Trouble != "" {
		b.notice(about)
	}
	nc.Close()
	return nil, false
}

// Accept returns the next connection whose handshake has been made.
func (s *securing) Accept() (net.Conn, error) {
	select {
	case nc := <-s.secured:
		return nc, nil
	case err := <-s.failed:
		return nil, err
	case <-s.bench.ctx.Done():
		return nil, context.Cause(s.bench.ctx)
	}
}
