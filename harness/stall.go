package harness

import (
	"fmt"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// stood returns how long the target has stood still since the spec began.
func (e *environment) stood() time.Duration {
	return e.pulse.stood(e.start, time.Now(), StallLeast)
}

// blurred ends the body without a verdict if a time lies out of its bounds, or in them, perhaps because the target stood
// still: what is measured of it may have begun or ended late. A stall may cost more than its length, so twice that is
// what a bound that was missed must be missed by.
func (e *environment) blurred(got, earliest, latest time.Duration) {
	stood := e.stood()
	within := (got-stood >= earliest || got >= 0 && earliest == 0) && got+stood <= latest
	without := got+2*stood < earliest || got-2*stood > latest
	if stood > 0 && !within && !without {
		stalls := e.stalls()
		panic(stop{verdict: reports.Inconclusive, reason: fmt.Sprintf("%s: %s is no measure against %s to %s",
			stoodStill(stalls, e.start), round(got), round(earliest), round(latest))})
	}
}

func (e *environment) stalls() []Stall { return e.pulse.Stalls(e.start, time.Now(), StallLeast) }

// longestAddition bounds what is added to a wait for the time that the target stood still.
const longestAddition = 10 * time.Second

// timedStall is from when on a standstill counts in a spec that waits for seconds. Such specs leave a second or more
// between what is kept and what is broken.
const timedStall = 500 * time.Millisecond

// heardNothing is asked when a wait that began at a moment is over and nothing has come. It returns how much longer to
// wait: the time that the target stood still does not count, except in specs that keep to a rhythm. Where it cannot be
// added, a silence of which the target stood still for a quarter cannot be held against it, and one of which it did so
// for half shows nothing at all: proven is false. A wait of no length looks at what is there already.
func (e *environment) heardNothing(began time.Time, within time.Duration) (more time.Duration, proven bool) {
	if within <= 0 || e.pulse == nil {
		return 0, true
	}
	now := time.Now()
	stood := e.pulse.stood(began, now, min(StallLeast, within/4))
	heard := now.Sub(began) - stood
	if heard < within && e.item.Wait < time.Second && stood < longestAddition {
		return within - heard, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unheard = e.unheard || heard < within*3/4
	return 0, heard >= within/2
}

// doubtSilence notes a silence that proves nothing.
func (e *environment) doubtSilence(proven bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unproven = e.unproven || !proven
}

// openUnproven notes whether it was by luck that the connection was found open. Only the last look counts: a connection
// that is open later was open before.
func (c *Client) openUnproven(luck bool) {
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	c.unproven = luck
}

// weigh makes a row undecided whose verdict may come of a target that stood still. What depends on time is all that a
// spec says which waits for seconds, and a silence in any other; what else a spec found does not.
func (e *environment) weigh(row *reports.Row) {
	stalls := e.stalls()
	row.Stall = e.stood()
	e.mu.Lock()
	unheard, unproven := e.unheard, e.unproven
	for _, c := range e.clients {
		unproven = unproven || c.unproven
	}
	e.mu.Unlock()
	if row.OwnDefect {
		return
	}
	timed := e.item.Wait >= time.Second && row.Stall >= timedStall
	doubtful := timed || unheard
	switch row.Verdict {
	case reports.Fail, reports.Warning:
	case reports.Pass, reports.Behaviour:
		doubtful = unproven
	case reports.Inconclusive:
		if doubtful {
			retract(row)
		}
		return
	default:
		return
	}
	if !doubtful {
		return
	}
	if len(stalls) == 0 { // short, but so was the wait
		stalls = e.pulse.Stalls(e.start, time.Now(), hiccup)
	}
	undecide(row, stoodStill(stalls, e.start))
}

// undecide takes the verdict from a row, and from everything in it that would count by itself.
func undecide(row *reports.Row, reason string) {
	retract(row)
	row.BlockedBy = row.Reason
	row.Verdict, row.Reason = reports.Inconclusive, reason
}

// retract takes back what a row says of single statements to the target's disadvantage.
func retract(row *reports.Row) {
	for i := range row.Requirements {
		if row.Requirements[i].Verdict == reports.Fail {
			row.Requirements[i].Verdict = reports.Inconclusive
		}
	}
	row.Warnings = nil
}

// postpone keeps an item for the end of the run if it is undecided and the target stood still while it ran. It does so
// once for each item, not if the run is to end, and not for those that run alone.
func (e *Engine) postpone(job numbered, row reports.Row) bool {
	if row.Verdict != reports.Inconclusive || row.Stall == 0 || row.OwnDefect ||
		job.first != nil || job.Hostile || job.Volume || e.ctx.Err() != nil {
		return false
	}
	job.first = &row
	job.number += len(e.outcomes) // other names than those that the target may have kept
	e.mu.Lock()
	defer e.mu.Unlock()
	e.again = append(e.again, job)
	return true
}

// runAgain runs what was postponed. What cannot be run any more stays as it was.
func (e *Engine) runAgain() {
	e.mu.Lock()
	jobs := e.again
	e.mu.Unlock()
	e.sideBySide(queuesOf(jobs), func(jobs []numbered, width int) {
		e.each(jobs, width, func(n int, row reports.Row) {
			if e.ctx.Err() != nil {
				row = *jobs[n].first
			}
			e.settle(jobs[n].Item, row)
		})
	})
}
