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

// blurred ends the body without a verdict if the target stood still, so that nobody knows which time it would have
// taken. A stall may cost more than its length, such as a turn of a clock, so a time that is far out is not judged either.
func (e *environment) blurred(got, earliest, latest time.Duration) {
	if stalls := e.stalls(); len(stalls) > 0 {
		panic(stop{verdict: reports.Inconclusive, reason: fmt.Sprintf("%s: %s is no measure against %s to %s",
			stoodStill(stalls, e.start), round(got), round(earliest), round(latest))})
	}
}

func (e *environment) stalls() []Stall { return e.pulse.Stalls(e.start, time.Now(), StallLeast) }

// longestAddition bounds what is added to a wait for the time that the target stood still.
const longestAddition = 10 * time.Second

// heardNothing is asked when a wait that began at a moment is over and nothing has come. It returns how much longer to
// wait: the time that the target stood still does not count, except in specs that keep to a rhythm. Where it cannot be
// added, a silence of which the target stood still for a quarter cannot be held against it, and one of which it did so
// for half shows nothing at all. A wait of no length looks at what is there already.
func (e *environment) heardNothing(began time.Time, within time.Duration) (more time.Duration) {
	if within <= 0 || e.pulse == nil {
		return 0
	}
	now := time.Now()
	stood := e.pulse.stood(began, now, min(StallLeast, within/4))
	heard := now.Sub(began) - stood
	if heard < within && e.item.Wait < time.Second && stood < longestAddition {
		return within - heard
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unheard = e.unheard || heard < within*3/4
	e.unproven = e.unproven || heard < within/2
	return 0
}

// weigh makes a row undecided whose verdict may come of a target that stood still. What depends on time is all that a
// spec says which waits for seconds, and a silence in any other; what else a spec found does not.
func (e *environment) weigh(row *reports.Row) {
	stalls := e.stalls()
	row.Stall = e.stood()
	e.mu.Lock()
	unheard, unproven := e.unheard, e.unproven
	e.mu.Unlock()
	if row.OwnDefect {
		return
	}
	timed := e.item.Wait >= time.Second && len(stalls) > 0
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
