package device_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// personality is a kind of model that goes through plans.
type personality struct {
	name    string
	version wire.Version
	clean   bool
	method  string
}

var personalities = []personality{
	{"persistent", wire.V5, false, ""},
	{"clean", wire.V5, true, ""},
	{"persistent-3.1.1", wire.V311, false, ""},
	{"clean-3.1.1", wire.V311, true, ""},
	{"authenticating", wire.V5, false, "mqttspec-model"},
}

// tested runs a plan with a model in virtual time and returns the rows of its steps, up to the first one that is enough.
func tested(t *testing.T, plan engine.Plan, who personality, enough func(*engine.Bench, reports.Row) bool, defects ...string) (rows []reports.Row) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var b *engine.Bench
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), OnRow: func(r reports.Row) {
			if r.Event == "end" {
				rows = append(rows, r)
				if enough(b, r) {
					b.Stop(errEnough)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{id: "model", version: who.version, clean: who.clean, defects: map[string]bool{}, random: rand.New(rand.NewPCG(1, 2))}
		m.method = who.method
		for _, d := range defects {
			m.defects[d] = true
		}
		m.dial = func() (net.Conn, error) {
			ours, theirs := memnet.Pipe(0)
			go b.ServeConn(theirs)
			return ours, nil
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); m.run(ctx) }()
		<-b.Done()
		cancel()
		<-ended
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return rows
}

// errEnough ends a run that has shown what it was to show.
var errEnough = errors.New("enough")

// all is for runs of whole plans.
func all(*engine.Bench, reports.Row) bool { return false }

// timeline is a row's trace as text.
func timeline(row reports.Row) string {
	var b strings.Builder
	for _, e := range row.Trace {
		fmt.Fprintf(&b, "%10.3fs %-10s %1s %-6s %s %s\n", e.At.Seconds(), e.Conn, e.Dir, e.Kind, e.Text, e.Bad)
	}
	return b.String()
}

// ownWays are cases in which Device Advisor wants what the standard does not ask for, and the model does not do.
var ownWays = []string{"MQTT_Publish_Retry_No_Puback", "MQTT_Subscribe_Retry_No_Suback"}

// TestModelConforms runs every plan with a device that keeps every rule.
func TestModelConforms(t *testing.T) {
	plans, err := device.Plans()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		for _, who := range personalities {
			t.Run(p.Name+"/"+who.name, func(t *testing.T) {
				for _, row := range tested(t, p, who, all) {
					t.Logf("%-7s %-12s %s", row.ID, row.Verdict, row.Reason)
					switch row.Verdict {
					case reports.Warning:
						if !slices.Contains(ownWays, row.ID) {
							t.Errorf("%s %s: %s\n%s", row.ID, row.Verdict, row.Reason, timeline(row))
						}
					case reports.Fail, reports.Inconclusive:
						t.Errorf("%s %s: %s\n%s", row.ID, row.Verdict, row.Reason, timeline(row))
					}
					for _, f := range row.Findings {
						t.Errorf("%s: monitor %s: %s\n%s", row.ID, f.ID, f.Text, timeline(row))
					}
				}
			})
		}
	}
}

// TestDetectionMatrix runs the plan of a version with a device that has one defect at a time: each is caught by a check
// that claims what it breaks, and by the steps that it is for. In the end every step and every monitor of a client has
// caught something.
func TestDetectionMatrix(t *testing.T) {
	if n := len(defects()); n < 200 {
		t.Errorf("there are %d defects", n)
	}
	found := &findings{steps: map[string]bool{}, monitors: map[string]bool{}, statements: map[string]bool{}}
	t.Run("defects", func(t *testing.T) {
		for _, d := range defects() {
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				catch(t, d, found)
			})
		}
	})
	if found.ran == len(defects()) { // all of them were selected
		found.check(t)
	}
}

// catch runs the plan of a version with a defect until it is caught.
func catch(t *testing.T, d defect, found *findings) {
	who := personalities[0]
	for _, p := range personalities {
		if p.name == d.who {
			who = p
		}
	}
	name := "mqtt5"
	if who.version == wire.V311 {
		name = "mqtt311"
	}
	plan, err := device.Plan(name)
	if err != nil {
		t.Fatal(err)
	}
	found.begin()
	var seen []string
	caught, missing := false, slices.Concat(d.at, furtherSteps[d.name])
	tested(t, plan, who, func(b *engine.Bench, row reports.Row) bool {
		if row.OwnDefect {
			t.Errorf("%s: %s", row.ID, row.Reason)
		}
		for _, c := range complaints(row) {
			if slices.Contains(d.breaks, c) {
				caught = true
				found.statement(c)
			}
			seen = append(seen, row.ID+" "+c)
		}
		if unmet(row) {
			found.step(row)
			missing = slices.DeleteFunc(missing, func(id string) bool { return id == row.ID })
		}
		if !caught || len(missing) > 0 {
			return false
		}
		found.broken(monitor.Broken(b.Clients()[0].Trace(), wire.FromClient))
		return true
	}, d.name)
	if !caught {
		t.Errorf("nothing that claims %v catches it; found instead: %v", d.breaks, seen)
	}
	if len(missing) > 0 {
		t.Errorf("%v do not find it by themselves; found instead: %v", missing, seen)
	}
}

// complaints are the statements that a row says are broken, and its own id if a recommendation was not followed.
func complaints(row reports.Row) (all []string) {
	for _, r := range append(slices.Clone(row.Requirements), row.Warnings...) {
		switch {
		case r.Verdict == reports.Pass:
		case r.ID == "":
			all = append(all, row.ID)
		default:
			all = append(all, string(r.ID))
		}
	}
	for _, f := range row.Findings {
		all = append(all, string(f.ID))
	}
	return all
}

// TestDefectsNameStatements holds what the defects say they break against the catalogue and the plans.
func TestDefectsNameStatements(t *testing.T) {
	steps, names := map[string]bool{}, map[string]bool{}
	plans, err := device.Plans()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		for _, s := range p.Steps {
			steps[s.ID] = true
		}
	}
	for _, d := range defects() {
		if names[d.name] || len(d.breaks) == 0 {
			t.Errorf("%s is there twice, or breaks nothing", d.name)
		}
		names[d.name] = true
		for _, id := range slices.Concat(d.at, furtherSteps[d.name]) {
			if !steps[id] {
				t.Errorf("%s is for the step %s, which does not exist", d.name, id)
			}
		}
		for _, b := range d.breaks {
			if _, known := req.Lookup(req.ID(b)); !known && !steps[b] {
				t.Errorf("%s breaks %s, which is neither a statement nor a step", d.name, b)
			}
		}
	}
}
