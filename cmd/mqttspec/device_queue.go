package main

import "sync"

// showQueue shows things in their order, without letting those who report them wait: a terminal that stands still, or a
// pipe that nobody reads, must not slow down the connections of a device.
type showQueue struct {
	screen sync.Mutex // held while something is shown

	mu     sync.Mutex
	wake   sync.Cond
	tasks  []func()
	held   int // bytes that the events among them hold on to
	missed int
	closed bool
	done   chan struct{}
}

// mostQueued and mostHeld are how many events wait to be shown, and how many bytes they hold on to at most; what comes
// then is in the report only.
const mostQueued, mostHeld = 4096, 16 << 20

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
		q.tasks, q.held = nil, 0
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

// offer lets something be shown that holds on to so many bytes, unless too much waits already.
func (q *showQueue) offer(size int, show func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) >= mostQueued || q.held+size > mostHeld {
		q.missed++
		return
	}
	q.held += size
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
