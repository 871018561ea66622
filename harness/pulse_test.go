package harness_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// standing is a polite target that takes d to answer, and stands still between two moments.
type standing struct {
	scripted
	d time.Duration

	mu       sync.Mutex
	from, to time.Time
}

func newStanding(d time.Duration) *standing {
	s := &standing{d: d}
	s.answer = func(p wire.Packet) []wire.Packet {
		time.Sleep(s.d)
		s.mu.Lock()
		now, from, to := time.Now(), s.from, s.to
		s.mu.Unlock()
		if !now.Before(from) {
			time.Sleep(to.Sub(now))
		}
		if publish, ok := p.(wire.Publish); ok { // comes back
			return []wire.Packet{publish}
		}
		return polite(p)
	}
	return s
}

// stand lets it stand still for d, after a while.
func (s *standing) stand(after, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = time.Now().Add(after)
	s.to = s.from.Add(d)
}

func TestPulseMeasuresStalls(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		slow  time.Duration // to answer, always
		stall time.Duration
		seen  bool
	}{
		"a prompt target that stands still": {0, 2 * second, true},
		"a lazy target that stands still":   {800 * time.Millisecond, 2 * second, true},
		"a lazy target":                     {800 * time.Millisecond, 0, false},
		"a prompt target":                   {0, 0, false},
		"a hiccup":                          {0, 200 * time.Millisecond, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			target, began := newStanding(c.slow), time.Now()
			target.stand(10*second, c.stall)
			p := TakePulse(t.Context(), target, "t", wire.V5, nil)
			defer target.Close()
			defer p.Stop()
			if c.seen {
				time.Sleep(11500 * time.Millisecond)
				if s := p.Stalls(began, time.Now(), StallLeast); len(s) != 1 || s[0].For < 500*time.Millisecond {
					t.Errorf("%s: while it goes on the stalls are %v", name, s)
				}
			}
			time.Sleep(time.Until(began.Add(20 * second)))
			s := p.Stalls(began, time.Now(), StallLeast)
			switch {
			case !c.seen && len(s) != 0:
				t.Errorf("%s: the stalls are %v", name, s)
			case c.seen && (len(s) != 1 || (c.stall-s[0].For).Abs() > c.slow+100*time.Millisecond || (s[0].From.Sub(began)-10*second).Abs() > c.slow+100*time.Millisecond):
				t.Errorf("%s: the stalls are %v", name, s)
			}
			if c.seen {
				if s := p.Stalls(began, began.Add(9*second), StallLeast); len(s) != 0 {
					t.Errorf("%s: before it the stalls are %v", name, s)
				}
				if s := p.Stalls(began.Add(13*second), time.Now(), StallLeast); len(s) != 0 {
					t.Errorf("%s: after it the stalls are %v", name, s)
				}
			}
		})
	}
}

// TestPulseBlamesNoTargetForItsManners holds that a target which refuses the connection, does not answer PINGREQ, or
// stops to, is not said to stand still.
func TestPulseBlamesNoTargetForItsManners(t *testing.T) {
	pings := 0
	for name, answer := range map[string]func(wire.Packet) []wire.Packet{
		"refuses": func(wire.Packet) []wire.Packet {
			return []wire.Packet{wire.Connack{ReasonCode: wire.NotAuthorized}, nil}
		},
		"closes": func(wire.Packet) []wire.Packet { return []wire.Packet{nil} },
		"answers no PINGREQ": func(p wire.Packet) []wire.Packet {
			if _, ping := p.(wire.Pingreq); ping {
				return nil
			}
			return polite(p)
		},
		"closes after each PINGREQ": func(p wire.Packet) []wire.Packet {
			if _, ping := p.(wire.Pingreq); ping {
				return []wire.Packet{wire.Pingresp{}, nil}
			}
			return polite(p)
		},
		"does not answer the tenth PINGREQ of a connection": func(p wire.Packet) []wire.Packet {
			switch p.(type) {
			case wire.Connect:
				pings = 0
			case wire.Pingreq:
				if pings++; pings >= 10 {
					return nil
				}
			}
			return polite(p)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			target, began := &scripted{answer: answer}, time.Now()
			p := TakePulse(t.Context(), target, "t", wire.V5, nil)
			time.Sleep(time.Minute)
			if s := p.Stalls(began, time.Now(), StallLeast); len(s) != 0 {
				t.Errorf("a target that %s: the stalls are %v", name, s)
			}
			p.Stop()
			target.Close()
		})
	}
}

func TestStallsAndVerdicts(t *testing.T) {
	const id, second = "MQTT-4.4.0-1", time.Second
	for name, c := range map[string]struct {
		wait    time.Duration // that the spec declares
		stall   time.Duration // begins 2 s after the body
		verdict reports.Verdict
		body    func(context.Context)
	}{
		"a time out of its bounds": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			MustBetween(ctx, id, "the echo comes", echoAt(ctx, 3*second), 0, 3500*time.Millisecond)
		}},
		"a time out of its bounds, and no stall": {5 * second, 0, reports.Fail, func(ctx context.Context) {
			MustBetween(ctx, id, "the echo comes", echoAt(ctx, 3*second), 0, 2500*time.Millisecond)
		}},
		"a time within its bounds by luck": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			MustBetween(ctx, id, "the echo comes", echoAt(ctx, 3*second), 3500*time.Millisecond, 10*second)
		}},
		"a time well within its bounds": {5 * second, 2 * second, reports.Pass, func(ctx context.Context) {
			MustBetween(ctx, id, "the echo comes", echoAt(ctx, 3*second), second, 10*second)
		}},
		"a time far out of its bounds": {0, time.Second, reports.Fail, func(ctx context.Context) {
			MustBetween(ctx, id, "the echo comes", echoAt(ctx, 8*second), 0, 2*second)
		}},
		"a time with no least bound": {5 * second, 2 * second, reports.Pass, func(ctx context.Context) {
			MustBetween(ctx, id, "the echo comes", echoAt(ctx, second), 0, 10*second)
			echoAt(ctx, 4*second)
		}},
		"a link that is open later": {8 * second, 2 * second, reports.Pass, func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "c"))
			Wait(ctx, 2500*time.Millisecond)
			for range 3 {
				_, closed := c.ClosedWithin(ctx, second)
				Must(ctx, id, "the link is open", closed, BeFalse())
			}
		}},
		"a hiccup in what depends on time": {5 * second, 400 * time.Millisecond, reports.Fail, func(ctx context.Context) {
			echoAt(ctx, 3*second)
			Must(ctx, id, "the message has not expired", true, BeFalse())
		}},
		"a time that should be shorter": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			ShouldBetween(ctx, id, "the echo comes", echoAt(ctx, 3*second), 0, 3500*time.Millisecond)
		}},
		"what depends on time": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			echoAt(ctx, 3*second)
			Must(ctx, id, "the message has not expired", true, BeFalse())
		}},
		"a recommendation that depends on time": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			echoAt(ctx, 3*second)
			Should(ctx, id, "the message has not expired", true, BeFalse())
		}},
		"what depends on time, and no stall": {5 * second, 0, reports.Fail, func(ctx context.Context) {
			echoAt(ctx, 3*second)
			Must(ctx, id, "the message has not expired", true, BeFalse())
		}},
		"what does not depend on time": {0, 2 * second, reports.Fail, func(ctx context.Context) {
			echoAt(ctx, 3*second)
			Must(ctx, id, "the payload is another one", true, BeFalse())
		}},
		"silence that a stall explains": {0, 2 * second, reports.Pass, func(ctx context.Context) {
			c := waiting(ctx, 2500*time.Millisecond)
			_, o := c.TryPublish(ctx, second) // the stall is added
			Must(ctx, id, "the echo comes", o, Equal(Arrived))
		}},
		"silence that no stall explains": {0, 2 * second, reports.Fail, func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "c"))
			Wait(ctx, 2500*time.Millisecond)
			Next[wire.Publish](Owed(ctx, id), c)
		}},
		"silence in a rhythm": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "c"))
			Wait(ctx, 2500*time.Millisecond)
			_, o := c.TryPublish(ctx, second)
			Must(ctx, id, "nothing comes", o, Equal(Silent))
		}},
		"a link that is open in a rhythm": {5 * second, 2 * second, reports.Inconclusive, func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "c"))
			Wait(ctx, 2500*time.Millisecond)
			_, closed := c.ClosedWithin(ctx, second)
			Must(ctx, id, "the link is open", closed, BeFalse())
		}},
		"a silence that began after it": {5 * second, 2 * second, reports.Pass, func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "c"))
			Wait(ctx, 4500*time.Millisecond)
			_, o := c.TryPublish(ctx, second)
			Must(ctx, id, "nothing comes", o, Equal(Silent))
		}},
	} {
		var options []Option
		if c.wait > 0 {
			options = append(options, Waits(c.wait))
		}
		items, err := Compile([]Group{Section("Tests", Spec("T-1", "is a test", V5(id), c.body, options...))}, wire.V5)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			target := newStanding(0)
			p := TakePulse(t.Context(), target, "p", wire.V5, nil)
			time.Sleep(second)
			target.stand(2*second, c.stall)
			row := Run(t.Context(), items[0], 1, Config{Target: target, Pulse: p, Token: "t", Timing: Timing{Reply: second, Slack: second, Quiet: second}})
			p.Stop()
			target.Close()
			if row.Verdict != c.verdict {
				t.Errorf("%s: %s: %s", name, row.Verdict, row.Reason)
			}
			if row.Verdict == reports.Inconclusive && !strings.HasPrefix(row.Reason, "the target stood still for ") {
				t.Errorf("%s: the reason is %q", name, row.Reason)
			}
			if row.Verdict == reports.Inconclusive && len(row.Warnings) > 0 {
				t.Errorf("%s: the row warns of %v", name, row.Warnings)
			}
			for _, q := range row.Requirements {
				if q.Verdict == reports.Fail && row.Verdict != reports.Fail {
					t.Errorf("%s: the row says that %s is broken", name, q.ID)
				}
			}
			if stood := row.Stall > 0; stood != (c.stall > 0) {
				t.Errorf("%s: the row has a standstill of %s", name, row.Stall)
			}
		})
	}
}

// waiting connects a client and publishes after some time what will come back.
func waiting(ctx context.Context, after time.Duration) *Client {
	c := Connect(ctx, Clean(ctx, "c"))
	Wait(ctx, after)
	c.Send(ctx, wire.Publish{Topic: "echo"})
	return c
}

// echoAt returns when the echo of what is published after some time has come, counted from the beginning.
func echoAt(ctx context.Context, after time.Duration) time.Duration {
	began := time.Now()
	c := waiting(ctx, after)
	for {
		if _, o := c.TryPublish(ctx, 5*time.Second); o == Arrived {
			return time.Since(began)
		}
	}
}

// TestPulseOfAnInstance holds that a spec with a target of its own is judged by the pulse of that target, and that the
// engine tells which stall was whose.
func TestPulseOfAnInstance(t *testing.T) {
	fails := func(ctx context.Context) {
		echoAt(ctx, 3*time.Second)
		Must(ctx, "MQTT-4.4.0-1", "the message has not expired", true, BeFalse())
	}
	items, err := Compile([]Group{Section("Tests", Spec("SHARED", "is a test", V5("MQTT-4.4.0-1"), fails, Waits(3*time.Second)),
		Spec("OWN", "is a test", V5("MQTT-4.4.0-1"), fails, Waits(3*time.Second), Own()))}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		target := givingInstances{newStanding(0)}
		e := Start(t.Context(), items, Config{Target: target, Token: "t", Timing: Timing{Reply: time.Second}}, EngineOptions{Pulse: true})
		rows := rowsOf(t, e, items)
		target.Close()
		if rows[0].Verdict != reports.Fail || rows[1].Verdict != reports.Inconclusive {
			t.Errorf("shared: %s %s; own: %s %s", rows[0].Verdict, rows[0].Reason, rows[1].Verdict, rows[1].Reason)
		}
		// it runs once more, on another instance that stands still
		if s := e.Stalls(); len(s) != 2 || s[0].Alone != "OWN/5.0" || s[0].Target != "scripted" {
			t.Errorf("the stalls are %v", s)
		}
	})
}

// givingInstances is a target whose instances stand still for 2 s.
type givingInstances struct{ *standing }

func (givingInstances) Instance(context.Context) (Target, error) {
	s := newStanding(0)
	s.stand(2*time.Second, 2*time.Second)
	return s, nil
}

// TestUndecidedByAStandstillRunsAgain holds that a spec which a standstill left undecided is decided when the target
// goes on, that it is told with one row, and that what cannot run again stays undecided.
func TestUndecidedByAStandstillRunsAgain(t *testing.T) {
	fails := func(ctx context.Context) {
		echoAt(ctx, 3*time.Second)
		Must(ctx, "MQTT-4.4.0-1", "the message has not expired", true, BeFalse())
	}
	items, err := Compile([]Group{Section("Tests", Spec("T", "is a test", V5("MQTT-4.4.0-1"), fails, Waits(3*time.Second)))}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	for stopped, want := range map[bool]reports.Verdict{false: reports.Fail, true: reports.Inconclusive} {
		synctest.Test(t, func(t *testing.T) {
			target := newStanding(0)
			target.stand(2*time.Second, 2*time.Second)
			ends := 0
			e := Start(t.Context(), items, Config{Target: target, Token: "t", Timing: Timing{Reply: time.Second}}, EngineOptions{Pulse: true, OnRow: func(r reports.Row) {
				if r.Event == "end" {
					ends++
				}
			}})
			if stopped {
				time.Sleep(5 * time.Second)
				e.Stop(errors.New("enough"))
			}
			row := rowsOf(t, e, items)[0]
			target.Close()
			if row.Verdict != want || stopped && !strings.HasPrefix(row.Reason, "the target stood still") {
				t.Errorf("stopped %v: %s %s", stopped, row.Verdict, row.Reason)
			}
			if ends != 1 {
				t.Errorf("stopped %v: %d rows end", stopped, ends)
			}
		})
	}
}
