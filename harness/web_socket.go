package harness

import (
	"context"
	"errors"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/webstream"
)

// webSocket returns the WebSocket that carries the client's packets. The spec is skipped if there is none.
func (c *Client) webSocket(ctx context.Context) *webstream.Conn {
	ws, is := c.conn.(*webstream.Conn)
	SkipIf(ctx, !is, "needs a target that is reached over a WebSocket")
	return ws
}

// Subprotocol returns the WebSocket subprotocol that the target has selected, "" for none. The spec is skipped if the
// target is not reached over a WebSocket; each Send and SendBytes is one message there.
func (c *Client) Subprotocol(ctx context.Context) string { return c.webSocket(ctx).Selected() }

// SendText sends bytes in a WebSocket message of text, which must not carry MQTT (MQTT-6.0.0-1).
func (c *Client) SendText(ctx context.Context, b []byte) {
	ws := c.webSocket(ctx)
	c.e.log.Note(c.Name + ": what follows is in a text frame")
	c.record(b)
	c.wrote(ctx, ws.WriteText(b))
}

// SendFragments sends bytes in one WebSocket message of as many frames as there are parts.
func (c *Client) SendFragments(ctx context.Context, parts ...[]byte) {
	ws := c.webSocket(ctx)
	c.e.log.Note(c.Name + ": what follows is in one message of several frames")
	var whole []byte
	for _, p := range parts {
		whole = append(whole, p...)
	}
	c.record(whole)
	c.wrote(ctx, ws.WriteFragments(parts...))
}

// wrote notes an error of a write; the end of the connection is seen by the next step that waits.
func (c *Client) wrote(ctx context.Context, err error) {
	if err != nil && context.Cause(ctx) == nil {
		c.e.log.Add(trace.Event{Conn: c.Name, Kind: trace.Note, Text: c.Name + ": write: " + err.Error()})
	}
}

// BinaryOnly reports whether every WebSocket frame with data that has come so far was binary (MQTT-6.0.0-1). The target's
// first other one ends the connection.
func (c *Client) BinaryOnly() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !errors.Is(c.ended, webstream.ErrNotBinary)
}
