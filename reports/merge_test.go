package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
)

// ran makes the result of a run of one spec.
func ran(id, target string, v Verdict, line int, run RunInfo) Result {
	i := info(id, dup)
	i.Line = line
	row := end(id, v, Requirement{ID: dup, Verdict: v})
	row.Target = target
	return Assemble([]SpecInfo{i}, []Row{row}, []TargetInfo{{Name: target, Variant: "default"}}, run)
}

func TestMergeShards(t *testing.T) {
	one := ran("B", "t", Pass, 20, RunInfo{Arguments: []string{"run", "--shard=1/2", "--mqtt=5"}, Seed: 7, Start: began.Add(time.Second), Duration: 3 * time.Second, Complete: true})
	two := ran("A", "t", Fail, 10, RunInfo{Arguments: []string{"run", "--shard=2/2", "--mqtt=5"}, Seed: 7, Start: began, Duration: time.Second, Reason: "interrupted", Interrupted: true})
	m, err := Merge(one, two)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Specs) != 2 || m.Specs[0].ID != "A" || m.Overall != DoesNotConform || m.Counts[Fail] != 1 || m.Counts[Pass] != 1 || len(m.Targets) != 1 {
		t.Errorf("overall %s, counts %v, %d specs, %d targets", m.Overall, m.Counts, len(m.Specs), len(m.Targets))
	}
	r := m.Run
	if strings.Join(r.Arguments, " ") != "run --mqtt=5" || r.Seed != 7 || !r.Start.Equal(began) || r.Duration != 4*time.Second || r.Complete || !r.Interrupted || r.Reason != "interrupted" {
		t.Errorf("the run is %+v", r)
	}
	if one.Run.Arguments[1] != "--shard=1/2" {
		t.Error("what was merged has changed")
	}
}

func TestMergeTargetsAndRepetitions(t *testing.T) {
	x, y, again := ran("A", "x", Pass, 1, RunInfo{Complete: true, Seed: 1}), ran("A", "y", Fail, 1, RunInfo{Complete: true, Seed: 2}), ran("A", "x", Inconclusive, 1, RunInfo{Complete: true, Seed: 3})
	m, err := Merge(x, y, again, x)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Targets) != 2 || len(m.Specs) != 2 || m.Counts[Fail] != 1 || m.Counts[Inconclusive] != 1 || m.Run.Seed != 0 || !m.Run.Complete {
		t.Errorf("%d targets, counts %v, run %+v", len(m.Targets), m.Counts, m.Run)
	}
	if m.Targets[0].Overall != Undecided || m.Targets[1].Overall != DoesNotConform {
		t.Errorf("%s and %s", m.Targets[0].Overall, m.Targets[1].Overall)
	}
}

func TestMergeRefuses(t *testing.T) {
	if _, err := Merge(); err == nil {
		t.Error("nothing is merged")
	}
	if _, err := Merge(ran("A", "x", Pass, 1, RunInfo{}), ran("A", "x", Pass, 1, RunInfo{Side: req.Client})); err == nil {
		t.Error("a broker and a device are merged")
	}
}
