package suites_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/memnet"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
)

// frozen is a reference broker that reads and writes nothing for some time, now and then.
type frozen struct {
	broker  *broker.Broker
	serving sync.WaitGroup

	mu    sync.Mutex
	until time.Time
}

func newFrozen(t *testing.T, defects ...string) *frozen {
	b, err := broker.New(broker.Config{Defects: defects})
	if err != nil {
		t.Fatal(err)
	}
	return &frozen{broker: b}
}

// freeze lets it stand still for d from now on.
func (f *frozen) freeze(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = time.Now().Add(d)
}

// thaw returns when it does not stand still.
func (f *frozen) thaw() {
	f.mu.Lock()
	d := time.Until(f.until)
	f.mu.Unlock()
	time.Sleep(d)
}

func (f *frozen) Dial(context.Context) (net.Conn, error) {
	client, server := memnet.Pipe(0)
	f.serving.Go(func() { f.broker.ServeConn(stiff{server, f}) })
	return client, nil
}

// Instance gives another one, which does not stand still.
func (f *frozen) Instance(context.Context) (harness.Target, error) {
	b, err := broker.New(broker.Config{})
	return &frozen{broker: b}, err
}

func (f *frozen) Info() reports.TargetInfo { return reports.TargetInfo{Name: "frozen"} }

func (f *frozen) Close() error {
	err := f.broker.Close()
	f.serving.Wait()
	return err
}

// stiff is a connection on the side of a frozen broker.
type stiff struct {
	net.Conn
	broker *frozen
}

func (s stiff) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.broker.thaw()
	return n, err
}

func (s stiff) Write(b []byte) (int, error) {
	s.broker.thaw()
	return s.Conn.Write(b)
}

// againstFrozen runs items against a broker that stands still for 2 s at each of the given moments.
func againstFrozen(t *testing.T, items []harness.Item, pulse bool, defect []string, moments ...time.Duration) (rows []reports.Row, stalls []reports.Stall) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		target := newFrozen(t, defect...)
		for _, m := range moments {
			time.AfterFunc(m, func() { target.freeze(2 * time.Second) })
		}
		timing := harness.Timing{Reply: 5 * time.Second, Slack: 3 * time.Second, Quiet: 300 * time.Millisecond}
		e := harness.Start(t.Context(), items, harness.Config{Target: target, Timing: timing, Token: "m"}, harness.EngineOptions{Pulse: pulse})
		<-e.Done()
		for _, i := range items {
			row, err := e.Outcome(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		stalls = e.Stalls()
		if err := target.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
	})
	return rows, stalls
}

// TestStandingStillIsNoFailure runs the specs of a default run against a conforming broker that stands still for 2 s
// three times. Without a pulse some of them fail, with it none does, and what it left undecided passes at the second try.
func TestStandingStillIsNoFailure(t *testing.T) {
	all := slices.DeleteFunc(items(t), func(i harness.Item) bool { return i.Wait > 9*time.Second || i.Variant != "" }) // this target has none
	accused := func(rows []reports.Row) (n int) {
		for _, row := range rows {
			if row.Verdict == reports.Fail || row.Verdict == reports.Warning || len(failed(row)) > 0 {
				n++
			}
		}
		return n
	}
	without := 0
	for _, first := range []time.Duration{500 * time.Millisecond, 900 * time.Millisecond, 1300 * time.Millisecond} {
		moments := []time.Duration{first, first + 3*time.Second, first + 6*time.Second}
		unmeasured, _ := againstFrozen(t, all, false, nil, moments...)
		without += accused(unmeasured)
		rows, stalls := againstFrozen(t, all, true, nil, moments...)
		for n, row := range rows {
			if row.Verdict != reports.Pass && row.Verdict != reports.Behaviour || len(failed(row)) > 0 {
				t.Errorf("from %s on: %s: %s: %s", first, all[n].Key(), row.Verdict, row.Reason)
			}
		}
		if len(stalls) != len(moments) {
			t.Errorf("from %s on: the stalls are %v", first, stalls)
		}
	}
	if without == 0 {
		t.Error("no spec fails on a broker that stands still, so this test proves nothing")
	}
}
