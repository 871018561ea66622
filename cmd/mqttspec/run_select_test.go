package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// a list of its own: that of the suites grows.
func smallList(t *testing.T) []harness.Item {
	t.Helper()
	body := func(context.Context) {}
	must := harness.Both(harness.V5("MQTT-3.1.2-24"), harness.V311("MQTT-3.1.2-24"))
	groups := []harness.Group{
		harness.Section("First section",
			harness.Spec("AA-01", "keeps a MUST in both versions", must, body),
			harness.Spec("AA-02", "waits a little", harness.V5("MQTT-3.1.2-22"), body, harness.Waits(2*time.Second)),
			harness.Spec("AA-03", "waits long", harness.V5("MQTT-3.1.2-22"), body, harness.Waits(time.Minute))),
		harness.Section("Second section: in/out",
			harness.Spec("BB-01", "follows a SHOULD", harness.V311("U3-002"), body),
			harness.Spec("BB-02", "makes a choice", harness.V311("U3-004"), body)),
	}
	var items []harness.Item
	for _, v := range []wire.Version{wire.V5, wire.V311} {
		of, err := harness.Compile(groups, v)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, of...)
	}
	return items
}

func TestChoose(t *testing.T) {
	both := []wire.Version{wire.V5, wire.V311}
	for _, c := range []struct {
		name string
		s    selection
		want string // keys, or the error's text after "error: "
	}{
		{"all but what waits long", selection{level: "may"}, "AA-01/5.0 AA-02/5.0 AA-01/3.1.1 BB-01/3.1.1 BB-02/3.1.1"},
		{"long", selection{level: "may", long: true}, "AA-01/5.0 AA-02/5.0 AA-03/5.0 AA-01/3.1.1 BB-01/3.1.1 BB-02/3.1.1"},
		{"quick", selection{level: "may", quick: true}, "AA-01/5.0 AA-01/3.1.1 BB-01/3.1.1 BB-02/3.1.1"},
		{"should", selection{level: "should"}, "AA-01/5.0 AA-02/5.0 AA-01/3.1.1 BB-01/3.1.1"},
		{"must", selection{level: "must"}, "AA-01/5.0 AA-02/5.0 AA-01/3.1.1"},
		{"one version", selection{level: "may", versions: []wire.Version{wire.V311}}, "AA-01/3.1.1 BB-01/3.1.1 BB-02/3.1.1"},
		{"spec", selection{level: "may", only: []string{"aa-01"}}, "AA-01/5.0 AA-01/3.1.1"},
		{"spec in a version", selection{level: "may", only: []string{"AA-01/5.0"}}, "AA-01/5.0"},
		{"pattern", selection{level: "may", only: []string{"bb-*"}}, "BB-01/3.1.1 BB-02/3.1.1"},
		{"section", selection{level: "may", only: []string{"second section: in/out"}}, "BB-01/3.1.1 BB-02/3.1.1"},
		{"pattern of sections", selection{level: "may", only: []string{"Second*out"}}, "BB-01/3.1.1 BB-02/3.1.1"},
		{"statement", selection{level: "may", only: []string{"MQTT-3.1.2-24"}}, "AA-01/5.0 AA-01/3.1.1"},
		{"statement of a version", selection{level: "may", only: []string{"v311:3.1.2-24"}}, "AA-01/3.1.1"},
		{"several, in the order of the list", selection{level: "may", only: []string{"BB-01", "MQTT-3.1.2-22"}}, "AA-02/5.0 BB-01/3.1.1"},
		{"section of the standard", selection{level: "may", only: []string{"v5:3.1.2"}}, "AA-01/5.0 AA-02/5.0"},
		{"failed", selection{level: "may", failed: map[string]bool{"AA-02/5.0": true}}, "AA-02/5.0"},
		{"nothing failed", selection{level: "may", failed: map[string]bool{}}, ""},
		{"first of two parts", selection{level: "may", shard: shard{1, 2}}, "AA-01/5.0 AA-01/3.1.1 BB-02/3.1.1"},
		{"second of two parts", selection{level: "may", shard: shard{2, 2}}, "AA-02/5.0 BB-01/3.1.1"},
		{"too long", selection{level: "may", only: []string{"AA-03"}}, "error: leaves nothing to run: 1 that wait longer than 9 s (--long runs them)"},
		{"level leaves nothing", selection{level: "must", only: []string{"BB-*"}}, "error: 2 of a lower level"},
		{"unknown", selection{level: "may", only: []string{"AA-1"}}, "error: near it: AA-01"},
		{"misspelt section", selection{level: "may", only: []string{"Frist section"}}, "error: near it: First section"},
		{"statement without a spec", selection{level: "may", only: []string{"v5:MQTT-1.5.4-3"}}, "error: no spec"},
		{"more parts than specs", selection{level: "may", only: []string{"BB-01"}, shard: shard{3, 3}}, "error: is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.s.versions == nil {
				c.s.versions = both
			}
			got, err := c.s.choose(smallList(t))
			if text, wantError := strings.CutPrefix(c.want, "error: "); wantError {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Fatalf("got the error %v, want one with %q", err, text)
				}
				if codeOf(err) != exitUsage {
					t.Errorf("exit code %d, want %d", codeOf(err), exitUsage)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, i := range got.items {
				keys = append(keys, i.Key())
			}
			if strings.Join(keys, " ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(keys, " "), c.want)
			}
		})
	}
}

func TestTooLongIsCounted(t *testing.T) {
	got, err := selection{level: "may", versions: []wire.Version{wire.V5}}.choose(smallList(t))
	if err != nil || got.tooLong != 1 {
		t.Errorf("%d specs are said to wait too long, want 1 (error %v)", got.tooLong, err)
	}
}

func TestParseShard(t *testing.T) {
	for text, want := range map[string]shard{"": {}, "1/1": {1, 1}, "2/5": {2, 5}} {
		if got, err := parseShard(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0/5", "6/5", "1", "a/b", "1/", "-1/5", "1/2/3"} {
		if got, err := parseShard(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestFailedIn(t *testing.T) {
	spec := func(id string, v wire.Version, verdict reports.Verdict, findings ...reports.Finding) reports.SpecResult {
		return reports.SpecResult{SpecInfo: reports.SpecInfo{ID: id, Version: v}, Verdict: verdict, Findings: findings}
	}
	result := reports.Result{SchemaVersion: reports.SchemaVersion, Specs: []reports.SpecResult{
		spec("P", wire.V5, reports.Pass), spec("F", wire.V5, reports.Fail), spec("F", wire.V311, reports.Pass),
		spec("I", wire.V311, reports.Inconclusive), spec("S", wire.V5, reports.Skip), spec("W", wire.V5, reports.Warning),
		spec("M", wire.V5, reports.Pass, reports.Finding{Verdict: reports.Fail}),
	}}
	dir := t.TempDir()
	if _, err := reports.Write(dir, result, reports.JSON); err != nil {
		t.Fatal(err)
	}
	for strict, want := range map[bool][]string{false: {"F/5.0", "I/3.1.1", "M/5.0"}, true: {"F/5.0", "I/3.1.1", "M/5.0", "W/5.0"}} {
		got, err := failedIn(filepath.Join(dir, string(reports.JSON)), strict)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for k := range got {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if !slices.Equal(keys, want) {
			t.Errorf("strict %v: got %v, want %v", strict, keys, want)
		}
	}
	empty := filepath.Join(dir, "empty.json")
	if err := os.WriteFile(empty, []byte(`{"schemaVersion":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := failedIn(empty, false); err == nil {
		t.Error("a result without specs is taken for one without failures")
	}
}
