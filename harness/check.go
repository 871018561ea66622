package harness

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/gomega/matchers"
	"github.com/onsi/gomega/types"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// stop ends a body: it is panicked by what cannot go on and recovered by the engine.
type stop struct {
	verdict reports.Verdict
	reason  string
	own     bool // our own defect
}

// statements resolves an id argument to claimed statements of the running version: one id, or several with spaces
// between where their breaches look alike from outside, or a [Twin] of those. Anything else is a defect of the spec.
func (e *environment) statements(id string) (ids []req.ID) {
	if v5, v311, twin := strings.Cut(id, "|"); twin {
		id = v5
		if e.item.Version == wire.V311 {
			id = v311
		}
	}
	for one := range strings.FieldsSeq(id) {
		qualified := req.ID(prefixOf(e.item.Version) + one)
		if !slices.Contains(e.item.Claims, qualified) {
			panic(stop{reports.Inconclusive, fmt.Sprintf("spec %s does not claim %s", e.item.Key(), qualified), true})
		}
		ids = append(ids, qualified)
	}
	return ids
}

// match applies a matcher and says in words what was there instead; one that cannot judge the value is a defect of the
// spec.
func match(actual any, m types.GomegaMatcher) (ok bool, observed string) {
	ok, err := m.Match(actual)
	if err != nil {
		panic(stop{reports.Inconclusive, "matcher: " + err.Error(), true})
	}
	if ok {
		return true, ""
	}
	observed = describe(actual)
	if equal, is := m.(*matchers.EqualMatcher); is {
		observed += " instead of " + describe(equal.Expected)
	}
	return false, observed
}

// describe says a value in a reader's words: the sentence beside it tells what it is about.
func describe(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return strconv.QuoteToASCII(v)
	case []string:
		if len(v) == 0 {
			return "nothing"
		}
		quoted := make([]string, 0, len(v))
		for _, s := range v {
			quoted = append(quoted, strconv.QuoteToASCII(s))
		}
		return strings.Join(quoted, ", ")
	case []byte:
		return strconv.QuoteToASCII(string(v))
	}
	return flat(fmt.Sprintf("%v", v))
}

// Must demands what statement id demands. If the matcher does not match, the target breaks the statement and the body
// ends. The id must be claimed by the spec.
func Must(ctx context.Context, id, what string, actual any, m types.GomegaMatcher) {
	e := from(ctx)
	ids := e.statements(id)
	ok, observed := match(actual, m)
	if !ok {
		e.broken(ids, what, observed)
	}
	e.kept(ids, what)
}

// kept records that the statements were looked at and found kept.
func (e *environment) kept(ids []req.ID, what string) {
	for _, id := range ids {
		e.require(reports.Requirement{ID: id, Verdict: reports.Pass, Text: what})
	}
}

// broken records that the statements were broken and ends the body.
func (e *environment) broken(ids []req.ID, expected, observed string) {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		e.require(reports.Requirement{ID: id, Verdict: reports.Fail, Text: expected, Expected: expected, Observed: observed})
		names = append(names, string(id))
	}
	reason := fmt.Sprintf("%s: %s — %s", strings.Join(names, ", "), expected, observed)
	e.log.Note("✗ " + reason)
	panic(stop{verdict: reports.Fail, reason: reason})
}

// Should says what statement id recommends, or with an empty id what nearly all expect of a target. If the matcher does
// not match, the row gets a warning and the body goes on. It reports whether the matcher matched.
func Should(ctx context.Context, id, what string, actual any, m types.GomegaMatcher) bool {
	e := from(ctx)
	r := reports.Requirement{Verdict: reports.Warning, Text: what}
	if id != "" {
		r.ID = e.statements(id)[0]
	}
	ok, observed := match(actual, m)
	if !ok {
		r.Expected, r.Observed = what, observed
		e.warn(r)
		return false
	}
	e.followed(r)
	return true
}

// followed notes that a recommendation was followed.
func (e *environment) followed(r reports.Requirement) {
	r.Verdict, r.Advisory = reports.Pass, true
	e.require(r)
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
		fail(ctx, what, "%s", observed)
		return
	}
	kept(ctx, what)
}

// kept notes that a step succeeded, if it was owed.
func kept(ctx context.Context, what string) {
	if ids, ok := ctx.Value(owedKey{}).([]req.ID); ok {
		from(ctx).kept(ids, what)
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
	return context.WithValue(ctx, owedKey{}, from(ctx).statements(id))
}

// unowed undoes [Owed] for steps that the statement does not speak of.
func unowed(ctx context.Context) context.Context { return context.WithValue(ctx, owedKey{}, nil) }

// fail ends the body because a step failed: expected says in words what it wanted, the rest what was observed.
func fail(ctx context.Context, expected, format string, args ...any) {
	if cause := context.Cause(ctx); cause != nil {
		panic(stop{verdict: reports.Inconclusive, reason: "ended: " + cause.Error()})
	}
	reason := fmt.Sprintf(format, args...)
	if ids, ok := ctx.Value(owedKey{}).([]req.ID); ok {
		from(ctx).broken(ids, expected, reason)
	}
	reason = "blocked: " + expected + " — " + reason
	from(ctx).log.Note(reason)
	panic(stop{verdict: reports.Inconclusive, reason: reason})
}

// MustBetween is [Must] for a time: it lies between earliest and latest, both included. If it does not, but our own
// timers were late by more than a quarter of the window while the spec ran, the spec is inconclusive. So it is if the
// target stood still for so long that the time may lie on the other side of a bound.
func MustBetween(ctx context.Context, id, what string, got, earliest, latest time.Duration) {
	e := from(ctx)
	ids, expected := e.statements(id), bounds(what, earliest, latest)
	if got < earliest || got > latest {
		e.doubt(got, earliest, latest)
	}
	e.blurred(got, earliest, latest)
	if got < earliest || got > latest {
		e.broken(ids, expected, "after "+round(got))
	}
	e.kept(ids, expected)
}

// ShouldBetween is [Should] for a time, in the way of [MustBetween].
func ShouldBetween(ctx context.Context, id, what string, got, earliest, latest time.Duration) bool {
	e := from(ctx)
	r := reports.Requirement{Verdict: reports.Warning, Text: bounds(what, earliest, latest)}
	if id != "" {
		r.ID = e.statements(id)[0]
	}
	if got >= earliest && got <= latest {
		e.followed(r)
		return true
	}
	e.doubt(got, earliest, latest)
	e.blurred(got, earliest, latest)
	r.Expected, r.Observed = r.Text, "after "+round(got)
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

// flat puts a text on one line.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
