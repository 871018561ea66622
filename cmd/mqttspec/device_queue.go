package main

import "sync"

// showQueue shows things in their order, without letting those who report them wait: a terminal that stands still, or a
// pipe that nobody reads, must not slow down the connections of a device.
type showQueue struct {
	screen sync.Mutex // held while something is shown

	mu     sync.Mutex
	wake   sync.Cond
	tasks  []func()
	missed int
	closed bool
	done   chan struct{}
}

// mostQueued is how many events wait to be shown; what comes then is in the report only.
const mostQueued = 4096

func newShowQueue() *showQueue {
	q := &showQueue{done: make(chan struct{})}
	q.wake.L = &q.mu
	go q.run()
	return q
}

func (q *showQueue) run() {
	defer close(q.done)
	for {
		q.mu.Lock()
		for len(q.tasks) == 0 && !q.closed {
			q.wake.Wait()
		}
		tasks := q.tasks
		q.tasks = nil
		over := q.closed && len(tasks) == 0
		q.mu.Unlock()
		if over {
			return
		}
		for _, show := range tasks {
			q.screen.Lock()
			show()
			q.screen.Unlock()
		}
	}
}

// put lets something be shown.
func (q *showQueue) put(show func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, show)
	q.wake.Signal()
}

// offer lets something be shown unless too much waits already.
func (q *showQueue) offer(show func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) >= mostQueued {
		q.missed++
		return
	}
	q.tasks = append(q.tasks, show)
	q.wake.Signal()
}

// close returns when all has been shown, and how much was not.
func (q *showQueue) close() (missed int) {
	q.mu.Lock()
	q.closed = true
	q.wake.Signal()
	q.mu.Unlock()
	<-q.done
	return q.missed
}
