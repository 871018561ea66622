package harness_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// deaf is a target that nobody can reach and whose log cannot be read.
type deaf struct{}

func (deaf) Dial(context.Context) (net.Conn, error) { return nil, errors.New("nobody there") }
func (deaf) Info() reports.TargetInfo               { return reports.TargetInfo{Name: "deaf"} }
func (deaf) Close() error                           { return nil }
func (deaf) Logs() string                           { panic("no log") }

// itemsOf makes n items with the body, of which every second one declares a wait.
func itemsOf(t *testing.T, n int, body func(context.Context)) []harness.Item {
	t.Helper()
	var specs []harness.Definition
	for i := range n {
		var options []harness.Option
		if i%2 == 0 {
			options = append(options, harness.Waits(2*time.Second))
		}
		specs = append(specs, harness.Spec(fmt.Sprintf("T-%02d", i), "is a test", harness.V5("MQTT-3.1.2-24"), body, options...))
	}
	items, err := harness.Compile([]harness.Group{harness.Section("Tests", specs...)}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// rowsOf waits for the rows of all items.
func rowsOf(t *testing.T, e *harness.Engine, items []harness.Item) (rows []reports.Row) {
	t.Helper()
	<-e.Done()
	for _, i := range items {
		row, err := e.Outcome(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestParallelBoundsAllBodiesTogether(t *testing.T) {
	for _, limit := range []int32{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int32
			items := itemsOf(t, 12, func(ctx context.Context) {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				harness.Wait(ctx, time.Second)
				harness.Record(ctx, "key", "value")
				now.Add(-1)
			})
			e := harness.Start(t.Context(), items, harness.Config{Target: deaf{}}, harness.EngineOptions{Parallel: int(limit)})
			for _, row := range rowsOf(t, e, items) {
				if row.Verdict != reports.Behaviour {
					t.Errorf("%s: %s %s", row.ID, row.Verdict, row.Reason)
				}
			}
			if got := most.Load(); got != limit {
				t.Errorf("%d bodies ran at a time, want %d", got, limit)
			}
		})
	}
}

func TestPanicBesideABodyIsADefectOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := itemsOf(t, 1, func(ctx context.Context) { harness.Open(ctx, "me") })
		e := harness.Start(t.Context(), items, harness.Config{Target: deaf{}}, harness.EngineOptions{})
		row := rowsOf(t, e, items)[0]
		if !row.OwnDefect || row.Verdict != reports.Inconclusive || !strings.HasPrefix(row.Reason, "panic: no log") {
			t.Errorf("got %s, own defect %v: %s", row.Verdict, row.OwnDefect, row.Reason)
		}
	})
}

func TestStopGivesItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := itemsOf(t, 2, func(ctx context.Context) {
			harness.Wait(ctx, time.Hour)
			t.Error("the body went on")
		})
		e := harness.Start(t.Context(), items, harness.Config{Target: quiet{}}, harness.EngineOptions{Parallel: 1})
		time.Sleep(time.Second)
		e.Stop(errors.New("enough"))
		reasons := map[string]int{}
		for _, row := range rowsOf(t, e, items) {
			if row.Verdict != reports.Inconclusive || row.OwnDefect {
				t.Errorf("%s: %s, own defect %v", row.ID, row.Verdict, row.OwnDefect)
			}
			reasons[row.Reason]++
		}
		if reasons["ended: enough"] != 1 || reasons["not started: enough"] != 1 {
			t.Errorf("the reasons are %v", reasons)
		}
	})
}

// quiet is a target without a log.
type quiet struct{ harness.Target }

func (quiet) Info() reports.TargetInfo { return reports.TargetInfo{Name: "quiet"} }
