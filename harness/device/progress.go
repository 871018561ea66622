package device

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Progress is where a device is in the plan.
type Progress struct {
	Step   string // the id of the step that runs; "" before the first and after the last
	Text   string
	Number int // of the step, from 1
	Of     int // steps there are in the device's version
	// Awaits is what the device has to do now, "" if only time passes, and Until when that ends at the latest. Until is
	// zero while nothing is waited for.
	Awaits string
	Until  time.Time
	// Ends is when a repetition for a time ends; zero: there is none.
	Ends time.Time
}

// Progress returns where the device is in the plan.
func (c *Client) Progress() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.progress
}

// begins notes that a step begins, the one at that place of the plan.
func (c *Client) begins(p Plan, at int, v wire.Version) {
	now := Progress{Step: p.Steps[at].ID, Text: p.Steps[at].Text}
	for i, s := range p.Steps {
		if s.In(v) {
			now.Of++
			if i <= at {
				now.Number++
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = now
}

// waits notes what is waited for, and for how long at most, until the function that it returns is called.
func (x *examination) waits(what string, within time.Duration) (over func()) {
	set := func(what string, until time.Time) {
		x.c.mu.Lock()
		defer x.c.mu.Unlock()
		x.c.progress.Awaits, x.c.progress.Until = what, until
	}
	set(what, time.Now().Add(within))
	return func() { set("", time.Time{}) }
}

// goesOn notes that a repetition goes on for a time, until the function that it returns is called.
func (x *examination) goesOn(d time.Duration) (over func()) {
	set := func(t time.Time) {
		x.c.mu.Lock()
		defer x.c.mu.Unlock()
		x.c.progress.Ends = t
	}
	set(time.Now().Add(d))
	return func() { set(time.Time{}) }
}
