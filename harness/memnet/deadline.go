package memnet

import (
	"sync"
	"time"
)

// deadline turns a moment into a flag. The flag, not the clock, is what Read and
// Write look at: a wall clock that was set back meanwhile cannot make them miss
// the one wake-up they get.
type deadline struct {
	timer  *time.Timer
	passed bool
}

// set replaces the deadline by t; the zero time means none. The caller holds mu,
// and wakes who waits if the deadline passed at once.
func (d *deadline) set(t time.Time, mu *sync.Mutex, waiting *sync.Cond) {
	d.stop()
	d.passed = false
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passed = true
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		mu.Lock()
		defer mu.Unlock()
		if d.timer == timer { // else it was replaced while this waited for mu
			d.passed = true
			waiting.Broadcast()
		}
	})
	d.timer = timer
}

// stop releases the timer. A deadline that has passed stays so.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
