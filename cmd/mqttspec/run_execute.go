package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/target"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/ginkgo"
)

// runner carries a run from its selection to its exit code. Rows come from many goroutines; mu guards what they and the
// signals touch.
type runner struct {
	o            runOptions
	expected     expectation
	known        baseline
	descriptions []target.Description // of the targets
	selected     chosen
	stderr       io.Writer
	start        time.Time
	jitter       *harness.Jitter
	versions     []wire.Version // that something was selected of

	ctx    context.Context // ends when the run is stopped
	cancel context.CancelCauseFunc

	mu          sync.Mutex
	rows        *reports.RowWriter
	show        shower
	engine      *harness.Engine
	opening     chan struct{} // closed when no target is being opened any more
	target      harness.Target
	observed    harness.Capabilities
	targets     []reports.TargetInfo
	stalls      []reports.Stall
	errors      []error // each with its exit code, in the order in which they happened
	interrupted bool
}

// errDeadline stops a run that takes longer than --deadline.
type errDeadline time.Duration

func (d errDeadline) Error() string {
	return fmt.Sprintf("the deadline of %s has passed", time.Duration(d))
}

// execute runs everything that was selected and returns when each item has its row or the run was stopped.
func (r *runner) execute() {
	signals := make(chan os.Signal, 2)
	stopWatching := r.watch(signals)
	defer stopWatching()
	if r.o.deadline > 0 {
		t := time.AfterFunc(r.o.deadline, func() {
			r.say("%v: ending what runs", errDeadline(r.o.deadline))
			r.stop(errDeadline(r.o.deadline))
		})
		defer t.Stop()
	}
	var rounds []ginkgo.Round
	for _, d := range r.descriptions {
		for repeat := range r.o.repeat {
			n := len(rounds)
			rounds = append(rounds, ginkgo.Round{
				Title: fmt.Sprintf("%s, time %d", d.Spec, repeat+1),
				Items: r.selected.items,
				Begin: func() (*harness.Engine, error) { return r.begin(d, repeat, n) },
				End: func() {
					r.endRound()
					if repeat == r.o.repeat-1 {
						r.closeTarget()
					}
				},
			})
		}
	}
	ginkgo.Run(context.Background(), "mqttspec", rounds, signals, watched...)
	r.closeTarget() // if Ginkgo did not come to the end of its tree
}

// endRound keeps what the engine of a round measured.
func (r *runner) endRound() {
	r.mu.Lock()
	engine := r.engine
	r.engine = nil
	r.mu.Unlock()
	if engine == nil {
		return
	}
	<-engine.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stalls = append(r.stalls, engine.Stalls()...)
}

// begin opens the target for its first round and starts the engine.
func (r *runner) begin(d target.Description, repeat, round int) (_ *harness.Engine, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.own(p)
		}
	}()
	if repeat == 0 {
		r.openTarget(d)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := context.Cause(r.ctx); err != nil {
		return nil, err
	}
	if r.target == nil {
		return nil, errors.New("the target could not be opened")
	}
	specs, connections, pulse := parallel(r.o.parallel, d.Claims)
	r.engine = harness.Start(context.WithoutCancel(r.ctx), r.selected.items, harness.Config{
		Target: r.target, Timing: r.o.timing, Jitter: r.jitter, Token: token(r.o.seed, round), Repeat: repeat,
		Connections: connections,
	}, harness.EngineOptions{Parallel: specs, OnRow: r.row, Observed: r.observed,
		OnVariant: r.varied, OnTrouble: func(err error) { r.say("%s", printable(err.Error())) }, Pulse: pulse})
	return r.engine, nil
}

// varied keeps what was observed of a variant of the target.
func (r *runner) varied(info reports.TargetInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = append(r.targets, info)
}

// clients is how many connections a spec has at most, but for a few.
const clients = 4

// parallel is how many specs may run at a time, and how many connections each may have, against a target that says how
// many connections it bears; 0 is no limit. One connection is for the pulse, where there is room for it.
func parallel(wanted int, c target.Claims) (specs, connections int, pulse bool) {
	if c.Connections == 0 {
		return wanted, 0, true
	}
	bears := c.Connections
	if pulse = bears > clients; pulse {
		bears--
	}
	specs = max(1, bears/clients)
	if wanted > 0 {
		specs = min(wanted, specs)
	}
	return specs, bears / specs, pulse
}

// token begins the names that the specs of a round use on the target: the same ones for the same seed.
func token(seed int64, round int) string {
	const digits = 36 * 36 * 36 * 36
	n := rand.New(rand.NewPCG(uint64(seed), uint64(round))).Uint64N(35 * digits)
	return "m" + strconv.FormatUint(digits+n, 36)
}

// row takes a row from the engine: into the file first, then onto the screen.
func (r *runner) row(row reports.Row) {
	defer func() {
		if p := recover(); p != nil {
			_ = r.own(p) // it is noted
		}
	}()
	row = r.known.judge(r.expected.judge(row), r.version(row.Target), r.o.strict, r.start)
	if err := r.rows.Write(row); err != nil {
		r.fail(r.unrecorded(err))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.show.row(row)
}

// version returns the version of a target's software, "" if it is not known.
func (r *runner) version(target string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.targets {
		if t.Name == target {
			return t.Version
		}
	}
	return ""
}

// say tells the user something beside the result.
func (r *runner) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.show.pause()
	fmt.Fprintf(r.stderr, "mqttspec: "+format+"\n", args...)
}

// own notes a panic of ours and stops the run.
func (r *runner) own(p any) error {
	err := &exitError{exitDefect, fmt.Errorf("this is a defect of mqttspec, please report it: %v", p)}
	fmt.Fprintf(r.stderr, "%s", debug.Stack())
	r.fail(err)
	return err
}

// fail notes why the run cannot go on, once for each reason, and stops it.
func (r *runner) fail(err error) {
	r.mu.Lock()
	r.note(err)
	r.mu.Unlock()
	r.stop(err)
}

// note keeps an error for the end of the run. The caller holds mu.
func (r *runner) note(err error) {
	if !slices.ContainsFunc(r.errors, func(e error) bool { return e.Error() == err.Error() }) {
		r.errors = append(r.errors, err)
	}
}

// stop starts nothing more and ends what runs; the first cause stays.
func (r *runner) stop(cause error) {
	r.cancel(cause)
	r.mu.Lock()
	r.show.stopping(context.Cause(r.ctx))
	engine := r.engine
	r.mu.Unlock()
	if engine != nil {
		engine.Stop(context.Cause(r.ctx))
	}
}
