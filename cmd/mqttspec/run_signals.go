package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// watched are the signals that end a run.
var watched = []os.Signal{os.Interrupt, syscall.SIGTERM}

var errInterrupted = errors.New("interrupted")

// lastMoments is how long the second signal lets containers and processes be ended.
const lastMoments = 5 * time.Second

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
	go func() {
		defer close(closed)
		defer func() { _ = recover() }() // the program is about to end anyway
		r.closeTarget()
	}()
	select {
	case <-closed:
	case <-time.After(lastMoments):
	}
	os.Exit(exitInterrupted)
}
