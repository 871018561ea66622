package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/gomega/types"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/reports"
)

// stop ends a body: it is panicked by what cannot go on and recovered by the engine.
type stop struct {
	verdict reports.Verdict
	reason  string
	own     bool // our own defect
}

// statement resolves an id argument to a claimed statement of the running version. Anything else is a defect of the
// spec.
func (e *environment) statement(id string) req.ID {
	resolved := id
	if strings.Contains(id, "|") {
		for one := range strings.SplitSeq(id, "|") {
			if strings.HasPrefix(one, prefixOf(e.item.Version)) {
				resolved = one
			}
		}
	} else if !strings.Contains(id, ":") {
		resolved = prefixOf(e.item.Version) + id
	}
	if !slices.Contains(e.item.Claims, req.ID(resolved)) {
		panic(stop{reports.Inconclusive, fmt.Sprintf("spec %s does not claim %s", e.item.Key(), resolved), true})
	}
	return req.ID(resolved)
}

// match applies a matcher; one that cannot judge the value is a defect of the spec.
func match(actual any, m types.GomegaMatcher) (ok bool, observed string) {
	ok, err := m.Match(actual)
	if err != nil {
		panic(stop{reports.Inconclusive, "matcher: " + err.Error(), true})
	}
	if !ok {
		observed = flat(m.FailureMessage(actual))
	}
	return ok, observed
}

// flat puts a matcher's message on one line.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// Must demands what statement id demands. If the matcher does not match, the target breaks the statement and the body
// ends. The id must be claimed by the spec.
func Must(ctx context.Context, id, what string, actual any, m types.GomegaMatcher) {
	e := from(ctx)
	r := reports.Requirement{ID: e.statement(id), Verdict: reports.Pass, Text: what}
	ok, observed := match(actual, m)
	if ok {
		e.require(r)
		return
	}
	e.broken(r, observed)
}

// broken records a failure of r and ends the body.
func (e *environment) broken(r reports.Requirement, observed string) {
	r.Verdict, r.Expected, r.Observed = reports.Fail, r.Text, observed
	e.require(r)
	e.log.Note("✗ " + string(r.ID) + ": " + r.Text)
	panic(stop{verdict: reports.Fail, reason: fmt.Sprintf("%s: %s — %s", r.ID, r.Text, observed)})
}

// Should says what statement id recommends, or with an empty id what nearly all expect of a target. If the matcher does
// not match, the row gets a warning and the body goes on. It reports whether the matcher matched.
func Should(ctx context.Context, id, what string, actual any, m types.GomegaMatcher) bool {
	e := from(ctx)
	r := reports.Requirement{Verdict: reports.Warning, Text: what}
	if id != "" {
		r.ID = e.statement(id)
	}
	ok, observed := match(actual, m)
	if !ok {
		r.Expected, r.Observed = what, observed
		e.warn(r)
		return false
	}
	e.followed(what)
	return true
}

// followed notes that a recommendation was followed. It stands without the statement: a check that cannot fail a
// statement does not count as its proof either.
func (e *environment) followed(what string) {
	e.require(reports.Requirement{Verdict: reports.Pass, Text: what})
}

// Record notes a behaviour that the standard leaves to the implementer.
func Record(ctx context.Context, key, value string) {
	e := from(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behaviours = append(e.behaviours, reports.Observation{Key: key, Value: value})
}

// Step checks what the spec does not claim but needs in order to go on. If the matcher does not match, the spec is
// blocked, or under [Owed] the statement is broken.
func Step(ctx context.Context, what string, actual any, m types.GomegaMatcher) {
	if ok, observed := match(actual, m); !ok {
		fail(ctx, "%s: %s", what, observed)
		return
	}
	if id, ok := ctx.Value(owedKey{}).(req.ID); ok {
		from(ctx).require(reports.Requirement{ID: id, Verdict: reports.Pass, Text: what})
	}
}

// SkipIf ends the spec because the target does not offer what it needs, as the reason says.
func SkipIf(ctx context.Context, lacks bool, reason string) {
	if lacks {
		panic(stop{verdict: reports.Skip, reason: reason})
	}
}

// Undecided ends the spec without a verdict on the target.
func Undecided(ctx context.Context, format string, args ...any) {
	panic(stop{verdict: reports.Inconclusive, reason: fmt.Sprintf(format, args...)})
}

type owedKey struct{}

// Owed returns a context for steps that are owed under statement id: one that fails breaks the statement instead of
// blocking the spec.
func Owed(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, owedKey{}, from(ctx).statement(id))
}

// fail ends the body because a step failed.
func fail(ctx context.Context, format string, args ...any) {
	if cause := context.Cause(ctx); cause != nil {
		panic(stop{verdict: reports.Inconclusive, reason: "ended: " + cause.Error()})
	}
	reason := fmt.Sprintf(format, args...)
	if id, ok := ctx.Value(owedKey{}).(req.ID); ok {
		from(ctx).broken(reports.Requirement{ID: id, Text: "the target owes this step"}, reason)
	}
	from(ctx).log.Note("blocked: " + reason)
	panic(stop{verdict: reports.Inconclusive, reason: "blocked: " + reason})
}

// MustBetween is [Must] for a time: it lies between earliest and latest, both included. If it does not, but our own
// timers were late by more than a quarter of the window while the spec ran, the spec is inconclusive.
func MustBetween(ctx context.Context, id, what string, got, earliest, latest time.Duration) {
	e := from(ctx)
	r := reports.Requirement{ID: e.statement(id), Verdict: reports.Pass, Text: bounds(what, earliest, latest)}
	if got >= earliest && got <= latest {
		e.require(r)
		return
	}
	e.doubt(got, earliest, latest)
	e.broken(r, "after "+round(got))
}

// ShouldBetween is [Should] for a time, in the way of [MustBetween].
func ShouldBetween(ctx context.Context, id, what string, got, earliest, latest time.Duration) bool {
	e := from(ctx)
	if got >= earliest && got <= latest {
		e.followed(bounds(what, earliest, latest))
		return true
	}
	e.doubt(got, earliest, latest)
	r := reports.Requirement{Verdict: reports.Warning, Text: bounds(what, earliest, latest), Observed: "after " + round(got)}
	if id != "" {
		r.ID = e.statement(id)
	}
	r.Expected = r.Text
	e.warn(r)
	return false
}

// doubt ends the body without a verdict if the machine was too slow to judge the time got.
func (e *environment) doubt(got, earliest, latest time.Duration) {
	jitter := e.jitter.Worst(e.start)
	if jitter > (latest-earliest)/4 {
		panic(stop{verdict: reports.Inconclusive, reason: fmt.Sprintf(
			"machine too slow: %s is outside %s to %s, but our own timers were late by %s", round(got), round(earliest), round(latest), round(jitter))})
	}
}

func bounds(what string, earliest, latest time.Duration) string {
	return fmt.Sprintf("%s between %s and %s", what, round(earliest), round(latest))
}

func round(d time.Duration) string { return d.Round(time.Millisecond).String() }
