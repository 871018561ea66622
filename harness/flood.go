package harness

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// What clients keep of what arrives. A target that sends without end must not take our memory.
const (
	maxKept  = 16 << 20 // bytes of one client
	maxInbox = 50_000   // packets of one client that wait

	// maxAllKept bounds all clients of the process together: hundreds of specs run side by side. Beyond it a client that
	// has more than its share is flooded; one with less goes on, so that a single target that floods does not end the
	// specs of the others.
	maxAllKept = 256 << 20
	shareKept  = 256 << 10

	packetSize = 256 // about what a packet in the inbox takes besides its bytes
)

// allKept is what all clients of the process keep.
var allKept atomic.Int64

// errFlooded is why a client stopped to read.
var errFlooded = errors.New("the target floods the client")

// stillOpen ends the spec undecided if it was the client that stopped to read: because of a flood, or of a length that
// cannot be one, after which no packet can be told from another. Whether the target would have closed the connection is
// not known then, and that it has ended must count neither for nor against it.
func (c *Client) stillOpen(ctx context.Context) {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	var malformed *wire.Violation
	if errors.Is(ended, errFlooded) || errors.As(ended, &malformed) {
		Undecided(ctx, "%s reads no further: %v", c.Name, ended)
	}
}

// keeps counts a packet of n bytes and reports whether more has come than the client keeps. The lock is held.
func (c *Client) keeps(n int) (flooded bool) {
	c.kept += n
	c.counted += int64(n + packetSize)
	all := allKept.Add(int64(n + packetSize))
	return c.kept > maxKept || len(c.inbox) > maxInbox || all > maxAllKept && c.counted > shareKept
}

// releases gives back what the client has counted, at the end of its spec.
func (c *Client) releases() {
	c.mu.Lock()
	defer c.mu.Unlock()
	allKept.Add(-c.counted)
	c.counted = 0
}
