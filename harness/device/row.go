package device

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// violation identifies what a monitor found, so that it is reported once although every step judges all traffic so far.
type violation struct {
	id   req.ID
	conn string
	seq  int
}

// monitored is what the monitors found in the steps before.
type monitored struct {
	seen      map[violation]int // how often it was broken on the connection when it was reported last
	exercised map[req.ID]int
}

// judge runs the monitors of clients on all traffic of the device and returns what is new: what was not broken before
// on its connection, and what was broken there before and is so again.
func (m *monitored) judge(events []trace.Event) (findings, again []reports.Finding, exercised map[req.ID]int) {
	exercised = map[req.ID]int{}
	for _, r := range monitor.Run(events, wire.FromClient) {
		if n := r.Exercised - m.exercised[r.ID]; n > 0 {
			exercised[r.ID] = n
		}
		m.exercised[r.ID] = r.Exercised
		for _, v := range r.Violations {
			key := violation{r.ID, v.Conn, v.Seq}
			before := m.seen[key]
			if m.seen[key] = v.Times; before >= v.Times {
				continue
			}
			verdict := reports.Fail
			if s, ok := req.Lookup(r.ID); ok && s.Level.Advisory() {
				verdict = reports.Warning
			}
			f := reports.Finding{ID: r.ID, Verdict: verdict, Text: v.Text, Conn: v.Conn, EventSeq: v.Seq, Times: v.Times}
			if before > 0 {
				again = append(again, f)
			} else {
				findings = append(findings, f)
			}
		}
	}
	return findings, again, exercised
}

// row makes the row of a step whose script ended with o.
func (x *examination) row(o *outcome, m *monitored) reports.Row {
	row := reports.Row{
		Event: "end", ID: x.step.ID, Version: x.v, Target: x.c.ID, Variant: variant, At: time.Now(),
		Duration: time.Since(x.start), Jitter: x.b.config.Jitter.Worst(x.start),
	}
	events := x.c.log.Events()
	var again []reports.Finding
	row.Findings, again, row.Monitored = m.judge(events)
	if o == nil {
		o = x.kept(row, again)
	}
	row.Requirements, row.Warnings, row.Behaviours, row.Series = x.requirements, x.warnings, x.behaviours, x.series
	row.Faults, row.Unfired = x.fired()
	switch {
	case o != nil:
		row.Verdict, row.Reason, row.OwnDefect = o.verdict, o.reason, o.own
		if o.verdict == reports.Inconclusive && len(row.Findings) > 0 {
			row.BlockedBy = string(row.Findings[0].ID)
		}
	case len(row.Unfired) > 0 && len(row.Faults) == 0:
		row.Verdict, row.Reason = reports.Inconclusive, "nothing came on which this could act: "+row.Unfired[0]
	case len(row.Warnings) > 0:
		row.Verdict, row.Reason = reports.Warning, row.Warnings[0].Text+": "+row.Warnings[0].Observed
	case len(row.Requirements) > 0:
		row.Verdict = reports.Pass
	case len(row.Behaviours) > 0:
		row.Verdict = reports.Behaviour
	default:
		row.Verdict, row.Reason = reports.Inconclusive, "nothing came on which the statements of the step could have been broken"
	}
	first := x.firstTrace
	for _, f := range row.Findings {
		first = min(first, f.EventSeq)
	}
	row.Trace = harness.Readable(light(worth(events[first:], row.Findings)), x.start)
	return row
}

const (
	// shownFirst and shownLast are how many events of a step the report shows from its beginning and its end.
	shownFirst, shownLast = 1000, 3000
	// shownAround is how many it shows before and after what a monitor found.
	shownAround = 20
)

// shownBytes is how many bytes of packets the report has of one step. It writes them in hexadecimal.
const shownBytes = 4 << 20

// light shortens packets once so many bytes have been shown.
func light(events []trace.Event) []trace.Event {
	const kept = 64
	sum := 0
	for i, e := range events {
		if sum += len(e.Bytes); sum <= shownBytes || len(e.Bytes) <= kept {
			continue
		}
		sum -= len(e.Bytes) - kept
		if p, _ := e.Decode(); e.Kind == trace.Packet && p != nil {
			e.Text = wire.Summary(p, e.Version)
		}
		e.Kind, e.Bytes, e.Text = trace.Bytes, e.Bytes[:kept:kept], strings.TrimSpace(e.Text+" (shortened)")
		events[i] = e
	}
	return events
}

// worth leaves out what nobody would read: the middle of a step in which very much happened.
func worth(events []trace.Event, findings []reports.Finding) (shown []trace.Event) {
	if len(events) <= shownFirst+shownLast {
		return events
	}
	left := 0
	for i, e := range events {
		near := slices.ContainsFunc(findings, func(f reports.Finding) bool {
			return e.Seq >= f.EventSeq-shownAround && e.Seq <= f.EventSeq+shownAround
		})
		if i >= shownFirst && i < len(events)-shownLast && !near {
			left++
			continue
		}
		if left > 0 {
			shown = append(shown, trace.Event{Seq: e.Seq - 1, At: e.At, Kind: trace.Note, Text: fmt.Sprintf("%d events are left out here", left)})
			left = 0
		}
		shown = append(shown, e)
	}
	return shown
}

// kept turns what the monitors found on the statements of the step into requirements, also where the connection is one
// on which a statement was broken before.
func (x *examination) kept(row reports.Row, again []reports.Finding) (o *outcome) {
	for _, id := range ofVersion(x.step.Kept, x.v) {
		s, _ := req.Lookup(id)
		r := reports.Requirement{ID: id, Verdict: reports.Pass, Text: s.Text}
		for _, f := range slices.Concat(row.Findings, again) {
			if f.ID == id && r.Verdict == reports.Pass {
				r.Verdict, r.Expected, r.Observed = reports.Fail, s.Text, f.Text
				o = &outcome{verdict: reports.Fail, reason: fmt.Sprintf("%s: %s", id, f.Text)}
			}
		}
		if r.Verdict == reports.Fail || row.Monitored[id] > 0 {
			x.requirements = append(x.requirements, r)
		}
	}
	return o
}

// fired tells which rules of the step have acted.
func (x *examination) fired() (fired, unfired []string) {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	for _, r := range x.rules {
		if r.hits > 0 {
			fired = append(fired, r.text)
		} else {
			unfired = append(unfired, r.text)
		}
	}
	return fired, unfired
}

// info describes the device as it introduced itself last.
func (c *Client) info() reports.TargetInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return reports.TargetInfo{Name: c.ID, Variant: variant, Observed: maps.Clone(c.observed)}
}

// introduce keeps what a CONNECT tells of the device. The caller holds mu.
func (c *Client) introduce(p wire.Connect) {
	prefix := p.ProtocolVersion.String() + " "
	set := func(name, value string) { c.observed[prefix+name] = value }
	set("Clean Start", fmt.Sprint(p.CleanStart))
	set("Keep Alive", fmt.Sprintf("%d s", p.KeepAlive))
	set("Will", fmt.Sprint(p.Will != nil))
	set("User Name", fmt.Sprint(p.Username != nil))
	for _, id := range []wire.PropertyID{wire.PropSessionExpiryInterval, wire.PropReceiveMaximum, wire.PropMaximumPacketSize, wire.PropTopicAliasMaximum} {
		if q, ok := p.Properties.Get(id); ok {
			set(id.String(), fmt.Sprint(q.Int))
		}
	}
}
