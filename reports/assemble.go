package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// passingTrace is how many events of a trace are kept of a spec that passed without any finding.
const passingTrace = 60

// Assemble joins the list of selected specs with the rows that the run wrote. Each spec has at least one result on each
// target: one that began but did not end, or never began, is inconclusive. Targets are the variants that the run used
// or failed to open; several entries may share a name. Rows whose spec is not in the list are kept.
func Assemble(list []SpecInfo, rows []Row, targets []TargetInfo, run RunInfo) Result {
	r := Result{SchemaVersion: SchemaVersion, Run: run, Targets: []TargetResult{}, Specs: []SpecResult{}}
	for _, t := range targets {
		r.addVariant(t)
	}
	for _, row := range rows {
		r.addVariant(TargetInfo{Name: row.Target, Variant: row.Variant})
	}
	of := attempts(rows)
	for _, info := range list {
		info.Claims = slices.DeleteFunc(slices.Clone(info.Claims), func(id req.ID) bool {
			return !strings.HasPrefix(string(id), req.Version(info.Version).String()+":")
		})
		for _, t := range r.Targets {
			r.Specs = append(r.Specs, results(info, t, of, run)...)
		}
	}
	r.addUnlisted(list, of)
	conclude(&r)
	return r
}

// addVariant enters a variant of a target unless it is there.
func (r *Result) addVariant(info TargetInfo) {
	at := slices.IndexFunc(r.Targets, func(t TargetResult) bool { return t.Name == info.Name })
	if at < 0 {
		at = len(r.Targets)
		r.Targets = append(r.Targets, TargetResult{Name: info.Name})
	}
	t := &r.Targets[at]
	if !slices.ContainsFunc(t.Variants, func(v TargetInfo) bool { return v.Variant == info.Variant }) {
		if info.Observed == nil {
			info.Observed = map[string]string{}
		}
		t.Variants = append(t.Variants, info)
	}
}

// specKey identifies a spec in one version on one target; its rows may be of several variants and repeats.
type specKey struct {
	id      string
	version wire.Version
	target  string
}

// attempts pairs the beginning and the end of each execution and returns one row for each, by spec and then variant.
// An execution without an end gets a row that says so.
func attempts(rows []Row) map[specKey]map[string][]Row {
	type execution struct {
		key     specKey
		variant string
		repeat  int
	}
	of := map[specKey]map[string][]Row{}
	add := func(x execution, row Row) {
		if of[x.key] == nil {
			of[x.key] = map[string][]Row{}
		}
		of[x.key][x.variant] = append(of[x.key][x.variant], row)
	}
	ended := map[execution]bool{}
	began := map[execution]Row{}
	var order []execution
	for _, row := range rows {
		x := execution{specKey{row.ID, row.Version, row.Target}, row.Variant, row.Repeat}
		if row.Event == "begin" {
			if _, twice := began[x]; !twice {
				order = append(order, x)
			}
			began[x] = row
			continue
		}
		ended[x] = true
		if begin, ok := began[x]; ok {
			row.At = begin.At
		} else {
			row.At = row.At.Add(-row.Duration)
		}
		if !row.Verdict.ofSpec() {
			row.Reason = strings.TrimSpace(fmt.Sprintf("the row has the unknown verdict %q. %s", row.Verdict, row.Reason))
			row.Verdict = Inconclusive
		}
		add(x, row)
	}
	for _, x := range order {
		if !ended[x] {
			row := began[x]
			row.Verdict, row.Reason = Inconclusive, "did not end: the run was over before the spec was"
			add(x, row)
		}
	}
	return of
}

// results returns the results of a spec on a target, one for each variant on which it ran.
func results(info SpecInfo, t TargetResult, of map[specKey]map[string][]Row, run RunInfo) []SpecResult {
	byVariant := of[specKey{info.ID, info.Version, t.Name}]
	if len(byVariant) == 0 {
		reason := "not started: the run was over before its turn"
		for _, v := range t.Variants {
			if v.Error != "" {
				reason = "not started: the target could not be tested: " + v.Error
			}
		}
		if run.Interrupted {
			reason = "not started: the run was interrupted"
		}
		return []SpecResult{{SpecInfo: info, Target: t.Name, Verdict: Inconclusive, Reason: reason}}
	}
	var all []SpecResult
	for _, variant := range slices.Sorted(maps.Keys(byVariant)) {
		all = append(all, join(info, byVariant[variant]))
	}
	return all
}

// addUnlisted adds the results of rows whose spec is not in the list, so that nothing that ran is lost.
func (r *Result) addUnlisted(list []SpecInfo, of map[specKey]map[string][]Row) {
	listed := map[specKey]bool{}
	for _, s := range list {
		for _, t := range r.Targets {
			listed[specKey{s.ID, s.Version, t.Name}] = true
		}
	}
	keys := slices.SortedFunc(maps.Keys(of), func(a, b specKey) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.version, b.version), cmp.Compare(a.target, b.target))
	})
	for _, k := range keys {
		if listed[k] {
			continue
		}
		info := SpecInfo{ID: k.id, Version: k.version, Section: "Not in the list", Text: "is not in the list of this run"}
		for _, variant := range slices.Sorted(maps.Keys(of[k])) {
			r.Specs = append(r.Specs, join(info, of[k][variant]))
		}
	}
}

// join makes one result of the attempts of a spec: that of the worst, with what only others broke.
func join(info SpecInfo, rows []Row) SpecResult {
	slices.SortStableFunc(rows, func(a, b Row) int { return a.Repeat - b.Repeat })
	worst := 0
	for i, row := range rows {
		if row.Verdict.worse(rows[worst].Verdict) {
			worst = i
		}
	}
	row := rows[worst]
	s := SpecResult{
		SpecInfo: info, Target: row.Target, Variant: row.Variant, Verdict: row.Verdict, Reason: row.Reason,
		BlockedBy: row.BlockedBy, Start: row.At, Duration: row.Duration, Jitter: row.Jitter, Stall: row.Stall,
		Requirements: slices.Clone(row.Requirements), Warnings: slices.Clone(row.Warnings),
		Behaviours: slices.Clone(row.Behaviours), Series: row.Series, Monitored: maps.Clone(row.Monitored),
		Faults: row.Faults, Unfired: row.Unfired, Trace: masked(row.Trace, row.Version), TargetLog: row.TargetLog,
	}
	for i, other := range rows {
		s.OwnDefect = s.OwnDefect || other.OwnDefect
		s.Findings = append(s.Findings, findings(other)...)
		if len(rows) > 1 {
			s.Attempts = append(s.Attempts, Attempt{other.Repeat, other.Verdict, other.Reason, other.Duration})
		}
		if i != worst {
			s.Requirements = addNew(s.Requirements, other.Requirements)
			s.Warnings = addNew(s.Warnings, other.Warnings)
			s.Behaviours = addNew(s.Behaviours, other.Behaviours)
			for id, n := range other.Monitored {
				if s.Monitored == nil {
					s.Monitored = map[req.ID]int{}
				}
				s.Monitored[id] += n
			}
		}
	}
	if s.Verdict.quiet() && len(s.Findings) == 0 {
		s.Trace, s.TraceLeftOut = middleOut(s.Trace, passingTrace)
	}
	return s
}

// quiet reports whether nothing about a spec with this verdict asks for evidence.
func (v Verdict) quiet() bool { return v == Pass || v == Behaviour || v == Skip }

// addNew appends what list does not hold yet.
func addNew[T comparable](list, more []T) []T {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// findings returns the findings of a row, each statement once for each connection, at its first event.
func findings(row Row) []Finding {
	type place struct {
		id   req.ID
		conn string
	}
	at := map[place]int{}
	var found []Finding
	for _, f := range row.Findings {
		f.Spec, f.Target, f.Variant, f.Times = row.ID, row.Target, row.Variant, max(f.Times, 1)
		p := place{f.ID, f.Conn}
		i, again := at[p]
		if !again {
			at[p] = len(found)
			found = append(found, f)
			continue
		}
		f.Times += found[i].Times
		if f.EventSeq < found[i].EventSeq {
			found[i] = f
		}
		found[i].Times = f.Times
	}
	return found
}

// middleOut cuts a trace to n events by taking some out of its middle: the beginning tells what was set up and the end
// what came of it. It returns how many it took out.
func middleOut(t []TraceEvent, n int) ([]TraceEvent, int) {
	if len(t) <= n {
		return t, 0
	}
	head := n * 2 / 3
	kept := append(slices.Clone(t[:head]), t[len(t)-(n-head):]...)
	return kept, len(t) - n
}
