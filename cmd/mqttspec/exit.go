package main

import (
	"errors"
	"fmt"
	"slices"
)

// What the program ends with.
const (
	exitFailures    = 1   // the target broke a MUST
	exitUsage       = 2   // the command line, a file or this machine is not as it must be
	exitUnreachable = 3   // a target cannot be reached, or does not speak MQTT
	exitUndecided   = 4   // too much stayed undecided
	exitStale       = 5   // what was expected to fail passes
	exitDefect      = 70  // mqttspec itself is at fault
	exitInterrupted = 130 // by a signal
)

// exitError is an error that chooses the exit code. Without err there is nothing to say: the output has said it.
type exitError struct {
	code int
	err  error
}

// Error returns the text of what happened.
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap returns what happened.
func (e *exitError) Unwrap() error { return e.err }

// usagef makes an error of the command line, of a file or of this machine.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// codeOf returns the exit code for an error. One that does not choose comes from reading the command line.
func codeOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return exitUsage
}

// gravest returns the exit code that is told when several apply.
func gravest(codes ...int) int {
	for _, code := range []int{exitInterrupted, exitDefect, exitUsage, exitUnreachable, exitFailures, exitStale, exitUndecided} {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return 0
}
