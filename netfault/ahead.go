package netfault

import (
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
)

const (
	// aheadLimit is how much is read ahead while a direction is stalled or delayed.
	aheadLimit = 1 << 20
	// chunkCost is what a chunk of any size counts beside its bytes, so that many small ones are bounded too.
	chunkCost = 64
)

// chunk is what one read gave.
type chunk struct {
	b       []byte
	arrived time.Time
	how     trace.How // how the direction ended with this read, "" if it goes on
}

// ahead is the queue between the reading and the forwarding of a direction that had to wait once.
type ahead struct {
	mu      sync.Mutex
	changed sync.Cond
	chunks  []chunk
	size    int
	closed  bool
}

func newAhead() *ahead {
	a := &ahead{}
	a.changed.L = &a.mu
	return a
}

// put appends a chunk once there is room. It returns false if nobody will take it.
func (a *ahead) put(c chunk) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.size >= aheadLimit && !a.closed {
		a.changed.Wait()
	}
	a.chunks = append(a.chunks, c)
	a.size += len(c.b) + chunkCost
	a.changed.Broadcast()
	return !a.closed
}

// take waits for the oldest chunk.
func (a *ahead) take() chunk {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.chunks) == 0 {
		a.changed.Wait()
	}
	c := a.chunks[0]
	a.chunks[0] = chunk{}
	a.chunks = a.chunks[1:]
	a.size -= len(c.b) + chunkCost
	a.changed.Broadcast()
	return c
}

// close tells put that nobody takes any more.
func (a *ahead) close() {
	a.mu.Lock()
	a.closed = true
	a.changed.Broadcast()
	a.mu.Unlock()
}
