package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// The members of a file in the Common Test Report Format (https://ctrf.io) that are used here. Times are in
// milliseconds.
type (
	ctrfFile struct {
		ReportFormat string      `json:"reportFormat"`
		SpecVersion  string      `json:"specVersion"`
		GeneratedBy  string      `json:"generatedBy"`
		Timestamp    string      `json:"timestamp,omitempty"`
		Results      ctrfResults `json:"results"`
	}
	ctrfResults struct {
		Tool    ctrfTool    `json:"tool"`
		Summary ctrfSummary `json:"summary"`
		Tests   []ctrfTest  `json:"tests"`
	}
	ctrfTool struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	ctrfSummary struct {
		Tests    int            `json:"tests"`
		Passed   int            `json:"passed"`
		Failed   int            `json:"failed"`
		Skipped  int            `json:"skipped"`
		Pending  int            `json:"pending"`
		Other    int            `json:"other"`
		Suites   int            `json:"suites"`
		Start    int64          `json:"start"`
		Stop     int64          `json:"stop"`
		Duration int64          `json:"duration"`
		Extra    map[string]any `json:"extra,omitempty"`
	}
	ctrfTest struct {
		Name      string         `json:"name"`
		Status    string         `json:"status"`
		Duration  int64          `json:"duration"`
		Suite     []string       `json:"suite"`
		Message   string         `json:"message,omitempty"`
		Trace     string         `json:"trace,omitempty"`
		Line      int            `json:"line,omitempty"`
		RawStatus string         `json:"rawStatus,omitempty"`
		Tags      []string       `json:"tags,omitempty"`
		FilePath  string         `json:"filePath,omitempty"`
		Stdout    []string       `json:"stdout,omitempty"`
		Extra     map[string]any `json:"extra,omitempty"`
	}
)

// ctrfVersion is the version of the format that is written.
const ctrfVersion = "1.0.0"

// WriteCTRF writes a result in the Common Test Report Format. Its tests are the cases of [WriteJUnit]. What could not be
// decided is "other", which readers count among neither what passed nor what failed; a known failure is "skipped". The
// verdict stands in rawStatus.
func WriteCTRF(w io.Writer, r Result) error {
	f := ctrfFile{
		ReportFormat: "CTRF", SpecVersion: ctrfVersion, GeneratedBy: line("mqttspec " + r.Run.Tool),
		Results: ctrfResults{Tool: ctrfTool{"mqttspec", line(r.Run.Tool)}, Tests: []ctrfTest{}},
	}
	sum := &f.Results.Summary
	sum.Duration = r.Run.Duration.Milliseconds()
	sum.Extra = map[string]any{"overall": r.Overall, "complete": r.Run.Complete}
	if !r.Run.Start.IsZero() {
		stop := r.Run.Start.Add(r.Run.Duration)
		f.Timestamp = stop.UTC().Format(time.RFC3339)
		sum.Start, sum.Stop = r.Run.Start.UnixMilli(), stop.UnixMilli()
	}
	for _, t := range r.Targets {
		for _, v := range r.versions() {
			suite := junitOf(r, t, v)
			sum.Suites++
			for _, c := range suite.Cases {
				test := ctrfOf(c, suite.Name)
				f.Results.Tests = append(f.Results.Tests, test)
				sum.count(test.Status)
			}
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(f); err != nil {
		return fmt.Errorf("ctrf.json: %w", err)
	}
	return nil
}

// count counts a test of some status.
func (s *ctrfSummary) count(status string) {
	s.Tests++
	switch status {
	case "passed":
		s.Passed++
	case "failed":
		s.Failed++
	case "skipped":
		s.Skipped++
	default:
		s.Other++
	}
}

// ctrfOf makes a test of a test case.
func ctrfOf(c junitCase, suite string) ctrfTest {
	t := ctrfTest{
		Name: c.Name, Status: "passed", Duration: time.Duration(c.Time).Milliseconds(), Suite: []string{suite, c.Class},
		Line: c.Line, FilePath: c.File,
	}
	var outcome *junitOutcome
	switch {
	case c.Failure != nil:
		t.Status, outcome = "failed", c.Failure
	case c.Error != nil:
		t.Status, outcome = "other", c.Error
	case c.Skipped != nil:
		t.Status, outcome = "skipped", c.Skipped
	}
	if outcome != nil {
		t.Message, t.Trace = outcome.Message, outcome.Body
	}
	if c.Out != nil {
		t.Stdout = []string{c.Out.Text}
	}
	for _, p := range c.Properties {
		switch p.Name {
		case "statement":
			t.Tags = append(t.Tags, p.Value)
		case "verdict":
			t.RawStatus = p.Value
		default:
			if t.Extra == nil {
				t.Extra = map[string]any{}
			}
			t.Extra[p.Name] = p.Value
		}
	}
	return t
}
