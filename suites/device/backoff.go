package device

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/reports"
)

// pauses returns how long the device stayed away each time: from the end of a Network Connection, or the beginning if
// its end was not seen, to the beginning of the next. At is when that was, since the first pause began.
func pauses(events []device.Event) (all, at []time.Duration) {
	var gone, first time.Time
	for _, e := range events {
		switch e.Kind {
		case "open":
			if !gone.IsZero() {
				if first.IsZero() {
					first = gone
				}
				all, at = append(all, e.At.Sub(gone)), append(at, e.At.Sub(first))
			}
			gone = e.At
		case "close", "end", "rejected":
			gone = e.At
		}
	}
	return all, at
}

// statistics tell how a device comes back.
type statistics struct {
	pauses    []time.Duration
	at        []time.Duration // when the connections after them began, since the first pause did
	min, max  time.Duration
	mean      time.Duration
	growth    float64 // the mean of the last third of the pauses over that of the first third
	variation float64 // of the pauses around a smooth course, 0 for one that follows a formula
	form      string  // "constant", "linear", "exponential", "jittered", "irregular"
}

// enough is how many pauses are needed to tell a course from an accident.
const enough = 4

// capped is a pause that needs no growth: the device has come so far before.
const capped = 30 * time.Second

// tolerance is how far a measured pause may lie from a formula and still follow it: timers and networks are not exact.
const tolerance = 0.06

// measure computes the statistics of the pauses among events.
func measure(events []device.Event) (s statistics) {
	s.pauses, s.at = pauses(events)
	all := s.pauses
	if len(all) == 0 {
		return s
	}
	s.min, s.max = slices.Min(all), slices.Max(all)
	var sum time.Duration
	for _, p := range all {
		sum += p
	}
	s.mean = sum / time.Duration(len(all))
	third := max(len(all)/3, 1)
	s.growth = ratio(mean(all[len(all)-third:]), mean(all[:third]))
	s.form, s.variation = course(all)
	return s
}

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, p := range all {
		sum += p
	}
	return sum / time.Duration(len(all))
}

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return math.Inf(1)
	}
	return float64(a) / float64(b)
}

// course tells which formula the pauses follow, if any, and how far they lie from the nearest one. A cap is part of a
// course: what follows the first pause of full length may stay there.
func course(all []time.Duration) (form string, variation float64) {
	// pauses that hardly grow are no formula that does: those at a cap that vary look like a little of any
	grows := ratio(slices.Max(all), slices.Min(all)) >= 1.5
	variation = math.Inf(1)
	for _, c := range []struct {
		form string
		next func(before, last float64) float64
	}{
		{"constant", func(_, last float64) float64 { return last }},
		{"linear", func(before, last float64) float64 { return last + (last - before) }},
		{"exponential", func(before, last float64) float64 { return last * last / before }},
	} {
		if v := deviation(all, c.next, c.form == "constant"); v < variation && (grows || c.form == "constant") {
			form, variation = c.form, v
		}
	}
	if variation <= tolerance {
		return form, variation
	}
	if mean(all[len(all)/2:]) > mean(all[:max(len(all)/2, 1)])*5/4 {
		return "jittered", variation
	}
	return "irregular", variation
}

// deviation returns how far, in the mean, the pauses lie from what a formula predicts from the two before. A course that
// begins anew, because the device was accepted in between, is as good as one that does not.
func deviation(all []time.Duration, next func(before, last float64) float64, one bool) float64 {
	whole, _ := deviationOf(all, next, one, func(int) bool { return false })
	anew, predicted := deviationOf(all, next, one, func(i int) bool {
		return ratio(all[i], all[i-1]) < 0.5 && math.Abs(ratio(all[i], all[0])-1) <= 2*tolerance
	})
	if predicted >= enough {
		return min(whole, anew)
	}
	return whole
}

// deviationOf does so for courses that begin at the first pause and wherever begins says so, and returns how many pauses
// it has compared.
func deviationOf(all []time.Duration, next func(before, last float64) float64, one bool, begins func(int) bool) (mean float64, n int) {
	needed := 2
	if one {
		needed = 1
	}
	top := float64(slices.Max(all))
	sum, first := 0.0, 0
	for i := 1; i < len(all); i++ {
		if begins(i) {
			first = i
		}
		if i-first < needed {
			continue
		}
		before := 0.0
		if !one {
			before = float64(all[i-2])
		}
		want := min(next(before, float64(all[i-1])), top)
		if want <= 0 {
			return math.Inf(1), n
		}
		sum += math.Abs(float64(all[i])-want) / want
		n++
	}
	if n == 0 {
		return math.Inf(1), n
	}
	return sum / float64(n), n
}

// observations are the numbers for the report.
func (s statistics) observations() []reports.Observation {
	var list []string
	for _, p := range s.pauses {
		list = append(list, fmt.Sprintf("%.2f", p.Seconds()))
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	return []reports.Observation{
		{Key: "pauses between connections, in seconds", Value: strings.Join(list, " ")},
		{Key: "shortest pause", Value: seconds(s.min)},
		{Key: "mean pause", Value: seconds(s.mean)},
		{Key: "longest pause", Value: seconds(s.max)},
		{Key: "growth, last third over first third", Value: fmt.Sprintf("%.2f", s.growth)},
		{Key: "deviation from the nearest formula", Value: fmt.Sprintf("%.0f %%", 100*s.variation)},
		{Key: "course of the pauses", Value: s.form},
		{Key: "cap, the longest pause that came more than once", Value: s.cap()},
	}
}

// cap tells where the pauses stop growing: at the longest one, if the one before it in length is about as long.
func (s statistics) cap() string {
	sorted := slices.Sorted(slices.Values(s.pauses))
	if n := len(sorted); n > 1 && ratio(sorted[n-1], sorted[n-2]) < 1+2*tolerance {
		return fmt.Sprintf("%.2f s", s.max.Seconds())
	}
	return "not reached"
}

// series is the course for a plot. The band around it is that of pauses which double from the first one up to the
// longest, halved and doubled, and are not shorter than least: it shows what a back-off looks like. The verdicts do not
// come from it.
func (s statistics) series(least time.Duration) []reports.Series {
	if len(s.pauses) == 0 {
		return nil
	}
	plot := reports.Series{
		Name: "pauses between connections", X: reports.Axis{Name: "time of the attempt", Unit: "s"}, Y: reports.Axis{Name: "pause before it", Unit: "s"},
		Band: "pauses that double from the first one on, halved and doubled",
		Text: fmt.Sprintf("%d attempts after pauses from %.2f s to %.2f s, in the mean %.2f s; the course is %s, the last third is %.2f times as long as the first.",
			len(s.pauses), s.min.Seconds(), s.max.Seconds(), s.mean.Seconds(), s.form, s.growth),
	}
	middle := max(s.pauses[0], least).Seconds()
	for i, p := range s.pauses {
		low, high := max(least.Seconds(), min(middle, s.max.Seconds())/2), 2*middle
		plot.Points = append(plot.Points, reports.Point{X: s.at[i].Seconds(), Y: p.Seconds(), Low: &low, High: &high})
		middle *= 2
	}
	return []reports.Series{plot}
}

// judgePace demands that no pause is shorter than "minimum" seconds.
func judgePace(e device.Evidence, with map[string]float64) device.Judgement {
	s := measure(e.Events)
	if len(s.pauses) == 0 {
		return device.Judgement{Undecided: "the device has not come back"}
	}
	least := time.Duration(with["minimum"] * float64(time.Second))
	return device.Judgement{Series: s.series(least), Met: s.min >= least, Observed: fmt.Sprintf("the shortest of %d pauses is %s, at least %s is expected", len(s.pauses), s.min.Round(time.Millisecond), least), Behaviours: s.observations()}
}

// judgeBackoff demands pauses of at least "minimum" seconds that grow and are jittered; "jitter" 0 takes a strict
// formula that grows as well.
func judgeBackoff(e device.Evidence, with map[string]float64) device.Judgement {
	s := measure(e.Events)
	least := time.Duration(with["minimum"] * float64(time.Second))
	if len(s.pauses) < enough {
		return device.Judgement{Undecided: fmt.Sprintf("the device has come back %d times, %d are needed to tell", len(s.pauses), enough), Behaviours: s.observations(), Series: s.series(least)}
	}
	j := device.Judgement{Series: s.series(least), Met: true, Observed: fmt.Sprintf("%d pauses from %s to %s, %s", len(s.pauses), s.min.Round(time.Millisecond), s.max.Round(time.Millisecond), s.form), Behaviours: s.observations()}
	fail := func(format string, args ...any) {
		if j.Met {
			j.Met, j.Observed = false, fmt.Sprintf(format, args...)+": "+j.Observed
		}
	}
	if s.min < least {
		fail("the shortest pause is below %s", least)
	}
	strict, given := with["jitter"]
	switch {
	case s.form == "constant" || s.form == "linear":
		fail("the pauses are %s", s.form)
	case s.form == "exponential" && (!given || strict > 0):
		fail("the pauses follow a formula without any jitter")
	case s.growth < 1.2 && s.min < capped:
		fail("the pauses do not grow")
	}
	return j
}
