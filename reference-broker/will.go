package broker

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// will is a Will Message that waits for its client to go.
type will struct {
	wire.Will
	delay       uint32    // Will Delay Interval in seconds
	connectedAt time.Time // of the CONNECT that brought it
}

// newWill takes the will out of a CONNECT.
func newWill(c wire.Connect) *will {
	if c.Will == nil {
		return nil
	}
	return &will{Will: *c.Will, delay: c.Will.Properties.Int(wire.PropWillDelayInterval, 0), connectedAt: time.Now()}
}

// scheduleWill publishes the will of a session that has just lost its connection, now or after its delay. The end
// of the session publishes it if that comes first.
func (b *Broker) scheduleWill(s *session) {
	if s.will == nil {
		return
	}
	delay := time.Duration(s.will.delay) * time.Second
	if b.defect(willDelayIgnored) { // v5:MQTT-3.1.2-8
		delay = 0
	}
	if delay == 0 {
		b.publishWill(s) // v5:MQTT-3.1.2-8, v311:MQTT-3.1.2-8
		return
	}
	generation := s.generation
	s.willDue = time.Now().Add(delay)
	s.willTimer = time.AfterFunc(delay, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if s.generation != generation || s.ended || b.closed {
			return
		}
		if b.defect(willDelaysOneTimer) { // v5:U5-055
			if next := b.youngestWill(); next.After(time.Now()) {
				s.willTimer.Reset(time.Until(next))
				return
			}
		}
		b.publishWill(s) // v5:MQTT-3.1.2-8
	})
}

// youngestWill is when the last of the delayed wills is due.
func (b *Broker) youngestWill() (due time.Time) {
	for _, s := range b.sessions {
		if s.will != nil && s.conn == nil && s.willDue.After(due) {
			due = s.willDue
		}
	}
	return due
}

// publishWill publishes the will of a session, if it still has one.
func (b *Broker) publishWill(s *session) {
	w := s.will
	if w == nil || b.closed {
		return
	}
	if s.ended && w.delay > 0 && b.defect(willDelayOutlivesSession) { // v5:MQTT-3.1.2-8
		s.will = nil
		b.publishLater(w, s.id)
		return
	}
	if w.delay == 0 && b.defect(willLate) { // v5:U5-055, v311:U3-016
		late := *w
		late.delay, s.will = 4, nil
		b.publishLater(&late, s.id)
		return
	}
	if !b.defect(willFiresTwice) || s.ended {
		s.will = nil // v5:MQTT-3.1.2-10, v311:MQTT-3.1.2-10
	}
	if b.defect(willNeverPublished) { // v5:MQTT-3.1.2-8, v311:MQTT-3.1.2-8
		return
	}
	b.accept(b.willMessage(w, s.id))
}

// publishLater publishes a will when its delay is over, whatever becomes of its session: only defects do so.
func (b *Broker) publishLater(w *will, publisher string) {
	time.AfterFunc(time.Duration(w.delay)*time.Second, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.closed {
			b.accept(b.willMessage(w, publisher))
		}
	})
}

// willMessage makes the Application Message of a will.
func (b *Broker) willMessage(w *will, publisher string) *message {
	p := wire.Publish{
		QoS: w.QoS, Topic: w.Topic, Payload: w.Payload,
		Retain:     w.Retain, // v5:MQTT-3.1.2-14, v5:MQTT-3.1.2-15, v311:MQTT-3.1.2-16, v311:MQTT-3.1.2-17
		Properties: w.Properties,
	}
	switch {
	case b.defect(willAlwaysRetained): // v5:MQTT-3.1.2-14, v311:MQTT-3.1.2-16
		p.Retain = true
	case b.defect(willRetainIgnored): // v5:MQTT-3.1.2-15, v311:MQTT-3.1.2-17
		p.Retain = false
	}
	if b.defect(willQoSIgnored) { // v5:MQTT-3.8.4-8, v311:MQTT-3.1.2-9, v311:MQTT-3.8.4-6
		p.QoS = wire.QoS0
	}
	if b.defect(willPayloadDropped) { // v5:MQTT-3.1.2-7, v311:MQTT-3.1.2-8
		p.Payload = nil
	}
	received := time.Now()
	if b.defect(willExpiryFromConnect) { // v5:U5-054
		received = w.connectedAt
	}
	m := b.newMessage(p, publisher, received)
	m.fromWill = true
	return m
}
