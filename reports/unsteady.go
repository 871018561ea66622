package reports

import (
	"fmt"
	"strings"
)

// Unsteady reports whether repeats of the spec came to different verdicts. Then either the target behaves now in one way
// and now in another, or the spec cannot be decided on it, and no single verdict is the whole truth.
func (s SpecResult) Unsteady() bool {
	for _, a := range s.Attempts {
		if a.Verdict != s.Attempts[0].Verdict {
			return true
		}
	}
	return false
}

// Course is what the repeats of the spec came to, in their order.
func (s SpecResult) Course() string {
	words := make([]string, len(s.Attempts))
	for i, a := range s.Attempts {
		words[i] = string(a.Verdict)
	}
	return strings.Join(words, ", ")
}

// Unsteady returns the results of which repeats came to different verdicts.
func (r Result) Unsteady() (all []SpecResult) {
	for _, s := range r.Specs {
		if s.Unsteady() {
			all = append(all, s)
		}
	}
	return all
}

// unsteady lists the specs of which repeats came to different verdicts.
func (m *markdown) unsteady(r Result) {
	all := r.Unsteady()
	if len(all) == 0 {
		return
	}
	m.add(fmt.Sprintf("### %d differ between repeats\n\n", len(all)))
	for i, s := range all {
		if !m.add(fmt.Sprintf("- **%s** %s (%s%s): %s\n", escape(s.ID), escape(s.Text), mqtt(s.Version), m.where(r, s.Target, s.Variant), escape(s.Course()))) {
			m.omitted(len(all) - i)
			break
		}
	}
	m.add("\n")
}
