package suites

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/webstream"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// Start makes a broker inside a bubble of testing/synctest, with the bubble's own t: serve owns the connection that it
// is given and returns when that has ended; stop ends the broker and all its goroutines. Channels, timers and
// goroutines of the broker must be made inside Start, or time in the bubble stands still.
type Start func(t *testing.T) (serve func(net.Conn), stop func())

// VirtualOption tunes [Test].
type VirtualOption func(*virtualOptions)

type virtualOptions struct {
	long     bool
	only     func(harness.Item) bool
	versions []wire.Version
	variants map[harness.Variant]configured
}

// configured is a broker in one configuration.
type configured struct {
	start     Start
	users     []User
	webSocket bool // serve is given connections on which HTTP is spoken first
}

// User is somebody whom a broker lets in by User Name and Password.
type User struct{ Name, Password string }

// Long runs also the specs that wait more than a virtual hour. A broker with tickers spends real time on every virtual
// second; one with timers at the instant does not.
func Long() VirtualOption { return func(o *virtualOptions) { o.long = true } }

// Only runs the specs that choose accepts.
func Only(choose func(harness.Item) bool) VirtualOption {
	return func(o *virtualOptions) { o.only = choose }
}

// Variant says how the broker is started in another configuration, which specs of limits and rights ask for; what it must
// be like, the constant of [harness.Variant] says. Users are whom it lets in: who all specs are, then the witness. Without
// it those specs run on the broker as it is. For [harness.OverWebSocket] serve is given connections on which the client
// begins with an HTTP request for a WebSocket.
func Variant(v harness.Variant, start Start, users ...User) VirtualOption {
	return func(o *virtualOptions) {
		if o.variants == nil {
			o.variants = map[harness.Variant]configured{}
		}
		o.variants[v] = configured{start, users, v == harness.OverWebSocket}
	}
}

// In runs the specs of the given versions, instead of all.
func In(versions ...wire.Version) VirtualOption {
	return func(o *virtualOptions) { o.versions = versions }
}

// Test runs the specs against a broker written in Go, over in-memory connections and in virtual time: a week's session
// expiry takes microseconds. Every spec has its own subtest and its own broker. A broken MUST and an undecided spec
// fail the subtest; a broken SHOULD is logged. What the broker announces that it does not offer is skipped.
func Test(t *testing.T, start Start, options ...VirtualOption) {
	o := virtualOptions{versions: Versions}
	for _, f := range options {
		f(&o)
	}
	items, err := harness.Compile(All(), o.versions...)
	if err != nil {
		t.Fatal(err)
	}
	places := map[harness.Variant]*configured{"": {start: start}}
	for v, c := range o.variants {
		places[v] = &c
	}
	seenOf := map[harness.Variant]harness.Capabilities{}
	for v, c := range places {
		if seenOf[v], err = observe(t, *c); err != nil {
			t.Fatal(err)
		}
	}
	for n, i := range items {
		if o.only != nil && !o.only(i) {
			continue
		}
		t.Run(i.Key(), func(t *testing.T) {
			variant := i.Variant
			if places[variant] == nil {
				variant = ""
			}
			seen := seenOf[variant]
			if lack := seen.Lacks(i); lack != "" {
				t.Skip(lack)
			}
			if i.Wait > time.Hour && !o.long {
				t.Skipf("waits %s of virtual time; suites.Long() runs it", i.Wait)
			}
			report(t, virtual(t, i, n, *places[variant], seen))
		})
	}
}

// report says in a test what a row says.
func report(t *testing.T, row reports.Row) {
	for _, f := range row.Findings {
		if f.Verdict == reports.Fail {
			t.Errorf("%s: %s", f.ID, f.Text)
		}
	}
	switch row.Verdict {
	case reports.Fail, reports.Inconclusive:
		t.Errorf("%s: %s\n%s", row.Verdict, row.Reason, Timeline(row))
	case reports.Warning:
		t.Logf("warning: %s", row.Reason)
	case reports.Skip:
		t.Skip(row.Reason)
	}
}

// Timeline is a row's trace as text.
func Timeline(row reports.Row) string {
	var b strings.Builder
	for _, e := range row.Trace {
		fmt.Fprintf(&b, "%10.3fs %-10s %1s %-6s %s %s\n", e.At.Seconds(), e.Conn, e.Dir, e.Kind, e.Text, e.Bad)
	}
	return b.String()
}

// virtualTiming is generous: virtual time costs nothing.
var virtualTiming = harness.Timing{Reply: 2 * time.Second, Slack: 3 * time.Second, Quiet: 500 * time.Millisecond}

// drain is how long the bubble sleeps after the broker's end, so that goroutines which only sleep come to theirs.
const drain = 2 * time.Hour

// stuck is how long, in real time, a bubble may take before it is said to be stuck.
const stuck = 2 * time.Minute

// Virtual runs one spec against a broker in a bubble of virtual time. A goroutine that outlives the broker is reported
// as an inconclusive row that names the leak. The broker must be the variant that the spec wants, if it wants one; the
// users are those whom it lets in. See [Variant].
func Virtual(t *testing.T, i harness.Item, number int, start Start, users ...User) (row reports.Row) {
	return virtual(t, i, number, configured{start, users, i.Variant == harness.OverWebSocket}, harness.Capabilities{})
}

// observe asks a broker, in a bubble of its own, what it offers.
func observe(t *testing.T, c configured) (seen harness.Capabilities, err error) {
	synctest.Test(t, func(t *testing.T) {
		var target *memory
		if target, err = open(t, c); err != nil {
			return
		}
		seen, err = harness.Observe(context.Background(), target, "v", virtualTiming.Reply, Versions...)
		if closing := target.Close(); err == nil {
			err = closing
		}
		time.Sleep(drain)
		synctest.Wait()
	})
	return seen, err
}

// virtual is [Virtual] with what was observed of the broker.
func virtual(t *testing.T, i harness.Item, number int, c configured, seen harness.Capabilities) (row reports.Row) {
	watchdog := time.AfterFunc(stuck, func() { sayStuck(i) })
	defer watchdog.Stop()
	defer func() {
		// synctest panics when everything in the bubble waits for ever
		if p := recover(); p != nil {
			row.Verdict, row.Reason = reports.Inconclusive, fmt.Sprintf("a goroutine of the broker outlives it: %v", p)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		target, err := open(t, c)
		if err != nil {
			row = reports.Row{Event: "end", ID: i.ID, Version: i.Version, Verdict: reports.Inconclusive, Reason: err.Error()}
			return
		}
		row = harness.Run(context.Background(), i, number, harness.Config{Target: target, Timing: virtualTiming, Token: "v", Observed: seen})
		if err := target.Close(); err != nil {
			row.Verdict, row.Reason = reports.Inconclusive, err.Error()
		}
		time.Sleep(drain)
		synctest.Wait()
	})
	return row
}

// memory is a broker in this process, reached over in-memory connections.
type memory struct {
	serve func(net.Conn)
	stop  func()
	again func() (*memory, error)
	configured

	mu      sync.Mutex
	conns   []net.Conn
	serving sync.WaitGroup
	crash   error
}

func open(t *testing.T, c configured) (m *memory, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the broker panics at its start: %v", p)
		}
	}()
	serve, stop := c.start(t)
	return &memory{serve: serve, stop: stop, again: func() (*memory, error) { return open(t, c) }, configured: c}, nil
}

// Dial connects to the broker.
func (m *memory) Dial(ctx context.Context) (net.Conn, error) {
	client, server := memnet.Pipe(0)
	m.mu.Lock()
	m.conns = append(m.conns, server)
	m.mu.Unlock()
	m.serving.Go(func() {
		defer server.Close()
		defer func() {
			if p := recover(); p != nil {
				m.mu.Lock()
				m.crash = fmt.Errorf("the broker panics while it serves a connection: %v", p)
				m.mu.Unlock()
			}
		}()
		m.serve(server)
	})
	if m.webSocket {
		ws, err := webstream.Dial(ctx, client, "in-memory", "/mqtt")
		if err != nil {
			return nil, err // not a nil pointer in an interface
		}
		return ws, nil
	}
	return client, nil
}

// Instance starts another broker in the same bubble.
func (m *memory) Instance(context.Context) (harness.Target, error) { return m.again() }

// Credentials are those of the first user.
func (m *memory) Credentials() (username, password string, ok bool) { return m.user(0) }

// WitnessCredentials are those of the second user.
func (m *memory) WitnessCredentials() (username, password string, ok bool) { return m.user(1) }

func (m *memory) user(n int) (username, password string, ok bool) {
	if n >= len(m.users) {
		return "", "", false
	}
	return m.users[n].Name, m.users[n].Password, true
}

// Info names the target.
func (m *memory) Info() reports.TargetInfo {
	return reports.TargetInfo{Name: "in memory", Variant: "default"}
}

// Close ends the connections, waits for the broker to be done with them and stops it.
func (m *memory) Close() error {
	m.mu.Lock()
	conns := m.conns
	m.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	m.serving.Wait()
	m.stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crash
}

// sayStuck ends the test binary and names the goroutines that keep a bubble from moving: they wait for something that
// virtual time does not know, such as a mutex held across a read.
func sayStuck(i harness.Item) {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	fmt.Fprintf(os.Stderr, "spec %s: virtual time does not move. These goroutines hold it:\n", i.Key())
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		head, _, _ := strings.Cut(g, "\n")
		if strings.Contains(head, "synctest bubble") && !strings.Contains(head, "durable") {
			fmt.Fprintln(os.Stderr, g)
		}
	}
	os.Exit(2)
}
