package device

import (
	"math"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/device"
)

// absences makes the events of a device that stays away for so many seconds each time.
func absences(seconds ...float64) (events []device.Event) {
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(kind string) { events = append(events, device.Event{At: at, Kind: kind}) }
	add("open")
	for _, s := range seconds {
		at = at.Add(time.Second)
		add("close")
		at = at.Add(time.Duration(s * float64(time.Second)))
		add("open")
	}
	return events
}

// TestJudgeBackoff holds the verdicts on how devices come back against courses that are known.
func TestJudgeBackoff(t *testing.T) {
	for _, c := range []struct {
		name    string
		pauses  []float64
		form    string
		jitter  bool // conforms where jitter is wanted
		growing bool // conforms where growth is enough
	}{
		{"constant", []float64{2, 2, 2, 2, 2, 2}, "constant", false, false},
		{"constant, measured", []float64{2.01, 1.99, 2.02, 2, 1.98, 2}, "constant", false, false},
		{"linear", []float64{1, 2, 3, 4, 5, 6}, "linear", false, false},
		{"exponential", []float64{1, 2, 4, 8, 16, 32}, "exponential", false, true},
		{"exponential with a cap", []float64{1, 2, 4, 8, 8, 8}, "exponential", false, true},
		{"exponential, twice", []float64{1.00, 2.00, 4.00, 8.01, 16.01, 32.01, 1.01, 2.02, 4.01, 8.01, 16.00, 32.00}, "exponential", false, true},
		{"linear, twice", []float64{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}, "linear", false, false},
		{"jittered, twice", []float64{0.9, 2.7, 3.1, 9.4, 14, 25, 0.9, 1.6, 4.8, 6.1, 19, 28}, "irregular", true, true},
		{"falls back now and then", []float64{1, 4, 7, 9, 1, 5, 6, 11}, "irregular", true, true},
		{"jittered", []float64{0.9, 2.7, 3.1, 9.4, 14, 25}, "jittered", true, true},
		{"jittered with a cap", []float64{1.3, 2.2, 5.8, 9.1, 7.4, 9.9}, "jittered", true, true},
		{"at once", []float64{0.01, 0.01, 0.01, 0.01, 0.01, 0.01}, "constant", false, false},
		{"irregular", []float64{5, 2, 6, 1.5, 4, 3}, "irregular", false, false},
		{"irregular at the cap, by a little", []float64{94, 113, 101, 110, 98, 112}, "irregular", true, true},
		{"irregular at the cap", []float64{50, 62, 46, 55, 41, 63}, "irregular", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := device.Evidence{Events: absences(c.pauses...)}
			if s := measure(e.Events); s.form != c.form || len(s.pauses) != len(c.pauses) {
				t.Errorf("form %s of %v, deviation %.3f", s.form, s.pauses, s.variation)
			}
			plot := measure(e.Events).series(500 * time.Millisecond)
			if len(plot) != 1 || len(plot[0].Points) != len(c.pauses) {
				t.Fatalf("the plot is %+v", plot)
			}
			at := 0.0
			for i, p := range plot[0].Points {
				if at += c.pauses[i]; math.Abs(p.Y-c.pauses[i]) > 0.001 || math.Abs(p.X-at) > 0.001 || *p.Low < 0.5 || *p.Low > *p.High {
					t.Errorf("point %d is %+v: %v … %v, the attempt came after %v", i, p, *p.Low, *p.High, at)
				}
				at++ // that long each connection lasts
			}
			if j := judgeBackoff(e, map[string]float64{"minimum": 0.5}); j.Met != c.jitter {
				t.Errorf("with jitter: %v: %s", j.Met, j.Observed)
			}
			if j := judgeBackoff(e, map[string]float64{"jitter": 0}); j.Met != c.growing {
				t.Errorf("without: %v: %s", j.Met, j.Observed)
			}
		})
	}
	for _, c := range []struct {
		pauses []float64
		want   string
	}{{[]float64{1, 2, 4, 8, 8}, "8.00 s"}, {[]float64{1, 2, 4, 8, 16}, "not reached"}, {[]float64{3}, "not reached"}} {
		if got := measure(absences(c.pauses...)).cap(); got != c.want {
			t.Errorf("the cap of %v is %s, want %s", c.pauses, got, c.want)
		}
	}
	if j := judgeBackoff(device.Evidence{Events: absences(1, 2)}, nil); j.Undecided == "" {
		t.Error("two pauses are said to tell a course")
	}
	if j := judgePace(device.Evidence{Events: absences(1, 0.1)}, map[string]float64{"minimum": 0.5}); j.Met {
		t.Error("a pause of 100 ms is long enough")
	}
	if j := judgePace(device.Evidence{Events: absences(1, 0.6)}, map[string]float64{"minimum": 0.5}); !j.Met || len(j.Behaviours) < 5 {
		t.Errorf("pauses of 600 ms are too short: %s, %v", j.Observed, j.Behaviours)
	}
}
