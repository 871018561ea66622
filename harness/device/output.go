package device

import (
	"context"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// output is something to be written.
type output struct {
	bytes []byte
	due   time.Time
	then  func() // called when it is about to be written, with the client's mu held
	end   string // "close" or "reset", after the bytes
}

// send writes a packet to the device.
func (n *conn) send(p wire.Packet) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	n.enqueue(output{bytes: wire.Bytes(p, wire.Version(n.version.Load()))})
}

// end ends the connection after what is to be written, in order ("close") or with a reset.
func (n *conn) end(how string) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	n.enqueue(output{end: how})
}

// enqueue adds to the output. The caller holds mu.
func (n *conn) enqueue(o output) {
	if n.ending {
		return
	}
	n.out = append(n.out, o)
	if wait := time.Until(o.due); !o.due.IsZero() && wait > 0 {
		time.AfterFunc(wait, func() {
			n.client.mu.Lock()
			n.wake.Broadcast()
			n.client.mu.Unlock()
		})
	}
	n.ending = o.end != ""
	n.wake.Broadcast()
}

// leaving reports whether the connection is about to end, or has been ended by us; flooded, whether nothing of the device
// is kept any more.
func (n *conn) leaving() (leaving, flooded bool) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	return n.ending, n.client.flooded
}

// abort ends the connection now, whatever waits to be written.
func (n *conn) abort(how string) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	n.out, n.ending = nil, false
	n.enqueue(output{end: how})
	n.aborted = true // not held by a stall
	n.wake.Broadcast()
}

// write writes the output until the connection ends.
func (n *conn) write() {
	for {
		o, slice, over := n.next()
		if over {
			return
		}
		if len(o.bytes) > 0 {
			n.record(o.bytes)
			n.put(o.bytes, slice)
		}
		if o.end != "" {
			n.hangUp(o.end)
			return
		}
	}
}

// next waits for what is to be written next, or for the end of the connection.
func (n *conn) next() (o output, slice Slice, over bool) {
	c := n.client
	c.mu.Lock()
	defer c.mu.Unlock()
	for !n.over && !(len(n.out) > 0 && (!c.stalled || n.aborted) && !time.Now().Before(n.out[0].due)) {
		n.wake.Wait()
	}
	if n.over {
		return o, slice, true
	}
	o, slice = n.out[0], c.slice
	n.out = n.out[1:]
	if o.then != nil {
		o.then() // before the device can answer
	}
	return o, slice, false
}

// record puts what is about to be sent into the trace.
func (n *conn) record(b []byte) {
	kind := trace.Packet
	if h, size, err := wire.ParseHeader(b); err != nil || size == 0 || len(b)-size != h.Length {
		kind = trace.Bytes
	}
	n.log(trace.Event{Kind: kind, Dir: trace.ToClient, Bytes: b})
}

// put writes bytes, in pieces if the plan says so.
func (n *conn) put(b []byte, s Slice) {
	if s.Size == 0 {
		_, _ = n.nc.Write(b) // that the device is gone is seen where we read from it
		return
	}
	for len(b) > 0 {
		size := min(s.Size, len(b))
		if _, err := n.nc.Write(b[:size]); err != nil {
			return
		}
		b = b[size:]
		if s.Gap > 0 && len(b) > 0 && pause(n.bench.ctx, s.Gap) != nil {
			return
		}
	}
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hangUp ends our direction of the connection.
func (n *conn) hangUp(how string) {
	if how == "reset" {
		n.log(trace.Event{Kind: trace.Close, Dir: trace.ToClient, How: trace.RST})
		memnet.Abort(n.nc)
		return
	}
	n.log(trace.Event{Kind: trace.Close, Dir: trace.ToClient, How: trace.FIN})
	if memnet.CloseWrite(n.nc) != nil {
		n.nc.Close()
	}
	n.nc.SetReadDeadline(time.Now().Add(linger))
}
