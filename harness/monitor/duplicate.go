package monitor

import (
	"github.com/mqttspec/mqttspec/harness/wire"
)

// duplicateMonitors judge DUP and retransmission over the exchanges of a session.
func duplicateMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("MQTT-3.3.1-1", "MQTT-3.3.1-1"), Text: "A PUBLISH that is sent again has DUP 1.", Judge: redelivery},
		{IDs: ids("MQTT-4.3.2-2", "MQTT-4.3.2-1"), Text: "The first PUBLISH of a message of QoS 1 has DUP 0.", Judge: firstTransmission(wire.QoS1)},
		{IDs: ids("MQTT-4.3.3-2", "MQTT-4.3.3-1"), Text: "The first PUBLISH of a message of QoS 2 has DUP 0.", Judge: firstTransmission(wire.QoS2)},
		{IDs: ids("MQTT-4.3.3-4", "MQTT-4.3.3-1"), Text: "A PUBREL answers a PUBREC with a Reason Code below 0x80.", Judge: releaseAfterReceipt},
		{IDs: ids("MQTT-4.3.3-6", "MQTT-4.3.3-1"), Text: "A PUBLISH is not sent again once its PUBREL was sent.", Judge: noPublishAfterRelease},
		{IDs: ids("MQTT-4.4.0-1", ""), Text: "PUBLISH and PUBREL are sent again only on a new Network Connection.", Judge: noLiveResend},
	} {
		m.Level = must
		all = append(all, both(m)...)
	}
	return all
}

// redelivery judges PUBLISH packets with the message of an unacknowledged one that was sent on an earlier connection
// of the session, and in 3.1.1, where that is allowed, on the same.
func redelivery(h *History, j *Judgement) {
	bound := h.boundSet(j)
	for _, s := range h.sent {
		p, ok := s.rec.Packet.(wire.Publish)
		if !ok || !bound[s.conn] || !s.same() || s.open.released || s.live() && s.conn.Version == wire.V5 {
			continue
		}
		if p.Dup {
			j.kept(s.conn)
		} else {
			j.broken(s.conn, s.rec.Seq, "expected DUP 1, observed DUP 0 in a PUBLISH under Packet Identifier %d with the message that connection %s left unacknowledged",
				s.id, s.open.conn.Name)
		}
	}
}

// firstTransmission judges the connection on which a session begins. On a later one a PUBLISH with DUP 1 that was
// never seen may repeat one that was lost with its connection. Where a Shared Subscription is involved the message may
// have been sent to another session before, and whether that counts is not clear.
func firstTransmission(qos wire.QoS) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		bound := h.boundSet(j)
		for _, s := range h.sent {
			p, ok := s.rec.Packet.(wire.Publish)
			if !ok || p.QoS != qos || !bound[s.conn] || !s.first || s.open != nil || s.ended || s.shared {
				continue
			}
			// A client that does not wait for the CONNACK may resend before it knows that its session is gone.
			if h.Judged == wire.FromClient && !s.conn.Connect.CleanStart && !s.conn.informed(h.Judged, s.rec) {
				continue
			}
			if p.Dup {
				j.broken(s.conn, s.rec.Seq, "expected DUP 0, observed DUP 1 in the first PUBLISH under Packet Identifier %d of a session that began on this connection", s.id)
			} else {
				j.kept(s.conn)
			}
		}
	}
}

// releaseAfterReceipt judges sessions that are known from their beginning.
func releaseAfterReceipt(h *History, j *Judgement) {
	bound := h.boundSet(j)
	for _, s := range h.sent {
		if _, ok := s.rec.Packet.(wire.Pubrel); !ok || !bound[s.conn] || !s.known {
			continue
		}
		switch {
		case s.received:
			j.kept(s.conn)
		case s.refused:
			j.broken(s.conn, s.rec.Seq, "expected no PUBREL after a PUBREC of 0x80 or above, observed one for Packet Identifier %d", s.id)
		default:
			j.broken(s.conn, s.rec.Seq, "expected PUBREL only after PUBREC, observed one for Packet Identifier %d, for which this session sent no PUBREC", s.id)
		}
	}
}

// noPublishAfterRelease is exercised when an exchange whose PUBREL was seen goes on.
func noPublishAfterRelease(h *History, j *Judgement) {
	bound := h.boundSet(j)
	for _, s := range h.sent {
		if !bound[s.conn] || s.open == nil || !s.open.released {
			continue
		}
		switch p := s.rec.Packet.(type) {
		case wire.Pubrel:
			j.kept(s.conn)
		case wire.Publish:
			if p.Dup && s.same() {
				j.broken(s.conn, s.rec.Seq, "expected PUBREL for Packet Identifier %d, observed its PUBLISH again after the PUBREL", s.id)
			}
		}
	}
}

// noLiveResend is exercised by what goes on with an exchange, on the connection or over a resume.
func noLiveResend(h *History, j *Judgement) {
	bound := h.boundSet(j)
	for _, s := range h.sent {
		if !bound[s.conn] {
			continue
		}
		switch p := s.rec.Packet.(type) {
		case wire.Publish:
			switch {
			case s.live() && p.Dup && s.same() && !s.open.released:
				j.broken(s.conn, s.rec.Seq, "expected no second PUBLISH on one Network Connection, observed Packet Identifier %d again with DUP 1", s.id)
			case s.same() && !s.live():
				j.kept(s.conn)
			}
		case wire.Pubrel:
			// one PUBREL may belong to an exchange from an earlier connection; without any PUBREC another statement is broken
			allowed := s.receipts
			if s.carriedOver {
				allowed++
			}
			if s.releases > allowed && allowed > 0 {
				j.broken(s.conn, s.rec.Seq, "expected at most %d PUBREL for Packet Identifier %d on this Network Connection, observed number %d", allowed, s.id, s.releases)
			} else if allowed > 0 {
				j.kept(s.conn)
			}
		}
	}
}
