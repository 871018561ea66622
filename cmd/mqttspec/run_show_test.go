package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/target"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// failing is a row whose texts come from a hostile broker.
func failing(id string) reports.Row {
	return reports.Row{
		Event: "end", ID: id, Version: wire.V5, Target: "one", Verdict: reports.Fail, Reason: "reason",
		Requirements: []reports.Requirement{
			{ID: "v5:MQTT-3.1.2-22", Verdict: reports.Pass, Expected: "kept"},
			{ID: "v5:MQTT-3.1.2-24", Verdict: reports.Fail, Text: "the size", Expected: "100% of it", Observed: "\x1b[2Jgone\r\n::error::\u202e"},
		},
		Findings: []reports.Finding{{ID: "v5:MQTT-1.5.4-2", Verdict: reports.Fail, Text: "a null character"}},
	}
}

func planOf(t *testing.T, targets int) plan {
	return plan{items: smallList(t), targets: targets, repeat: 1, out: "report"}
}

func TestLines(t *testing.T) {
	var out, log strings.Builder
	l := &lines{page: page{w: &out}, stderr: &log}
	l.begin(planOf(t, 1))
	begin := failing("AA-01")
	begin.Event = "begin"
	l.row(begin)
	l.row(failing("AA-01"))
	l.row(failing("AA-02")) // the same finding
	l.row(reports.Row{Event: "end", ID: "AA-03", Version: wire.V5, Target: "one", Verdict: reports.Pass})
	l.end(reports.Result{}, 0, nil)
	for _, want := range []string{
		"✗ AA-01  MQTT 5.0  keeps a MUST in both versions\n",
		"    MQTT-3.1.2-24 the size: expected: 100% of it; observed: \ufffd[2Jgone\ufffd ::error::\ufffd\n",
		"  MQTT 5.0  First section: ✓ 1  ✗ 2\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "found by a monitor"); n != 1 {
		t.Errorf("the finding is told %d times, want once", n)
	}
	if strings.ContainsAny(out.String(), "\x1b\r") {
		t.Errorf("a control character of the target came through: %q", out.String())
	}
	if log.Len() > 0 {
		t.Errorf("stderr says %q", log.String())
	}
}

func TestWhatTheStopEndedIsNotTold(t *testing.T) {
	for _, format := range []string{"lines", "tree"} {
		var out, log strings.Builder
		s := newShower(format, &out, &log)
		s.begin(planOf(t, 1))
		s.stopping(errInterrupted)
		row := reports.Row{Event: "end", ID: "AA-01", Version: wire.V5, Verdict: reports.Inconclusive, Reason: "ended: interrupted"}
		s.row(row)
		row.ID, row.Reason = "AA-02", "not started: interrupted"
		s.row(row)
		row.ID, row.Reason = "AA-03", "blocked: by something else"
		s.row(row)
		if strings.Contains(out.String(), "AA-01") || strings.Contains(out.String(), "AA-02") || !strings.Contains(out.String(), "AA-03") {
			t.Errorf("%s tells\n%s", format, out.String())
		}
	}
}

func TestADeadTargetIsToldAFewTimesAndCounted(t *testing.T) {
	var out, log strings.Builder
	tr := newTree(page{w: &out}, &log)
	tr.begin(planOf(t, 1))
	var specs []reports.SpecResult
	for _, id := range []string{"AA-01", "AA-02", "AA-03", "BB-01", "BB-02"} {
		tr.row(reports.Row{Event: "end", ID: id, Version: wire.V5, Target: "one", Verdict: reports.Inconclusive, Reason: "nobody answers"})
		specs = append(specs, reports.SpecResult{Target: "one", Verdict: reports.Inconclusive, Reason: "nobody answers"})
	}
	tr.end(reports.Result{Targets: []reports.TargetResult{{Name: "one"}}, Specs: specs}, 4, nil)
	if n := strings.Count(out.String(), "      nobody answers\n"); n != fewAlike {
		t.Errorf("told %d times, want %d", n, fewAlike)
	}
	if want := "? 5 undecided: nobody answers\n"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is missing in\n%s", want, out.String())
	}
}

func TestAnnotations(t *testing.T) {
	summary := filepath.Join(t.TempDir(), "summary.md")
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	var out, log strings.Builder
	l := &lines{page: page{w: &out}, stderr: &log, github: true}
	l.begin(planOf(t, 1))
	for range annotations + 5 {
		l.row(failing("AA-01"))
	}
	l.end(reports.Result{Overall: reports.DoesNotConform}, 1, nil)
	var found []string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "::") {
			found = append(found, line)
		}
	}
	if len(found) != annotations {
		t.Errorf("%d annotations, want %d", len(found), annotations)
	}
	if want := "::error title=AA-01 MQTT 5.0::keeps a MUST in both versions%0AMQTT-3.1.2-24 the size: expected: 100%25 of it;"; !strings.HasPrefix(found[0], want) {
		t.Errorf("got  %s\nwant %s…", found[0], want)
	}
	if content, err := os.ReadFile(summary); err != nil || len(content) == 0 {
		t.Errorf("the job's summary is empty (error %v)", err)
	}
}

func TestEvents(t *testing.T) {
	var out strings.Builder
	e := &events{w: &out}
	e.begin(planOf(t, 1))
	e.opened(reports.TargetInfo{Name: "one"})
	row := failing("AA-01")
	row.Trace = []reports.TraceEvent{{Text: "not to be seen"}}
	e.row(row)
	e.end(reports.Result{Overall: reports.DoesNotConform}, 1, []string{"report/result.json"})
	var types []string
	for line := range strings.Lines(out.String()) {
		var object struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		types = append(types, object.Type)
	}
	if got := fmt.Sprint(types); got != "[run target spec result]" {
		t.Errorf("got %s", got)
	}
	if strings.Contains(out.String(), "not to be seen") {
		t.Error("an event has the trace in it")
	}
}

func TestTreeTellsSectionsAndSkips(t *testing.T) {
	var out, log strings.Builder
	tr := newTree(page{w: &out}, &log)
	tr.begin(planOf(t, 2))
	tr.row(failing("AA-01"))
	info := reports.SpecInfo{ID: "BB-01", Version: wire.V311, Section: "Second section: in/out"}
	tr.end(reports.Result{
		Targets: []reports.TargetResult{{Name: "one", Overall: reports.Conforms, Counts: map[reports.Verdict]int{reports.Skip: 2}}},
		Specs: []reports.SpecResult{
			{SpecInfo: info, Target: "one", Verdict: reports.Skip, Reason: "no such thing"},
			{SpecInfo: info, Target: "one", Verdict: reports.Skip, Reason: "no such thing"},
		},
		Run: reports.RunInfo{Complete: true, Duration: time.Second},
	}, 0, []string{"report/report.html", "report/junit.xml"})
	for _, want := range []string{
		"keeps a MUST in both versions [one]\n", "  MQTT 3.1.1  Second section: in/out  – 2\n", "– 2 skipped: no such thing\n",
		"one: conforms\n", "Report: report/report.html\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestStatusNamesWhatRunsLongest(t *testing.T) {
	var out, log strings.Builder
	tr := newTree(page{w: &out}, &log)
	tr.begin(planOf(t, 1))
	now := time.Now()
	for n, id := range []string{"AA-02", "AA-01", "AA-03"} {
		tr.row(reports.Row{Event: "begin", ID: id, Version: wire.V5, At: now.Add(time.Duration(n) * time.Second)})
	}
	tr.row(reports.Row{Event: "end", ID: "AA-01", Version: wire.V5, Verdict: reports.Pass})
	if got, want := tr.status(), "1/6  ✓ 1  0 s  2 running: AA-02/5.0 AA-03/5.0"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestGravest(t *testing.T) {
	for _, c := range []struct {
		codes []int
		want  int
	}{
		{nil, 0}, {[]int{0}, 0}, {[]int{4, 1}, 1}, {[]int{1, 3}, 3}, {[]int{3, 2}, 2}, {[]int{2, 70}, 70}, {[]int{70, 130}, 130}, {[]int{4, 5}, 5}, {[]int{5, 1}, 1},
	} {
		if got := gravest(c.codes...); got != c.want {
			t.Errorf("%v: got %d, want %d", c.codes, got, c.want)
		}
	}
	if got := codeOf(fmt.Errorf("around: %w", &exitError{exitUnreachable, errors.New("inside")})); got != exitUnreachable {
		t.Errorf("a wrapped error gives %d", got)
	}
}

func TestToken(t *testing.T) {
	if first, again := token(7, 0), token(7, 0); first != again || first == token(7, 1) || first == token(8, 0) {
		t.Error("names must follow from the seed and the round")
	}
	if n := len(token(1, 2)); n != len(harness.Token()) {
		t.Errorf("a token has %d characters, want %d", n, len(harness.Token()))
	}
}

func TestParallel(t *testing.T) {
	for _, c := range []struct{ wanted, connections, want int }{{0, 0, 0}, {5, 0, 5}, {0, 101, 25}, {5, 101, 5}, {50, 101, 25}, {0, 2, 1}} {
		if got, _, _ := parallel(c.wanted, target.Claims{Connections: c.connections}); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"run", "report", "Clean Start and session identity", "CS-01"}
	for given, want := range map[string]string{"rnu": "[run]", "reprot": "[report]", "clean start": "[Clean Start and session identity]", "CS-0l": "[CS-01]", "xyzzy": "[]"} {
		if got := fmt.Sprint(nearest(given, names)); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}
