package reports

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// conclude computes everything in a result that follows from its specs: counts, statements, findings, behaviours,
// coverage and the overall verdicts.
func conclude(r *Result) {
	r.Findings, r.Behaviours = []Finding{}, []Behaved{}
	for _, s := range r.Specs {
		r.Findings = append(r.Findings, s.Findings...)
		for _, o := range s.Behaviours {
			r.Behaviours = append(r.Behaviours, Behaved{o, s.ID, s.Version, s.Target, s.Variant})
		}
	}
	r.Counts = counts(r.Specs)
	r.Statements = statements(r)
	r.Overall = overall(r.Specs, r.Findings)
	for i := range r.Targets {
		t := &r.Targets[i]
		var specs []SpecResult
		for _, s := range r.Specs {
			if s.Target == t.Name {
				specs = append(specs, s)
			}
		}
		var found []Finding
		for _, f := range r.Findings {
			if f.Target == t.Name {
				found = append(found, f)
			}
		}
		t.Counts, t.Overall, t.Coverage = counts(specs), overall(specs, found), coverage(r, t.Name)
	}
}

func counts(specs []SpecResult) map[Verdict]int {
	n := map[Verdict]int{}
	for _, s := range specs {
		n[s.Verdict]++
	}
	return n
}

// overall sums specs and findings up. A known failure is a failure still: what is new is for the exit code to tell.
func overall(specs []SpecResult, found []Finding) string {
	n := counts(specs)
	failing := slices.ContainsFunc(found, func(f Finding) bool { return f.Verdict == Fail || f.Verdict == KnownFailure })
	partial := 0
	for _, s := range specs {
		if s.Verdict == Skip && s.demands() {
			partial++
		}
	}
	switch {
	case n[Fail]+n[KnownFailure] > 0 || failing:
		return DoesNotConform
	case n[Inconclusive] > 0 || len(specs) == n[Skip]:
		return Undecided
	case partial > 0:
		return fmt.Sprintf("conforms (partial: %d skipped)", partial)
	}
	return Conforms
}

// demands reports whether the spec claims a MUST or MUST NOT.
func (s SpecInfo) demands() bool {
	return slices.ContainsFunc(s.Claims, func(id req.ID) bool {
		st, ok := req.Lookup(id)
		return ok && (st.Level == req.Must || st.Level == req.MustNot)
	})
}

// watched returns the statements that a monitor of the side under test judges on all traffic.
func watched(side req.Actor) map[req.ID]bool {
	sender := wire.FromServer
	if side == req.Client {
		sender = wire.FromClient
	}
	w := map[req.ID]bool{}
	for _, m := range monitor.All() {
		for _, id := range m.IDs {
			w[id] = w[id] || m.Sender == sender
		}
	}
	return w
}

// versions returns the versions of the specs, the newest first.
func (r *Result) versions() []wire.Version {
	seen := map[wire.Version]bool{}
	for _, s := range r.Specs {
		seen[s.Version] = true
	}
	all := slices.Sorted(maps.Keys(seen))
	slices.Reverse(all)
	return all
}

// tally gathers what is known of one statement on one target.
type tally struct {
	StatementOnTarget
	exercised bool
}

func (t *tally) note(v Verdict) {
	t.exercised = true
	if v.worse(t.Verdict) {
		t.Verdict = v
	}
}

// statements judges each statement of the run's versions on each target: it fails if any row or finding on it failed,
// passes if at least one check that could have failed passed and none failed, and otherwise is not exercised.
func statements(r *Result) []StatementResult {
	claimed := map[req.ID][]string{}
	tallies := map[req.ID]map[string]*tally{}
	at := func(id req.ID, target string) *tally {
		if tallies[id] == nil {
			tallies[id] = map[string]*tally{}
		}
		if tallies[id][target] == nil {
			tallies[id][target] = &tally{StatementOnTarget: StatementOnTarget{Target: target, Verdict: NotExercised}}
		}
		return tallies[id][target]
	}
	for _, s := range r.Specs {
		for _, id := range s.Claims {
			claimed[id] = addNew(claimed[id], []string{s.ID})
		}
		for _, q := range slices.Concat(s.Requirements, s.Warnings) {
			// a broken statement counts whatever became of the spec, a kept one only if the spec was decided
			if broken := q.Verdict == Fail || q.Verdict == Warning; q.ID != "" && !q.Advisory && (broken || q.Verdict == Pass && s.Verdict.conclusive()) {
				v := q.Verdict
				if v == Fail && s.Verdict == KnownFailure {
					v = KnownFailure
				}
				t := at(q.ID, s.Target)
				t.Checks++
				t.note(v)
			}
		}
		for id, n := range s.Monitored {
			if n > 0 {
				t := at(id, s.Target)
				t.Monitored += n
				t.note(Pass)
			}
		}
		for _, f := range s.Findings {
			t := at(f.ID, s.Target)
			t.Findings++
			t.note(f.Verdict)
		}
	}
	all, watching := []StatementResult{}, watched(r.side())
	for _, v := range r.versions() {
		for _, st := range req.Of(req.Version(v)) {
			one := StatementResult{
				ID: st.ID, Level: st.Level, Text: st.Text, Observable: st.ObservableAt(r.side()), Verdict: NotExercised,
				Specs: claimed[st.ID], Monitored: watching[st.ID],
			}
			for _, t := range r.Targets {
				if on := tallies[st.ID][t.Name]; on != nil && on.exercised {
					one.Targets = append(one.Targets, on.StatementOnTarget)
					if on.Verdict.worse(one.Verdict) {
						one.Verdict = on.Verdict
					}
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// side returns the side under test.
func (r *Result) side() req.Actor {
	if r.Run.Side == "" {
		return req.Server
	}
	return r.Run.Side
}

// coverage counts the statements of each version on one target.
func coverage(r *Result, target string) []Coverage {
	verdict := map[req.ID]Verdict{}
	for _, s := range r.Statements {
		for _, t := range s.Targets {
			if t.Target == target {
				verdict[s.ID] = t.Verdict
			}
		}
	}
	all := []Coverage{}
	for _, v := range r.versions() {
		c := req.Cover(req.Version(v), r.side(),
			func(id req.ID) bool { return verdict[id] != "" },
			func(id req.ID) bool { return verdict[id] == Pass })
		all = append(all, Coverage{
			Version: v,
			Known:   c.Known + c.Unnumbered.Known, Observable: c.Observable + c.Unnumbered.Observable,
			Exercised: c.Exercised + c.Unnumbered.Exercised, Kept: c.Kept + c.Unnumbered.Kept,
		})
	}
	return all
}
