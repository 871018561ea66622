package device

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
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
		b.config.OnRow(x.end(m))
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
		_ = pause(x.ctx, *in.Wait) // whoever runs the script sees that its time is over
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
	x.greet(in)
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

// payload returns the payload of what is published, or "".
func (in Instruction) payload() string {
	if in.Publish == nil {
		return ""
	}
	return in.Publish.Payload
}
