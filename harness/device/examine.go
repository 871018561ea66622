package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

const (
	defaultPatience = time.Minute
	defaultWithin   = 10 * time.Second
)

// outcome is how a script ended before its end.
type outcome struct {
	verdict reports.Verdict
	reason  string
	own     bool // a defect of ours
}

// examination is one device's way through one step.
type examination struct {
	b     *Bench
	c     *Client
	step  Step
	v     wire.Version
	start time.Time

	firstEvent int // of the device's events, the first of the step
	cursor     int // how many of them the script has looked at
	firstTrace int // of the device's trace
	names      map[string]Event
	rules      []*rule // armed by the step
	each       each    // of the Repeat that runs

	requirements []reports.Requirement
	warnings     []reports.Requirement
	behaviours   []reports.Observation
}

// examine takes a device through the plan.
func (b *Bench) examine(c *Client) {
	defer b.examined()
	defer c.reached()
	m := &monitored{seen: map[violation]bool{}, exercised: map[req.ID]int{}}
	for i, s := range b.config.Plan.Steps {
		v := c.Version()
		if !s.In(v) {
			continue
		}
		if b.ctx.Err() != nil {
			return
		}
		x := &examination{b: b, c: c, step: s, v: v, start: time.Now(), names: map[string]Event{}, firstTrace: c.log.Len()}
		if i > 0 {
			events, _ := c.since(0)
			x.firstEvent, x.cursor = len(events), len(events)
		}
		b.config.OnRow(reports.Row{Event: "begin", ID: s.ID, Version: v, Target: c.ID, Variant: variant, At: x.start})
		b.config.OnRow(x.row(x.run(), m))
	}
}

// variant is the only one that a device has.
const variant = "default"

// run runs the script and cleans up after it.
func (x *examination) run() (o *outcome) {
	defer x.c.settle()
	defer func() {
		if p := recover(); p != nil {
			o = &outcome{reports.Inconclusive, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()), true}
		}
	}()
	return x.script(x.step.Script)
}

// script carries out instructions; a nil outcome means that it came to the end.
func (x *examination) script(script []Instruction) *outcome {
	for _, in := range script {
		if o := x.instruction(in); o != nil {
			return o
		}
		if x.b.ctx.Err() != nil {
			return x.interrupted()
		}
	}
	return nil
}

func (x *examination) interrupted() *outcome {
	return &outcome{reports.Inconclusive, "ended: " + context.Cause(x.b.ctx).Error(), false}
}

func (x *examination) instruction(in Instruction) *outcome {
	switch {
	case in.Online != nil:
		return x.online(*in.Online)
	case in.Await != nil:
		return x.await(*in.Await)
	case in.Expect != nil:
		return x.expect(*in.Expect)
	case in.Check != nil:
		return x.call(*in.Check)
	case in.Wait != nil:
		x.c.reached()
		pause(x.b.ctx, *in.Wait)
		return nil
	case in.Repeat != nil:
		return x.repeat(*in.Repeat)
	}
	in = x.each.in(in)
	if r := ruleOf(in); r != nil {
		x.rules = append(x.rules, r)
		x.cursor = x.c.arm(r)
		return nil
	}
	if in.Release == nil && in.Hook == nil {
		x.now()
	}
	err := x.c.act(x.b.ctx, in)
	if errors.Is(err, errOffline) && (in.Close != nil || in.Reset != nil) {
		return nil // the connection is gone already
	}
	switch err := err.(type) {
	case nil:
		return nil
	case lacking:
		return &outcome{reports.Skip, string(err), false}
	default:
		return &outcome{reports.Inconclusive, fmt.Sprintf("blocked: %s — %v", in, err), false}
	}
}

// each is what one iteration of a Repeat is about.
type each struct {
	name string
	code wire.ReasonCode
}

// in puts it into an instruction that asks for it.
func (e each) in(in Instruction) Instruction {
	switch {
	case in.Send != nil && in.Send.Each:
		s := *in.Send
		s.Malformed, s.Each = e.name, false
		in.Send = &s
	case in.Refuse != nil && in.Refuse.Each:
		r := *in.Refuse
		r.Code, r.Each = e.code, false
		in.Refuse = &r
	case in.Disconnect != nil && in.Disconnect.Each:
		d := *in.Disconnect
		d.Code, d.Each = e.code, false
		in.Disconnect = &d
	}
	return in
}

// iterations returns what a Repeat goes through in a version.
func (r Repeat) iterations(v wire.Version) (all []each) {
	for _, w := range wrongs {
		wanted := slices.Contains(r.Malformed, w.name) || slices.Contains(r.Malformed, "all")
		if wanted && (w.only == 0 || w.only == v) {
			all = append(all, each{name: w.name})
		}
	}
	for _, c := range r.Codes {
		all = append(all, each{name: c.String(), code: c})
	}
	for range r.Times {
		all = append(all, each{})
	}
	return all
}

// repeat runs a script several times and returns what the first iteration came to that broke a statement.
func (x *examination) repeat(r Repeat) (first *outcome) {
	defer func(outer each) { x.each = outer }(x.each)
	for _, x.each = range r.iterations(x.v) {
		o := x.script(r.Script)
		if o != nil && o.verdict != reports.Fail {
			return cmp.Or(first, o)
		}
		first = cmp.Or(first, o)
	}
	return first
}

// now leaves behind what has happened so far.
func (x *examination) now() {
	events, _ := x.c.since(x.cursor)
	x.cursor += len(events)
}

// patience is how long the device may take for what it does of its own accord.
func (x *examination) patience(within time.Duration) time.Duration {
	if within > 0 {
		return within
	}
	return x.b.config.Plan.Patience
}

// next calls take with what happens, from where the script is, until take returns true. It is false if the time is over
// or the bench ends.
func (x *examination) next(within time.Duration, take func(Event) bool) bool {
	x.c.reached()
	t := time.NewTimer(within)
	defer t.Stop()
	for {
		events, changed := x.c.since(x.cursor)
		for _, e := range events {
			x.cursor++
			if take(e) {
				return true
			}
		}
		select {
		case <-changed:
		case <-t.C:
			return false
		case <-x.b.ctx.Done():
			return false
		}
	}
}

// online waits until the device is connected, or has also subscribed to something.
func (x *examination) online(o Online) *outcome {
	x.c.reached()
	within := x.patience(o.Within)
	t := time.NewTimer(within)
	defer t.Stop()
	for {
		_, changed := x.c.since(x.cursor)
		connected := x.c.Connected()
		if connected && (!o.Subscribed || x.c.subscribedTopic() != "" || o.Ever && x.c.everSubscribed()) {
			x.now()
			return nil
		}
		select {
		case <-changed:
		case <-x.b.ctx.Done():
			return x.interrupted()
		case <-t.C:
			if connected {
				return &outcome{reports.Skip, fmt.Sprintf("the device has subscribed to nothing within %s", within), false}
			}
			return &outcome{reports.Inconclusive, fmt.Sprintf("blocked: the device is connected — it was not within %s", within), false}
		}
	}
}

// is reports whether an event is what is waited for.
func (x *examination) is(m Match, e Event) bool { return m.matches(e, x.names) }

// await waits for what the step needs.
func (x *examination) await(a Await) *outcome {
	within := x.patience(a.Within)
	found := x.next(within, func(e Event) bool {
		if !x.is(a.Match, e) {
			return false
		}
		x.names[a.As] = e
		return true
	})
	switch {
	case found:
		return nil
	case x.b.ctx.Err() != nil:
		return x.interrupted()
	case a.Lacking != "":
		return &outcome{reports.Skip, fmt.Sprintf("%s (observed for %s)", a.Lacking, within), false}
	}
	return &outcome{reports.Inconclusive, fmt.Sprintf("blocked: %s — it did not come within %s", a.Match, within), false}
}

// expect judges whether something happens.
func (x *examination) expect(e Expect) *outcome {
	verdict := e.in(x.v)
	if verdict.empty() && e.As == "" {
		return nil
	}
	text := strings.ReplaceAll(e.Text, "{each}", sentence(x.each.name))
	if e.Of != "" {
		event := x.names[e.Of]
		return x.judge(verdict, text, conditions(event, e.Where, x.names), "it was: "+event.String())
	}
	within := e.Within
	if within == 0 {
		within = defaultWithin
	}
	if e.KeepAlives > 0 {
		keepAlive := x.c.keepAlive()
		if keepAlive == 0 {
			return &outcome{reports.Skip, "the device has no Keep Alive", false}
		}
		within += time.Duration(e.KeepAlives * float64(keepAlive))
	}
	var came []Event
	met, ended := e.Absent, false
	x.next(within, func(event Event) bool {
		switch {
		case x.is(e.Match, event), e.Or != nil && x.is(*e.Or, event):
			x.names[e.As] = event
			met, ended = !e.Absent, true
			came = append(came, event)
			return true
		case e.Until != nil && x.is(*e.Until, event):
			ended = true
			came = append(came, event)
			return true
		}
		came = append(came, event)
		return false
	})
	if !ended && x.b.ctx.Err() != nil {
		return x.interrupted()
	}
	if jitter := x.b.config.Jitter.Worst(x.start); !met && !ended && jitter > within/4 {
		return &outcome{reports.Inconclusive, fmt.Sprintf("machine too slow: it did not come within %s, but our own timers were late by %s", within, jitter), false}
	}
	return x.judge(verdict, text, met, observed(came, within, ended))
}

// observed says what came.
func observed(came []Event, within time.Duration, ended bool) string {
	const shown = 6
	s := fmt.Sprintf("within %s", within)
	if ended {
		s = "this came"
	}
	if len(came) == 0 {
		return s + " nothing came"
	}
	if len(came) > shown {
		s += fmt.Sprintf(", after %d other things", len(came)-shown)
		came = came[len(came)-shown:]
	}
	for i, e := range came {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += sep + e.String()
	}
	return s
}

// in leaves of a verdict what holds in a version. One whose statements are all of the other version says nothing here.
func (d Verdict) in(v wire.Version) Verdict {
	d.Must, d.Should = ofVersion(d.Must, v), ofVersion(d.Should, v)
	return d
}

func (d Verdict) empty() bool {
	return len(d.Must)+len(d.Should) == 0 && d.Demand == "" && d.Advice == "" && d.Record == ""
}

// judge draws the conclusions of an expectation.
func (x *examination) judge(d Verdict, text string, met bool, observed string) *outcome {
	if d.Record != "" {
		value := "yes"
		if !met {
			value = "no: " + observed
		}
		x.behaviours = append(x.behaviours, reports.Observation{Key: d.Record, Value: value})
	}
	advisory := func(id req.ID, text string) {
		r := reports.Requirement{ID: id, Verdict: reports.Pass, Text: text, Advisory: true}
		if met {
			x.requirements = append(x.requirements, r)
			return
		}
		r.Verdict, r.Expected, r.Observed, r.Advisory = reports.Warning, text, observed, false
		x.warnings = append(x.warnings, r)
	}
	for _, id := range d.Should {
		advisory(id, text)
	}
	if d.Advice != "" {
		advisory("", d.Advice+": "+text)
	}
	demand := func(id req.ID, text string) {
		r := reports.Requirement{ID: id, Verdict: reports.Pass, Text: text}
		if !met {
			r.Verdict, r.Expected, r.Observed = reports.Fail, text, observed
		}
		x.requirements = append(x.requirements, r)
	}
	for _, id := range d.Must {
		demand(id, text)
	}
	source := d.Demand
	if source != "" {
		demand("", source+": "+text)
	}
	if met || len(d.Must) == 0 && source == "" {
		return nil
	}
	if len(d.Must) > 0 {
		source = string(d.Must[0])
	}
	reason := fmt.Sprintf("%s: %s — %s", source, text, observed)
	x.c.log.Note("✗ " + reason)
	return &outcome{verdict: reports.Fail, reason: reason}
}

// Check judges what a device did in a step, where a single event does not tell.
type Check struct {
	Text  string // what it looks at
	Judge func(Evidence, map[string]float64) Judgement
}

// Evidence is what a check judges.
type Evidence struct {
	Version wire.Version
	Events  []Event // since the step began
}

// Judgement is what a check finds.
type Judgement struct {
	Met        bool
	Observed   string
	Undecided  string // why it cannot be decided
	Vacuous    bool   // nothing was there to judge
	Behaviours []reports.Observation
}

// call judges by a check written in Go.
func (x *examination) call(call Call) *outcome {
	x.c.reached()
	events, _ := x.c.since(x.firstEvent)
	x.cursor = x.firstEvent + len(events)
	j := x.b.config.Checks[call.Name].Judge(Evidence{Version: x.v, Events: events}, call.With)
	x.behaviours = append(x.behaviours, j.Behaviours...)
	if j.Undecided != "" {
		return &outcome{reports.Inconclusive, j.Undecided, false}
	}
	if j.Vacuous {
		return nil
	}
	text := call.Text
	if text == "" {
		text = x.b.config.Checks[call.Name].Text
	}
	return x.judge(call.in(x.v), text, j.Met, j.Observed)
}
