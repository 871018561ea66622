package monitor

import (
	"bytes"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// exchange is a PUBLISH of QoS 1 or 2 that the judged side sent and that is, as far as the trace shows, unacknowledged.
type exchange struct {
	conn     *Conn
	publish  wire.Publish
	size     int
	first    int  // the Seq of the first PUBLISH with this message
	released bool // a PUBREL was sent
}

// sending is a packet of the judged side that takes or uses a Packet Identifier: a PUBLISH of QoS 1 or 2, a PUBREL, or
// of a client SUBSCRIBE and UNSUBSCRIBE, with what the trace tells of the session at that moment.
type sending struct {
	session
	rec *Record
	id  uint16

	open  *exchange // the unacknowledged exchange with the same identifier, nil if the identifier is free
	ended bool      // the identifier had an exchange on this connection that we have acknowledged
	// request is the type of the unanswered SUBSCRIBE or UNSUBSCRIBE of this connection that has the identifier, 0 if
	// there is none. again tells that it is the same packet byte for byte.
	request wire.Type
	again   bool
	// shared tells that the session asked for a Shared Subscription, so that a server may move what is unacknowledged
	// to another session.
	shared bool

	received    bool // for a PUBREL: the other side sent a PUBREC below 0x80 for this exchange
	refused     bool // for a PUBREL: it sent a PUBREC of 0x80 or above
	receipts    int  // for a PUBREL: PUBRECs that the other side sent on this connection
	releases    int  // for a PUBREL: PUBRELs on this connection, this one included
	carriedOver bool // the connection resumed a session, so that an exchange may stem from before it
}

// live reports whether the open exchange was begun or resumed on the same Network Connection.
func (s *sending) live() bool { return s.open != nil && s.open.conn == s.conn }

// same reports whether the PUBLISH carries the message of the open exchange.
func (s *sending) same() bool {
	p, ok := s.rec.Packet.(wire.Publish)
	if !ok || s.open == nil {
		return false
	}
	return sameMessage(p, s.open.publish)
}

// sameMessage reports whether two PUBLISH packets carry one message. A Topic Alias may stand for the topic in one of them.
func sameMessage(p, o wire.Publish) bool {
	return p.QoS == o.QoS && bytes.Equal(p.Payload, o.Payload) && (p.Topic == o.Topic || p.Topic == "" || o.Topic == "")
}

// sendings returns what the judged side sent under Packet Identifiers, session by session.
func (h *History) sendings() (all []sending) {
	h.follow(func() follower {
		e := &exchanges{judged: h.Judged, report: func(s sending) { all = append(all, s) }}
		e.lose()
		return e
	})
	return all
}

// exchanges follows the Packet Identifiers that the judged side gives away in one session.
type exchanges struct {
	judged   wire.Sender
	report   func(sending)
	open     map[uint16]*exchange
	past     map[uint16]*exchange // that we have acknowledged; the judged side may not have got to know it
	requests map[uint16]*Record
	ended    map[uint16]bool
	received map[uint16]bool
	refused  map[uint16]bool
	receipts map[uint16]int
	releases map[uint16]int
	shared   bool
}

func (e *exchanges) lose() {
	e.open, e.past = map[uint16]*exchange{}, map[uint16]*exchange{}
	e.received, e.refused = map[uint16]bool{}, map[uint16]bool{}
	e.reconnect()
}

// reconnect forgets what belongs to a Network Connection.
func (e *exchanges) reconnect() {
	e.requests = map[uint16]*Record{}
	e.ended = map[uint16]bool{}
	e.receipts, e.releases = map[uint16]int{}, map[uint16]int{}
}

func (e *exchanges) begin(s session) {
	if s.first {
		e.lose()
		e.shared = false
	}
	if s.divided {
		e.open = map[uint16]*exchange{} // each may go on or not; what was received stays, for PUBREL
	}
	e.reconnect()
	for id, x := range e.open {
		if e.mayHaveEnded(x, s.conn) {
			delete(e.open, id)
		}
	}
}

// mayHaveEnded reports whether a server may regard an unacknowledged message as done when the session is resumed: it
// is too large for the client now (MQTT-3.1.2-25), it may have expired (that a message whose delivery has started must
// survive its expiry is disputed), or it went to another member of a Shared Subscription.
func (e *exchanges) mayHaveEnded(x *exchange, c *Conn) bool {
	if e.judged != wire.FromServer {
		return false
	}
	limit := c.Connect.Properties.Int(wire.PropMaximumPacketSize, 0)
	return limit > 0 && uint32(x.size) > limit || x.publish.Properties.Has(wire.PropMessageExpiryInterval) || e.shared
}

func (e *exchanges) packet(s session, c *Conn, r *Record) {
	if r.Sender != e.judged {
		e.answer(s, c, r)
		return
	}
	id, ok := wire.PacketIDOf(r.Packet)
	if !ok || id == 0 {
		return
	}
	x := e.open[id]
	sent := sending{session: s, rec: r, id: id, open: copyOf(x), ended: e.ended[id], shared: e.shared, carriedOver: !s.first}
	switch p := r.Packet.(type) {
	case wire.Publish:
		e.note(&sent)
		e.report(sent)
		if x == nil {
			delete(e.received, id)
			delete(e.refused, id)
		}
		first := r.Seq
		if old := e.past[id]; sent.same() {
			first = x.first
		} else if x == nil && p.Dup && old != nil && old.conn != c && sameMessage(p, old.publish) {
			first = old.first // the acknowledgement was lost with its connection
		}
		e.open[id] = &exchange{conn: c, publish: p, size: len(r.Raw), first: first}
	case wire.Pubrel:
		e.releases[id]++
		sent.received, sent.refused = e.received[id], e.refused[id]
		sent.receipts, sent.releases = e.receipts[id], e.releases[id]
		e.report(sent)
		if x != nil {
			x.released, x.conn = true, c
		}
	case wire.Subscribe, wire.Unsubscribe:
		e.note(&sent)
		e.report(sent)
		e.requests[id] = r
	}
}

// note says what an unanswered request has to do with the packet.
func (e *exchanges) note(s *sending) {
	if q := e.requests[s.id]; q != nil {
		s.request = q.Packet.Type()
		s.again = bytes.Equal(q.Raw, s.rec.Raw)
	}
}

func copyOf(x *exchange) *exchange {
	if x == nil {
		return nil
	}
	y := *x
	return &y
}

// answer takes a packet of the other side. Any acknowledgement that could be taken for the end of an exchange ends it,
// also one of the wrong type: what the judged side makes of that is its own affair.
func (e *exchanges) answer(s session, c *Conn, r *Record) {
	end := func(id uint16) {
		if x := e.open[id]; x != nil {
			e.past[id] = x
		}
		delete(e.open, id)
		e.ended[id] = true
	}
	switch p := r.Packet.(type) {
	case wire.Puback:
		end(p.PacketID)
	case wire.Pubcomp:
		end(p.PacketID)
	case wire.Pubrec:
		if c == s.conn {
			e.receipts[p.PacketID]++
		}
		if p.ReasonCode >= 0x80 {
			end(p.PacketID)
			e.refused[p.PacketID] = true
			return
		}
		e.received[p.PacketID] = true
		if x := e.open[p.PacketID]; x != nil && x.publish.QoS != wire.QoS2 {
			end(p.PacketID)
		}
	case wire.Suback:
		delete(e.requests, p.PacketID)
	case wire.Unsuback:
		delete(e.requests, p.PacketID)
	case wire.Subscribe:
		for _, f := range p.Subscriptions {
			e.shared = e.shared || strings.HasPrefix(f.Filter, "$share/")
		}
	}
}
