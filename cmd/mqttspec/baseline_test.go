package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// listOf reads entries as a file would hold them.
func listOf(t *testing.T, entries ...knownFailure) baseline {
	t.Helper()
	list, err := compileList()
	if err != nil {
		t.Fatal(err)
	}
	for n := range entries {
		if entries[n].Reason == "" {
			entries[n].Reason = "because"
		}
		if err := entries[n].check(list); err != nil {
			t.Fatal(err)
		}
	}
	return baseline{entries: entries}
}

// TestKnownFailureHolds: for which target, version and day an entry counts.
func TestKnownFailureHolds(t *testing.T) {
	day := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		entry           knownFailure
		target, version string
		want            bool
	}{
		{knownFailure{}, "tcp://h", "", true},
		{knownFailure{Target: "docker:*"}, "docker:mosquitto:2.0.11", "", true},
		{knownFailure{Target: "docker:*"}, "tcp://h", "", false},
		{knownFailure{Until: "2026-05-06"}, "x", "", true},
		{knownFailure{Until: "2026-05-05"}, "x", "", false},
		{knownFailure{Versions: ">=2.0, <2.1"}, "x", "2.0.21", true},
		{knownFailure{Versions: ">=2.0, <2.1"}, "x", "v2.0.21-alpine", true},
		{knownFailure{Versions: ">=2.0, <2.1"}, "x", "2.1.0", false},
		{knownFailure{Versions: ">=2.0, <2.1"}, "x", "", false},
		{knownFailure{Versions: ">=2.0, <2.1"}, "x", "latest", false},
	} {
		c.entry.ID = "CS-02"
		b := listOf(t, c.entry)
		if got := b.spec("CS-02", "CS-02/5.0", c.target, c.version, day) != nil; got != c.want {
			t.Errorf("%+v on %s %s: %v", c.entry, c.target, c.version, got)
		}
	}
}

// TestKnownFailureVerdict: what becomes of each verdict of a spec that is on the list.
func TestKnownFailureVerdict(t *testing.T) {
	k := knownFailure{Reason: "because", Issue: "https://tracker.example/1"}
	for _, c := range []struct {
		is     reports.Verdict
		strict bool
		want   reports.Verdict
	}{
		{reports.Fail, false, reports.KnownFailure},
		{reports.KnownFailure, false, reports.KnownFailure},
		{reports.Pass, false, reports.UnexpectedPass},
		{reports.Behaviour, false, reports.UnexpectedPass},
		{reports.Warning, false, reports.UnexpectedPass},
		{reports.Warning, true, reports.KnownFailure},
		{reports.Skip, false, reports.Skip},
		{reports.Inconclusive, false, reports.Inconclusive},
	} {
		got, why := k.verdict(c.is, c.strict)
		if got != c.want || (why != "") != (c.want == reports.KnownFailure || c.want == reports.UnexpectedPass) {
			t.Errorf("%s, strict %v: %s, %q", c.is, c.strict, got, why)
		}
		if why != "" && !strings.HasSuffix(why, "because (https://tracker.example/1)") {
			t.Errorf("%s: the reason is %q", c.is, why)
		}
	}
}

// TestStaleStatement: an entry of a statement is stale if monitors looked at it and found nothing, in a whole run.
func TestStaleStatement(t *testing.T) {
	b := listOf(t, knownFailure{ID: "v5:MQTT-3.2.2-2"}, knownFailure{ID: "CS-02"})
	result := func(monitored, findings int, complete bool, arguments ...string) reports.Result {
		return reports.Result{
			Run: reports.RunInfo{Complete: complete, Arguments: append([]string{"run"}, arguments...)},
			Statements: []reports.StatementResult{
				{ID: "v5:MQTT-3.2.2-2", Targets: []reports.StatementOnTarget{{Target: "x", Monitored: monitored, Findings: findings}}},
				{ID: "v5:MQTT-3.2.2-3", Targets: []reports.StatementOnTarget{{Target: "x", Monitored: 9}}},
			},
		}
	}
	for name, c := range map[string]struct {
		r    reports.Result
		want int
	}{
		"kept":            {result(9, 0, true, "--mqtt=5"), 1},
		"broken":          {result(9, 1, true), 0},
		"not looked at":   {result(0, 0, true), 0},
		"interrupted":     {result(9, 0, false), 0},
		"a part of a run": {result(9, 0, true, "--only=CS-01"), 0},
		"a shard":         {result(9, 0, true, "--shard=1/2"), 0},
	} {
		if got := b.stale(c.r); len(got) != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
