package monitor

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// closeWithin is how long a side may take to close a Network Connection that it must close. The standard gives no
// bound; this one is far above what any network or machine needs.
const closeWithin = 10 * time.Second

// closingMonitors judge how a connection ends.
func closingMonitors() (all []Monitor) {
	refusal := func(c *Conn, p wire.Packet) bool {
		q, ok := p.(wire.Connack)
		return ok && (q.ReasonCode >= 0x80 || c.Version == wire.V311 && q.ReasonCode != 0)
	}
	goodbye := func(_ *Conn, p wire.Packet) bool { _, ok := p.(wire.Disconnect); return ok }
	failure := func(c *Conn, p wire.Packet) bool {
		d, ok := p.(wire.Disconnect)
		return refusal(c, p) || ok && d.ReasonCode >= 0x80
	}
	const nothingAfter = "Nothing is sent after DISCONNECT."
	const closesAfter = "Who sends DISCONNECT closes the Network Connection."
	return append(both(Monitor{IDs: ids("MQTT-4.13.2-1", ""), Level: must,
		Text: "A CONNACK or DISCONNECT with a Reason Code of 0x80 or above is followed by the close of the Network Connection.", Judge: closes(failure)}),
		Monitor{IDs: ids("MQTT-3.2.2-7", "MQTT-3.2.2-5"), Sender: wire.FromServer, Level: must,
			Text: "A server that refuses a CONNECT closes the Network Connection.", Judge: closes(refusal)},
		Monitor{IDs: ids("MQTT-3.14.4-1", ""), Sender: wire.FromServer, Level: must, Text: nothingAfter, Judge: silentAfterDisconnect},
		Monitor{IDs: ids("MQTT-3.14.4-1", "MQTT-3.14.4-2"), Sender: wire.FromClient, Level: must, Text: nothingAfter, Judge: silentAfterDisconnect},
		Monitor{IDs: ids("MQTT-3.14.4-2", ""), Sender: wire.FromServer, Level: must, Text: closesAfter, Judge: closes(goodbye)},
		Monitor{IDs: ids("MQTT-3.14.4-2", "MQTT-3.14.4-1"), Sender: wire.FromClient, Level: must, Text: closesAfter, Judge: closes(goodbye)})
}

// silentAfterDisconnect is exercised by each DISCONNECT. Cut packets after it are no packets.
func silentAfterDisconnect(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		gone := false
		for _, r := range c.Records {
			switch {
			case r.Sender != h.Judged || r.Loose:
			case gone:
				j.broken(c, r.Seq, "expected nothing after DISCONNECT, observed %v", r.typeOf())
			case r.typeOf() == wire.DISCONNECT:
				gone = true
				j.kept(c)
			}
		}
	}
}

// closes makes a judge of packets after which their sender must close. It is exercised if the sender was seen to close
// first, and broken if the connection stayed open for closeWithin on an undisturbed way. Where our side closed before
// that, nothing is known.
func closes(demands func(*Conn, wire.Packet) bool) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			for _, r := range c.Records {
				if r.Sender != h.Judged || r.Packet == nil || !demands(c, r.Packet) {
					continue
				}
				if how, open := c.closedAfter(&r, h); how == closedByIt {
					j.kept(c)
				} else if how == stayedOpen {
					j.broken(c, r.Seq, "expected the Network Connection to be closed after %v, observed it open %v later", r.Packet.Type(), open.Round(time.Millisecond))
				}
				break
			}
		}
	}
}

// ending is what is known of the close that a packet demands.
type ending int

const (
	unknownEnding ending = iota
	closedByIt
	stayedOpen
)

// closedAfter tells whether the sender of r closed the connection after it, and if not, for how long it was open.
func (c *Conn) closedAfter(r *Record, h *History) (ending, time.Duration) {
	end := h.end
	if len(c.closings) > 0 {
		first := c.closings[0]
		if first.sender == h.Judged && first.how != trace.Local {
			// the side closed, maybe before its last packet was read
			if first.at.Sub(r.At) >= closeWithin && !c.Disturbed {
				return stayedOpen, first.at.Sub(r.At)
			}
			return closedByIt, 0
		}
		end = first.at
	}
	if open := end.Sub(r.At); open >= closeWithin && !c.Disturbed {
		return stayedOpen, open
	}
	return unknownEnding, 0
}
