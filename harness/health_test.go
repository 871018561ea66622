package harness_test

import (
	"context"
	"errors"
	"net"
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

// mortal is a target that dies of a PUBLISH to "poison".
type mortal struct {
	scripted
	dead   atomic.Bool
	starts atomic.Int32
	heals  time.Duration // after which somebody starts it again; 0 is never
}

func newMortal() *mortal {
	m := &mortal{}
	m.answer = func(p wire.Packet) []wire.Packet {
		if publish, ok := p.(wire.Publish); ok && publish.Topic == "poison" {
			m.dead.Store(true)
			if m.heals > 0 {
				time.AfterFunc(m.heals, func() { m.dead.Store(false) })
			}
			return []wire.Packet{nil}
		}
		return polite(p)
	}
	return m
}

func (m *mortal) Dial(ctx context.Context) (net.Conn, error) {
	if m.dead.Load() {
		return nil, errors.New("connection refused")
	}
	return m.scripted.Dial(ctx)
}

// reviving is a mortal that can be started again.
type reviving struct{ *mortal }

func (r reviving) Kill(context.Context) error    { return nil }
func (r reviving) Pause(context.Context) error   { return nil }
func (r reviving) Unpause(context.Context) error { return nil }
func (r reviving) Start(context.Context) error {
	r.dead.Store(false)
	r.starts.Add(1)
	return nil
}

// poison demands that the connection is closed, which a dying target does as well.
func poison(ctx context.Context) {
	c := Connect(ctx, Clean(ctx, "c"))
	c.Send(ctx, wire.Publish{Topic: "poison"})
	_, closed := c.ClosedWithin(ctx, time.Second)
	Must(ctx, "MQTT-4.4.0-1", "the connection is closed", closed, BeTrue())
}

func live(ctx context.Context) {
	c := Connect(ctx, Clean(ctx, "c"))
	Must(ctx, "MQTT-4.4.0-1", "the target is there", c.Alive(ctx), BeTrue())
}

func compiled(t *testing.T, specs, hostile []Definition) []Item {
	t.Helper()
	items, err := Compile([]Group{Section("Tests", specs...), Hostile(Section("Hostile tests", hostile...))}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// rowsAgainst runs the specs of two sections, the second one hostile.
func rowsAgainst(t *testing.T, target Target, specs, hostile []Definition) (rows map[string]reports.Row) {
	t.Helper()
	items := compiled(t, specs, hostile)
	rows = map[string]reports.Row{}
	synctest.Test(t, func(t *testing.T) {
		e := Start(t.Context(), items, Config{Target: target, Timing: Timing{Reply: time.Second}}, EngineOptions{Quick: 1})
		for _, row := range rowsOf(t, e, items) {
			rows[row.ID] = row
		}
		target.Close()
	})
	return rows
}

func TestHostileSpecNamesWhatTheTargetDiedOf(t *testing.T) {
	m := newMortal()
	claims := V5("MQTT-4.4.0-1")
	rows := rowsAgainst(t, reviving{m}, []Definition{Spec("A", "is there", claims, live)},
		[]Definition{Spec("H1", "is poisoned", claims, poison), Spec("H2", "is there again", claims, live)})
	if r := rows["H1"]; r.Verdict != reports.Fail || !strings.Contains(r.Reason, "does not answer CONNECT any more") {
		t.Errorf("H1: %s %s", r.Verdict, r.Reason)
	}
	for _, id := range []string{"A", "H2"} {
		if r := rows[id]; r.Verdict != reports.Pass {
			t.Errorf("%s: %s %s", id, r.Verdict, r.Reason)
		}
	}
	// after all of them side by side, and after the guilty one alone
	if n := m.starts.Load(); n != 2 {
		t.Errorf("the target was started again %d times, want twice", n)
	}
}

func TestHostileSpecsRunSideBySide(t *testing.T) {
	items := compiled(t, nil, []Definition{
		Spec("H1", "waits", V5("MQTT-4.4.0-1"), idle), Spec("H2", "waits", V5("MQTT-4.4.0-1"), idle), Spec("H3", "waits", V5("MQTT-4.4.0-1"), idle),
	})
	synctest.Test(t, func(t *testing.T) {
		target, began := newMortal(), time.Now()
		e := Start(t.Context(), items, Config{Target: target, Timing: Timing{Reply: time.Second}}, EngineOptions{})
		for _, row := range rowsOf(t, e, items) {
			if row.Verdict != reports.Pass {
				t.Errorf("%s: %s %s", row.ID, row.Verdict, row.Reason)
			}
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("three specs of 5 s take %s", took)
		}
		target.Close()
	})
}

func TestHostileSpecsThatKillForGoodDecideNothing(t *testing.T) {
	claims := V5("MQTT-4.4.0-1")
	hostile := []Definition{Spec("H1", "is poisoned", claims, poison), Spec("H2", "is there again", claims, live)}
	rows := rowsAgainst(t, newMortal(), nil, hostile)
	for _, id := range []string{"H1", "H2"} {
		if r := rows[id]; r.Verdict != reports.Inconclusive || !strings.Contains(r.Reason, "--parallel 1") {
			t.Errorf("%s: %s %s", id, r.Verdict, r.Reason)
		}
	}
}

func TestTargetThatIsStartedAgainByOthersGoesOn(t *testing.T) {
	m := newMortal()
	m.heals = 3 * time.Second
	claims := V5("MQTT-4.4.0-1")
	rows := rowsAgainst(t, m, []Definition{Spec("A", "asks for more", claims, func(ctx context.Context) {
		c := Connect(ctx, Clean(ctx, "c"))
		c.Send(ctx, wire.Publish{Topic: "poison"})
		c.Closed(ctx)
		Must(ctx, "MQTT-4.4.0-1", "something comes", false, BeTrue())
	}), Spec("B", "comes later", claims, live)}, nil)
	if r := rows["A"]; r.Verdict != reports.Inconclusive {
		t.Errorf("A: %s %s", r.Verdict, r.Reason)
	}
	if r := rows["B"]; r.Verdict != reports.Pass {
		t.Errorf("B: %s %s", r.Verdict, r.Reason)
	}
}

// idle keeps within what it claims for 5 s.
func idle(ctx context.Context) {
	c := Connect(ctx, Clean(ctx, "c"))
	time.Sleep(5 * time.Second)
	Must(ctx, "MQTT-4.4.0-1", "the target is there", c.Alive(ctx), BeTrue())
}

func TestDeathDecidesNothing(t *testing.T) {
	fails := func(ctx context.Context) {
		c := Connect(ctx, Clean(ctx, "c"))
		c.Send(ctx, wire.Publish{Topic: "poison"})
		c.Closed(ctx)
		Must(ctx, "MQTT-4.4.0-1", "something comes", false, BeTrue())
	}
	claims := V5("MQTT-4.4.0-1")
	rows := rowsAgainst(t, newMortal(), []Definition{Spec("A", "fails as the target dies", claims, fails), Spec("B", "comes later", claims, live)}, nil)
	if r := rows["A"]; r.Verdict != reports.Inconclusive || !strings.Contains(r.Reason, "died while the spec ran") {
		t.Errorf("A: %s %s", r.Verdict, r.Reason)
	}
	for _, q := range rows["A"].Requirements {
		if q.Verdict == reports.Fail {
			t.Errorf("A still says that %s is broken", q.ID)
		}
	}
	if r := rows["B"]; r.Verdict != reports.Inconclusive || !strings.Contains(r.Reason, "did not come back") {
		t.Errorf("B: %s %s", r.Verdict, r.Reason)
	}
}
