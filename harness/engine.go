package harness

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// Engine runs a list of items against one target. Specs wait far more than they compute, so it starts their bodies
// ahead and side by side; who needs an outcome asks for it with [Engine.Outcome] and waits.
type Engine struct {
	config  Config
	options EngineOptions
	ctx     context.Context
	cancel  context.CancelCauseFunc

	outcomes map[string]*outcome
	slots    chan struct{} // one for each body that may run, nil without a limit
	variants variants
	shared   *health       // of the target that specs share
	resting  chan struct{} // one for each body that merely waits and has given its place away
	stopping chan struct{} // closed: nothing new is started
	once     sync.Once
	ended    chan struct{}

	mu     sync.Mutex
	stalls []reports.Stall
	again  []numbered // what a standstill left undecided
}

// EngineOptions tune how many bodies run side by side.
type EngineOptions struct {
	Quick     int  // bodies that do not wait; 0 means 16
	Waiting   int  // bodies that wait a second or longer; 0 means 1,024
	Instances int  // private instances of the target at a time; 0 means 2
	Parallel  int  // all of these together; 0 means no further limit
	Pulse     bool // measure whether the target, and each private instance, stands still; not for virtual time
	OnRow     func(reports.Row)
	OnVariant func(reports.TargetInfo) // told of each variant of the target that is opened; nil: nobody is
	OnTrouble func(error)              // told of what went wrong beside the rows; nil: nobody is
	Observed  Capabilities             // by which specs are skipped
	Only      func(Item) (skip string) // further reasons to skip
}

// outcome is what became of an item; row may be read when done is closed.
type outcome struct {
	done chan struct{}
	row  reports.Row
}

// Start begins to run the items. The engine ends by itself; see [Engine.Done].
func Start(ctx context.Context, items []Item, c Config, o EngineOptions) *Engine {
	if o.Quick == 0 {
		o.Quick = 16
	}
	if o.Waiting == 0 {
		o.Waiting = 1024
	}
	if o.Instances == 0 {
		o.Instances = 2
	}
	if o.OnRow == nil {
		o.OnRow = func(reports.Row) {}
	}
	c.Observed = o.Observed
	e := &Engine{config: c, options: o, outcomes: map[string]*outcome{}, shared: newHealth(c.Target), resting: make(chan struct{}, maxResting), stopping: make(chan struct{}), ended: make(chan struct{})}
	if o.Parallel > 0 {
		e.slots = make(chan struct{}, o.Parallel)
	}
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	jobs := make([]numbered, len(items))
	for n, i := range items {
		e.outcomes[i.Key()] = &outcome{done: make(chan struct{})}
		jobs[n] = numbered{Item: i, number: n}
	}
	q := queuesOf(jobs)
	go func() {
		defer close(e.ended)
		defer e.closeVariants()
		var done func()
		e.shared.pulse, done = e.pulse(e.config.Target, "")
		defer done()
		var wg sync.WaitGroup
		for _, i := range items {
			if i.Variant != "" {
				wg.Go(func() { _, _ = e.siteOf(i) }) // the start takes a while; who runs there tells an error
			}
		}
		wg.Go(func() {
			if e.aside(q.hostile) {
				q.hostile = nil
			}
		})
		e.sideBySide(q, e.drive)
		wg.Wait()
		e.drive(q.alone, 1)
		e.endure(q.hostile)
		e.runAgain()
	}()
	return e
}

// unstarted is the row of an item that the engine did not come to.
func (e *Engine) unstarted(i Item) reports.Row {
	return e.unrun(i, reports.Inconclusive, "not started: "+context.Cause(e.ctx).Error())
}

// guarded runs one item. A panic outside its body, such as in a monitor, becomes a defect of our own.
func (e *Engine) guarded(job numbered) (row reports.Row) {
	defer func() {
		if p := recover(); p != nil {
			row = e.unrun(job.Item, reports.Inconclusive, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			row.OwnDefect = true
		}
	}()
	return e.one(job)
}

// unrun is the row of an item whose body was not run.
func (e *Engine) unrun(i Item, v reports.Verdict, reason string) reports.Row {
	info := e.config.Target.Info()
	return reports.Row{Event: "end", ID: i.ID, Version: i.Version, Target: info.Name, Variant: info.Variant,
		Repeat: e.config.Repeat, At: time.Now(), Verdict: v, Reason: reason}
}

// settle makes the row known.
func (e *Engine) settle(i Item, row reports.Row) {
	o := e.outcomes[i.Key()]
	o.row = row
	e.options.OnRow(row)
	close(o.done)
}

// one runs one item where it belongs.
func (e *Engine) one(job numbered) reports.Row {
	select {
	case <-e.stopping:
		return e.unstarted(job.Item)
	default:
	}
	where, err := e.siteOf(job.Item)
	if err != nil {
		return e.unrun(job.Item, reports.Inconclusive, fmt.Sprintf("no variant %s of the target for this spec: %v", job.Variant, err))
	}
	if reason := where.observed.Lacks(job.Item); reason != "" {
		return where.at(e.unrun(job.Item, reports.Skip, reason))
	}
	if e.options.Only != nil {
		if reason := e.options.Only(job.Item); reason != "" {
			return e.unrun(job.Item, reports.Skip, reason)
		}
	}
	begin := where.at(e.unrun(job.Item, "", ""))
	begin.Event = "begin"
	e.options.OnRow(begin)
	config := e.config
	config.Target, config.Observed = where.target, where.observed
	if job.Own {
		i, ok := config.Target.(Instancer)
		if !ok {
			return e.unrun(job.Item, reports.Skip, "needs an instance of the target for itself, which a target of this kind cannot give")
		}
		instance, err := i.Instance(e.ctx)
		if err != nil {
			return e.unrun(job.Item, reports.Inconclusive, fmt.Sprintf("no instance of the target for this spec: %v", err))
		}
		defer func() { _ = instance.Close() }() // what is left of it, the next run or doctor --clean removes
		var done func()
		config.Target = instance
		config.Pulse, done = e.pulse(instance, job.Key())
		defer done()
	} else if where.variant {
		config.Pulse = where.pulse
	}
	if job.Own || where.variant {
		return Run(e.ctx, job.Item, job.number, config)
	}
	h := cmp.Or(job.on, e.shared)
	life, gone := h.state()
	if gone != "" {
		return e.unrun(job.Item, reports.Inconclusive, "not started: "+gone)
	}
	if job.company || !job.Hostile && !job.Volume && job.Wait < time.Second {
		config.idle = job.idle
	}
	config.Target, config.Pulse = h.target, h.pulse
	row := Run(e.ctx, job.Item, job.number, config)
	if job.company {
		return row
	}
	return e.survived(h, job.Item, row, life)
}

// pulse begins to measure whether a target stands still, if that is wanted. The key is of the spec that has the target
// for itself. The function ends it and keeps what was measured.
func (e *Engine) pulse(t Target, key string) (*Pulse, func()) {
	if !e.options.Pulse {
		return nil, func() {}
	}
	v := wire.V5
	if _, accepted := e.options.Observed.Connack[v]; !accepted && len(e.options.Observed.Connack) > 0 {
		v = wire.V311
	}
	began := time.Now()
	p := TakePulse(e.ctx, t, e.config.Token, v, e.config.Jitter)
	return p, func() {
		all := p.Stalls(began, time.Now(), StallLeast)
		p.Stop()
		info := t.Info()
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, s := range all {
			e.stalls = append(e.stalls, reports.Stall{Target: info.Name, Variant: info.Variant, At: s.From, Length: s.For, Alone: key})
		}
	}
}

// Stalls returns when the target stood still, once the engine is done.
func (e *Engine) Stalls() []reports.Stall {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.stalls)
}

// Outcome waits for the row of an item. It may be asked again.
func (e *Engine) Outcome(ctx context.Context, i Item) (reports.Row, error) {
	o, ok := e.outcomes[i.Key()]
	if !ok {
		return reports.Row{}, fmt.Errorf("spec %s is not among those that were started", i.Key())
	}
	select {
	case <-o.done:
		return o.row, nil
	case <-ctx.Done():
		return reports.Row{}, context.Cause(ctx)
	}
}

// Stop starts nothing more and ends the bodies that are running; they are inconclusive, and give the cause as reason.
func (e *Engine) Stop(cause error) {
	e.once.Do(func() {
		e.cancel(cause)
		close(e.stopping)
	})
}

// Done is closed when every item has its row.
func (e *Engine) Done() <-chan struct{} { return e.ended }
