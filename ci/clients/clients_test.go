//go:build unix

package clients_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mqttspec/mqttspec/reports"
)

var update = flag.Bool("update", false, "writes what was seen into expected/; what is new there has no reason yet, which fails the test")

// ciClients are those that setup.sh installs for every CI run, with the versions of MQTT that they speak.
var ciClients = map[string][]string{
	"paho-python-1.6": {"5", "3.1.1"},
	"paho-python-2":   {"5", "3.1.1"},
	"aws-iot-v1":      {"3.1.1"},
	"awsiotsdk":       {"5", "3.1.1"},
	"mqttjs":          {"5", "3.1.1"},
	"mosquitto":       {"5", "3.1.1"},
	"paho-c":          {"5", "3.1.1"},
	"paho-golang":     {"5"},
}

// shortPlan are steps of shipped plans that are quick and tell much. The order matters: some libraries wait longer after
// each connection that they lose.
var shortPlan = []struct{ plan, step string }{
	{"basic", "DV-01"}, {"basic", "DV-33"}, {"basic", "DV-32"}, {"delivery", "DV-09"}, {"delivery", "DV-38"},
	{"delivery", "DV-10b"}, {"delivery", "DV-12"}, {"basic", "DV-15"},
}

// expectation is what is known of a client with one version of MQTT: a file in expected/.
type expectation struct {
	// Steps are the verdicts, by the name of the device and the step's id.
	Steps map[string]map[string]reports.Verdict `yaml:"steps"`
	// Broken are the statements that the client breaks, with the reason: what it does, as docs/clients.md confirms it.
	Broken map[string]string `yaml:"broken,omitempty"`
	// Sometimes are those that it breaks if a connection ends at a moment that the plan does not choose, such as between
	// a PUBLISH and its PUBREC.
	Sometimes map[string]string `yaml:"sometimes,omitempty"`
}

// TestClientsThroughPlan takes a device on each client library through a short plan, all at the same time, and compares
// every verdict with what is known of the library.
func TestClientsThroughPlan(t *testing.T) {
	t.Parallel()
	present := installed(t)
	if len(present) == 0 {
		t.Skip("no client is installed: ci/clients/setup.sh ci would do it")
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	cmd := exec.Command("bash", append([]string{"check.sh", "--plan", writeShortPlan(t), "--out", out, "--deadline", "4m"}, present...)...)
	cmd.Env = append(cleanEnvironment(), "MQTTSPEC="+bin, "MQTTSPEC_CLIENTS="+cache(), "DEVICE_RECONNECT=2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, began := &strings.Builder{}, time.Now()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }) // what is left, if the test ends before
	if err := cmd.Wait(); err != nil {
		t.Errorf("check.sh: %v", err)
	}
	t.Logf("%d clients in %v:\n%s", len(present), time.Since(began).Round(time.Second), said)
	for _, name := range present {
		for _, version := range ciClients[name] {
			t.Run(name+"/"+version, func(t *testing.T) {
				report := filepath.Join(out, name+"-"+version)
				seen, took := seenIn(t, report)
				t.Logf("took %v", took.Round(time.Second))
				file := filepath.Join("expected", name+"-"+version+".yaml")
				want := expectationIn(t, file)
				if *update {
					want = write(t, file, seen, want)
				}
				seen.compare(t, want)
				if t.Failed() {
					printLog(t, report)
				}
			})
		}
	}
}

// installed returns which clients are there. With MQTTSPEC_REQUIRE_CLIENTS=1 all must be.
func installed(t *testing.T) (present []string) {
	for _, name := range slices.Sorted(maps.Keys(ciClients)) {
		switch _, err := os.Stat(filepath.Join(cache(), name+".recipe")); {
		case err == nil:
			present = append(present, name)
		case os.Getenv("MQTTSPEC_REQUIRE_CLIENTS") == "1":
			t.Errorf("%s is not installed: run ci/clients/setup.sh %s", name, name)
		default:
			t.Logf("without %s, which is not installed: ci/clients/setup.sh %s would do it", name, name)
		}
	}
	return present
}

// cleanEnvironment is ours without the variables that mqttspec would take for flags.
func cleanEnvironment() (env []string) {
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "MQTTSPEC") {
			env = append(env, variable)
		}
	}
	return append(env, "PYTHONWARNINGS=ignore")
}

// writeShortPlan makes a plan of the steps of shortPlan and returns its file.
func writeShortPlan(t *testing.T) string {
	t.Helper()
	type plan struct {
		Name     string          `yaml:"plan"`
		Text     string          `yaml:"text"`
		Patience string          `yaml:"patience"`
		Steps    []yaml.MapSlice `yaml:"steps"`
	}
	short := plan{Name: "short", Text: "what real clients go through in CI", Patience: "25s"}
	for _, wanted := range shortPlan {
		source, err := os.ReadFile("../../suites/device/plans/" + wanted.plan + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var shipped plan
		if err := yaml.Unmarshal(source, &shipped); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(shipped.Steps, func(s yaml.MapSlice) bool { return s.ToMap()["id"] == wanted.step })
		if i < 0 {
			t.Fatalf("the plan %s has no step %s", wanted.plan, wanted.step)
		}
		short.Steps = append(short.Steps, shipped.Steps[i])
	}
	content, err := yaml.Marshal(short)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "short.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// seenIn reads what a run has found, and how long it took from the first step to the last.
func seenIn(t *testing.T, report string) (expectation, time.Duration) {
	t.Helper()
	rows, err := reports.ReadRows(filepath.Join(report, "rows.jsonl"))
	if err != nil {
		printLog(t, report)
		t.Fatal(err)
	}
	seen := expectation{Steps: map[string]map[string]reports.Verdict{}, Broken: map[string]string{}}
	var first, last time.Time
	for _, row := range rows {
		if first.IsZero() {
			first = row.At
		}
		if last = row.At; row.Event != "end" {
			continue
		}
		if seen.Steps[row.Target] == nil {
			seen.Steps[row.Target] = map[string]reports.Verdict{}
		}
		seen.Steps[row.Target][row.ID] = row.Verdict
		for _, r := range row.Requirements {
			if r.Verdict == reports.Fail {
				seen.Broken[string(r.ID)] = fmt.Sprintf("%s: %s", row.ID, r.Observed)
			}
		}
		for _, f := range row.Findings {
			if f.Verdict == reports.Fail {
				seen.Broken[string(f.ID)] = fmt.Sprintf("%s: %s", row.ID, f.Text)
			}
		}
	}
	return seen, last.Sub(first)
}

func expectationIn(t *testing.T, file string) (want expectation) {
	t.Helper()
	source, err := os.ReadFile(file)
	if os.IsNotExist(err) && *update {
		return want
	}
	if err == nil {
		err = yaml.UnmarshalWithOptions(source, &want, yaml.Strict())
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return want
}

// compare tells each difference. A finding that is gone is one as well: either the library or our judgement has changed.
func (seen expectation) compare(t *testing.T, want expectation) {
	t.Helper()
	for _, target := range union(seen.Steps, want.Steps) {
		for _, step := range union(seen.Steps[target], want.Steps[target]) {
			if s, w := seen.Steps[target][step], want.Steps[target][step]; s != w {
				t.Errorf("%s %s: expected %q, seen %q", target, step, w, s)
			}
		}
	}
	for _, id := range union(seen.Broken, want.Broken) {
		reason, known := want.Broken[id]
		observed, shown := seen.Broken[id]
		switch {
		case want.Sometimes[id] != "":
		case !known:
			t.Errorf("%s is broken, which is new: %s", id, observed)
		case !shown:
			t.Errorf("%s is not found broken any more, which was known: %s", id, reason)
		case reason == "":
			t.Errorf("%s is listed as broken without a reason: %s", id, observed)
		}
	}
}

// union returns the keys of both, in order.
func union[V any](a, b map[string]V) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, keys := range []map[string]V{a, b} {
			for k := range keys {
				if !yield(k) {
					return
				}
			}
		}
	}))
}

// write makes the file of an expectation of what was seen, with the reasons that were known, and returns what it holds.
func write(t *testing.T, file string, seen, want expectation) expectation {
	t.Helper()
	kept := expectation{Steps: seen.Steps, Broken: map[string]string{}, Sometimes: want.Sometimes}
	for id := range seen.Broken {
		if want.Sometimes[id] == "" {
			kept.Broken[id] = want.Broken[id]
		}
	}
	content, err := yaml.Marshal(kept)
	if err == nil {
		err = os.WriteFile(file, content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// printLog shows the end of what mqttspec and the device said.
func printLog(t *testing.T, report string) {
	for _, name := range []string{"run.log", "device.log"} {
		content, _ := os.ReadFile(filepath.Join(report, name)) // it may not be there
		lines := strings.Split(strings.TrimSpace(string(content)), "\n")
		t.Logf("%s:\n%s", name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}
