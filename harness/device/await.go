package device

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

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
		connected, happened, changed := x.c.presence()
		if connected && (!o.Subscribed || x.c.subscribedTopic() != "" || o.Ever && x.c.everSubscribed()) {
			x.cursor = happened // and not what comes from now on: the connection may be over already
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
				return &outcome{reports.Skip, fmt.Sprintf("%s within %s", x.c.unsubscribed(), within), false}
			}
			return x.missing(o.in(x.v), "the device is connected", fmt.Sprintf("it was not within %s%s", within, x.gone(wanted, within)))
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
	defer x.waits(a.String(), within)()
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
