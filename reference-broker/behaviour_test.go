package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// behaviour is something that the broker does. Each is tested by itself; and each defect must make at least one fail.
type behaviour struct {
	name     string
	versions []wire.Version
	config   Config
	body     func(w *world, v wire.Version)
}

var (
	both   = []wire.Version{wire.V5, wire.V311}
	only5  = []wire.Version{wire.V5}
	only3  = []wire.Version{wire.V311}
	noInfo = wire.RequestProblemInformation(0)
)

func behaviours() []behaviour {
	return slices.Concat(sessionBehaviours, connectBehaviours, expiryBehaviours, deliveryBehaviours, resumeBehaviours,
		limitBehaviours, subscribeBehaviours, shareBehaviours, retainedBehaviours, willBehaviours, keepAliveBehaviours, packetBehaviours)
}

// run runs a behaviour in a bubble. All goroutines must have ended afterwards: the bubble panics otherwise.
func (x behaviour) run(t tb, v wire.Version, c Config) {
	t.Helper()
	b, err := New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer b.Close()
	x.body(&world{t, b}, v)
}

func TestBehaviours(t *testing.T) {
	for _, x := range behaviours() {
		for _, v := range x.versions {
			t.Run(fmt.Sprintf("%s/%v", x.name, v), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { x.run(t, v, x.config) })
			})
		}
	}
}

// failure is what a recorder panics with.
type failure string

// recorder is a tb whose failure ends the behaviour and nothing else.
type recorder struct{}

func (recorder) Helper() {}

func (recorder) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// fails runs a behaviour and returns how it failed, or "".
func (x behaviour) fails(v wire.Version, c Config) (why string) {
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			why = string(f)
		default:
			panic(f)
		}
	}()
	x.run(recorder{}, v, c)
	return ""
}

// TestSoundBrokerShowsNothing is the control for the tests below.
func TestSoundBrokerShowsNothing(t *testing.T) {
	if notices(t, func(c Config) Config { return c }) {
		t.Error("a behaviour fails without a defect")
	}
}

// TestEveryDefectShows switches on one defect after the other.
func TestEveryDefectShows(t *testing.T) {
	for _, d := range Defects() {
		if strings.HasPrefix(d.Name, "websocket-") {
			continue // these have tests of their own, on real sockets
		}
		if !notices(t, func(c Config) Config { c.Defects = []string{d.Name}; return c }) {
			t.Errorf("%s: everything behaves as it should", d.Name)
		}
	}
}

// TestEveryToleranceShows switches on one tolerance after the other. The behaviours are stricter than the standard.
func TestEveryToleranceShows(t *testing.T) {
	for _, tolerance := range Tolerances() {
		if tolerance.Name == string(oneByteWrites) {
			continue // TCP has no pieces that a reader could see
		}
		if !notices(t, func(c Config) Config { c.Tolerances = []string{tolerance.Name}; return c }) {
			t.Errorf("%s: makes no difference", tolerance.Name)
		}
	}
}

// notices reports whether a behaviour fails with the configuration that change makes of its own.
func notices(t *testing.T, change func(Config) Config) (noticed bool) {
	synctest.Test(t, func(*testing.T) {
		for _, x := range behaviours() {
			for _, v := range x.versions {
				if noticed = x.fails(v, change(x.config)) != ""; noticed {
					return
				}
			}
		}
	})
	return noticed
}

// equal compares two values.
func equal[T comparable](w *world, what string, got, want T) {
	w.t.Helper()
	if got != want {
		w.t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// sleep lets time pass, and everything happen that is due.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
