package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/reference-broker/profile"
	"github.com/mqttspec/mqttspec/reports"
)

// expectation says what is known to differ of whom a run judges. The zero value knows nothing.
type expectation struct {
	profile *profile.Profile
	on      string // "broker" or "device"
}

// expect reads the profile of --profile.
func expect(name, on string) (expectation, error) {
	if name == "" {
		return expectation{}, nil
	}
	p, err := profile.Load(name)
	if err != nil {
		return expectation{}, usagef("--profile: %s", strings.TrimPrefix(err.Error(), "profile: "))
	}
	return expectation{p, on}, nil
}

// judge returns the row as it counts. One that failed only at statements that are known to differ is a known failure,
// or skipped if that says nothing. What was expected and observed stays in it.
func (e expectation) judge(row reports.Row) reports.Row {
	if e.profile == nil || row.Event != "end" {
		return row
	}
	row.Findings = slices.Clone(row.Findings)
	for i, f := range row.Findings {
		if _, known := e.profile.Deviation(e.on, string(f.ID), row.ID); known && f.Verdict == reports.Fail {
			row.Findings[i].Verdict = reports.KnownFailure
		}
	}
	if d, blocked := e.profile.Block(e.on, row.Reason, row.ID); blocked && row.Verdict == reports.Inconclusive {
		row.Verdict, row.Reason = reports.Skip, e.profile.Title+": "+d.Why
		return row
	}
	if row.Verdict != reports.Fail {
		return row
	}
	verdict := reports.Skip
	var why []string
	var seen []req.ID
	for _, q := range row.Requirements {
		if q.Verdict != reports.Fail {
			continue
		}
		d, known := e.profile.Deviation(e.on, string(q.ID), row.ID)
		if !known {
			return row
		}
		if d.Verdict == profile.Failure {
			verdict = reports.KnownFailure
		}
		if !slices.Contains(seen, q.ID) {
			seen = append(seen, q.ID)
			why = append(why, d.Why)
		}
	}
	if len(seen) == 0 {
		return row
	}
	row.Verdict = verdict
	row.Reason = fmt.Sprintf("%s: %s", e.profile.Title, strings.Join(slices.Compact(why), "; "))
	return row
}

// tell says which statements the profile knows of: those whose failure is known, and those of which nothing is judged.
func (e expectation) tell() (lines []string) {
	if e.profile == nil {
		return nil
	}
	known := map[bool][]string{}
	for _, d := range e.profile.Deviations {
		id, judged := d.Statement, d.Verdict == profile.Failure
		if len(d.Specs) > 0 {
			id += " (" + strings.Join(d.Specs, " ") + ")"
		}
		if d.On == e.on && !slices.Contains(known[judged], id) {
			known[judged] = append(known[judged], id)
		}
	}
	for judged, what := range map[bool]string{true: "a failure is known of", false: "nothing is judged of"} {
		if len(known[judged]) > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s %s", e.profile.Title, what, strings.Join(known[judged], ", ")))
		}
	}
	if len(lines) == 0 {
		return []string{e.profile.Title + ": nothing is known to differ"}
	}
	slices.Sort(lines)
	return lines
}
