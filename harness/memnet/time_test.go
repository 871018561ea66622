package memnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlineFiresAtItsInstant(t *testing.T) {
	tests := []struct {
		name string
		set  func(*Conn, time.Time) error
		wait func(*Conn) error
	}{
		{"read", (*Conn).SetReadDeadline, readByte},
		{"write", (*Conn).SetWriteDeadline, overfill},
		{"read, set for both", (*Conn).SetDeadline, readByte},
		{"write, set for both", (*Conn).SetDeadline, overfill},
	}
	const after = 90*time.Second + 7*time.Nanosecond
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, when := range []string{"before the call", "during the call", "earlier than before", "later than before"} {
				synctest.Test(t, func(t *testing.T) {
					c, peer := Pipe(1000)
					defer peer.Close()
					defer c.Close()
					start := time.Now()
					switch when {
					case "before the call":
						_ = tt.set(c, start.Add(after))
					case "during the call":
						time.AfterFunc(time.Second, func() { _ = tt.set(c, start.Add(after)) })
					case "earlier than before":
						_ = tt.set(c, start.Add(time.Hour))
						time.AfterFunc(time.Second, func() { _ = tt.set(c, start.Add(after)) })
					case "later than before":
						_ = tt.set(c, start.Add(time.Minute))
						time.AfterFunc(59*time.Second, func() { _ = tt.set(c, start.Add(after)) })
					}
					err := tt.wait(c)
					if got := time.Since(start); got != after {
						t.Errorf("set %s: returned after %v, want %v", when, got, after)
					}
					var timeout net.Error
					if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
						t.Errorf("set %s: error %v, want a timeout", when, err)
					}
				})
			}
		})
	}
}

func readByte(c *Conn) error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func overfill(c *Conn) error {
	_, err := c.Write(make([]byte, 1001))
	return err
}

func TestDeadlinesOfTheTwoDirectionsAreSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := Pipe(0)
		defer peer.Close()
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(time.Second))
		peer.SetWriteDeadline(time.Now().Add(time.Second))
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Errorf("write after the read deadline: %v", err)
		}
		if err := readByte(peer); err != nil {
			t.Errorf("read after the write deadline: %v", err)
		}
		if err := readByte(c); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read after the read deadline: %v", err)
		}
		if _, err := peer.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write after the write deadline: %v", err)
		}
	})
}

// A goroutine that waits here must not keep virtual time from passing.
func TestWaitingIsDurable(t *testing.T) {
	tests := []struct {
		name string
		wait func(c *Conn, l *Listener) error
		end  func(c, peer *Conn, l *Listener) error
		want error
	}{
		{"read", func(c *Conn, _ *Listener) error { return readByte(c) },
			func(_, peer *Conn, _ *Listener) error { return peer.Close() }, io.EOF},
		{"write", func(c *Conn, _ *Listener) error { return overfill(c) },
			func(_, peer *Conn, _ *Listener) error { return peer.Close() }, syscall.ECONNRESET},
		{"write behind another write", func(c *Conn, _ *Listener) error {
			go func() { _ = overfill(c) }()
			return overfill(c)
		}, func(c, _ *Conn, _ *Listener) error { return c.Close() }, net.ErrClosed},
		{"accept", func(_ *Conn, l *Listener) error { _, err := l.Accept(); return err },
			func(_, _ *Conn, l *Listener) error { return l.Close() }, net.ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := Pipe(1000)
				l := Listen()
				start := time.Now()
				const week = 7 * 24 * time.Hour
				time.AfterFunc(week, func() { _ = tt.end(c, peer, l) })
				if err := tt.wait(c, l); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if got := time.Since(start); got != week {
					t.Errorf("returned after %v, want %v", got, week)
				}
				c.Close()
				peer.Close()
			})
		})
	}
}

// Where a reset meets a waiting Read and a waiting Write, the kernel tells the
// first to wake up. Here the outcome does not depend on the scheduler.
func TestResetIsToldToTheWaitingRead(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			c, peer := Pipe(1000)
			defer c.Close()
			var read, write error
			var calls sync.WaitGroup
			calls.Go(func() { read = readByte(c) })
			calls.Go(func() { write = overfill(c) })
			synctest.Wait()
			peer.Abort()
			calls.Wait()
			if !errors.Is(read, syscall.ECONNRESET) || !errors.Is(write, syscall.EPIPE) {
				t.Errorf("read: %v, write: %v", read, write)
			}
		})
	}
}

func TestBufferHoldsExactlyItsLimit(t *testing.T) {
	for _, tt := range []struct{ limit, holds int }{{1, 1}, {1000, 1000}, {0, DefaultBuffer}, {-1, DefaultBuffer}} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := Pipe(tt.limit)
			defer peer.Close()
			defer c.Close()
			for _, end := range []*Conn{c, peer} {
				end.SetWriteDeadline(time.Now().Add(time.Second))
				n, err := end.Write(make([]byte, tt.holds+1))
				if n != tt.holds || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("limit %d: wrote %d bytes, %v; want %d and a timeout", tt.limit, n, err, tt.holds)
				}
			}
		})
	}
}

func TestWritesDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := Pipe(10)
		const writers, size = 8, 1000
		var calls sync.WaitGroup
		for i := range writers {
			calls.Go(func() {
				if n, err := c.Write(bytes.Repeat([]byte{byte(i)}, size)); n != size || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			})
		}
		go func() { calls.Wait(); c.Close() }()
		all, err := io.ReadAll(peer)
		if err != nil || len(all) != writers*size {
			t.Fatalf("read %d bytes, %v", len(all), err)
		}
		seen := map[byte]bool{}
		for ; len(all) > 0; all = all[size:] {
			if seen[all[0]] || !bytes.Equal(all[:size], bytes.Repeat(all[:1], size)) {
				t.Fatal("bytes of two writes are mixed")
			}
			seen[all[0]] = true
		}
		peer.Close()
	})
}

// A Write that ends without success has to let in those behind it.
func TestDeadlineEndsAllWrites(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c, peer := Pipe(10)
			defer peer.Close()
			defer c.Close()
			c.SetWriteDeadline(time.Now().Add(time.Second))
			var calls sync.WaitGroup
			for range 5 {
				calls.Go(func() {
					if _, err := c.Write(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("write: %v", err)
					}
				})
			}
			synctest.Wait()
			_ = readByte(peer) // makes all wake and wait again, in another order
			calls.Wait()
		})
	}
}

func TestCloseGivesTheBufferBack(t *testing.T) {
	for name, end := range map[string]func(*Conn) error{"close": (*Conn).Close, "abort": (*Conn).Abort} {
		c, peer := Pipe(0)
		peer.Write(make([]byte, 100_000))
		_ = end(c)
		if n := c.in.chunks(); n != 0 {
			t.Errorf("%s: %d chunks are left", name, n)
		}
	}
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := Listen()
		early, err := l.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		early.Write([]byte("early"))
		second, err := l.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 10)
		if n, err := server.Read(p); string(p[:n]) != "early" || err != nil {
			t.Errorf("the first to dial is not the first accepted: read %q, %v", p[:n], err)
		}
		if early.RemoteAddr().String() != l.Addr().String() || early.LocalAddr().String() != server.RemoteAddr().String() {
			t.Errorf("addresses: client %v-%v, server %v-%v, listener %v",
				early.LocalAddr(), early.RemoteAddr(), server.LocalAddr(), server.RemoteAddr(), l.Addr())
		}
		if early.LocalAddr().String() == second.LocalAddr().String() {
			t.Errorf("two clients share the address %v", early.LocalAddr())
		}

		accepted := make(chan net.Conn, 1)
		go func() { c, _ := l.Accept(); accepted <- c }()
		<-accepted
		go func() { c, _ := l.Accept(); accepted <- c }()
		synctest.Wait()
		late, err := l.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if c := <-accepted; c == nil || c.RemoteAddr().String() != late.LocalAddr().String() {
			t.Errorf("the waiting Accept returned %v", c)
		}

		cancel()
		if _, err := l.Dial(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("dial with an ended context: %v", err)
		}
		ctx = t.Context()
		orphan, err := l.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := orphan.Read(p); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read on a connection that was never accepted: %v", err)
		}
		if _, err := l.Dial(ctx); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after close: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after close: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if _, err := early.Write([]byte("x")); err != nil {
			t.Errorf("write on an accepted connection: %v", err)
		}
	})
}
