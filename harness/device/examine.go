package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	ctx   context.Context // ends with the bench, or with the time that the step may take

	firstEvent int // of the device's events, the first of the step
	cursor     int // how many of them the script has looked at
	mark       int // where the cursor was after the last instruction that acted
	firstTrace int // of the device's trace
	names      map[string]Event
	rules      []*rule // armed by the step
	each       each    // of the Repeat that runs
	chance     *rand.Rand
	absent     *absences

	requirements []reports.Requirement
	warnings     []reports.Requirement
	behaviours   []reports.Observation
	series       []reports.Series
}

// examine takes a device through the plan.
func (b *Bench) examine(c *Client) {
	defer b.examined()
	defer c.reached()
	defer func() {
		c.mu.Lock()
		c.progress = Progress{}
		c.mu.Unlock()
	}()
	chance := chanceOf(b.config.Seed, c.ID)
	m := &monitored{seen: map[violation]int{}, exercised: map[req.ID]int{}}
	absent := &absences{}
	for i, s := range b.config.Plan.Steps {
		v := c.Version()
		if !s.In(v) {
			continue
		}
		if c.ctx.Err() != nil {
			return
		}
		x := &examination{b: b, c: c, step: s, v: v, start: time.Now(), ctx: c.ctx, names: map[string]Event{}, firstTrace: c.log.Len(), chance: chance, absent: absent}
		cancel := func() {}
		if s.Limit > 0 {
			x.ctx, cancel = context.WithTimeoutCause(c.ctx, s.Limit, overtime(s.Limit))
		}
		if i > 0 {
			x.firstEvent = c.turn()
			x.cursor = x.firstEvent
			x.mark = x.firstEvent
		}
		c.begins(b.config.Plan, i, v)
		b.config.OnRow(reports.Row{Event: "begin", ID: s.ID, Version: v, Target: c.ID, Variant: variant, At: x.start})
		b.config.OnRow(x.row(x.run(), m))
		cancel()
		x.reboot()
	}
}

// overtime is why a step ends that has taken as long as it may.
type overtime time.Duration

// Error tells the limit.
func (o overtime) Error() string {
	return fmt.Sprintf("the step may take at most %s", time.Duration(o))
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
		if x.ctx.Err() != nil {
			return x.interrupted()
		}
	}
	return nil
}

func (x *examination) interrupted() *outcome {
	return &outcome{reports.Inconclusive, "ended: " + context.Cause(x.ctx).Error(), false}
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
		defer x.waits("", *in.Wait)()
		pause(x.ctx, *in.Wait)
		return nil
	case in.Repeat != nil:
		return x.repeat(*in.Repeat)
	case in.Outages != nil:
		return x.outages(*in.Outages)
	case in.Rewind != nil:
		x.cursor = x.mark
		return nil
	case in.Idle != nil:
		x.idle(*in.Idle)
		return nil
	case in.Choose != nil:
		return x.script(in.Choose[x.chance.IntN(len(in.Choose))])
	}
	defer func() { x.mark = x.cursor }()
	in = x.each.in(in)
	if name, known := strings.CutPrefix(in.payload(), "$"); known {
		p := *in.Publish
		p.Payload, _ = x.names[name].Attribute("payload")
		in.Publish = &p
	}
	if r := ruleOf(in); r != nil {
		x.rules = append(x.rules, r)
		x.cursor = x.c.arm(r)
		return nil
	}
	x.shadow(in)
	if in.Release == nil && in.Hook == nil && in.Watch == nil {
		x.now()
	}
	err := x.c.act(x.ctx, in)
	if errors.Is(err, errOffline) && (in.Close != nil || in.Reset != nil) {
		return nil // the connection is gone already
	}
	var lack lacking
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lack):
		return &outcome{reports.Skip, string(lack), false}
	}
	return &outcome{reports.Inconclusive, fmt.Sprintf("blocked: %s — %v", in, err), false}
}

// shadow waits until the device has spoken of its shadow, where an instruction needs to know it.
func (x *examination) shadow(in Instruction) {
	var topic string
	switch {
	case in.Publish != nil:
		topic = in.Publish.Topic
	case in.Watch != nil:
		topic = in.Watch.Topic
	}
	if !strings.Contains(topic, "{shadow}") {
		return
	}
	x.c.reached()
	t := time.NewTimer(x.patience(0))
	defer t.Stop()
	for {
		_, changed := x.c.since(x.cursor)
		if _, err := x.c.expand(topic); err == nil {
			return
		}
		select {
		case <-changed:
		case <-t.C:
			return
		case <-x.ctx.Done():
			return
		}
	}
}

// payload returns the payload of what is published, or "".
func (in Instruction) payload() string {
	if in.Publish == nil {
		return ""
	}
	return in.Publish.Payload
}

// each is what one iteration of a Repeat is about.
type each struct {
	name   string
	code   wire.ReasonCode
	number int // counted from 1
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
	case in.Cut != nil && in.Cut.Each:
		c := *in.Cut
		c.Nth, c.Each = e.number, false
		in.Cut = &c
	}
	return in
}

// String says what the iteration is about.
func (e each) String() string {
	if e.name == "" {
		return fmt.Sprintf("number %d", e.number)
	}
	return sentence(e.name)
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
	for i := range all {
		all[i].number = i + 1
	}
	return all
}

// repeat runs a script several times and returns what the first iteration came to that broke a statement.
func (x *examination) repeat(r Repeat) (first *outcome) {
	defer func(outer each) { x.each = outer }(x.each)
	if r.For > 0 {
		return x.lasting(r)
	}
	for _, x.each = range r.iterations(x.v) {
		o := x.script(r.Script)
		if o != nil && o.verdict != reports.Fail {
			return cmp.Or(first, o)
		}
		first = cmp.Or(first, o)
	}
	return first
}

// happened returns how much has happened since the device came.
func (x *examination) happened() int {
	_, n := x.c.all()
	return n
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
		case <-x.ctx.Done():
			return false
		}
	}
}

// online waits until the device is connected, or has also subscribed to something.
func (x *examination) online(o Online) *outcome {
	x.c.reached()
	wanted := x.patience(o.Within)
	within := x.short(wanted)
	begun := x.happened()
	defer x.waits("the device to connect", within)()
	t := time.NewTimer(within)
	defer t.Stop()
	for {
		_, changed := x.c.since(x.cursor)
		connected := x.c.Connected()
		if connected && (!o.Subscribed || x.c.subscribedTopic() != "" || o.Ever && x.c.everSubscribed()) {
			x.now()
			return nil
		}
		if never := x.never(subscribing); connected && never != "" {
			return &outcome{reports.Skip, fmt.Sprintf("the device subscribes to nothing (%s)", never), false}
		}
		select {
		case <-changed:
		case <-x.ctx.Done():
			return x.interrupted()
		case <-t.C:
			x.vain(begun, within)
			if connected {
				x.missed(subscribing, within)
				return &outcome{reports.Skip, fmt.Sprintf("the device has subscribed to nothing within %s", within), false}
			}
			return x.missing(o.Verdict.in(x.v), "the device is connected", fmt.Sprintf("it was not within %s%s", within, x.gone(wanted, within)))
		}
	}
}

// missing ends a step because the device is not there: judged by d, or undecided if that says nothing.
func (x *examination) missing(d Verdict, text, observed string) *outcome {
	if d.empty() {
		return &outcome{reports.Inconclusive, "blocked: " + text + " — " + observed, false}
	}
	if o := x.judge(d, text, false, observed); o != nil {
		return o
	}
	return &outcome{reports.Warning, text + ": " + observed, false}
}

// is reports whether an event is what is waited for.
func (x *examination) is(m Match, e Event) bool { return m.matches(e, x.names) }

// await waits for what the step needs.
func (x *examination) await(a Await) *outcome {
	if a.Of != "" {
		event := x.names[a.Of]
		switch {
		case conditions(event, a.Where, x.names):
			return nil
		case a.Lacking != "":
			return &outcome{reports.Skip, a.Lacking, false}
		}
		return &outcome{reports.Inconclusive, "blocked: it was: " + event.String(), false}
	}
	if a.Lacking != "" {
		if never := x.never(a.Match); never != "" {
			x.c.reached()
			return &outcome{reports.Skip, fmt.Sprintf("%s (%s)", a.Lacking, never), false}
		}
	}
	wanted := x.patience(a.Within)
	within := x.short(wanted)
	begun := x.happened()
	defer x.waits(a.Match.String(), within)()
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
	case x.ctx.Err() != nil:
		return x.interrupted()
	}
	x.vain(begun, within)
	if a.Lacking != "" && within == wanted {
		x.missed(a.Match, within)
		return &outcome{reports.Skip, fmt.Sprintf("%s (observed for %s)", a.Lacking, within), false}
	}
	return &outcome{reports.Inconclusive, fmt.Sprintf("blocked: %s — it did not come within %s%s", a.Match, within, x.gone(wanted, within)), false}
}
