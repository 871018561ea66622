package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/mqttspec/mqttspec/harness/target"
)

// watched are the signals that end a run.
var watched = []os.Signal{os.Interrupt, syscall.SIGTERM}

var errInterrupted = errors.New("interrupted")

// lastMoments is how long the second signal lets containers and processes be ended.
const lastMoments = 5 * time.Second

// outlivePipes lets writing to a pipe that nobody reads any more return an error: such a reader must end neither the
// run nor the removal of its containers.
func outlivePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// watch takes the signals until the returned function is called. The first one stops the run, which then writes what it
// has; the second one ends the program.
func (r *runner) watch(signals chan os.Signal) (unwatch func()) {
	signal.Notify(signals, watched...)
	over := make(chan struct{})
	go func() {
		select {
		case <-signals:
			r.interrupt()
		case <-over:
			return
		}
		select {
		case <-signals:
			r.quit()
		case <-over:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(over)
	}
}

func (r *runner) interrupt() {
	r.mu.Lock()
	r.interrupted = true
	r.mu.Unlock()
	r.say("interrupted: ending what runs, then the report; once more quits at once")
	r.stop(errInterrupted)
}

// quit ends the program, and before it what the target has started, as far as that can be done quickly.
func (r *runner) quit() {
	r.say("interrupted again: there is no report")
	closed := make(chan struct{})
	r.mu.Lock()
	opening := r.opening
	r.mu.Unlock()
	go func() {
		defer close(closed)
		defer func() { _ = recover() }() // the program is about to end anyway
		if opening != nil {
			<-opening // it was given up by the first signal, and takes away what it has begun
		}
		r.closeTarget()
		if slices.ContainsFunc(r.descriptions, func(d target.Description) bool { return d.Container != nil }) {
			// what was about to start, and private instances
			if err := target.Abandon(context.Background()); err != nil {
				r.say("containers are left, which the next run or doctor --clean removes: %s", printable(err.Error()))
			}
		}
	}()
	select {
	case <-closed:
	case <-time.After(lastMoments):
	}
	os.Exit(exitInterrupted)
}
