package device_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// personality is a kind of model that goes through plans.
type personality struct {
	name    string
	version wire.Version
	clean   bool
}

var personalities = []personality{
	{"persistent", wire.V5, false},
	{"clean", wire.V5, true},
	{"persistent-3.1.1", wire.V311, false},
	{"clean-3.1.1", wire.V311, true},
}

// tested runs a plan with a model in virtual time and returns the rows of its steps.
func tested(t *testing.T, plan engine.Plan, who personality, defects ...string) (rows []reports.Row) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), OnRow: func(r reports.Row) {
			if r.Event == "end" {
				rows = append(rows, r)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{id: "model", version: who.version, clean: who.clean, defects: map[string]bool{}, random: rand.New(rand.NewPCG(1, 2))}
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

// timeline is a row's trace as text.
func timeline(row reports.Row) string {
	var b strings.Builder
	for _, e := range row.Trace {
		fmt.Fprintf(&b, "%10.3fs %-10s %1s %-6s %s %s\n", e.At.Seconds(), e.Conn, e.Dir, e.Kind, e.Text, e.Bad)
	}
	return b.String()
}

// TestModelConforms runs every plan with a device that keeps every rule.
func TestModelConforms(t *testing.T) {
	plans, err := device.Plans()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		for _, who := range personalities {
			t.Run(p.Name+"/"+who.name, func(t *testing.T) {
				for _, row := range tested(t, p, who) {
					t.Logf("%-7s %-12s %s", row.ID, row.Verdict, row.Reason)
					switch row.Verdict {
					case reports.Fail, reports.Inconclusive, reports.Warning:
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
