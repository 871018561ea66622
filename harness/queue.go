package harness

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// idleAfter is how long a body may wait for one packet until another body may run beside it: it costs nothing, and a
// target that answers what it need not would hold up all the others.
const idleAfter = 250 * time.Millisecond

// maxResting bounds how many more bodies run for those that merely wait.
const maxResting = 32

// numbered is an item with what the engine knows of it.
type numbered struct {
	Item
	number  int
	first   *reports.Row // of an item that runs again
	idle    func()       // gives the place of the body away
	on      *health      // of the target that it runs on; nil is the shared one
	company bool         // it runs beside hostile specs: whether the target lives is asked when all of them have ended
}

// queues are jobs by the way in which they run.
type queues struct {
	waiting []numbered // a second or more, the longest first
	quick   []numbered
	own     []numbered // on an instance of the target for each, the longest first
	alone   []numbered // one by one, after all these
	hostile []numbered // apart from all others
}

func queuesOf(jobs []numbered) (q queues) {
	for _, job := range jobs {
		switch {
		case job.Hostile:
			q.hostile = append(q.hostile, job)
		case job.Volume:
			q.alone = append(q.alone, job)
		case job.Own:
			q.own = append(q.own, job)
		case job.Wait >= time.Second:
			q.waiting = append(q.waiting, job)
		default:
			q.quick = append(q.quick, job)
		}
	}
	// the longest waits decide how long the run takes
	longest := func(a, b numbered) int { return cmp.Compare(b.Wait, a.Wait) }
	slices.SortStableFunc(q.waiting, longest)
	slices.SortStableFunc(q.own, longest)
	return q
}

// sideBySide runs the jobs that bear others beside them, each queue with its width, and returns when all have ended.
func (e *Engine) sideBySide(q queues, run func(jobs []numbered, width int)) {
	var wg sync.WaitGroup
	wg.Go(func() { run(q.waiting, e.options.Waiting) })
	wg.Go(func() { run(q.quick, e.options.Quick) })
	wg.Go(func() { run(q.own, e.options.Instances) })
	wg.Wait()
}

// drive runs the jobs in order, at most width of them at a time, and returns when all have their rows.
func (e *Engine) drive(jobs []numbered, width int) {
	e.each(jobs, width, func(n int, row reports.Row) {
		if !e.postpone(jobs[n], row) {
			e.settle(jobs[n].Item, row)
		}
	})
}

// each runs the jobs in order, at most width of them at a time, gives each row to done and returns when all have ended.
func (e *Engine) each(jobs []numbered, width int, done func(n int, row reports.Row)) {
	slots := make(chan struct{}, width)
	var wg sync.WaitGroup
	defer wg.Wait()
	for n, job := range jobs {
		if !e.take(slots) {
			done(n, e.unstarted(job.Item))
			continue
		}
		if !e.take(e.slots) {
			<-slots
			done(n, e.unstarted(job.Item))
			continue
		}
		p := &place{slots: slots, resting: e.resting}
		job.idle = p.rest
		wg.Go(func() {
			defer func() {
				p.leave()
				if e.slots != nil {
					<-e.slots
				}
			}()
			done(n, e.guarded(job))
		})
	}
}

// place is that of a body among those that run.
type place struct {
	slots, resting chan struct{}

	mu    sync.Mutex
	given bool // away
	over  bool
}

// rest gives the place away, as long as not too many rest.
func (p *place) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given || p.over {
		return
	}
	select {
	case p.resting <- struct{}{}:
		p.given = true
		<-p.slots
	default:
	}
}

// leave gives back whatever the body has.
func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.given {
		<-p.resting
	} else {
		<-p.slots
	}
}

// take waits for a slot. It returns false if the engine is stopped first.
func (e *Engine) take(slots chan struct{}) bool {
	if slots == nil {
		return true
	}
	select {
	case <-e.stopping:
		return false
	case slots <- struct{}{}:
		return true
	}
}
