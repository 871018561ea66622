package netfault

import (
	"sync"
	"sync/atomic"
	"time"
)

// gate is what hinders one direction of a link: a stall, a delay, or nothing. It is one for all connections of the
// link, those to come included.
type gate struct {
	hindered atomic.Bool // spares those who pass a look at the rest

	mu      sync.Mutex
	stalled bool
	delay   time.Duration
	changed chan struct{} // closed at the next change; nil if nobody waits
}

func (g *gate) setStalled(stalled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stalled = stalled
	g.announce()
}

func (g *gate) setDelay(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = max(d, 0)
	g.announce()
}

// announce wakes those who wait, to look again. The caller holds mu.
func (g *gate) announce() {
	g.hindered.Store(g.stalled || g.delay > 0)
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// look returns how long what arrived then has still to wait, and a channel that is closed when that changes. It
// waits for the channel alone if the gate is stalled.
func (g *gate) look(arrived time.Time) (stalled bool, left time.Duration, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	if g.delay > 0 {
		left = time.Until(arrived.Add(g.delay))
	}
	return g.stalled, left, g.changed
}

// wait returns true when what arrived then may pass, and false when stop is closed.
func (g *gate) wait(arrived time.Time, stop <-chan struct{}) bool {
	for {
		stalled, left, changed := g.look(arrived)
		if !stalled && left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		due := timer.C
		if stalled {
			due = nil
		}
		select {
		case <-due:
		case <-changed:
		case <-stop:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}
