package reports

import (
	"strings"
	"testing"
)

// TestRepeatsThatDifferAreTold holds that a spec which came to different verdicts in the repeats of a run is listed as
// such, with all of them, and that one which failed every time is not.
func TestRepeatsThatDifferAreTold(t *testing.T) {
	list := sampleList(3)[:3]
	verdicts := [][]Verdict{{Pass, Fail, Pass}, {Fail, Fail, Fail}, {Pass, Pass, Pass}}
	var rows []Row
	for i, s := range list {
		for repeat, v := range verdicts[i] {
			rows = append(rows, Row{Event: "end", ID: s.ID, Version: s.Version, Target: "broker", Variant: "default", Repeat: repeat, At: began, Verdict: v, Reason: "why"})
		}
	}
	r := Assemble(list, rows, []TargetInfo{{Name: "broker", Variant: "default"}}, RunInfo{Complete: true})
	all := r.Unsteady()
	if len(all) != 1 || all[0].ID != list[0].ID || all[0].Course() != "pass, fail, pass" {
		t.Fatalf("unsteady are %v", all)
	}
	if all[0].Verdict != Fail {
		t.Errorf("it counts as %s, want the worst", all[0].Verdict)
	}
	var b strings.Builder
	if err := WriteSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(b.String(), "### 1 differ between repeats\n")
	section, _, _ = strings.Cut(section, "###")
	if !found || !strings.Contains(section, escape(list[0].ID)) || !strings.Contains(section, "pass, fail, pass") || strings.Contains(section, escape(list[1].ID)+"\\*\\*") {
		t.Errorf("summary.md has\n%s", b.String())
	}
	p := indexOf(r, "title")
	for i, want := range []string{"pass, fail, pass", "", ""} {
		if p.Results[i].Course != want {
			t.Errorf("the page says of %s: %q", list[i].ID, p.Results[i].Course)
		}
	}
}
