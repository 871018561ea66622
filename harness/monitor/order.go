package monitor

import (
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// orderMonitors judge the order and the time of what a client sends.
func orderMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("MQTT-4.6.0-1", "MQTT-4.6.0-1"), Text: "A client sends PUBLISH packets again in their original order.", Judge: resendOrder},
		{IDs: ids("MQTT-4.6.0-2", "MQTT-4.6.0-2"), Text: "PUBACKs follow the order of the PUBLISH packets.", Judge: ackOrder(wire.PUBACK)},
		{IDs: ids("MQTT-4.6.0-3", "MQTT-4.6.0-3"), Text: "PUBRECs follow the order of the PUBLISH packets.", Judge: ackOrder(wire.PUBREC)},
		{IDs: ids("MQTT-4.6.0-4", "MQTT-4.6.0-4"), Text: "PUBRELs follow the order of the PUBRECs.", Judge: ackOrder(wire.PUBREL)},
		{IDs: ids("MQTT-4.5.0-2", "MQTT-4.5.0-2"), Text: "A client acknowledges every PUBLISH of QoS 1 and 2.", Judge: allAcknowledged},
		{IDs: ids("MQTT-3.1.2-20", "MQTT-3.1.2-23"), Text: "A client is not silent for longer than its Keep Alive.", Judge: keepAlive(false)},
		{IDs: ids("MQTT-3.1.2-21", ""), Text: "A client obeys the Server Keep Alive.", Judge: keepAlive(true)},
		{IDs: ids("MQTT-3.2.2-21", ""), Text: "A client obeys the Server Keep Alive.", Judge: keepAlive(true)},
	} {
		m.Sender, m.Level = wire.FromClient, must
		all = append(all, m)
	}
	return all
}

// resendOrder is exercised by the second PUBLISH that is sent again on a connection, and by those after it.
func resendOrder(h *History, j *Judgement) {
	bound := h.boundSet(j)
	last := map[*Conn]*exchange{}
	for _, s := range h.sent {
		p, ok := s.rec.Packet.(wire.Publish)
		if !ok || !bound[s.conn] || !p.Dup || !s.same() || s.live() {
			continue
		}
		before := last[s.conn]
		last[s.conn] = s.open
		if before == nil {
			continue
		}
		if s.open.first < before.first {
			j.broken(s.conn, s.rec.Seq, "expected PUBLISH packets again in their original order, observed Packet Identifier %d after %d", s.id, before.publish.PacketID)
		} else {
			j.kept(s.conn)
		}
	}
}

// awaited returns the Packet Identifier of a packet that an acknowledgement of type t answers.
func awaited(p wire.Packet, t wire.Type) (uint16, bool) {
	switch p := p.(type) {
	case wire.Publish:
		return p.PacketID, p.QoS == wire.QoS1 && t == wire.PUBACK || p.QoS == wire.QoS2 && t == wire.PUBREC
	case wire.Pubrec:
		return p.PacketID, p.ReasonCode < 0x80 && t == wire.PUBREL
	}
	return 0, false
}

// ackOrder judges each acknowledgement of type t that a second packet waits for. One that answers nothing of this
// connection, as a PUBREL that is sent again, has no place in the order; nor has one of two that are the same.
func ackOrder(t wire.Type) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			var waiting []uint16
			for _, r := range c.sound() {
				if id, ok := awaited(r.Packet, t); ok && r.Sender == wire.FromServer {
					waiting = append(waiting, id)
				}
				if r.Sender != wire.FromClient || r.Packet.Type() != t {
					continue
				}
				id, _ := wire.PacketIDOf(r.Packet)
				at := slices.Index(waiting, id)
				if at < 0 {
					continue
				}
				if at > 0 && !slices.Contains(waiting[at+1:], id) {
					j.broken(c, r.Seq, "expected %v for Packet Identifier %d first, observed it for %d", t, waiting[0], id)
				} else if len(waiting) > 1 {
					j.kept(c)
				}
				waiting = slices.Delete(waiting, at, at+1)
			}
		}
	}
}

// ackWithin is how long a client may leave a PUBLISH unacknowledged although it acknowledges later ones. The standard
// gives no bound.
const ackWithin = 10 * time.Second

// allAcknowledged is exercised by each acknowledgement. It is broken only if a later PUBLISH of the same QoS was
// acknowledged and the connection stayed open for ackWithin: before that the answer may still come.
func allAcknowledged(h *History, j *Judgement) {
	type wait struct {
		rec    Record
		id     uint16
		passed bool // a later one was acknowledged
	}
	for _, c := range h.bound(j) {
		for _, t := range []wire.Type{wire.PUBACK, wire.PUBREC} {
			var waiting []wait
			records := c.sound()
			for _, r := range records {
				if id, ok := awaited(r.Packet, t); ok && r.Sender == wire.FromServer {
					waiting = append(waiting, wait{rec: r, id: id})
				}
				if r.Sender != wire.FromClient || r.Packet.Type() != t {
					continue
				}
				id, _ := wire.PacketIDOf(r.Packet)
				at := slices.IndexFunc(waiting, func(w wait) bool { return w.id == id })
				if at < 0 {
					continue
				}
				j.kept(c)
				for i := range waiting[:at] {
					waiting[i].passed = true
				}
				waiting = slices.DeleteFunc(waiting, func(w wait) bool { return w.id == id })
			}
			end := h.end
			if len(c.closings) > 0 {
				end = c.closings[0].at
			}
			for _, w := range waiting {
				if open := end.Sub(w.rec.At); w.passed && open >= ackWithin && c.intact() && !c.Disturbed {
					j.broken(c, w.rec.Seq, "expected %v for Packet Identifier %d, observed none within %v, but one for a later PUBLISH", t, w.id, open.Round(time.Millisecond))
				}
			}
		}
	}
}

// keepAlive judges the time between two packets of a client, where both are there: a client whose power or network is
// gone breaks no rule. It is exercised by PINGREQ. Measured is where we read, so a quarter more, and two seconds at
// least, is allowed; on a disturbed way nothing is reported. The time begins with CONNACK, which may announce another
// Keep Alive: a client that waits for one that comes late is not silent.
func keepAlive(byServer bool) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			if !c.accepted() {
				continue
			}
			seconds := uint32(c.Connect.KeepAlive)
			p, has := c.Connack.Properties.Get(wire.PropServerKeepAlive)
			if has != byServer {
				continue
			}
			if has {
				seconds = p.Int
			}
			period := time.Duration(seconds) * time.Second
			if period == 0 {
				continue
			}
			allowed := period + max(2*time.Second, period/4)
			last := c.Records[c.connackAt].At
			for _, r := range c.Records[c.connackAt+1:] {
				if r.Sender != wire.FromClient {
					continue
				}
				if gap := r.At.Sub(last); gap > allowed && !c.Disturbed {
					j.broken(c, r.Seq, "expected a packet every %v, observed %v of silence", period, gap.Round(time.Millisecond))
				} else if _, ping := r.Packet.(wire.Pingreq); ping {
					j.kept(c)
				}
				last = r.At
			}
		}
	}
}
