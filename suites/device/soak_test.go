package device_test

import (
	"context"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
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

// soaked runs the plan soak for a time with a device that keeps every rule. It returns what was done to the device, how
// long it took, and how many goroutines there were at most when a step ended.
func soaked(t *testing.T, seed int64, duration time.Duration) (done []string, took time.Duration, goroutines int) {
	plan, err := device.Plan("soak")
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), Seed: seed, Duration: duration, OnRow: func(r reports.Row) {
			if r.Event != "end" {
				return
			}
			goroutines = max(goroutines, runtime.NumGoroutine()-before)
			if r.Verdict == reports.Fail || r.Verdict == reports.Inconclusive || len(r.Findings) > 0 {
				t.Errorf("%s: %s %s %v", r.ID, r.Verdict, r.Reason, r.Findings)
			}
			for _, e := range r.Trace {
				if e.Kind == "note" && (strings.HasPrefix(e.Text, "now: ") || strings.HasPrefix(e.Text, "from here on")) {
					done = append(done, e.Text)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{id: "model", version: wire.V5, random: rand.New(rand.NewPCG(1, 2)), defects: map[string]bool{}}
		m.dial = func() (net.Conn, error) {
			ours, theirs := memnet.Pipe(0)
			go b.ServeConn(theirs)
			return ours, nil
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); m.run(ctx) }()
		<-b.Done()
		took = time.Since(start)
		cancel()
		<-ended
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return done, took, goroutines
}

// TestSoakIsReplayed holds that a seed chooses the same outages again and another one others, that the time given is
// kept, and that goroutines do not become more with the connections.
func TestSoakIsReplayed(t *testing.T) {
	first, took, goroutines := soaked(t, 7, 20*time.Minute)
	if took < 20*time.Minute || took > 27*time.Minute {
		t.Errorf("it took %v", took)
	}
	outages := len(slices.DeleteFunc(slices.Clone(first), func(s string) bool { return !strings.HasPrefix(s, "now: wait") }))
	if outages < 8 {
		t.Errorf("there were %d outages", outages)
	}
	if goroutines > 20 {
		t.Errorf("there were %d goroutines", goroutines)
	}
	if again, _, _ := soaked(t, 7, 20*time.Minute); !slices.Equal(first, again) {
		t.Errorf("the same seed chose\n%s\nand then\n%s", strings.Join(first, "\n"), strings.Join(again, "\n"))
	}
	if other, _, _ := soaked(t, 8, 20*time.Minute); slices.Equal(first, other) {
		t.Error("another seed chose the same")
	}
	if _, took, _ := soaked(t, 7, 10*time.Hour); took < 10*time.Hour || took > 11*time.Hour {
		t.Errorf("of ten hours it took %v", took)
	}
}
