package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/req"
)

// Change is what became of one case from one result to another: of a spec in one version, or of a statement that
// monitors judged, on one target.
type Change struct {
	Case   string // "CS-02/5.0", or a statement
	Text   string
	Target string  // "" where both results have a single target, whatever its name
	Before Verdict // "" if the case is new
	After  Verdict // "" if it is gone
	Reason string  // why it is now as it is
}

// Diff holds the changes between two results, each kind in the order of the later one.
type Diff struct {
	Before, After string   // what was compared
	Regressed     []Change // did not fail, and fails; a new case that fails is one of them
	Fixed         []Change // failed, and is kept
	Changed       []Change // another verdict, where neither is a failure that came nor one that was mended
	New, Gone     []Change
	Same          int // cases with the same verdict
}

// failing reports whether a verdict is a failure, known or not.
func (v Verdict) failing() bool { return v == Fail || v == KnownFailure }

// kept reports whether a verdict says that the case was decided for the target.
func (v Verdict) kept() bool {
	return v == Pass || v == Behaviour || v == Warning || v == UnexpectedPass
}

// Compare compares two results case by case. Variants count as one case, of which the worst verdict is taken.
func Compare(before, after Result) Diff {
	d := Diff{Before: titleOfDiff(before), After: titleOfDiff(after)}
	single := len(before.Targets) == 1 && len(after.Targets) == 1
	old, now := casesOf(before, single), casesOf(after, single)
	for _, key := range now.order {
		c := now.of[key]
		was, there := old.of[key]
		change := Change{Case: c.Case, Text: c.Text, Target: c.Target, Before: was.After, After: c.After, Reason: c.Reason}
		switch {
		case change.After == change.Before:
			d.Same++
		case change.After.failing() && !change.Before.failing():
			d.Regressed = append(d.Regressed, change)
		case !there:
			d.New = append(d.New, change)
		case change.Before.failing() && change.After.kept():
			d.Fixed = append(d.Fixed, change)
		default:
			d.Changed = append(d.Changed, change)
		}
	}
	for _, key := range old.order {
		if _, there := now.of[key]; !there {
			c := old.of[key]
			d.Gone = append(d.Gone, Change{Case: c.Case, Text: c.Text, Target: c.Target, Before: c.After})
		}
	}
	return d
}

// titleOfDiff names a result.
func titleOfDiff(r Result) string {
	var names []string
	for _, t := range r.Targets {
		names = append(names, t.Name)
	}
	name := strings.Join(names, ", ")
	if !r.Run.Start.IsZero() {
		name += r.Run.Start.UTC().Format(" (2006-01-02 15:04 UTC)")
	}
	return name
}

// cases are those of one result, each with its verdict as After.
type cases struct {
	of    map[string]Change
	order []string
}

// add enters a case; of several verdicts the worst stays.
func (c *cases) add(one Change) {
	key := one.Case + " " + one.Target
	was, there := c.of[key]
	if !there {
		c.order = append(c.order, key)
	}
	if !there || one.After.worse(was.After) {
		c.of[key] = one
	}
}

func casesOf(r Result, single bool) *cases {
	c := &cases{of: map[string]Change{}}
	where := func(target string) string {
		if single {
			return ""
		}
		return target
	}
	for _, s := range r.Specs {
		one := Change{Case: s.ID + "/" + s.Version.String(), Text: s.Text, Target: where(s.Target), After: s.Verdict}
		if s.Verdict != Pass {
			one.Reason = s.message()
		}
		c.add(one)
	}
	for _, st := range r.Statements {
		for _, on := range st.Targets {
			if on.Monitored > 0 {
				c.add(Change{Case: string(st.ID), Text: st.Text, Target: where(on.Target), After: Pass})
			}
		}
	}
	for _, f := range r.Findings {
		text := ""
		if st, ok := req.Lookup(f.ID); ok {
			text = st.Text
		}
		c.add(Change{Case: string(f.ID), Text: text, Target: where(f.Target), After: f.Verdict, Reason: "found by a monitor in " + f.Spec + ": " + f.Text})
	}
	return c
}

// WriteDiff writes a diff as Markdown: what regressed first.
func WriteDiff(w io.Writer, d Diff) error {
	m := &markdown{left: summaryBudget}
	m.add(fmt.Sprintf("## From %s to %s\n\n", escape(d.Before), escape(d.After)))
	m.add(fmt.Sprintf("%d regressed, %d fixed, %d changed otherwise, %d new, %d gone, %d as before\n",
		len(d.Regressed), len(d.Fixed), len(d.Changed), len(d.New), len(d.Gone), d.Same))
	for _, part := range []struct {
		title   string
		changes []Change
	}{{"Regressed", d.Regressed}, {"Fixed", d.Fixed}, {"Changed otherwise", d.Changed}, {"New", d.New}, {"Gone", d.Gone}} {
		if len(part.changes) == 0 {
			continue
		}
		m.add(fmt.Sprintf("\n### %d %s\n\n", len(part.changes), strings.ToLower(part.title)))
		for i, c := range part.changes {
			if !m.add(changeLine(c)) {
				m.omitted(len(part.changes) - i)
				break
			}
		}
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

// changeLine tells one change.
func changeLine(c Change) string {
	verdicts := []string{}
	for _, v := range []Verdict{c.Before, c.After} {
		if v != "" {
			verdicts = append(verdicts, marks[v]+" "+string(v))
		}
	}
	text := fmt.Sprintf("- **%s** %s", escape(c.Case), escape(c.Text))
	if c.Target != "" {
		text += ", " + escape(c.Target)
	}
	text += ": " + strings.Join(slices.Compact(verdicts), " → ")
	if c.Reason != "" && c.Reason != string(c.After) {
		text += "\n  - " + escape(c.Reason)
	}
	return text + "\n"
}
