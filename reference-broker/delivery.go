package broker

import (
	"container/list"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// delivery is one copy of a message on its way to one session.
type delivery struct {
	*message
	qos      wire.QoS
	retain   bool     // the RETAIN flag to send
	replay   bool     // of a retained message, for a new subscription
	ids      []uint32 // Subscription Identifiers
	filter   string   // of the subscription, or of one of them
	share    string   // ShareName, if the copy came by a Shared Subscription
	repeated bool     // the second of two copies of a message that was lowered from QoS 1 to 0
}

// deliver makes the copy of a message that a subscription calls for.
func (s *subscription) deliver(m *message) *delivery {
	b := s.session.b
	d := &delivery{message: m, filter: s.topicFilter}
	d.qos = min(m.qos, s.qos)                                                  // v5:MQTT-3.8.4-8, v5:MQTT-4.8.2-3, v311:MQTT-3.8.4-6
	if b.defect(grantedQoSIgnored) || s.shared && b.defect(sharedQoSIgnored) { // v5:MQTT-3.8.4-8, v5:MQTT-4.8.2-3, v311:MQTT-3.8.4-6
		d.qos = m.qos
	}
	if b.defect(deliveryAtQoS0) { // v5:MQTT-3.8.4-8, v311:MQTT-3.8.4-6
		d.qos = wire.QoS0
	}
	d.retain = m.retain && s.retainAsPublished && !b.defect(retainAsPublishedIgnored) || // v5:MQTT-3.3.1-12, v5:MQTT-3.3.1-13, v311:MQTT-3.3.1-9
		m.retain && b.defect(retainFlagKept) // v5:MQTT-3.3.1-12, v311:MQTT-3.3.1-9
	if s.session.conn == nil && b.defect(retainAsPublishedLostInQueue) { // v5:MQTT-3.3.1-13
		d.retain = false
	}
	if s.id > 0 && !b.defect(subscriptionIDMissing) { // v5:MQTT-3.3.4-3
		d.ids = []uint32{s.id} // v5:MQTT-3.3.4-3
	}
	if s.shared {
		d.share = s.shareName
	}
	return d
}

// route takes a message to where it belongs: it is retained if it says so and added to the session of everybody who has subscribed
// to it. The result is Success, or NoMatchingSubscribers where a tolerance says so. The caller holds the lock.
func (b *Broker) route(m *message) wire.ReasonCode {
	b.retain(m)
	if m.retain && len(m.payload) == 0 && b.defect(retainedEmptyNotDelivered) { // v5:MQTT-3.3.1-6, v311:MQTT-3.3.1-10
		return wire.Success
	}
	found := b.match(b.level(m.topic))
	b.misroute(&found)
	copies := map[*session]*delivery{}
	for _, sub := range found.subscriptions {
		s := sub.session
		if sub.noLocal && m.publisher == s.id && !b.defect(noLocalIgnored) {
			continue // v5:MQTT-3.8.3-3
		}
		if m.fromWill && s.conn == nil && b.defect(willNotQueued) { // v5:MQTT-4.5.0-1, v311:MQTT-4.5.0-1
			continue
		}
		for range sub.surplus {
			s.enqueue(sub.deliver(m))
		}
		d := sub.deliver(m)
		if b.tolerates(copyPerSubscription) {
			s.enqueue(d) // v5:MQTT-3.3.4-5
		} else if other := copies[s]; other != nil {
			other.merge(d, b)
		} else {
			copies[s] = d
		}
	}
	for s, d := range copies {
		s.enqueue(d) // v5:MQTT-4.5.0-1, v311:MQTT-4.5.0-1, v311:MQTT-3.1.2-5
	}
	for _, g := range found.groups {
		b.share(g, m, nil)
	}
	if len(found.subscriptions)+len(found.groups) == 0 && b.tolerates(noMatchingSubscribersCode) {
		return wire.NoMatchingSubscribers
	}
	return wire.Success
}

// merge makes d the one copy for two overlapping subscriptions.
func (d *delivery) merge(other *delivery, b *Broker) {
	if b.defect(overlapAtLowestQoS) { // v5:MQTT-3.3.4-2, v311:MQTT-3.3.5-1
		d.qos = min(d.qos, other.qos)
	} else {
		d.qos = max(d.qos, other.qos) // v5:MQTT-3.3.4-2, v311:MQTT-3.3.5-1
	}
	d.retain = d.retain || other.retain
	if !b.defect(overlapOneID) { // v5:MQTT-3.3.4-4
		d.ids = append(d.ids, other.ids...) // v5:MQTT-3.3.4-4
	}
}

// misroute adds recipients that did not subscribe, as a defect does.
func (b *Broker) misroute(found *matching) {
	if !b.defect(deliveredToOthers) || len(found.subscriptions) == 0 { // v5:MQTT-3.3.2-3, v311:MQTT-3.3.2-3
		return
	}
	for _, s := range b.sessions {
		for _, sub := range s.subscriptions {
			if !sub.shared {
				found.subscriptions = append(found.subscriptions, sub)
			}
			break
		}
	}
}

// enqueue adds a delivery to the session, and starts it if the client can take it now.
func (s *session) enqueue(d *delivery) {
	b := s.b
	if s.conn == nil && d.qos == wire.QoS0 && !b.tolerates(qos0QueuedOffline) {
		return // a message of QoS 0 may be lost
	}
	if s.conn == nil && b.defect(nothingQueuedOffline) { // v5:MQTT-4.5.0-1, v311:MQTT-3.1.2-5
		return
	}
	if b.tolerates(downgradedSentTwice) && d.qos == wire.QoS0 && d.message.qos == wire.QoS1 && !d.repeated {
		again := *d
		again.repeated = true
		defer s.enqueue(&again)
	}
	if s.queue.Len()+s.inflight.Len() >= b.config.MaximumQueuedMessages || s.queuedBytes+d.size() > b.config.MaximumQueuedBytes {
		s.dropExpired()
	}
	if s.queue.Len()+s.inflight.Len() >= b.config.MaximumQueuedMessages || s.queuedBytes+d.size() > b.config.MaximumQueuedBytes {
		return
	}
	if b.defect(newestFirst) { // v5:MQTT-4.6.0-5, v311:MQTT-4.6.0-6
		s.queue.PushFront(d)
	} else {
		s.queue.PushBack(d) // v5:MQTT-4.6.0-5, v5:MQTT-4.6.0-6, v311:MQTT-4.6.0-5, v311:MQTT-4.6.0-6
	}
	s.queuedBytes += d.size()
	if d.qos == wire.QoS0 {
		s.queuedQoS0++
	}
	if s.conn != nil {
		s.conn.pump()
	}
}

// unqueue takes a delivery out of the queue.
func (s *session) unqueue(e *list.Element) *delivery {
	d := s.queue.Remove(e).(*delivery)
	s.queuedBytes -= d.size()
	if d.qos == wire.QoS0 {
		s.queuedQoS0--
	}
	return d
}

// dropExpired makes room by dropping what will not be sent anyway.
func (s *session) dropExpired() {
	s.dropWhere(func(d *delivery) bool { return d.expired() && !s.b.defect(messageExpiryIgnored) })
}

// dropQueued drops what waits for a subscription that is gone.
func (s *session) dropQueued(filter string) {
	s.dropWhere(func(d *delivery) bool { return d.filter == filter })
}

func (s *session) dropWhere(drop func(*delivery) bool) {
	for e := s.queue.Front(); e != nil; {
		next := e.Next()
		if drop(e.Value.(*delivery)) {
			s.unqueue(e)
		}
		e = next
	}
}

// pump starts deliveries as long as the client may have more of them and its connection has room. It is called
// whenever one of these may have changed.
func (c *conn) pump() {
	for c.session != nil && c.outSize < c.b.config.MaximumOutput {
		if !c.sendNext() {
			return
		}
	}
}

// sendNext does one step, and returns false if there is nothing that can be done now.
func (c *conn) sendNext() bool {
	b, s := c.b, c.session
	if c.holdsStored() {
		return false
	}
	// A PUBLISH of QoS 1 or 2 needs send quota; all other packets do not. v5:MQTT-3.3.4-9, v5:MQTT-4.9.0-2
	quota := c.quota > 0 && len(s.exchanges) < 65_535 || b.defect(receiveMaximumExceeded)
	if s.resend != nil {
		if !quota {
			return c.sendQoS0()
		}
		x := s.resend.Value.(*exchange)
		s.resend = s.resend.Next()
		c.redeliver(x)
		return true
	}
	e := s.queue.Front()
	if e == nil {
		return false
	}
	d := e.Value.(*delivery)
	switch {
	case c.expired >= 20 && b.defect(expiredFillWindow): // v5:MQTT-4.5.0-1
		return false
	case d.expired() && !c.overlooksExpiry(d):
		s.unqueue(e)                         // v5:MQTT-3.3.2-5
		if b.defect(expiredHeadDropsQueue) { // v5:MQTT-3.3.2-5, v5:MQTT-4.5.0-1
			s.dropWhere(func(*delivery) bool { return true })
		}
		c.expired++
		return true
	case d.qos > 0 && !quota:
		c.starved = true
		return c.sendQoS0()
	case d.qos > 0 && c.starved:
		if c.late == 2 && b.defect(starvedStayBehind) { // v5:MQTT-4.5.0-1
			return false
		}
		c.late++
	}
	c.start(s.unqueue(e))
	return true
}

// overlooksExpiry reports whether a defect makes the broker deliver a message that has expired.
func (c *conn) overlooksExpiry(d *delivery) bool {
	return c.b.defect(messageExpiryIgnored) || // v5:MQTT-3.3.2-5
		c.starved && c.b.defect(messageExpiryIgnoredBehindWindow) || // v5:MQTT-3.3.2-5
		d.replay && c.b.defect(retainedExpiryIgnored) // v5:MQTT-3.3.2-5
}

// sendQoS0 sends the oldest message of QoS 0 past those that have to wait for send quota, which is allowed.
func (c *conn) sendQoS0() bool {
	s := c.session
	if s.queuedQoS0 == 0 || c.b.tolerates(qos0WaitsForQuota) {
		return false
	}
	for e := s.queue.Front(); e != nil; e = e.Next() {
		if e.Value.(*delivery).qos == wire.QoS0 {
			if d := s.unqueue(e); !d.expired() {
				c.start(d)
			}
			return true
		}
	}
	return false
}
