package device

import (
	"fmt"
	"slices"
	"time"
)

const (
	// goneAfter is how many waits in a row may pass without any sign of a device before it counts as gone.
	goneAfter = 2
	// goneWait is how long a step waits for a device that is gone. If it comes back, steps wait as ever.
	goneWait = 10 * time.Second
)

// absences remembers what a device was waited for in vain. A plan has many steps that need the same thing, such as a
// PUBLISH of QoS 2: a device that has never done it, and was given a step's whole patience, would cost that time in each.
type absences struct {
	known  []absence
	silent int // waits in a row in which the device was silent; see vain
	events int // that had happened when the last of them ended
}

// absence is something that a step waited for in vain.
type absence struct {
	match  Match
	step   string
	waited time.Duration
}

// subscribing is what a device does that has subscribed to something.
var subscribing = Match{Packet: "SUBSCRIBE"}

// lasting reports whether a match means the same in every step. Conditions on what was captured do not, nor do events
// that depend on what the plan has done, such as the refusal of a certificate.
func (m Match) lasting() bool {
	for _, value := range m.Where {
		if name, _, _ := reference(value); name != "" {
			return false
		}
	}
	return m.Packet != "" || m.Event == eventOnline
}

// covers reports whether whatever n matches is matched by m, as far as their conditions show.
func (m Match) covers(n Match) bool {
	if m.Packet != n.Packet || m.Event != n.Event {
		return false
	}
	for attribute, value := range m.Where {
		if other, has := n.Where[attribute]; !has || fmt.Sprint(other) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

// ever reports whether the device has done something like that since it came.
func (x *examination) ever(m Match) bool {
	events, _ := x.c.all()
	for _, e := range events {
		if m.matches(e, nil) {
			return true
		}
	}
	return false
}

// never returns why a step need not wait for something: an earlier one did, all its patience, and the device has not
// done it before or since. It is "" if the step must wait.
func (x *examination) never(m Match) string {
	if !m.lasting() {
		return ""
	}
	for _, a := range x.absent.known {
		if a.match.covers(m) && !x.ever(m) {
			return fmt.Sprintf("never since it came; %s waited for it for %s", a.step, a.waited)
		}
	}
	return ""
}

// missed notes that a step has waited in vain for something that the device could have done: it was connected in the
// end, and no limit was announced to it that may keep it from doing so.
func (x *examination) missed(m Match, waited time.Duration) {
	limited := slices.ContainsFunc(x.rules, func(r *rule) bool { _, is := r.effect.(*Connack); return is })
	if !limited && m.lasting() && x.c.Connected() && waited >= x.b.config.Plan.Patience && !x.ever(m) {
		x.absent.known = append(x.absent.known, absence{m, x.step.ID, waited})
	}
}

// vain notes that a wait has ended without what it was for, and had begun when so much had happened. The device was silent
// if it is not connected and there was no sign of it for half of the time, all patience being given, or once more.
func (x *examination) vain(begun int, waited time.Duration) {
	events, now := x.c.all()
	if begun > x.absent.events || x.c.Connected() || len(events) == 0 {
		x.absent.silent = 0
	}
	x.absent.events = now
	switch {
	case x.c.Connected() || len(events) == 0:
	case time.Since(events[len(events)-1].At) >= waited/2 && (waited >= x.b.config.Plan.Patience || x.absent.silent > 0):
		x.absent.silent++
	case now > begun:
		x.absent.silent = 0
	}
}

// short bounds a wait for a device that is gone.
func (x *examination) short(within time.Duration) time.Duration {
	if x.absent.silent < goneAfter || x.happened() > x.absent.events {
		return within
	}
	return min(within, goneWait)
}

// gone says for how long there was no sign of the device, where that has shortened a wait.
func (x *examination) gone(wanted, waited time.Duration) string {
	events, _ := x.c.all()
	if waited >= wanted || len(events) == 0 {
		return ""
	}
	return fmt.Sprintf(", and no sign of it for %s", time.Since(events[len(events)-1].At).Round(time.Second))
}

// reboot asks the hook to start a device again of which there was no sign when a step gave it all its time. One that is
// gone for longer is left alone: it may need more time to start than steps then give it.
func (x *examination) reboot() {
	if x.absent.silent == 0 || x.absent.silent > goneAfter || x.c.Connected() || x.b.config.Hook == nil {
		return
	}
	x.c.log.Note("there is no sign of the device: the hook is to start it again")
	if err := x.c.hook(x.c.ctx, "reboot"); err != nil {
		x.c.log.Note("hook: " + err.Error())
	}
}
