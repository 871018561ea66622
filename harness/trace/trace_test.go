package trace

import (
	"runtime"
	"sync"
	"testing"

	"github.com/mqttspec/mqttspec/harness/wire"
)

func TestLogOrderIsTimeOrder(t *testing.T) {
	var l Log
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				l.Add(Event{Kind: Note})
			}
		})
	}
	wg.Wait()
	es := l.Events()
	if len(es) != 1600 {
		t.Fatalf("%d events, want 1600", len(es))
	}
	for i, e := range es {
		if e.Seq != i || i > 0 && e.At.Before(es[i-1].At) {
			t.Fatalf("event %d: seq %d, at %v after %v", i, e.Seq, e.At, es[max(0, i-1)].At)
		}
	}
}

func TestLogKeepsBytesOfTheMoment(t *testing.T) {
	var l Log
	b := wire.Bytes(wire.Pingreq{}, wire.V5)
	l.Add(Event{Kind: Packet, Dir: ToServer, Version: wire.V5, Bytes: b})
	b[0] = 0
	if p, err := l.Events()[0].Decode(); err != nil || p != (wire.Pingreq{}) {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestLimitShortensLaterEvents(t *testing.T) {
	var l Log
	l.Limit(1000)
	for range 3 {
		l.Add(Event{Kind: Packet, Bytes: make([]byte, 600)})
	}
	es := l.Events()
	if len(es[0].Bytes) != 600 || len(es[1].Bytes) != 64 || es[1].Kind != Bytes {
		t.Errorf("kept %d and %d bytes, kind %q", len(es[0].Bytes), len(es[1].Bytes), es[1].Kind)
	}
}

func TestLimitDropsAFlood(t *testing.T) {
	var l Log
	l.Limit(10_000)
	for range 1000 {
		l.Add(Event{Kind: Packet, Bytes: make([]byte, 2)})
	}
	if n := l.Len(); n < 50 || n > 130 {
		t.Errorf("kept %d events of 160 bytes and more in 20,000 bytes", n)
	}
	if !l.Truncated() {
		t.Error("the log does not say that events are missing")
	}
}

func TestNilLogDropsEverything(t *testing.T) {
	var l *Log
	l.Add(Event{})
	if es := l.Events(); es != nil {
		t.Errorf("got %v", es)
	}
}

// TestLimitLetsGo records large packets beyond the limit: what was cut off them is not kept either.
func TestLimitLetsGo(t *testing.T) {
	var l Log
	l.Limit(1 << 20)
	packet := make([]byte, 1<<20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 200 {
		l.Add(Event{Kind: Packet, Bytes: packet})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the log keeps %d MB", grown>>20)
	}
	if l.Len() != 200 || !l.Truncated() {
		t.Errorf("%d events, truncated %v", l.Len(), l.Truncated())
	}
}
