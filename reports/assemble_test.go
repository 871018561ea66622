package reports

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

const (
	dup    req.ID = "v5:MQTT-3.3.1-1" // MUST
	resend req.ID = "v5:MQTT-4.4.0-1" // MUST
)

// advisory is a statement of level SHOULD.
var advisory = func() req.ID {
	for _, s := range req.Of(req.V5) {
		if s.Level == req.Should {
			return s.ID
		}
	}
	panic("the catalogue has no SHOULD")
}()

func info(id string, claims ...req.ID) SpecInfo {
	return SpecInfo{ID: id, Text: "does what it owes", Section: "Delivery", Version: wire.V5, Claims: claims, Placement: "shared", File: "suites/v5/a.go", Line: 7}
}

func begin(id string) Row {
	return Row{Event: "begin", ID: id, Version: wire.V5, Target: "t", Variant: "default", At: began}
}

func end(id string, v Verdict, requirements ...Requirement) Row {
	return Row{Event: "end", ID: id, Version: wire.V5, Target: "t", Variant: "default", At: began, Verdict: v, Requirements: requirements}
}

func TestAssembleNeverLosesASpec(t *testing.T) {
	passed := Requirement{ID: dup, Verdict: Pass}
	second := end("A", Fail, Requirement{ID: dup, Verdict: Fail})
	second.Repeat = 1
	limited := end("A", Skip)
	limited.Variant = "limited"
	tests := map[string]struct {
		list    []SpecInfo
		rows    []Row
		targets []TargetInfo
		run     RunInfo
		want    []string // id, variant, verdict, reason of each result
	}{
		"ended": {list: []SpecInfo{info("A", dup)}, rows: []Row{begin("A"), end("A", Pass, passed)},
			want: []string{"A default pass "}},
		"no end": {list: []SpecInfo{info("A", dup)}, rows: []Row{begin("A")},
			want: []string{"A default inconclusive did not end: the run was over before the spec was"}},
		"no beginning": {list: []SpecInfo{info("A", dup)}, targets: []TargetInfo{{Name: "t", Variant: "default"}},
			want: []string{"A  inconclusive not started: the run was over before its turn"}},
		"target gone": {list: []SpecInfo{info("A", dup)}, targets: []TargetInfo{{Name: "t", Variant: "default", Error: "connection refused"}},
			want: []string{"A  inconclusive not started: the target could not be tested: connection refused"}},
		"interrupted": {list: []SpecInfo{info("A", dup)}, targets: []TargetInfo{{Name: "t"}}, run: RunInfo{Interrupted: true},
			want: []string{"A  inconclusive not started: the run was interrupted"}},
		"unknown verdict": {list: []SpecInfo{info("A", dup)}, rows: []Row{end("A", "splendid")},
			want: []string{`A default inconclusive the row has the unknown verdict "splendid".`}},
		"worst attempt": {list: []SpecInfo{info("A", dup)}, rows: []Row{begin("A"), end("A", Pass, passed), second},
			want: []string{"A default fail "}},
		"two variants": {list: []SpecInfo{info("A", dup)}, rows: []Row{end("A", Pass, passed), limited},
			want: []string{"A default pass ", "A limited skip "}},
		"not in the list": {list: []SpecInfo{info("A", dup)}, rows: []Row{end("A", Pass, passed), end("Z", Pass)},
			want: []string{"A default pass ", "Z default pass "}},
		"two targets": {list: []SpecInfo{info("A", dup)}, rows: []Row{end("A", Pass, passed)}, targets: []TargetInfo{{Name: "t", Variant: "default"}, {Name: "u"}},
			want: []string{"A default pass ", "A  inconclusive not started: the run was over before its turn"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range Assemble(test.list, test.rows, test.targets, test.run).Specs {
				got = append(got, fmt.Sprintf("%s %s %s %s", s.ID, s.Variant, s.Verdict, s.Reason))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestStatementsAreJudgedByChecksThatCouldHaveFailed(t *testing.T) {
	finding := end("A", Pass)
	finding.Findings = []Finding{{ID: dup, Verdict: Fail, Text: "DUP 0", Conn: "c", Times: 1}}
	watched := end("A", Pass)
	watched.Monitored = map[req.ID]int{dup: 3, resend: 0}
	advice := end("A", Warning)
	advice.Warnings = []Requirement{{ID: dup, Verdict: Warning}}
	known := end("A", KnownFailure, Requirement{ID: dup, Verdict: Fail})
	tests := map[string]struct {
		rows []Row
		want Verdict // of dup
	}{
		"passed":                        {[]Row{end("A", Pass, Requirement{ID: dup, Verdict: Pass})}, Pass},
		"one of two failed":             {[]Row{end("A", Pass, Requirement{ID: dup, Verdict: Pass}), end("B", Fail, Requirement{ID: dup, Verdict: Fail})}, Fail},
		"failed before it was blocked":  {[]Row{end("A", Inconclusive, Requirement{ID: dup, Verdict: Fail})}, Fail},
		"passed before it was blocked":  {[]Row{end("A", Inconclusive, Requirement{ID: dup, Verdict: Pass})}, NotExercised},
		"the other statement failed":    {[]Row{end("A", Fail, Requirement{ID: dup, Verdict: Pass}, Requirement{ID: resend, Verdict: Fail})}, Pass},
		"claimed only":                  {[]Row{end("A", Pass, Requirement{ID: resend, Verdict: Pass})}, NotExercised},
		"skipped":                       {[]Row{end("A", Skip)}, NotExercised},
		"found by a monitor":            {[]Row{finding, end("B", Pass, Requirement{ID: dup, Verdict: Pass})}, Fail},
		"watched by a monitor":          {[]Row{watched}, Pass},
		"advice not followed":           {[]Row{advice}, Warning},
		"failed, and known to the list": {[]Row{known}, KnownFailure},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := Assemble([]SpecInfo{info("A", dup, resend), info("B", dup)}, test.rows, nil, RunInfo{})
			at := slices.IndexFunc(r.Statements, func(s StatementResult) bool { return s.ID == dup })
			if got := r.Statements[at].Verdict; got != test.want {
				t.Errorf("%s is %q, want %q", dup, got, test.want)
			}
			if want := []string{"A", "B"}; !slices.Equal(r.Statements[at].Specs, want) {
				t.Errorf("specs that claim it: %q, want %q", r.Statements[at].Specs, want)
			}
			c := r.Targets[0].Coverage[0]
			if c.Known < c.Observable || c.Observable < c.Exercised || c.Exercised < c.Kept {
				t.Errorf("a later number counts more than an earlier one: %+v", c)
			}
			if kept := test.want == Pass; kept && c.Kept == 0 || test.want == NotExercised && name != "claimed only" && c.Exercised != 0 {
				t.Errorf("coverage does not agree with the verdict: %+v", c)
			}
		})
	}
}

func TestOverallAndExitCode(t *testing.T) {
	passed := Requirement{ID: dup, Verdict: Pass}
	finding := end("A", Pass, passed)
	finding.Findings = []Finding{{ID: dup, Verdict: Fail, Conn: "c"}}
	hint := end("A", Pass, passed)
	hint.Findings = []Finding{{ID: dup, Verdict: Warning, Conn: "c"}}
	own := end("A", Inconclusive)
	own.OwnDefect = true
	list := []SpecInfo{info("A", dup), info("B", advisory)}
	b := end("B", Pass, Requirement{ID: advisory, Verdict: Pass})
	gone := []TargetInfo{{Name: "t", Variant: "default"}, {Name: "t", Variant: "tls", Error: "refused"}}
	tests := map[string]struct {
		rows      []Row
		targets   []TargetInfo
		run       RunInfo
		strict    bool
		undecided int
		overall   string
		code      int
	}{
		"all kept":                    {rows: []Row{end("A", Pass, passed), b}, overall: Conforms},
		"behaviours only":             {rows: []Row{end("A", Behaviour), end("B", Behaviour)}, overall: Conforms},
		"a MUST was skipped":          {rows: []Row{end("A", Skip), b}, overall: "conforms (partial: 1 skipped)"},
		"a SHOULD was skipped":        {rows: []Row{end("A", Pass, passed), end("B", Skip)}, overall: Conforms},
		"all skipped":                 {rows: []Row{end("A", Skip), end("B", Skip)}, overall: Undecided, code: 4},
		"failed":                      {rows: []Row{end("A", Fail), b}, overall: DoesNotConform, code: 1},
		"failed in a finding only":    {rows: []Row{finding, b}, overall: DoesNotConform, code: 1},
		"warning":                     {rows: []Row{end("A", Warning), b}, overall: Conforms},
		"warning, strict":             {rows: []Row{end("A", Warning), b}, strict: true, overall: Conforms, code: 1},
		"warning by a monitor":        {rows: []Row{hint, b}, overall: Conforms},
		"warning by monitor, strict":  {rows: []Row{hint, b}, strict: true, overall: Conforms, code: 1},
		"known failure":               {rows: []Row{end("A", KnownFailure), b}, overall: DoesNotConform},
		"unexpected pass":             {rows: []Row{end("A", UnexpectedPass, passed), b}, overall: Conforms, code: 5},
		"undecided":                   {rows: []Row{end("A", Inconclusive), b}, overall: Undecided, code: 4},
		"undecided, tolerated":        {rows: []Row{end("A", Inconclusive), b}, undecided: 1, overall: Undecided},
		"stale before undecided":      {rows: []Row{end("A", UnexpectedPass, passed), end("B", Inconclusive)}, overall: Undecided, code: 5},
		"failed before stale":         {rows: []Row{end("A", Fail), end("B", UnexpectedPass)}, overall: DoesNotConform, code: 1},
		"unreachable before failed":   {rows: []Row{end("A", Fail), b}, targets: gone, overall: DoesNotConform, code: 3},
		"our defect before the rest":  {rows: []Row{own, end("B", Fail)}, targets: gone, overall: DoesNotConform, code: 70},
		"interrupted before the rest": {rows: []Row{own, end("B", Fail)}, targets: gone, run: RunInfo{Interrupted: true}, overall: DoesNotConform, code: 130},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := Assemble(list, test.rows, test.targets, test.run)
			if r.Overall != test.overall || r.Targets[0].Overall != test.overall {
				t.Errorf("overall %q, of the target %q, want %q", r.Overall, r.Targets[0].Overall, test.overall)
			}
			if got := r.ExitCode(test.strict, test.undecided); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
		})
	}
	if got := Assemble(nil, nil, nil, RunInfo{}).ExitCode(false, 0); got != 4 {
		t.Errorf("a run of nothing ends with %d, want 4", got)
	}
}

func TestFindingsCountOnceForEachConnection(t *testing.T) {
	row := end("A", Pass, Requirement{ID: dup, Verdict: Pass})
	row.Findings = []Finding{
		{ID: dup, Verdict: Fail, Conn: "reader", EventSeq: 9, Text: "later", Times: 1},
		{ID: dup, Verdict: Fail, Conn: "reader", EventSeq: 4, Text: "first", Times: 2},
		{ID: dup, Verdict: Fail, Conn: "reader#2", EventSeq: 12},
		{ID: resend, Verdict: Fail, Conn: "reader", EventSeq: 5, Times: 1},
	}
	var got []string
	for _, f := range Assemble([]SpecInfo{info("A", dup)}, []Row{row}, nil, RunInfo{}).Findings {
		got = append(got, fmt.Sprintf("%s %s %s %s %d %s %d", f.Spec, f.Target, f.ID, f.Conn, f.EventSeq, f.Text, f.Times))
	}
	want := []string{"A t v5:MQTT-3.3.1-1 reader 4 first 3", "A t v5:MQTT-3.3.1-1 reader#2 12  1", "A t v5:MQTT-4.4.0-1 reader 5  1"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTracesAreCutOnlyWhereNothingWentWrong(t *testing.T) {
	long := make([]TraceEvent, 200)
	for i := range long {
		long[i] = TraceEvent{Seq: i, Kind: trace.Note, At: time.Duration(i)}
	}
	passed, failed, found := end("A", Pass), end("A", Fail), end("A", Pass)
	found.Findings = []Finding{{ID: dup, Verdict: Fail}}
	for name, test := range map[string]struct {
		row        Row
		kept, left int
	}{"passed": {passed, 60, 140}, "failed": {failed, 200, 0}, "passed with a finding": {found, 200, 0}} {
		test.row.Trace = long
		s := Assemble([]SpecInfo{info("A", dup)}, []Row{test.row}, nil, RunInfo{}).Specs[0]
		if len(s.Trace) != test.kept || s.TraceLeftOut != test.left {
			t.Errorf("%s: %d events and %d left out, want %d and %d", name, len(s.Trace), s.TraceLeftOut, test.kept, test.left)
		}
		if s.Trace[0].Seq != 0 || s.Trace[len(s.Trace)-1].Seq != 199 {
			t.Errorf("%s: the trace lacks its beginning or its end", name)
		}
	}
}
