package suites_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
)

// TestDetectionMatrix runs every spec against the reference broker with each of its defects. Each defect is caught by a
// check that claims a statement which the defect breaks, and each spec is failed by at least one defect.
func TestDetectionMatrix(t *testing.T) {
	all := items(t)
	var mu sync.Mutex
	killers := map[string][]string{} // spec → the defects that fail it
	awaited := awaiting(t)
	for name := range awaited {
		if !slices.ContainsFunc(broker.Defects(), func(d broker.Defect) bool { return d.Name == name }) {
			t.Errorf("%s: there is no defect %s", awaitingList, name)
		}
	}
	t.Run("defects", func(t *testing.T) {
		for _, d := range broker.Defects() {
			t.Run(d.Name, func(t *testing.T) {
				t.Parallel()
				caught, others := against(t, all, d)
				mu.Lock()
				defer mu.Unlock()
				missed := len(caught) == 0 && len(others.monitors) == 0
				_, known := awaited[d.Name]
				for key := range caught {
					id, _, _ := strings.Cut(key, "/")
					killers[id] = append(killers[id], d.Name)
				}
				if known && !missed {
					t.Errorf("it is caught: take it off the list in %s", awaitingList)
				}
				if missed && !known {
					t.Errorf("nothing that claims %v catches it; other failures: %v", d.Breaks, others.elsewhere)
				}
			})
		}
	})
	seen := map[string]bool{}
	for _, i := range all {
		if !seen[i.ID] && len(killers[i.ID]) == 0 {
			t.Errorf("no defect fails spec %s", i.ID)
		}
		seen[i.ID] = true
	}
}

// awaitingList names the defects that nothing catches yet, each with the reason.
const awaitingList = "testdata/awaiting.txt"

// awaiting reads the list.
func awaiting(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(awaitingList)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, reason, _ := strings.Cut(line, "#")
		name, reason = strings.TrimSpace(name), strings.TrimSpace(reason)
		switch {
		case name == "":
		case reason == "":
			t.Errorf("%s: %s has no reason", awaitingList, name)
		case listed[name] != "":
			t.Errorf("%s: %s stands there twice", awaitingList, name)
		default:
			listed[name] = reason
		}
	}
	return listed
}

// musts returns what a row demanded, as against what it recommended.
func musts(row reports.Row) (demands []reports.Requirement) {
	for _, r := range row.Requirements {
		if !r.Advisory {
			demands = append(demands, r)
		}
	}
	return demands
}

// elsewhere is what a defect brings about besides the failures that name it.
type elsewhere struct {
	monitors  []req.ID // broken statements that a monitor found
	elsewhere []string // specs that failed on other statements
}

// against runs every spec against one defect. Caught are the items that fail on a statement which the defect breaks.
func against(t *testing.T, all []harness.Item, d broker.Defect) (caught map[string]bool, e elsewhere) {
	caught = map[string]bool{}
	for n, i := range all {
		row := onReference(t, i, n, broker.Config{Defects: []string{d.Name}})
		if row.OwnDefect {
			t.Errorf("%s: defect of our own: %s", i.Key(), row.Reason)
		}
		broken := slices.Clone(row.Requirements)
		demands := musts(row)
		for _, w := range row.Warnings {
			// where the spec demands nothing under the statement, it only recommends
			if !slices.ContainsFunc(demands, func(r reports.Requirement) bool { return r.ID == w.ID }) {
				broken = append(broken, w)
			}
		}
		for _, r := range broken {
			if r.Verdict == reports.Pass {
				continue
			}
			if slices.Contains(d.Breaks, string(r.ID)) {
				caught[i.Key()] = true
			} else {
				e.elsewhere = append(e.elsewhere, i.Key()+" "+string(r.ID))
			}
		}
		for _, f := range row.Findings {
			if slices.Contains(d.Breaks, string(f.ID)) {
				e.monitors = append(e.monitors, f.ID)
			}
		}
	}
	return caught, e
}
