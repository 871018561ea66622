package reports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// resultOf makes a result of verdicts by spec.
func resultOf(target string, verdicts ...any) Result {
	r := Result{Targets: []TargetResult{{Name: target}}}
	for n := 0; n < len(verdicts); n += 2 {
		v := verdicts[n+1].(Verdict)
		r.Specs = append(r.Specs, SpecResult{SpecInfo: SpecInfo{ID: verdicts[n].(string), Version: wire.V5, Text: "a text"}, Target: target, Verdict: v})
	}
	return r
}

func names(changes []Change) (all []string) {
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s %s>%s", c.Case, c.Before, c.After))
	}
	return all
}

func TestCompare(t *testing.T) {
	before := resultOf("broker:1", "A", Pass, "B", Fail, "C", Pass, "D", Inconclusive, "E", Fail, "F", Pass, "G", Fail, "H", Skip, "I", Fail)
	after := resultOf("broker:2", "A", Pass, "B", Pass, "C", Fail, "D", Fail, "E", Inconclusive, "G", KnownFailure, "H", Pass, "I", Fail, "J", Fail, "K", Pass)
	d := Compare(before, after)
	for what, c := range map[string]struct {
		got  []Change
		want string
	}{
		"regressed": {d.Regressed, "C/5.0 pass>fail, D/5.0 inconclusive>fail, J/5.0 >fail"},
		"fixed":     {d.Fixed, "B/5.0 fail>pass"},
		"changed":   {d.Changed, "E/5.0 fail>inconclusive, G/5.0 fail>known failure, H/5.0 skip>pass"},
		"new":       {d.New, "K/5.0 >pass"},
		"gone":      {d.Gone, "F/5.0 pass>"},
	} {
		if got := strings.Join(names(c.got), ", "); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
	if d.Same != 2 {
		t.Errorf("%d are the same, want 2", d.Same)
	}
	var b bytes.Buffer
	if err := WriteDiff(&b, d); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## From broker:1 to broker:2\n", "3 regressed, 1 fixed, 3 changed otherwise, 1 new, 1 gone, 2 as before",
		"### 3 regressed", "- **C/5.0** a text: ✓ pass → ✗ fail\n", "- **J/5.0** a text: ✗ fail\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

// TestCompareFindings: a statement that monitors judge is a case, too.
func TestCompareFindings(t *testing.T) {
	kept, broken := resultOf("x"), resultOf("x")
	kept.Statements = []StatementResult{{ID: dup, Targets: []StatementOnTarget{{Target: "x", Monitored: 3}}}}
	broken.Statements = []StatementResult{{ID: dup, Targets: []StatementOnTarget{{Target: "x", Monitored: 3, Findings: 1}}}}
	broken.Findings = []Finding{{ID: dup, Verdict: Fail, Target: "x", Spec: "A", Text: "wrong"}}
	if d := Compare(kept, broken); len(d.Regressed) != 1 || d.Regressed[0].Case != string(dup) || !strings.Contains(d.Regressed[0].Reason, "in A: wrong") {
		t.Errorf("%+v", d)
	}
	if d := Compare(broken, kept); len(d.Fixed) != 1 || len(d.Regressed) != 0 {
		t.Errorf("%+v", d)
	}
}

// TestCompareSeveralTargets: with several, each is compared with the one of its name.
func TestCompareSeveralTargets(t *testing.T) {
	one, two := resultOf("x", "A", Pass), resultOf("y", "A", Fail)
	both := Result{Targets: append(one.Targets, two.Targets...), Specs: append(one.Specs, two.Specs...)}
	if d := Compare(both, both); d.Same != 2 || len(d.Regressed)+len(d.Fixed)+len(d.Changed)+len(d.New)+len(d.Gone) != 0 {
		t.Errorf("a result differs from itself: %+v", d)
	}
	if d := Compare(both, two); d.Same != 1 || len(d.Gone) != 1 || d.Gone[0].Target != "x" {
		t.Errorf("%+v", d)
	}
}
