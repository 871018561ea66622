package reports

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestCTRF: every verdict has its status, and the sums are those of the tests.
func TestCTRF(t *testing.T) {
	var f ctrfFile
	d := json.NewDecoder(bytes.NewReader(output(t, WriteCTRF, everyVerdict())))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	want := map[Verdict]string{
		Pass: "passed", Behaviour: "passed", Warning: "passed", Fail: "failed", UnexpectedPass: "failed", Skip: "skipped", KnownFailure: "skipped", Inconclusive: "other",
	}
	seen, statuses := map[Verdict]bool{}, map[string]int{}
	for _, one := range f.Results.Tests {
		statuses[one.Status]++
		if v := Verdict(one.RawStatus); v != "" {
			seen[v] = true
			if one.Status != want[v] {
				t.Errorf("%s: status %s, want %s", v, one.Status, want[v])
			}
			if (one.Status == "failed" || one.Status == "other") && (one.Message == "" || one.Trace == "") {
				t.Errorf("%s: nothing says why", one.Name)
			}
			if len(one.Tags) == 0 || one.Extra["rerun"] == nil {
				t.Errorf("%s: no statement, or no command to run it again", one.Name)
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("only %v are there", seen)
	}
	s := f.Results.Summary
	if s.Tests != len(f.Results.Tests) || s.Passed != statuses["passed"] || s.Failed != statuses["failed"] || s.Skipped != statuses["skipped"] || s.Other != statuses["other"] {
		t.Errorf("the summary is %+v, the tests have %v", s, statuses)
	}
	if f.ReportFormat != "CTRF" || s.Stop-s.Start != 3000 || s.Duration != 3000 || s.Extra["overall"] != DoesNotConform {
		t.Errorf("%+v", f)
	}
}
