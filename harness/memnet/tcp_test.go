package memnet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// behaviours is what loopback TCP on Linux does, and so what a Conn does. A line
// is an end, a call and its outcome. A call followed by & goes on in the
// background: it is "blocked" if it has not returned when all is quiet, and
// "result" asks for its outcome later.
var behaviours = []struct{ name, script string }{
	{"bytes", `
		a write hello = 5
		b read3       = hel
		b read3       = lo
		b read0       = ""
		b write0      = 0
		b read &      = blocked
		a write x     = 1
		b result      = x`},
	{"write and close", `
		a write hi    = 2
		a close       = ok
		b read        = hi
		b read        = EOF
		b read        = EOF
		b write0      = 0
		b read        = EOF
		b write x     = 1
		b write x     = EPIPE
		b write x     = EPIPE
		b write0      = EPIPE
		b read        = EOF
		b closewrite  = ENOTCONN
		b close       = ok`},
	{"bytes stay readable after writing to a closed peer", `
		a write hi    = 2
		a close       = ok
		b write x     = 1
		b write x     = EPIPE
		b read        = hi
		b read        = EOF`},
	{"reading reports nothing of the reset that a write to a closed peer provokes", `
		a close       = ok
		b write x     = 1
		b read        = EOF
		b write x     = EPIPE`},
	{"write and abort", `
		a write hi    = 2
		a abort       = ok
		b read        = hi
		b read        = ECONNRESET
		b read        = EOF
		b write x     = EPIPE
		b closewrite  = ENOTCONN
		b abort       = ok`},
	{"a reset is reported once, here by a write", `
		a write hi    = 2
		a abort       = ok
		b write x     = ECONNRESET
		b write x     = EPIPE
		b read        = hi
		b read        = EOF`},
	{"an empty write reports a reset", `
		a abort       = ok
		b write0      = ECONNRESET
		b read        = EOF`},
	{"an empty read does not", `
		a abort       = ok
		b read0       = ""
		b read        = ECONNRESET`},
	{"half-closing does not report a reset", `
		a abort       = ok
		b closewrite  = ENOTCONN
		b read        = ECONNRESET`},
	{"close with unread bytes resets", `
		b write lost  = 4
		a write hi    = 2
		a close       = ok
		b read        = hi
		b read        = ECONNRESET
		b read        = EOF
		b write x     = EPIPE`},
	{"close with unread bytes resets a peer that has half-closed", `
		b write lost  = 4
		b closewrite  = ok
		a close       = ok
		b read        = ECONNRESET
		b read        = EOF
		b write x     = EPIPE`},
	{"a reset of a half-closed end is reported by a write too", `
		b closewrite  = ok
		a abort       = ok
		b write x     = ECONNRESET
		b write x     = EPIPE
		b read        = EOF`},
	{"close with all bytes read does not reset", `
		b write seen  = 4
		a read        = seen
		a close       = ok
		b read        = EOF`},
	{"half-close", `
		a write last  = 4
		a closewrite  = ok
		a closewrite  = ok
		a write x     = EPIPE
		a write0      = EPIPE
		b read        = last
		b read        = EOF
		b write back  = 4
		b write again = 5
		a read        = backagain
		a read &      = blocked
		b close       = ok
		a result      = EOF
		a write x     = EPIPE
		a closewrite  = ENOTCONN
		a read        = EOF
		a close       = ok
		a close       = closed`},
	{"both directions half-closed", `
		a write hi    = 2
		a closewrite  = ok
		b write yo    = 2
		b closewrite  = ok
		b closewrite  = ENOTCONN
		a closewrite  = ENOTCONN
		a abort       = ok
		b read        = hi
		b read        = EOF
		b write x     = EPIPE`},
	{"half-close and abort", `
		a write hi    = 2
		a closewrite  = ok
		a abort       = ok
		b read        = hi
		b read        = EOF
		b write x     = EPIPE
		b write x     = EPIPE`},
	{"half-close and close", `
		a closewrite  = ok
		a close       = ok
		b read        = EOF
		b write x     = 1
		b write x     = EPIPE
		b read        = EOF`},
	{"abort with unread bytes", `
		b write lost  = 4
		a abort       = ok
		b read        = ECONNRESET`},
	{"abort after the peer's close", `
		b write hi    = 2
		b close       = ok
		a abort       = ok
		a read        = closed`},
	{"after close", `
		a close       = ok
		a read        = closed
		a read0       = closed
		a write x     = closed
		a write0      = closed
		a closewrite  = closed
		a expire      = closed
		a lift        = closed
		a close       = closed
		a abort       = closed`},
	{"after abort", `
		a abort       = ok
		a read        = closed
		a write x     = closed
		a close       = closed
		a abort       = closed`},
	{"a deadline that has passed", `
		b write hi    = 2
		a expire      = ok
		a read        = timeout
		a read0       = ""
		a write x     = timeout
		a write0      = timeout
		a lift        = ok
		a read        = hi
		a write x     = 1
		a expire      = ok
		a close       = ok
		a read        = closed`},
	{"a deadline comes before the end of file and the reset", `
		a expire      = ok
		b close       = ok
		a read        = timeout
		a lift        = ok
		a read        = EOF`},
	{"a blocked read ends with the peer's close", `
		a read &      = blocked
		b close       = ok
		a result      = EOF`},
	{"a blocked read ends with the peer's half-close", `
		a read &      = blocked
		b closewrite  = ok
		a result      = EOF`},
	{"a blocked read ends with a reset", `
		a read &      = blocked
		b abort       = ok
		a result      = ECONNRESET
		a read        = EOF`},
	{"a blocked read ends with a deadline", `
		a read &      = blocked
		a expire      = ok
		a result      = timeout`},
	{"a blocked read ends with its own close", `
		a read &      = blocked
		a close       = ok
		a result      = closed`},
	{"a blocked read goes on after its own half-close", `
		a read &      = blocked
		a closewrite  = ok
		b write hi    = 2
		a result      = hi`},
	{"a blocked write goes on as the peer reads", `
		a fill &      = blocked
		b drain       = all
		a result      = all`},
	{"a blocked write ends with the peer's close", `
		a fill &      = blocked
		b close       = ok
		a result      = ECONNRESET
		a write x     = EPIPE
		a read        = EOF`},
	{"a blocked write ends with the peer's abort", `
		a fill &      = blocked
		b abort       = ok
		a result      = ECONNRESET
		a read        = EOF`},
	{"a blocked write goes on after the peer's half-close", `
		a fill &      = blocked
		b closewrite  = ok
		b drain       = all
		a result      = all
		a read        = EOF`},
	{"a blocked write ends with a deadline", `
		a fill &      = blocked
		a expire      = ok
		a result      = timeout
		a lift        = ok
		b read3       = 000`},
	{"a blocked write ends with its own close", `
		a fill &      = blocked
		a close       = ok
		a result      = closed
		b read3       = 000`},
	{"a blocked write ends with its own half-close", `
		a fill &      = blocked
		a closewrite  = ok
		a result      = EPIPE
		b read3       = 000`},
}

// filling is more than any buffer between two ends holds.
var filling = bytes.Repeat([]byte("0"), 4<<20)

func TestConnBehavesAsTheScript(t *testing.T) {
	for _, tt := range behaviours {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := Pipe(64 << 10)
				defer a.Close()
				defer b.Close()
				if wrong := play(tt.script, a, b, synctest.Wait, time.Hour); wrong != "" {
					t.Error(wrong)
				}
			})
		})
	}
}

func TestLoopbackTCPBehavesAsTheScript(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the script is what Linux does; other systems report some resets differently")
	}
	for _, tt := range behaviours {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// Nothing tells when a segment has been processed, or that a call has
			// begun to wait. A machine too slow for a short pause gets a longer one.
			var wrong string
			for _, pause := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
				a, b := loopback(t)
				wrong = play(tt.script, a, b, func() { time.Sleep(pause) }, 100*pause)
				a.Close()
				b.Close()
				if wrong == "" {
					return
				}
			}
			t.Error(wrong)
		})
	}
}

// loopback returns two real sockets with small buffers.
func loopback(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the error numbers of sockets on Windows are not those of package syscall")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	a, b = client.(*net.TCPConn), server.(*net.TCPConn)
	for _, c := range []*net.TCPConn{a, b} {
		if err := errors.Join(c.SetReadBuffer(64<<10), c.SetWriteBuffer(64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// play runs a script up to the first line that goes otherwise, which it returns.
// settle waits until nothing more happens by itself; patience is how long a call
// may take that is not expected to block.
func play(script string, a, b net.Conn, settle func(), patience time.Duration) (wrong string) {
	ends := map[string]net.Conn{"a": a, "b": b}
	background := map[string]chan string{}
	for line := range strings.Lines(strings.TrimSpace(script)) {
		line = strings.TrimSpace(line)
		command, want, _ := strings.Cut(line, "=")
		words := strings.Fields(command)
		end, words := words[0], words[1:]
		done := background[end]
		if words[0] != "result" {
			done = make(chan string, 1)
			go func() { done <- call(ends[end], words) }()
		}
		limit := patience
		if words[len(words)-1] == "&" {
			background[end] = done
			limit = 0
		}
		if got := await(done, settle, limit); got != strings.TrimSpace(want) {
			return fmt.Sprintf("%s; got %s", line, got)
		}
	}
	return ""
}

func await(done chan string, settle func(), limit time.Duration) string {
	if limit == 0 {
		settle()
		select {
		case got := <-done:
			return got
		default:
			return "blocked"
		}
	}
	defer settle()
	select {
	case got := <-done:
		return got
	case <-time.After(limit):
		return "blocked"
	}
}

func call(c net.Conn, words []string) string {
	read := func(size int) string {
		p := make([]byte, size)
		n, err := c.Read(p)
		if err == nil && n == 0 {
			return `""`
		}
		return outcome(string(p[:n]), err)
	}
	write := func(p []byte) string {
		n, err := c.Write(p)
		if n == len(filling) {
			return outcome("all", err)
		}
		return outcome(fmt.Sprint(n), err)
	}
	switch words[0] {
	case "read":
		return read(100)
	case "read3":
		return read(3)
	case "read0":
		return read(0)
	case "write":
		return write([]byte(words[1]))
	case "write0":
		return write(nil)
	case "fill":
		return write(filling)
	case "drain":
		_, err := io.ReadFull(c, make([]byte, len(filling)))
		return outcome("all", err)
	case "close":
		return outcome("ok", c.Close())
	case "abort":
		return outcome("ok", Abort(c))
	case "closewrite":
		return outcome("ok", CloseWrite(c))
	case "expire":
		return outcome("ok", c.SetDeadline(time.Unix(1, 0)))
	case "lift":
		return outcome("ok", c.SetDeadline(time.Time{}))
	}
	panic("unknown call " + words[0])
}

// outcome names the class of err, or is success if there is none. Every error but
// io.EOF has to be a *net.OpError.
func outcome(success string, err error) string {
	if err == nil {
		return success
	}
	if err == io.EOF {
		return "EOF"
	}
	op, ok := err.(*net.OpError)
	if !ok {
		return fmt.Sprintf("%T: %v", err, err)
	}
	for class, name := range map[error]string{
		net.ErrClosed:      "closed",
		syscall.ECONNRESET: "ECONNRESET",
		syscall.EPIPE:      "EPIPE",
		syscall.ENOTCONN:   "ENOTCONN",
	} {
		if errors.Is(err, class) && !op.Timeout() {
			return name
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && op.Timeout() {
		return "timeout"
	}
	return err.Error()
}
