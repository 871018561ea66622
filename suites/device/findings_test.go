package device_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// furtherSteps are steps that find a defect as well, besides those that it names; the matrix lets its plan run until
// they have.
var furtherSteps = map[string][]string{
	"alias-above-maximum":                {"DV-16h"},
	"filter-ill-formed":                  {"DV-32"},
	"malformed-packets-overlooked-3.1.1": {"DV-17b"},
	"maximum-qos-ignored":                {"DV-16b"},
	"no-puback":                          {"DV-19", "DV-38", "DV-40"},
	"pubacks-out-of-order":               {"DV-11"},
	"pubrels-out-of-order":               {"DV-37"},
	"reconnects-at-once":                 {"DV-04", "DV-22"},
	"resends-nothing":                    {"DV-10a"},
	"resends-on-live-link":               {"DV-08"},
	"unknown-topics-unacknowledged":      {"DV-19", "DV-40"}, // by then the wait is over that the monitor allows
}

// neverBroken are the monitors of clients that no defect of the model can break, by the id of their statement, with the
// reason.
var neverBroken = map[string]string{}

// provedElsewhere are the steps that no defect of the matrix fails, with the test in which one does.
var provedElsewhere = map[string]string{
	"DV-68": "TestWebSocketDefects",
	"DV-69": "TestWebSocketDefects",
}

// statementsElsewhere are the statements of those steps.
var statementsElsewhere = []req.ID{
	"v5:MQTT-6.0.0-1", "v5:MQTT-6.0.0-2", "v5:MQTT-6.0.0-3", "v311:MQTT-6.0.0-1", "v311:MQTT-6.0.0-2", "v311:MQTT-6.0.0-3",
}

// findings are what has caught a defect.
type findings struct {
	mu       sync.Mutex
	ran      int // how many defects
	steps    map[string]bool
	monitors map[string]bool
	// statements are those that a defect breaks and that were said to be broken
	statements map[string]bool
}

func (f *findings) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ran++
}

func (f *findings) step(row reports.Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps[row.ID+" "+row.Version.String()] = true
}

func (f *findings) statement(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statements[id] = true
}

func (f *findings) broken(all []monitor.Monitor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range all {
		f.monitors[monitorName(m)] = true
	}
}

func monitorName(m monitor.Monitor) string { return string(m.IDs[0]) + ": " + m.Text }

// unmet reports whether what the step itself looks at was found wanting.
func unmet(row reports.Row) bool {
	for _, r := range append(row.Warnings, row.Requirements...) {
		if r.Verdict != reports.Pass {
			return true
		}
	}
	return false
}

// check demands that every step of the plans that the matrix runs has caught something, and every monitor of a client,
// and that the breach of every statement which a client shows has been named.
func (f *findings) check(t *testing.T) {
	excused := unchecked(t)
	for _, s := range req.All() {
		if !s.ObservableAt(req.Client) || s.Level == req.May || excused[s.ID] != "" {
			continue
		}
		if f.statements[string(s.ID)] == slices.Contains(statementsElsewhere, s.ID) {
			t.Errorf("%s: %s: a defect that breaks it is said to do so: %v", s.ID, s.Text, f.statements[string(s.ID)])
		}
	}
	for name, v := range map[string]wire.Version{"mqtt5": wire.V5, "mqtt311": wire.V311} {
		plan, err := device.Plan(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range plan.Steps {
			both := s.Only == "" && (f.steps[s.ID+" "+wire.V5.String()] || f.steps[s.ID+" "+wire.V311.String()])
			caught := both || s.Only != "" && f.steps[s.ID+" "+v.String()]
			_, elsewhere := provedElsewhere[s.ID]
			if s.In(v) && caught == elsewhere {
				t.Errorf("step %s in %s: fails with a defect %v, said to be proved elsewhere %v", s.ID, v, caught, elsewhere)
			}
		}
	}
	for _, m := range monitor.All() {
		if m.Sender != wire.FromClient {
			continue
		}
		caught := f.monitors[monitorName(m)]
		if reason, never := neverBroken[string(m.IDs[0])]; caught == never {
			t.Errorf("monitor %s: broken by a defect %v, said to be impossible to break: %q", monitorName(m), caught, reason)
		}
	}
}
