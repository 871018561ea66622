package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// toldStalls is how many stalls of a target are told one by one.
const toldStalls = 3

// StoodStill says in one sentence for each target when it stood still, the longest stalls first, and which specs had
// begun last before: one of them may have brought it about. It is empty if no target did.
func (r Result) StoodStill() (sentences []string) {
	for _, t := range r.Targets {
		var stalls []Stall
		for _, s := range r.Run.Stalls {
			if s.Target == t.Name {
				stalls = append(stalls, s)
			}
		}
		if len(stalls) == 0 {
			continue
		}
		slices.SortStableFunc(stalls, func(a, b Stall) int { return int(b.Length - a.Length) })
		var words []string
		for i, s := range stalls {
			if i == toldStalls {
				words = append(words, fmt.Sprintf("and %d more", len(stalls)-i))
				break
			}
			words = append(words, fmt.Sprintf("for %s, %s into the run%s", tenths(s.Length), tenths(s.At.Sub(r.Run.Start)), r.begunBefore(s)))
		}
		sentences = append(sentences, t.Name+" stood still "+strings.Join(words, "; "))
	}
	return sentences
}

// begunBefore names the specs that had begun last when a stall began, and were not over.
func (r Result) begunBefore(s Stall) string {
	if s.Alone != "" {
		return ", the instance for " + s.Alone
	}
	var running []SpecResult
	for _, spec := range r.Specs {
		if spec.Target == s.Target && !spec.Start.IsZero() && !spec.Start.After(s.At) && spec.Start.Add(spec.Duration).After(s.At) {
			running = append(running, spec)
		}
	}
	if len(running) == 0 {
		return ""
	}
	slices.SortStableFunc(running, func(a, b SpecResult) int { return b.Start.Compare(a.Start) })
	var names []string
	for _, spec := range running[:min(len(running), 3)] {
		names = append(names, spec.ID+"/"+spec.Version.String())
	}
	if len(running) <= len(names) {
		return " while " + strings.Join(names, ", ") + " ran"
	}
	return fmt.Sprintf(" while %d specs ran, the last to begin %s", len(running), strings.Join(names, ", "))
}

func tenths(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
