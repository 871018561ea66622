package device

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// ownAnswer takes what answers a packet that went past the broker, which must not see it. The caller holds mu.
func (n *conn) ownAnswer(p wire.Packet) bool {
	id, ok := wire.PacketIDOf(p)
	after, ours := n.client.injected[id]
	if !ok || !ours {
		return false
	}
	switch p := p.(type) {
	case wire.Puback, wire.Pubcomp:
		delete(n.client.injected, id)
		return true
	case wire.Pubrec:
		if p.ReasonCode.Failed() {
			delete(n.client.injected, id)
		} else {
			n.release(id, after)
		}
		return true
	}
	return false
}

// release sends PUBREL for a message that went past the broker, after some time. What else is sent does not wait for it.
// The caller holds mu.
func (n *conn) release(id uint16, after time.Duration) {
	o := output{bytes: wire.Bytes(wire.Pubrel{PacketID: id}, wire.Version(n.version.Load()))}
	if after == 0 {
		n.enqueue(o)
		return
	}
	time.AfterFunc(after, func() {
		n.client.mu.Lock()
		defer n.client.mu.Unlock()
		n.enqueue(o)
	})
}

// alive lets the broker know that the device is there when it is not to see what the device has sent: it gets a PINGREQ.
// Otherwise it would end the connection of a device that sends nothing else within its Keep Alive.
func (n *conn) alive() {
	if n.server != nil {
		n.ping(wire.Bytes(wire.Pingreq{}, wire.Version(n.version.Load())), true)
	}
}

// ping passes a PINGREQ on to the broker and notes whether it is ours.
func (n *conn) ping(frame []byte, ours bool) {
	n.client.mu.Lock()
	n.pings = append(n.pings, ours)
	n.client.mu.Unlock()
	_, _ = n.server.Write(frame) // a broker that has closed is seen where we read from it
}

// pong reports whether the next PINGRESP of the broker answers a PINGREQ of ours. The caller holds mu.
func (n *conn) pong() (ours bool) {
	if len(n.pings) > 0 {
		ours, n.pings = n.pings[0], n.pings[1:]
	}
	return ours
}
