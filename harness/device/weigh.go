package device

import (
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// weighed notes a packet of the device, tells the plan of it, and returns what the rules do to it and to the CONNACK
// that would answer it, and whether it is an answer to a packet of ours.
func (n *conn) weighed(p wire.Packet, bad *wire.Violation, frame []byte) (passing, connack passage, own bool) {
	c := n.client
	c.mu.Lock()
	defer c.mu.Unlock()
	_, isConnect := p.(wire.Connect)
	topic := c.note(p)
	may := (*rule).ordinary
	if n.ending {
		may = (*rule).harmless
	}
	passing = c.judge(trace.ToServer, wire.TypeOf(frame[0]), may)
	if isConnect && n.server == nil && !n.silent {
		connack = c.judge(trace.ToClient, wire.CONNACK, (*rule).beforehand)
	}
	if isConnect && n.ending { // the broker would open a session of which the device learns nothing
		n.silent = true
	}
	n.asked = n.asked || isConnect && !n.silent
	own = n.ownAnswer(p)
	if _, bye := p.(wire.Disconnect); bye && n.online {
		n.online = false
		n.goodbye.Store(true)
		c.happened(Event{Kind: eventOffline, Conn: n.number})
	}
	if !n.ending { // what is under way when we end the connection answers nothing any more
		c.happened(Event{Kind: eventPacket, Conn: n.number, Version: wire.Version(n.version.Load()), Packet: p, Bad: bad, Size: len(frame), Topic: topic})
	}
	return passing, connack, own
}

// passes returns what the rules do to a packet of the broker. One that comes too late, or answers us, is not sent and must
// not use up a rule.
func (n *conn) passes(frame []byte) (passing passage, sent bool) {
	n.client.mu.Lock()
	defer n.client.mu.Unlock()
	ours := wire.TypeOf(frame[0]) == wire.PINGRESP && n.pong()
	if n.ending || ours {
		return passing, false
	}
	return n.client.judge(trace.ToClient, wire.TypeOf(frame[0]), (*rule).ordinary), true
}
