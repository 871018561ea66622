package harness_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// family is a target that gives instances.
type family struct {
	Target
	instances atomic.Int32
	another   func() Target
}

func (f *family) Instance(context.Context) (Target, error) {
	f.instances.Add(1)
	return f.another(), nil
}

// rowsOfFamily runs the specs of two sections, the second one hostile, and returns how long that took.
func rowsOfFamily(t *testing.T, another func() Target, specs, hostile []Definition) (rows map[string]reports.Row, instances int, took time.Duration) {
	t.Helper()
	items := compiled(t, specs, hostile)
	rows = map[string]reports.Row{}
	synctest.Test(t, func(t *testing.T) {
		f, began := &family{Target: another(), another: another}, time.Now()
		e := Start(t.Context(), items, Config{Target: f, Timing: Timing{Reply: time.Second}}, EngineOptions{Pulse: true})
		for _, row := range rowsOf(t, e, items) {
			rows[row.ID] = row
		}
		instances, took = int(f.instances.Load()), time.Since(began)
		f.Close()
		time.Sleep(time.Hour)
	})
	return rows, instances, took
}

// TestHostileSpecsRunBesideTheOthers holds that they do not wait for the others where the target gives an instance.
func TestHostileSpecsRunBesideTheOthers(t *testing.T) {
	claims := V5("MQTT-4.4.0-1")
	rows, instances, took := rowsOfFamily(t, func() Target { return newMortal() }, []Definition{Spec("A", "waits", claims, idle)},
		[]Definition{Spec("H1", "waits", claims, idle), Spec("H2", "waits", claims, idle)})
	for id, r := range rows {
		if r.Verdict != reports.Pass {
			t.Errorf("%s: %s %s", id, r.Verdict, r.Reason)
		}
	}
	if instances != 1 || took > 6*time.Second {
		t.Errorf("%d instances, %s", instances, took)
	}
}

// TestDeathAsideNamesTheGuilty holds that an instance which dies of hostile specs disturbs no other spec, and that the
// guilty one is named also where the target cannot be started again.
func TestDeathAsideNamesTheGuilty(t *testing.T) {
	claims := V5("MQTT-4.4.0-1")
	hostile := []Definition{Spec("H1", "is poisoned", claims, poison)}
	for _, id := range []string{"H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9", "H10", "H11"} {
		hostile = append(hostile, Spec(id, "is there", claims, live))
	}
	rows, _, _ := rowsOfFamily(t, func() Target { return newMortal() }, []Definition{Spec("A", "waits", claims, idle)}, hostile)
	for id, r := range rows {
		if want := map[bool]reports.Verdict{true: reports.Fail, false: reports.Pass}[id == "H1"]; r.Verdict != want {
			t.Errorf("%s: %s %s", id, r.Verdict, r.Reason)
		}
	}
	if r := rows["H1"]; !strings.Contains(r.Reason, "does not answer CONNECT any more") {
		t.Errorf("H1: %s", r.Reason)
	}
}

// TestParalysisAsideIsTold holds that a spec of which the target stands still is named, and no other.
func TestParalysisAsideIsTold(t *testing.T) {
	claims := V5("MQTT-4.4.0-1")
	paralyse := func(ctx context.Context) {
		c := Connect(ctx, Clean(ctx, "c"))
		Wait(ctx, time.Second)
		c.Send(ctx, wire.Publish{Topic: "paralyse"})
		Wait(ctx, 200*time.Millisecond)
		Must(ctx, "MQTT-4.4.0-1", "the target is there", c.Alive(ctx), BeTrue())
		Wait(ctx, 200*time.Millisecond)
	}
	rows, _, _ := rowsOfFamily(t, func() Target {
		s := newStanding(0)
		answer := s.answer
		s.answer = func(p wire.Packet) []wire.Packet {
			if publish, ok := p.(wire.Publish); ok && publish.Topic == "paralyse" {
				s.stand(0, 2*time.Second)
			}
			return answer(p)
		}
		return s
	}, nil, []Definition{Spec("H1", "is paralysed", claims, paralyse), Spec("H2", "waits", claims, idle)})
	if r := rows["H1"]; r.Verdict != reports.Warning || !strings.Contains(r.Reason, "it stood still for ") {
		t.Errorf("H1: %s %s", r.Verdict, r.Reason)
	}
	if r := rows["H2"]; r.Verdict != reports.Pass {
		t.Errorf("H2: %s %s", r.Verdict, r.Reason)
	}
}

// TestBodiesThatMerelyWaitMakeRoom holds that quick bodies whose answer does not come do not hold up the others.
func TestBodiesThatMerelyWaitMakeRoom(t *testing.T) {
	waits := func(ctx context.Context) {
		c := Connect(ctx, Clean(ctx, "c"))
		_, o := c.TryPublish(ctx, 5*time.Second)
		Must(ctx, "MQTT-4.4.0-1", "nothing comes", o, Equal(Silent))
	}
	var specs []Definition
	for _, id := range []string{"A", "B", "C", "D", "E", "F"} {
		specs = append(specs, Spec(id, "waits", V5("MQTT-4.4.0-1"), waits))
	}
	for parallel, want := range map[int]time.Duration{0: 8 * time.Second, 1: 31 * time.Second} {
		items := compiled(t, specs, nil)
		synctest.Test(t, func(t *testing.T) {
			target, began := newMortal(), time.Now()
			e := Start(t.Context(), items, Config{Target: target, Timing: Timing{Reply: time.Second}}, EngineOptions{Quick: 1, Parallel: parallel})
			for _, row := range rowsOf(t, e, items) {
				if row.Verdict != reports.Pass {
					t.Errorf("%s: %s %s", row.ID, row.Verdict, row.Reason)
				}
			}
			if took := time.Since(began); took > want || parallel > 0 && took < 30*time.Second {
				t.Errorf("--parallel %d: they take %s", parallel, took)
			}
			target.Close()
		})
	}
}
