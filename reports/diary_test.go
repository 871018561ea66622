package reports

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// written writes a rows file by what is done with its writer, and returns its path.
func written(t *testing.T, do ...func(*RowWriter) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	w, err := OpenRows(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range do {
		if err := f(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	diaryHead = Head{
		Run: RunInfo{Arguments: []string{"run", "--seed=7"}, Seed: 7, Start: started, Tool: "v1"}, Targets: []string{"one", "two"},
		Specs: []SpecInfo{{ID: "A", Version: wire.V5}, {ID: "B", Version: wire.V5}, {ID: "C", Version: wire.V5}},
	}
)

func rowOf(event, id string, after time.Duration, v Verdict) func(*RowWriter) error {
	return func(w *RowWriter) error {
		return w.Write(Row{Event: event, ID: id, Version: wire.V5, Target: "one", Variant: "default", At: started.Add(after), Verdict: v})
	}
}

func begun(w *RowWriter) error { return w.Begin(diaryHead) }
func opened(w *RowWriter) error {
	return w.Target(TargetInfo{Name: "one", Variant: "default", Software: "s"})
}

func TestDiaryOfAKilledRun(t *testing.T) {
	path := written(t, begun, opened, rowOf("begin", "A", 0, ""), rowOf("begin", "B", time.Second, ""), rowOf("end", "A", 3*time.Second, Pass))
	d, err := ReadDiary(path)
	if err != nil {
		t.Fatal(err)
	}
	r := d.Result()
	if r.Run.Complete || r.Run.Reason != killed || r.Run.Duration != 3*time.Second || r.Run.Seed != 7 || r.Run.Tool != "v1" {
		t.Errorf("the run is %+v", r.Run)
	}
	got := map[string]Verdict{}
	reasons := map[string]string{}
	for _, s := range r.Specs {
		got[s.Target+" "+s.ID], reasons[s.Target+" "+s.ID] = s.Verdict, s.Reason
	}
	want := map[string]Verdict{"one A": Pass, "one B": Inconclusive, "one C": Inconclusive, "two A": Inconclusive, "two B": Inconclusive, "two C": Inconclusive}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the specs came to %v, want %v", got, want)
	}
	if !strings.HasPrefix(reasons["one B"], "did not end") || !strings.HasPrefix(reasons["one C"], "not started") {
		t.Errorf("the reasons are %q", reasons)
	}
	if r.Overall != Undecided || len(r.Targets) != 2 || r.Targets[0].Variants[0].Software != "s" {
		t.Errorf("overall %s, targets %+v", r.Overall, r.Targets)
	}
}

// TestDiaryCutAnywhere cuts a file at each byte, as a kill in the middle of a write or a full disk does.
func TestDiaryCutAnywhere(t *testing.T) {
	path := written(t, begun, opened, rowOf("begin", "A", 0, ""), rowOf("end", "A", time.Second, Fail), func(w *RowWriter) error {
		return w.End(Over{Run: RunInfo{Start: started, Complete: true}})
	})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := ReadDiary(path)
		lines := strings.Count(string(whole[:n])+"\n", "\n") - 1
		if next := strings.IndexByte(string(whole[n:]), '\n'); next == 0 {
			lines++ // only the line's end is missing
		}
		if lines == 0 {
			if err == nil {
				t.Fatalf("%d bytes: a file without a head is read", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if len(d.Targets) != min(lines-1, 1) || len(d.Rows) != min(max(lines-2, 0), 2) || (d.Over != nil) != (lines == 5) {
			t.Fatalf("%d bytes, %d lines: %d targets, %d rows, end %v", n, lines, len(d.Targets), len(d.Rows), d.Over)
		}
		if r := d.Result(); r.Run.Complete != (lines == 5) || (r.Counts[Fail] == 1) != (lines >= 4) {
			t.Fatalf("%d bytes, %d lines: complete is %v, counts are %v", n, lines, r.Run.Complete, r.Counts)
		}
	}
}

// TestDiaryOfDevices: in which versions devices come is not known at the start.
func TestDiaryOfDevices(t *testing.T) {
	head := Head{Run: RunInfo{Start: started, Side: req.Client}, Specs: []SpecInfo{{ID: "A", Version: wire.V5}, {ID: "A", Version: wire.V311}}}
	d, err := ReadDiary(written(t, func(w *RowWriter) error { return w.Begin(head) }, rowOf("begin", "A", 0, "")))
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Result(); len(r.Specs) != 1 || r.Specs[0].Version != wire.V5 || r.Specs[0].Verdict != Inconclusive {
		t.Errorf("the specs are %+v", r.Specs)
	}
}

func TestDiaryRefusesWhatItDoesNotKnow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	for content, want := range map[string]string{
		"":                                  "does not begin with what was to run",
		`{"event":"begin","id":"A"}` + "\n": "does not begin with what was to run",
		`{"event":"run","rowsVersion":2}`:   "has version 2; this mqttspec reads 1",
		`{"event":"run","rowsVersion":"one"}` + "\n": "rows.jsonl:1:",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDiary(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	later := `{"event":"run","rowsVersion":1}` + "\n" + `{"event":"of a later kind","x":1}` + "\n" + `{"event":"begin","id":"A"}` + "\n"
	if err := os.WriteFile(path, []byte(later), 0o644); err != nil {
		t.Fatal(err)
	}
	if d, err := ReadDiary(path); err != nil || len(d.Rows) != 1 {
		t.Errorf("a line of a later kind: %d rows, %v", len(d.Rows), err)
	}
}
