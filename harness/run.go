package harness

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
	"github.com/mqttspec/mqttspec/reports"
)

// Config is what running a spec depends on besides the spec.
type Config struct {
	Target   Target
	Timing   Timing
	Deadline time.Duration // for a body, beside the wait that its spec declares; 0 means 30 s
	Grace    time.Duration // for a body that has been told to end; 0 means 5 s
	Jitter   *Jitter       // nil in virtual time
	Pulse    *Pulse        // of the target; nil if it is not measured
	Observed Capabilities  // of the target; what it lacks ends a spec that needs it with a skip
	Token    string        // begins every name that specs give on the target; letters and digits, at most 6
	Repeat   int
	// Connections is how many a spec may have at once; 0 is no limit. One that needs more is skipped. See [Bears].
	Connections int

	idle func() // called when the body merely waits, maybe several times; nil if nobody asks
}

// errDeadline is why a body that takes too long is ended.
var errDeadline = errors.New("the spec took longer than its deadline")

// maxTraceBytes bounds what one spec's trace keeps in memory.
const maxTraceBytes = 2 << 20

// Token returns a random beginning for names, so that runs against one target do not meet.
func Token() string {
	return "m" + strconv.FormatUint(36*36*36*36+rand.Uint64N(35*36*36*36*36), 36)
}

// Run runs one spec to its end and returns its row. The number distinguishes the specs of a run from each other.
func Run(ctx context.Context, item Item, number int, c Config) reports.Row {
	if c.Deadline == 0 {
		c.Deadline = 30 * time.Second
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	e := &environment{
		item: item, target: c.Target, timing: c.Timing, jitter: c.Jitter, pulse: c.Pulse, start: time.Now(), log: &trace.Log{},
		token: c.Token + fmt.Sprintf("%03s", strconv.FormatInt(int64(number)%(36*36*36), 36)),
		names: map[string]int{}, observed: c.Observed, idle: c.idle, connections: c.Connections,
	}
	e.log.Limit(maxTraceBytes)
	ended := e.body(ctx, c)
	if keeper, ok := c.Target.(Keeper); ok && keeper.Keeps() {
		e.tidy(ctx, c.Timing.Reply)
	}
	return e.row(ended, c)
}

// body runs the body with its deadline and returns how it ended, with every connection closed.
func (e *environment) body(parent context.Context, c Config) stop {
	ctx, cancel := context.WithTimeoutCause(context.WithValue(parent, environmentKey{}, e), e.item.Wait+c.Deadline, errDeadline)
	defer cancel()
	ended := make(chan stop, 1)
	go func() {
		result := stop{reports.Inconclusive, "the body called runtime.Goexit", true}
		defer func() { ended <- result }()
		defer func() {
			switch p := recover().(type) {
			case nil:
			case stop:
				result = p
			default:
				result = stop{reports.Inconclusive, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), true}
			}
		}()
		e.item.Body(ctx)
		result = stop{verdict: reports.Pass}
	}()
	var result stop
	select {
	case result = <-ended:
	case <-ctx.Done():
		// a body that is inside a write gets free when its connections are closed
		e.close()
		t := time.NewTimer(c.Grace)
		defer t.Stop()
		select {
		case result = <-ended:
		case <-t.C:
			result = stop{reports.Inconclusive, "the body did not end: " + context.Cause(ctx).Error(), true}
		}
	}
	cancel()
	e.close()
	return result
}

// row makes the row of a body that ended as result says.
func (e *environment) row(result stop, c Config) reports.Row {
	info := c.Target.Info()
	e.mu.Lock()
	row := reports.Row{
		Event: "end", ID: e.item.ID, Version: e.item.Version, Target: info.Name, Variant: info.Variant, Repeat: c.Repeat,
		At: time.Now(), Requirements: e.requirements, Warnings: e.warnings, Behaviours: e.behaviours,
		Duration: time.Since(e.start), Jitter: e.jitter.Worst(e.start),
	}
	crashed, links := e.crashed, e.links
	e.mu.Unlock()
	events := e.log.Events()
	if !e.log.Truncated() { // monitors would take what is missing for something that was not sent
		row.Findings, row.Monitored = judge(events)
	}
	row.Faults, row.Unfired = faults(links)
	row.Verdict, row.Reason, row.OwnDefect = result.verdict, result.reason, result.own
	switch {
	case crashed != "":
		row.Verdict, row.Reason, row.OwnDefect = reports.Inconclusive, crashed, true
	case result.verdict == reports.Pass && len(row.Unfired) > 0:
		row.Verdict, row.Reason = reports.Inconclusive, "a fault did not fire: "+row.Unfired[0]
	case result.verdict == reports.Pass && len(row.Warnings) > 0:
		row.Verdict, row.Reason = reports.Warning, row.Warnings[0].Text+": "+row.Warnings[0].Observed
	case result.verdict == reports.Pass && len(row.Requirements) == 0 && len(row.Behaviours) > 0:
		row.Verdict = reports.Behaviour
	case result.verdict == reports.Pass && len(row.Requirements) == 0:
		row.Verdict, row.Reason, row.OwnDefect = reports.Inconclusive, "the spec ended without having checked anything", true
	case result.verdict == reports.Inconclusive && len(row.Findings) > 0:
		row.BlockedBy = string(row.Findings[0].ID)
	}
	e.weigh(&row)
	if row.Verdict != reports.Pass && row.Verdict != reports.Behaviour && row.Verdict != reports.Skip {
		if l, ok := c.Target.(Logger); ok {
			row.TargetLog = l.Logs()
		}
	}
	most := maxShown
	if e.log.Truncated() {
		most = maxFlood
	}
	row.Trace = Readable(shortened(events, row.Findings, most), e.start)
	return row
}

// What bounds the events of a row: a target that floods its clients must fill neither the disk nor the report.
const (
	maxShown = 4000
	maxFlood = 200 // of a trace that was too large to be kept: every spec may have one
)

// shortened leaves out what is in the middle of a trace of more than most events, except what findings point to, and says
// so there.
func shortened(events []trace.Event, findings []reports.Finding, most int) []trace.Event {
	if len(events) <= most {
		return events
	}
	guilty := map[int]bool{}
	for _, f := range findings {
		if guilty[f.EventSeq] = true; len(guilty) >= most {
			break
		}
	}
	var shown []trace.Event
	left := len(events) - most
	for n, e := range events {
		switch {
		case n == most/2:
			shown = append(shown, trace.Event{Seq: e.Seq, At: e.At, Kind: trace.Note, Text: fmt.Sprintf("here about %d events are left out", left)})
		case n < most/2, n >= most/2+left, guilty[e.Seq]:
			shown = append(shown, e)
		}
	}
	return shown
}

// judge runs the monitors of servers on the traffic of a spec.
func judge(events []trace.Event) (findings []reports.Finding, exercised map[req.ID]int) {
	exercised = map[req.ID]int{}
	for _, r := range monitor.Run(events, wire.FromServer) {
		if r.Exercised > 0 {
			exercised[r.ID] += r.Exercised
		}
		for _, v := range r.Violations {
			findings = append(findings, reports.Finding{ID: r.ID, Verdict: findingVerdict(r.ID), Text: v.Text, Conn: v.Conn, EventSeq: v.Seq, Times: v.Times})
		}
	}
	return findings, exercised
}

func findingVerdict(id req.ID) reports.Verdict {
	if s, ok := req.Lookup(id); ok && s.Level.Advisory() {
		return reports.Warning
	}
	return reports.Fail
}

// faults tells which armed faults fired.
func faults(links []*netfault.Link) (fired, unfired []string) {
	for _, l := range links {
		for _, r := range l.Rules() {
			if r.HasFired() {
				fired = append(fired, r.String())
			} else {
				unfired = append(unfired, r.String())
			}
		}
	}
	return fired, unfired
}

// Readable turns events into what reports show, with times since start.
func Readable(events []trace.Event, start time.Time) []reports.TraceEvent {
	shown := make([]reports.TraceEvent, 0, len(events))
	for _, e := range events {
		t := reports.TraceEvent{Seq: e.Seq, At: e.At.Sub(start), Conn: e.Conn, Kind: e.Kind, Hex: hex.EncodeToString(e.Bytes), Text: e.Text}
		switch e.Leg {
		case trace.ClientLeg:
			t.Leg = "client"
		case trace.TargetLeg:
			t.Leg = "target"
		}
		switch e.Kind {
		case trace.Packet, trace.Bytes, trace.Close:
			t.Dir = ">"
			if e.Dir == trace.ToClient {
				t.Dir = "<"
			}
		}
		if e.Kind == trace.Close {
			t.Text = string(e.How)
			if e.Text != "" {
				t.Text += ": " + e.Text
			}
		}
		if e.Kind == trace.Packet {
			p, err := e.Decode()
			if p == nil {
				p = wire.Raw(e.Bytes)
			}
			t.Text = wire.Summary(p, e.Version)
			if err != nil {
				t.Bad = err.Error()
			}
		}
		shown = append(shown, t)
	}
	return shown
}
