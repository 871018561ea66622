package device

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// expect judges whether something happens.
func (x *examination) expect(e Expect) *outcome {
	verdict := e.in(x.v)
	if verdict.empty() && e.As == "" {
		return nil
	}
	text := strings.ReplaceAll(e.Text, "{each}", x.each.String())
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
	if e.Absent {
		defer x.waits("", within)()
	} else {
		defer x.waits(e.String(), within)()
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
	if !ended && x.ctx.Err() != nil {
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
	x.c.tell("✗ " + reason)
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
	Series     []reports.Series // of which a step shows each name once
}

// call judges by a check written in Go.
func (x *examination) call(call Call) *outcome {
	x.c.reached()
	events, _ := x.c.since(x.firstEvent)
	x.cursor = x.firstEvent + len(events)
	j := x.b.config.Checks[call.Name].Judge(Evidence{Version: x.v, Events: events}, call.With)
	x.observe(j)
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

// observe keeps what a check has measured: the last word of each name, where a step calls it twice.
func (x *examination) observe(j Judgement) {
	for _, o := range j.Behaviours {
		x.behaviours = slices.DeleteFunc(x.behaviours, func(old reports.Observation) bool { return old.Key == o.Key })
	}
	x.behaviours = append(x.behaviours, j.Behaviours...)
	for _, s := range j.Series {
		x.series = slices.DeleteFunc(x.series, func(old reports.Series) bool { return old.Name == s.Name })
	}
	x.series = append(x.series, j.Series...)
}
