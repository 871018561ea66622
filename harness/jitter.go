package harness

import (
	"sync"
	"time"
)

// Jitter measures how late timers of this process fire, which bounds how far a measured time can be trusted. A nil
// *Jitter measures nothing and is 0 at all times, as virtual time is.
type Jitter struct {
	mu   sync.Mutex
	late []late // the record highs since their time: each is smaller than the one before it
	stop chan struct{}
	done chan struct{}
}

type late struct {
	at time.Time
	by time.Duration
}

// jitterPeriod is how often a timer is set. Shorter would itself load the machine.
const jitterPeriod = 10 * time.Millisecond

// MeasureJitter begins to measure. Stop ends it.
func MeasureJitter() *Jitter {
	j := &Jitter{stop: make(chan struct{}), done: make(chan struct{})}
	go j.run()
	return j
}

func (j *Jitter) run() {
	defer close(j.done)
	t := time.NewTimer(jitterPeriod)
	defer t.Stop()
	for {
		set := time.Now()
		select {
		case <-j.stop:
			return
		case <-t.C:
		}
		j.add(late{time.Now(), time.Since(set) - jitterPeriod})
		t.Reset(jitterPeriod)
	}
}

// add keeps a measurement unless a later one is worse: then it can never again be the worst since some time.
func (j *Jitter) add(l late) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.late)
	for n > 0 && j.late[n-1].by <= l.by {
		n--
	}
	j.late = append(j.late[:n], l)
}

// Worst returns how late the latest timer was since the given time.
func (j *Jitter) Worst(since time.Time) time.Duration {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.late {
		if !l.at.Before(since) {
			return max(0, l.by)
		}
	}
	return 0
}

// Stop ends the measurement.
func (j *Jitter) Stop() {
	if j != nil {
		close(j.stop)
		<-j.done
	}
}
