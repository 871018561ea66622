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
