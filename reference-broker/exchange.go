package broker

import (
	"container/list"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// exchange is a delivery of QoS 1 or 2 that has been started: its PUBLISH has been sent and the acknowledgements that
// end it have not come. It belongs to the session and is taken up again on the next connection.
type exchange struct {
	id uint16
	*delivery
	released bool // PUBREC has come, PUBREL has been sent
	counted  bool // takes one of this connection's send quota

	inflight, release *list.Element // its places in the session's lists
}

// start sends a delivery for the first time, and remembers it if it has to be acknowledged.
func (c *conn) start(d *delivery) {
	b, s := c.b, c.session
	p := c.publishPacket(d)
	c.sentStored()
	if d.qos == wire.QoS0 {
		p.Dup = b.defect(dupWithQoS0) // v5:MQTT-3.3.1-2, v5:MQTT-4.3.1-1, v311:MQTT-3.3.1-2, v311:MQTT-4.3.1-1
		c.sendPublish(p)
		return
	}
	p.PacketID = s.unusedID()                                      // v5:MQTT-2.2.1-4, v5:MQTT-4.3.2-1, v5:MQTT-4.3.3-1, v311:MQTT-2.3.1-4, v311:MQTT-4.3.2-1, v311:MQTT-4.3.3-1
	p.Dup = b.defect(dupAtFirst) || d.dup && b.defect(dupPassedOn) // v5:MQTT-3.3.1-3, v5:MQTT-4.3.2-2, v5:MQTT-4.3.3-2, v311:MQTT-3.3.1-3, v311:MQTT-4.3.2-1, v311:MQTT-4.3.3-1
	if !c.sendPublish(p) {
		return // v5:MQTT-3.1.2-25: as if its exchange had been completed
	}
	x := &exchange{id: p.PacketID, delivery: d, counted: true}
	c.quota--
	heldForgotten := c.starved && b.defect(starvedForgotten) // v5:MQTT-4.3.2-3, v5:MQTT-4.4.0-1
	if !heldForgotten && !b.defect(forgottenAtOnce) {        // v5:MQTT-4.3.2-3, v5:MQTT-4.3.3-3, v311:MQTT-4.3.2-1, v311:MQTT-4.3.3-1
		s.track(x) // v5:MQTT-4.3.2-3, v5:MQTT-4.3.3-3, v311:MQTT-4.3.2-1, v311:MQTT-4.3.3-1
	}
	if b.defect(resendOnLiveLink) && s.inflight.Len() > 0 { // v5:MQTT-4.4.0-1
		c.resendLater(x)
	}
	if b.tolerates(resendOnLiveLink311) && c.version == wire.V311 {
		c.resendLater(x)
	}
	c.retry(x, now())
}

// track remembers an exchange until it is completed.
func (s *session) track(x *exchange) {
	x.inflight = s.inflight.PushBack(x)
	s.exchanges[x.id] = x
	s.queuedBytes += x.size()
	if x.released {
		x.release = s.released.PushBack(x)
	}
}

// complete forgets an exchange, which frees its Packet Identifier and its place in the send quota.
func (s *session) complete(x *exchange) {
	if s.resend == x.inflight {
		s.resend = s.resend.Next()
	}
	s.inflight.Remove(x.inflight)
	if x.release != nil {
		s.released.Remove(x.release)
	}
	delete(s.exchanges, x.id)
	s.queuedBytes -= x.size()
	if s.conn != nil {
		s.conn.restoreQuota(x)
	}
}

// restoreQuota gives back what the PUBLISH of an exchange took. v5:MQTT-4.9.0-1
func (c *conn) restoreQuota(x *exchange) {
	if x.counted {
		x.counted = false
		c.quota++
	}
}

// dropInflight forgets what is in flight for a subscription, as a defect does.
func (s *session) dropInflight(filter string) {
	for e := s.inflight.Front(); e != nil; {
		x := e.Value.(*exchange)
		e = e.Next()
		if x.filter == filter {
			s.complete(x)
		}
	}
}

// unusedID returns a Packet Identifier that no exchange of this session has. There is one: sendNext has looked.
func (s *session) unusedID() uint16 {
	b := s.b
	if b.defect(packetID0) { // v5:MQTT-2.2.1-4, v311:MQTT-2.3.1-1
		return 0
	}
	if b.defect(packetIDReused) { // v5:MQTT-2.2.1-4, v5:MQTT-4.3.2-1, v5:MQTT-4.3.3-1, v311:MQTT-2.3.1-4
		return 1
	}
	for {
		s.lastID++
		if s.lastID != 0 && s.exchanges[s.lastID] == nil {
			return s.lastID
		}
	}
}

// resume takes up the exchanges that earlier connections left open: PUBREL packets at once, in the order of their
// PUBRECs, and then PUBLISH packets in their original order as the send quota allows, before anything new.
// v5:MQTT-4.4.0-1, v311:MQTT-4.4.0-1
func (c *conn) resume() {
	b, s := c.b, c.session
	s.resend = s.inflight.Front()
	if b.defect(resumeSendsNothingAgain) { // v5:MQTT-4.4.0-1, v311:MQTT-4.4.0-1
		s.resend = nil
		return
	}
	for e := s.released.Front(); e != nil; e = e.Next() {
		x := e.Value.(*exchange)
		if b.defect(pubrelNotResent) || x.expired() && b.defect(expiredPubrelNotResent) { // v5:MQTT-4.4.0-1, v5:MQTT-4.3.3-5, v5:MQTT-4.3.3-7, v311:MQTT-4.4.0-1
			continue
		}
		c.acknowledge(wire.Pubrel{PacketID: x.id}) // v5:MQTT-4.4.0-1, v5:MQTT-4.3.3-5, v311:MQTT-4.4.0-1, v311:MQTT-4.3.3-1
	}
	if b.defect(resumeReversed) { // v5:MQTT-4.6.0-5, v5:MQTT-4.4.0-1, v311:MQTT-4.6.0-6
		for e := s.inflight.Front(); e != nil; {
			next := e.Next()
			s.inflight.MoveToFront(e)
			e = next
		}
		s.resend = s.inflight.Front()
	}
}

// redeliver sends the PUBLISH of an exchange again on a new connection.
func (c *conn) redeliver(x *exchange) {
	b, s := c.b, c.session
	if x.released && !b.defect(publishResentAfterPubrel) {
		return // v5:MQTT-4.3.3-6, v311:MQTT-4.3.3-1
	}
	if x.qos == wire.QoS2 && x.expired() && b.defect(expiredInflightNotResent) { // v5:MQTT-4.3.3-7
		s.complete(x)
		return
	}
	p := c.publishPacket(x.delivery)
	c.sentStored()
	p.PacketID = x.id // v5:MQTT-4.4.0-1, v311:MQTT-4.4.0-1, v311:MQTT-2.3.1-3
	// v5:MQTT-3.3.1-1, v311:MQTT-3.3.1-1
	p.Dup = !b.defect(dupNeverSet) && !b.config.Service.NoDup
	if b.defect(resumeWithOtherIDs) { // v5:MQTT-4.4.0-1, v311:MQTT-4.4.0-1
		delete(s.exchanges, x.id)
		x.id = s.unusedID()
		s.exchanges[x.id] = x
		p.PacketID = x.id
	}
	if x.replay && b.defect(redeliveryLosesRetain) { // v5:MQTT-4.4.0-1, v311:MQTT-4.4.0-1
		p.Retain = false
	}
	if !c.sendPublish(p) {
		s.complete(x) // v5:MQTT-3.1.2-25
		return
	}
	x.counted = true // v5:U5-037
	c.quota--
	c.retry(x, now())
}

// puback ends an exchange of QoS 1. What acknowledges nothing is passed over.
func (c *conn) puback(p wire.Puback) {
	s := c.session
	x := s.exchanges[p.PacketID]
	if x == nil || x.qos != wire.QoS1 {
		return
	}
	if c.b.defect(pubackIgnored) { // v5:MQTT-4.3.2-3, v311:MQTT-4.3.2-1
		c.restoreQuota(x)
		return
	}
	if p.ReasonCode.Failed() && c.b.defect(errorAckResent) { // v5:MQTT-4.4.0-2
		return
	}
	s.complete(x) // v5:MQTT-4.3.2-3, v5:MQTT-4.4.0-2, v5:MQTT-4.8.2-6, v311:MQTT-4.3.2-1
	c.pump()
	if p.ReasonCode.Failed() && x.share != "" && c.b.defect(sharedErrorMovesOn) { // v5:MQTT-4.8.2-6
		for _, g := range c.b.match(x.topic).groups {
			c.b.share(g, x.message, s)
		}
	}
}

// pubrec goes on with an exchange of QoS 2.
func (c *conn) pubrec(p wire.Pubrec) {
	b, s := c.b, c.session
	x := s.exchanges[p.PacketID]
	switch {
	case x != nil && x.qos != wire.QoS2:
		return
	case x == nil && p.ReasonCode.Failed():
		return
	case x == nil:
		c.acknowledge(wire.Pubrel{PacketID: p.PacketID, ReasonCode: wire.PacketIdentifierNotFound})
		return
	case p.ReasonCode.Failed() && !b.defect(errorAckResent) && !b.defect(errorPubrecReleased):
		s.complete(x) // v5:MQTT-4.4.0-2, v5:MQTT-4.3.3-4
		c.pump()
		return
	case p.ReasonCode.Failed() && b.defect(errorAckResent): // v5:MQTT-4.4.0-2
		return
	}
	if !x.released && !b.defect(publishResentAfterPubrel) {
		x.released = true // v5:MQTT-4.3.3-6, v311:MQTT-4.3.3-1
		x.release = s.released.PushBack(x)
	}
	if !b.defect(pubrelMissing) { // v5:MQTT-4.3.3-4, v311:MQTT-4.3.3-1
		c.acknowledge(wire.Pubrel{PacketID: p.PacketID}) // v5:MQTT-4.3.3-4, v311:MQTT-4.3.3-1
	}
	if b.defect(quotaFreedAtPubrec) { // v5:MQTT-4.9.0-2, v5:MQTT-3.3.4-9
		c.restoreQuota(x)
	}
	c.pump()
}

// pubcomp ends an exchange of QoS 2.
func (c *conn) pubcomp(p wire.Pubcomp) {
	b, s := c.b, c.session
	x := s.exchanges[p.PacketID]
	if x == nil || !x.released && !(x.qos == wire.QoS2 && b.defect(publishResentAfterPubrel)) {
		return
	}
	if !b.defect(pubcompIgnored) { // v5:MQTT-4.3.3-5, v311:MQTT-4.3.3-1
		s.complete(x) // v5:MQTT-4.3.3-5, v311:MQTT-4.3.3-1
	}
	c.pump()
}

// resendLater sends a PUBLISH again although its connection lives: 3.1.1 lets a server do so, 5.0 does not.
func (c *conn) resendLater(x *exchange) {
	s := c.session
	time.AfterFunc(time.Second, func() {
		c.b.mu.Lock()
		defer c.b.mu.Unlock()
		if c.session == s && s.exchanges[x.id] == x && !x.released {
			p := c.publishPacket(x.delivery)
			p.PacketID, p.Dup = x.id, true
			c.sendPublish(p)
		}
	})
}
