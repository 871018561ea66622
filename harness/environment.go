package harness

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
	"github.com/mqttspec/mqttspec/reports"
)

// environment is what a body's context leads to.
type environment struct {
	item        Item
	target      Target
	timing      Timing
	jitter      *Jitter
	pulse       *Pulse
	idle        func() // nil if nobody wants to know that the body merely waits
	start       time.Time
	observed    Capabilities
	connections int    // that the spec may have at once, 0 without a limit
	token       string // unique for the run, the spec and the repeat; the beginning of every name
	log         *trace.Log

	mu           sync.Mutex
	requirements []reports.Requirement
	warnings     []reports.Requirement
	behaviours   []reports.Observation
	ends         []func() // what is still open; run in reverse order at the end
	open         int      // connections
	sealed       bool     // the end has come: what is opened now is closed at once
	names        map[string]int
	links        []*netfault.Link
	leavings     leavings
	crashed      string // a panic in a goroutine of the body
	unheard      bool   // a silence that the target may owe to its standing still, should it count against it
	unproven     bool   // and one that proves nothing at all
	clients      []*Client
}

// leavings is what a spec leaves behind on the target.
type leavings struct {
	retained map[string]bool         // Topic Names
	sessions map[string]wire.Version // Client Identifiers
}

type environmentKey struct{}

func from(ctx context.Context) *environment {
	return ctx.Value(environmentKey{}).(*environment)
}

func (e *environment) require(r reports.Requirement) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requirements = append(e.requirements, r)
}

func (e *environment) warn(r reports.Requirement) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.warnings = append(e.warnings, r)
}

// atEnd runs f when the spec ends, at once if it has ended.
func (e *environment) atEnd(f func()) {
	e.mu.Lock()
	if !e.sealed {
		e.ends = append(e.ends, f)
		f = nil
	}
	e.mu.Unlock()
	if f != nil {
		f()
	}
}

// close ends everything that the body has opened.
func (e *environment) close() {
	e.mu.Lock()
	ends := e.ends
	e.ends, e.sealed = nil, true
	e.mu.Unlock()
	for i := len(ends) - 1; i >= 0; i-- {
		ends[i]()
	}
}

// name returns a name for a Network Connection in the trace: what the spec calls the client, numbered from the second
// time on.
func (e *environment) name(clientID string) string {
	n := strings.TrimPrefix(clientID, e.token)
	if n == "" {
		n = "client"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.names[n]++
	if i := e.names[n]; i > 1 {
		return fmt.Sprintf("%s#%d", n, i)
	}
	return n
}

// guard runs f, which is a goroutine of the environment. A panic in it makes the row a defect of our own instead of
// ending the process.
func (e *environment) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			e.crash(p, debug.Stack())
		}
	}()
	f()
}

// crash notes a panic in a goroutine of the environment.
func (e *environment) crash(value any, stack []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.crashed == "" {
		e.crashed = fmt.Sprintf("panic: %v\n%s", value, stack)
	}
}

// maxIDLength is how long a Client Identifier may be that every server must accept (MQTT-3.1.3-5).
const maxIDLength = 23

// ID returns a Client Identifier that no other spec uses: letters and digits, at most 23 characters. The name s may
// have at most 12 letters and digits.
func ID(ctx context.Context, s string) string {
	id := from(ctx).token + s
	if len(id) > maxIDLength {
		panic(stop{reports.Inconclusive, fmt.Sprintf("the name %q makes the Client Identifier %s longer than %d", s, id, maxIDLength), true})
	}
	return id
}

// Topic returns a Topic Name or filter that no other spec uses, with s as its last levels.
func Topic(ctx context.Context, s string) string { return "mqttspec/" + from(ctx).token + "/" + s }

// Version returns the version that the spec runs in.
func Version(ctx context.Context) wire.Version { return from(ctx).item.Version }

// Timings returns the times that the run is tuned by.
func Timings(ctx context.Context) Timing { return from(ctx).timing }

// Since returns how long ago t was; in virtual time as well.
func Since(t time.Time) time.Duration { return time.Since(t) }

// Link puts a fault proxy between the target and the one client that connects through it.
func Link(ctx context.Context) *netfault.Link {
	e := from(ctx)
	e.mu.Lock()
	name := fmt.Sprintf("link%d", len(e.links)+1)
	e.mu.Unlock()
	l := netfault.NewLink(func(c context.Context) (net.Conn, error) { return e.target.Dial(c) }, e.log, name)
	l.OnPanic = func(value any, stack []byte) { e.crash(value, stack) }
	e.mu.Lock()
	e.links = append(e.links, l)
	e.mu.Unlock()
	e.atEnd(l.Shut)
	return l
}

// Fired waits until the rule has fired. If it does not, the step fails: what should have triggered it did not come.
func Fired(ctx context.Context, r *netfault.Rule) {
	e := from(ctx)
	began := time.Now()
	t := time.NewTimer(e.timing.Reply)
	defer t.Stop()
	for {
		select {
		case <-r.Fired():
			return
		case <-t.C:
			if more, _ := e.heardNothing(began, e.timing.Reply); more > 0 {
				t.Reset(more)
				continue
			}
			fail(ctx, fmt.Sprintf("a packet comes for the fault %v", r), "none within %s", e.timing.Reply)
		case <-ctx.Done():
			fail(ctx, "", "")
		}
	}
}

// waits says that the body begins to wait. The returned function says that it goes on.
func (e *environment) waits() (goesOn func() bool) {
	if e.idle == nil {
		return func() bool { return true }
	}
	return time.AfterFunc(idleAfter, e.idle).Stop
}

// Wait lets time pass.
func Wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		fail(ctx, "", "")
	}
}

// Bears returns how many of n connections a spec may open now, if it can use them one after the other as well: the target
// may be one that others share. It is at least 1.
func Bears(ctx context.Context, n int) int {
	e := from(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.connections == 0 {
		return n
	}
	return max(1, min(n, e.connections-e.open))
}

// opens counts a connection that is about to be opened and reports whether the spec may.
func (e *environment) opens() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.connections > 0 && e.open >= e.connections {
		return false
	}
	e.open++
	return true
}

// closes counts one that is over.
func (e *environment) closes() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open--
}

// Together runs the functions at the same time and returns when all have ended. What ends one of them ends the spec.
func Together(ctx context.Context, fs ...func()) {
	var wg sync.WaitGroup
	ended := make([]any, len(fs))
	for i, f := range fs {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					if _, is := p.(stop); !is {
						p = stop{reports.Inconclusive, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), true}
					}
					ended[i] = p
				}
			}()
			f()
		})
	}
	wg.Wait()
	for _, p := range ended {
		if p != nil {
			panic(p)
		}
	}
}
