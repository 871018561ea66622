package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/reports"
)

// result writes what a run came to, for people.
func (p page) result(r reports.Result, written []string) {
	p.printf("\n")
	for _, t := range r.Targets {
		p.targetResult(r, t)
	}
	if len(r.Targets) > 1 {
		p.printf("All targets together: %s\n", roughly(r.Run.Duration))
	}
	p.unsteady(r)
	for _, s := range r.StoodStill() {
		p.printf("%s %s\n", p.mark(reports.Inconclusive), printable(s))
	}
	p.reasons(r, reports.Skip, "skipped", 1)
	p.reasons(r, reports.Inconclusive, "undecided", fewAlike+1)
	if !r.Run.Complete {
		p.printf("%s\n", p.in("33", "The run is not complete: "+printable(r.Run.Reason)))
	}
	for _, path := range written {
		if filepath.Base(path) == string(reports.HTML) {
			p.printf("Report: %s\n", path)
		}
	}
}

func (p page) targetResult(r reports.Result, t reports.TargetResult) {
	colour := "32"
	switch t.Overall {
	case reports.DoesNotConform:
		colour = "31"
	case reports.Undecided:
		colour = "33"
	}
	if why := failure(t); why != "" {
		p.printf("%s: %s\n", printable(t.Name), p.in("31", "could not be tested: "+shortened(printable(why))))
		return
	}
	p.printf("%s: %s\n", printable(t.Name), p.in(colour, t.Overall))
	var words []string
	for _, v := range verdicts {
		if n := t.Counts[v]; n > 0 {
			words = append(words, p.in(marks[v].colour, fmt.Sprintf("%s %d %s", marks[v].glyph, n, v)))
		}
	}
	took := ""
	if len(r.Targets) == 1 {
		took = ", in " + roughly(r.Run.Duration)
	}
	p.printf("  %s%s\n", strings.Join(words, "  "), took)
	if r.Run.Strict && t.Counts[reports.Warning] > 0 {
		p.printf("  %s\n", p.in("31", "--strict counts warnings as failures"))
	}
	if n := broken(r, t.Name); n > 0 {
		p.printf("  %s by monitors on the traffic of all specs\n", p.in("31", counted(n, "statement")+" found broken"))
	}
	for _, c := range t.Coverage {
		p.printf("  MQTT %s: %d statements known, %d observable, %d exercised, %d kept\n", c.Version, c.Known, c.Observable, c.Exercised, c.Kept)
	}
}

// failure says why a target could not be tested, or nothing.
func failure(t reports.TargetResult) string {
	for _, v := range t.Variants {
		if v.Error != "" {
			first, _, _ := strings.Cut(v.Error, "\n") // below it there may be a log
			return first
		}
	}
	return ""
}

// broken counts the statements that monitors found broken on a target.
func broken(r reports.Result, target string) int {
	ids := map[string]bool{}
	for _, f := range r.Findings {
		if f.Target == target && f.Verdict == reports.Fail {
			ids[string(f.ID)] = true
		}
	}
	return len(ids)
}

// toldUnsteady is how many specs are named whose repeats differ; the report has all of them.
const toldUnsteady = 20

// unsteady names the specs whose repeats came to different verdicts.
func (p page) unsteady(r reports.Result) {
	all := r.Unsteady()
	if len(all) == 0 {
		return
	}
	p.printf("%s\n", p.in("33", "≠ "+counted(len(all), "result")+" differ between repeats:"))
	for i, s := range all {
		if i == toldUnsteady {
			p.printf("    and %d more\n", len(all)-i)
			break
		}
		where := ""
		if len(r.Targets) > 1 {
			where = " on " + printable(s.Target)
		}
		p.printf("    %s/%s%s: %s\n", s.ID, s.Version, where, s.Course())
	}
}

// reasons counts the specs with a verdict by their reasons, where a reason has at least some of them.
func (p page) reasons(r reports.Result, v reports.Verdict, name string, least int) {
	n := map[string]int{}
	var order []string
	for _, s := range r.Specs {
		if s.Verdict == v && !untested(r, s.Target) {
			first, _, _ := strings.Cut(s.Reason, "\n")
			if n[first]++; n[first] == least {
				order = append(order, first)
			}
		}
	}
	for _, reason := range order {
		p.printf("%s %d %s: %s\n", p.mark(v), n[reason], name, shortened(printable(reason)))
	}
}

// untested reports whether the target could not be tested at all, which has been said.
func untested(r reports.Result, target string) bool {
	return slices.ContainsFunc(r.Targets, func(t reports.TargetResult) bool { return t.Name == target && failure(t) != "" })
}
