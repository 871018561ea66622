package main

import (
	"errors"
	"io"
	"sync"
	"syscall"
)

// sink is where the result of a command goes. It remembers the first error, since nobody who prints looks at each.
type sink struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// Write writes as long as that works.
func (o *sink) Write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		n, o.err = o.w.Write(p)
	}
	return n, o.err
}

// failure returns the first error. That a reader has seen enough, such as head, is none.
func (o *sink) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(o.err, syscall.EPIPE) {
		return nil
	}
	return o.err
}
