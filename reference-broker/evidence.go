package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// The methods below write the trace. They are called without the lock.

// introduce names the connection in the trace, once, as its first packet arrives or it ends without one.
func (c *conn) introduce(clientID string) {
	if c.b.config.Trace == nil {
		return
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.name != "" {
		return
	}
	if clientID == "" {
		clientID = fmt.Sprintf("connection %d", c.number)
	}
	c.name = clientID
	c.b.names[clientID]++
	if n := c.b.names[clientID]; n > 1 {
		c.name = fmt.Sprintf("%s#%d", clientID, n)
	}
	c.b.config.Trace.Add(trace.Event{Kind: trace.Open, Conn: c.name})
}

func (c *conn) log(e trace.Event) {
	if c.b.config.Trace == nil {
		return
	}
	c.introduce("")
	c.b.mu.Lock()
	e.Conn = c.name
	if e.Version == 0 {
		e.Version = c.version
	}
	c.b.mu.Unlock()
	c.b.config.Trace.Add(e)
}

func (c *conn) logPacket(d trace.Dir, bytes []byte, v wire.Version) {
	c.log(trace.Event{Kind: trace.Packet, Dir: d, Bytes: bytes, Version: v})
}

func (c *conn) logBytes(d trace.Dir, bytes []byte) {
	if len(bytes) > 0 {
		c.log(trace.Event{Kind: trace.Bytes, Dir: d, Bytes: bytes})
	}
}

// logEnd records the end of a direction that a read found.
func (c *conn) logEnd(d trace.Dir, err error) {
	e := trace.Event{Kind: trace.Close, Dir: d, How: trace.Error}
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		e.How = trace.FIN
	case errors.Is(err, syscall.ECONNRESET):
		e.How = trace.RST
	case errors.Is(err, net.ErrClosed):
		e.How = trace.Local
	default:
		e.Text = err.Error()
	}
	c.log(e)
}
