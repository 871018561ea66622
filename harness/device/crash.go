package device

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/reports"
)

// Crash is a panic in a goroutine of the bench: a defect of our own.
type Crash struct {
	Client string // whom the goroutine served; "" if that was nobody yet, or all of them
	Value  any    // what it panicked with
	Stack  []byte
}

// Error tells the value, and below it the stack.
func (c *Crash) Error() string { return fmt.Sprintf("panic: %v\n%s", c.Value, c.Stack) }

// closeAfterCrash is how long Close waits after a crash for what the crash may have left blocked.
const closeAfterCrash = 5 * time.Second

// guard runs f, which serves c, or nobody in particular. A panic in it makes the step that runs a defect of our own,
// and ends the plan of c, or of all, instead of the process.
func (b *Bench) guard(c *Client, f func()) {
	defer func() {
		if p := recover(); p != nil {
			b.crash(c, p)
		}
	}()
	f()
}

// goes runs f in a goroutine that Close waits for.
func (b *Bench) goes(c *Client, f func()) { b.serving.Go(func() { b.guard(c, f) }) }

// crash notes a panic. It takes no lock that the goroutine may have held.
func (b *Bench) crash(c *Client, value any) {
	crash := &Crash{Value: value, Stack: debug.Stack()}
	if c != nil {
		crash.Client = c.ID
		c.end(crash)
	} else {
		b.cancel(crash)
	}
	b.crashed.Do(func() { close(b.wrecked) })
	if b.config.OnCrash != nil {
		b.config.OnCrash(crash)
	}
}

// goes runs one of the goroutines that serve the connection. A panic in it ends the connection.
func (n *conn) goes(f func()) {
	n.serving.Go(func() {
		whole := false
		defer func() {
			if !whole {
				n.nc.Close()
			}
		}()
		n.bench.guard(n.client, func() { f(); whole = true })
	})
}

// abandon ends what serves a connection whose reader has panicked.
func (n *conn) abandon() {
	if n.server != nil {
		memnet.Abort(n.server)
	}
	if n.client == nil || n.wake == nil {
		return
	}
	n.client.mu.Lock()
	n.online, n.ending, n.over = false, true, true
	n.client.conns = slices.DeleteFunc(slices.Clone(n.client.conns), func(other *conn) bool { return other == n })
	n.wake.Broadcast()
	n.client.mu.Unlock()
	n.serving.Wait()
}

// crashed returns how a step ended that a crash has ended, otherwise o.
func (x *examination) crashed(o *outcome) *outcome {
	var crash *Crash
	if errors.As(context.Cause(x.c.ctx), &crash) {
		return &outcome{reports.Inconclusive, crash.Error(), true}
	}
	return o
}

// end runs the step and makes its row. A panic in what makes it is a defect of our own as well.
func (x *examination) end(m *monitored) (row reports.Row) {
	defer func() {
		if p := recover(); p != nil {
			row = reports.Row{
				Event: "end", ID: x.step.ID, Version: x.v, Target: x.c.ID, Variant: variant, At: time.Now(), Duration: time.Since(x.start),
				Verdict: reports.Inconclusive, Reason: fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), OwnDefect: true,
			}
		}
	}()
	return x.row(x.crashed(x.run()), m)
}
