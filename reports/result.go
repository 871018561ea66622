package reports

import (
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// SchemaVersion is the version of result.json. It grows when a reader of the former version would misread a file; a
// new member alone does not change it.
const SchemaVersion = 1

// The overall verdicts of a run or of a target. The partial form has the number of skipped specs in it.
const (
	Conforms       = "conforms"
	DoesNotConform = "does not conform"
	Undecided      = "undecided"
)

// Result is the record of a run, from which every output is made. Its JSON form is result.json.
type Result struct {
	SchemaVersion int               `json:"schemaVersion"`
	Overall       string            `json:"overall"` // the worst of the targets
	Run           RunInfo           `json:"run"`
	Counts        map[Verdict]int   `json:"counts"` // of specs
	Targets       []TargetResult    `json:"targets"`
	Specs         []SpecResult      `json:"specs"`      // in the order of the list, then of the targets
	Statements    []StatementResult `json:"statements"` // all that the catalogue has for the versions of the run
	Findings      []Finding         `json:"findings"`
	Behaviours    []Behaved         `json:"behaviours"`
}

// TargetResult is what a run says of one target, its variants together.
type TargetResult struct {
	Name     string          `json:"name"`
	Overall  string          `json:"overall"`
	Counts   map[Verdict]int `json:"counts"` // of specs
	Coverage []Coverage      `json:"coverage"`
	Variants []TargetInfo    `json:"variants"`
}

// Coverage is how far the statements of one version were checked on one target. The numbers count different things
// and each is part of the one before it; see [req.Count].
type Coverage struct {
	Version    wire.Version `json:"version"`
	Known      int          `json:"known"`
	Observable int          `json:"observable"`
	Exercised  int          `json:"exercised"`
	Kept       int          `json:"kept"`
}

// SpecResult is the outcome of one spec, in one version, on one variant of one target.
type SpecResult struct {
	SpecInfo
	Target       string         `json:"target"`
	Variant      string         `json:"variant,omitempty"` // empty if the spec was not started
	Verdict      Verdict        `json:"verdict"`
	Reason       string         `json:"reason,omitempty"`
	BlockedBy    string         `json:"blockedBy,omitempty"`
	OwnDefect    bool           `json:"ownDefect,omitempty"`
	Start        time.Time      `json:"start,omitzero"`
	Duration     time.Duration  `json:"duration,omitempty"`
	Jitter       time.Duration  `json:"jitter,omitempty"`
	Stall        time.Duration  `json:"stall,omitempty"`
	Requirements []Requirement  `json:"requirements,omitempty"`
	Warnings     []Requirement  `json:"warnings,omitempty"`
	Behaviours   []Observation  `json:"behaviours,omitempty"`
	Series       []Series       `json:"series,omitempty"`
	Findings     []Finding      `json:"findings,omitempty"`
	Monitored    map[req.ID]int `json:"monitored,omitempty"`
	Faults       []string       `json:"faults,omitempty"`
	Unfired      []string       `json:"unfired,omitempty"`
	Attempts     []Attempt      `json:"attempts,omitempty"` // if there were several; the rest is of the worst of them
	Trace        []TraceEvent   `json:"trace,omitempty"`
	TraceLeftOut int            `json:"traceLeftOut,omitempty"` // events left out of the middle of the trace
	TargetLog    string         `json:"targetLog,omitempty"`
}

// Attempt is one of several executions of a spec.
type Attempt struct {
	Repeat   int           `json:"repeat"`
	Verdict  Verdict       `json:"verdict"`
	Reason   string        `json:"reason,omitempty"`
	Duration time.Duration `json:"duration,omitempty"`
}

// StatementResult is what a run says of a normative statement.
type StatementResult struct {
	ID         req.ID              `json:"id"`
	Level      req.Level           `json:"level"`
	Text       string              `json:"text"`
	Observable bool                `json:"observable"`
	Verdict    Verdict             `json:"verdict"`             // the worst of the targets
	Specs      []string            `json:"specs,omitempty"`     // the ids of the specs in the list that claim it
	Monitored  bool                `json:"monitored,omitempty"` // whether a monitor judges it on all traffic
	Targets    []StatementOnTarget `json:"targets,omitempty"`   // where it was exercised
}

// StatementOnTarget is what a run says of a statement on one target.
type StatementOnTarget struct {
	Target    string  `json:"target"`
	Verdict   Verdict `json:"verdict"`
	Checks    int     `json:"checks,omitempty"`    // checks by specs that could have failed
	Monitored int     `json:"monitored,omitempty"` // events on which a monitor could have found it broken
	Findings  int     `json:"findings,omitempty"`
}

// Behaved is a behaviour that a spec recorded on a target.
type Behaved struct {
	Observation
	Spec    string       `json:"spec"`
	Version wire.Version `json:"version"`
	Target  string       `json:"target"`
	Variant string       `json:"variant,omitempty"`
}

// ExitCode returns what the run's process ends with: 0 conforms, 1 new failures (strict counts warnings as such), 3 a
// target could not be tested, 4 more than maxUndecided specs stayed undecided, 5 the baseline is stale, 70 a defect of
// our own, 130 interrupted. When several apply, the first of 130, 70, 3, 1, 5, 4 does.
func (r Result) ExitCode(strict bool, maxUndecided int) int {
	own := slices.ContainsFunc(r.Specs, func(s SpecResult) bool { return s.OwnDefect })
	unreachable := slices.ContainsFunc(r.Targets, func(t TargetResult) bool {
		return slices.ContainsFunc(t.Variants, func(i TargetInfo) bool { return i.Error != "" })
	})
	failed := r.Counts[Fail] > 0 || strict && r.Counts[Warning] > 0
	for _, f := range r.Findings {
		failed = failed || f.Verdict == Fail || strict && f.Verdict == Warning
	}
	decided := len(r.Specs) - r.Counts[Skip] - r.Counts[Inconclusive]
	switch {
	case r.Run.Interrupted:
		return 130
	case own:
		return 70
	case unreachable:
		return 3
	case failed:
		return 1
	case r.Counts[UnexpectedPass] > 0:
		return 5
	case r.Counts[Inconclusive] > max(maxUndecided, 0), decided == 0:
		return 4
	}
	return 0
}

// rank orders verdicts by how much attention they need, the most first.
func (v Verdict) rank() int {
	return slices.Index([]Verdict{Fail, UnexpectedPass, Inconclusive, KnownFailure, Warning, Pass, Behaviour, Skip, NotExercised}, v)
}

// worse reports whether v needs more attention than w.
func (v Verdict) worse(w Verdict) bool { return v.rank() < w.rank() }

// ofSpec reports whether v is a verdict that a spec can have.
func (v Verdict) ofSpec() bool { return v.rank() >= 0 && v != NotExercised }

// conclusive reports whether the checks of a spec with this verdict count: a pass within a spec that could not be
// decided may be vacuous.
func (v Verdict) conclusive() bool { return v != Inconclusive && v != Skip }
