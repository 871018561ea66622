package device

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// told collects notices.
type told struct {
	mu   sync.Mutex
	list []string
}

func (n *told) take(about Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, string(about.Trouble)+": "+about.String())
}

// waiting is a plan with a step that waits for a device.
func waiting(t *testing.T) Plan {
	p, err := Parse([]byte("plan: p\nsteps: [{id: A, text: t, script: [{expect: {event: online, text: t, advice: us}}]}]\n"), Library{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSilence has connections that do not come to the end of a first packet: they are closed after a time that is
// known, and told.
func TestSilence(t *testing.T) {
	for content, says := range map[string]string{
		"":                   "silent: pipe connects and sends nothing for 30s: closed",
		"\x10\x20\x00\x04MQ": "partial: pipe sends 6 bytes of a CONNECT that is longer, and then sends nothing for 30s: closed",
	} {
		synctest.Test(t, func(t *testing.T) {
			var notices told
			b, err := New(Config{Plan: waiting(t), OnNotice: notices.take})
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := memnet.Pipe(0)
			start := time.Now()
			go b.ServeConn(theirs)
			ours.Write([]byte(content))
			_, _ = ours.Read(make([]byte, 1)) // until it is closed
			if took := time.Since(start); took != firstPacketTimeout {
				t.Errorf("it took %v", took)
			}
			b.Close()
			if len(b.Clients()) > 0 {
				t.Error("it is taken for a device")
			}
			if len(notices.list) != 1 || !strings.HasSuffix(notices.list[0], says[strings.Index(says, "pipe ")+len("pipe "):]) {
				t.Errorf("told %q", notices.list)
			}
		})
	}
}

// scarce is a listener that has no file descriptors for a while.
type scarce struct {
	net.Listener
	fails int
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.fails > 0 {
		s.fails--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// TestScarceDescriptors has connections come while there are no file descriptors: that is told at the first time and at
// the tenth, and afterwards a device is served.
func TestScarceDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notices told
		b, err := New(Config{Plan: waiting(t), OnNotice: notices.take})
		if err != nil {
			t.Fatal(err)
		}
		l := memnet.Listen()
		ended := make(chan error, 1)
		go func() { ended <- b.Serve(&scarce{l, 12}) }()
		nc, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		nc.Write(wire.Bytes(wire.Connect{ClientID: "me", CleanStart: true}, wire.V5))
		<-b.Done()
		nc.Close()
		b.Close()
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("Serve ends with %v", err)
		}
		want := []string{"accept: no connection can be accepted, trying on: too many open files", "accept: no connection can be accepted, trying on: too many open files (10 times)"}
		if !slices.Equal(notices.list, want) {
			t.Errorf("told %q", notices.list)
		}
	})
}

// TestCrowds has more connections than are served, and more devices than are judged.
func TestCrowds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notices told
		b, err := New(Config{Plan: waiting(t), OnNotice: notices.take, OnRow: func(reports.Row) {}})
		if err != nil {
			t.Fatal(err)
		}
		l := memnet.Listen()
		go b.Serve(l)
		var open []net.Conn
		connect := func(content []byte) {
			nc, err := l.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			nc.Write(content)
			open = append(open, nc)
			synctest.Wait()
		}
		for i := range 65 {
			connect(wire.Bytes(wire.Connect{ClientID: string(rune('A' + i)), CleanStart: true}, wire.V5))
		}
		if n := len(b.Clients()); n != 64 {
			t.Errorf("%d devices are judged", n)
		}
		for len(open) < maxConns+2 {
			connect(nil)
		}
		for _, want := range []string{"crowd: ", "is one device too many: 64 are judged"} {
			if len(notices.list) == 0 || !strings.Contains(notices.list[0], want) {
				t.Errorf("told %q", notices.list)
			}
		}
		b.mu.Lock()
		if len(b.conns) != maxConns {
			t.Errorf("%d connections are open", len(b.conns))
		}
		b.mu.Unlock()
		for _, nc := range open {
			nc.Close()
		}
		b.Close()
	})
}

// TestLight shortens large packets behind the first megabytes, and says what they were.
func TestLight(t *testing.T) {
	var events []trace.Event
	for range 10 {
		events = append(events, trace.Event{Kind: trace.Packet, Version: wire.V5, Bytes: wire.Bytes(wire.Publish{Topic: "a", Payload: make([]byte, 1<<20)}, wire.V5)},
			trace.Event{Kind: trace.Packet, Version: wire.V5, Bytes: wire.Bytes(wire.Pingreq{}, wire.V5)})
	}
	whole, pings := 0, 0
	for _, e := range light(events) {
		switch {
		case e.Kind == trace.Packet && len(e.Bytes) > 2:
			whole++
		case e.Kind == trace.Packet:
			pings++
		case len(e.Bytes) != 64 || !strings.HasPrefix(e.Text, "PUBLISH q0 \"a\"") || !strings.HasSuffix(e.Text, "(shortened)"):
			t.Errorf("%d bytes, %q", len(e.Bytes), e.Text)
		}
	}
	if whole != 3 || pings != 10 {
		t.Errorf("%d whole packets and %d pings are left", whole, pings)
	}
}

// TestWorth leaves out the middle of a long step, but not what was found there.
func TestWorth(t *testing.T) {
	var events []trace.Event
	for i := range 50_000 {
		events = append(events, trace.Event{Seq: 7 + i, Kind: trace.Packet})
	}
	shown := worth(events, []reports.Finding{{EventSeq: 20_007}})
	if len(shown) != shownFirst+2*shownAround+1+shownLast+2 {
		t.Errorf("%d events are shown", len(shown))
	}
	var notes []string
	found := false
	for i, e := range shown {
		if e.Kind == trace.Note {
			notes = append(notes, e.Text)
		}
		found = found || e.Seq == 20_007
		if i > 0 && e.Seq <= shown[i-1].Seq {
			t.Fatalf("event %d follows %d", e.Seq, shown[i-1].Seq)
		}
	}
	if !found || len(notes) != 2 {
		t.Errorf("found %v, notes %q", found, notes)
	}
	if few := worth(events[:4000], nil); len(few) != 4000 {
		t.Errorf("of 4000 events %d are shown", len(few))
	}
}
