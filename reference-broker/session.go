package broker

import (
	"container/list"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// forever is the Session Expiry Interval of a session that does not expire (v5:U5-010).
const forever = 0xFFFF_FFFF

// session is what the broker remembers of a client, connected or not. It is guarded by the broker's lock.
type session struct {
	b      *Broker
	id     string
	key    string // under which the broker keeps it
	conn   *conn  // nil while the client is not connected
	ended  bool
	expiry uint32 // Session Expiry Interval in seconds

	version wire.Version // of the client that connected last

	generation  uint64 // of connects and closes, so that a timer knows that it comes too late
	expiryTimer *time.Timer
	connectedAt time.Time

	subscriptions map[string]*subscription // by the Topic Filter as the client wrote it

	queue       *list.List // of *delivery: not started
	queuedQoS0  int        // of those, how many have QoS 0
	queuedBytes int        // of those, and of what is in flight
	inflight    *list.List // of *exchange, in the order in which they were started
	exchanges   map[uint16]*exchange
	released    *list.List    // of *exchange, in the order of their PUBREC
	resend      *list.Element // of inflight: the next to be sent again on this connection; nil if none is left
	lastID      uint16

	// What only defects look at: the first will, the Receive Maximum and the Topic Aliases of the last connection.
	firstWill           *will
	firstReceiveMaximum int
	aliases             map[uint16]string

	received map[uint16]inbound // QoS 2 exchanges that the client began and has not released

	will      *will
	willTimer *time.Timer
	willDue   time.Time // when willTimer was to fire; only a defect asks
}

func (b *Broker) newSession(id, key string) *session {
	s := &session{
		b: b, id: id, key: key,
		subscriptions: map[string]*subscription{},
		queue:         list.New(), inflight: list.New(), released: list.New(),
		exchanges: map[uint16]*exchange{},
		received:  map[uint16]inbound{},
	}
	if b.tolerates(highPacketIDs) {
		s.lastID = 59_999
	}
	b.sessions[key] = s
	return s
}

// sessionKey is what tells sessions apart: the Client Identifier, byte by byte. v5:MQTT-3.1.3-2, v311:MQTT-3.1.3-2
func (b *Broker) sessionKey(id string) string {
	if b.defect(clientIDCaseIgnored) { // v5:MQTT-3.1.3-2, v311:MQTT-3.1.3-2
		id = strings.ToLower(id)
	}
	if b.defect(clientIDCutAt23) && len(id) > 23 { // v5:MQTT-3.1.3-2, v311:MQTT-3.1.3-2
		id = id[:23]
	}
	return id
}

// openSession resumes or creates the session that a CONNECT asks for and says which of the two it did.
func (b *Broker) openSession(id string, clean bool) (s *session, resumed bool) {
	key := b.sessionKey(id)
	old := b.sessions[key]
	if old != nil && old.conn != nil {
		old.conn.takeOver()
		old = b.sessions[key] // it may have ended with its connection
	}
	if hidden := b.sessions[hiddenKey(key)]; hidden != nil && !clean && b.defect(cleanStartHidesSession) {
		if old != nil {
			b.endSession(old)
		}
		delete(b.sessions, hidden.key)
		hidden.key = key
		b.sessions[key] = hidden
		return hidden, true
	}
	switch {
	case old == nil:
		s = b.newSession(id, key) // v5:MQTT-3.1.2-6, v311:MQTT-3.1.2-4
		b.inheritExpired(s)
		return s, false
	case !clean && !b.defect(resumeNever):
		return old, true // v5:MQTT-3.1.2-5, v311:MQTT-3.1.2-4
	}
	kept := old.remains()
	if b.tolerates(delayedWillDropped) {
		old.will = nil
	}
	if b.defect(cleanStartHidesSession) { // v5:MQTT-3.1.2-4, v311:MQTT-3.1.2-6
		old.key = hiddenKey(key)
		b.sessions[old.key] = old
	} else {
		b.endSession(old) // v5:MQTT-3.1.2-4, v311:MQTT-3.1.2-6
	}
	s = b.newSession(id, key)
	s.inherit(kept, parts{
		subscriptions: b.defect(cleanStartKeepsSubscriptions), // v5:MQTT-3.1.2-4, v311:MQTT-3.1.2-6
		queue:         b.defect(cleanStartKeepsQueue),         // v5:MQTT-3.1.2-4, v311:MQTT-3.1.2-6
		inflight:      b.defect(cleanStartKeepsInflight),      // v5:MQTT-3.1.2-4, v311:MQTT-3.1.2-6
		received:      b.defect(cleanStartKeepsReceivedIDs),   // v5:MQTT-3.1.2-4, v311:MQTT-3.1.2-6
	})
	return s, false
}

// attach connects the session to a client that resumed or created it.
func (s *session) attach(c *conn, expiry uint32, w *will) {
	s.generation++
	stop(s.expiryTimer)
	stop(s.willTimer)
	if s.will != nil && s.b.defect(willDelayOutlivesResume) { // v5:MQTT-3.1.3-9
		s.b.publishLater(s.will, s.id)
	}
	s.will = w // v5:MQTT-3.1.2-7, v5:MQTT-3.1.3-9, v311:MQTT-3.1.2-8
	if s.firstWill == nil {
		s.firstWill = w
	} else if s.b.defect(willNotReplaced) { // v5:MQTT-3.1.2-7, v311:MQTT-3.1.2-8
		s.will = s.firstWill
	}
	if s.connectedAt.IsZero() || !s.b.defect(resumeKeepsOldExpiry) {
		s.expiry = expiry // v5:MQTT-4.1.0-2, v5:MQTT-3.1.2-23, v311:MQTT-3.1.2-4
	}
	s.conn, c.session = c, s
	s.connectedAt = time.Now()
}

// detach ends the connection's hold on its session, which lives on or ends with it.
func (c *conn) detach() {
	s := c.session
	if s == nil {
		return
	}
	c.session, s.conn = nil, nil
	s.generation++
	s.forgetConnection()
	// v5:MQTT-3.1.2-23, v5:U5-010, v311:MQTT-3.1.2-6
	if s.expiry == 0 && (s.b.defect(expiryAbsentMeansForever) || c.version == wire.V311 && s.b.defect(cleanSessionPersists)) {
		s.expiry = forever
	}
	if s.expiry == 0 {
		s.b.endSession(s)
		return
	}
	s.b.scheduleWill(s)
	s.scheduleExpiry()
}

// forgetConnection drops what lives only as long as a connection.
func (s *session) forgetConnection() {
	s.resend = nil
	for e := s.inflight.Front(); e != nil; e = e.Next() {
		e.Value.(*exchange).counted = false // v5:U5-037
	}
	if s.b.tolerates(qos0QueuedOffline) {
		return
	}
	for e := s.queue.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*delivery).qos == wire.QoS0 {
			s.unqueue(e)
		}
		e = next
	}
}

// scheduleExpiry starts the clock that ends the session. v5:MQTT-4.1.0-2
func (s *session) scheduleExpiry() {
	if s.expiry == forever && !s.b.defect(expiryForeverEnds) || s.b.defect(sessionExpiryIgnored) { // v5:U5-010, v5:MQTT-4.1.0-2
		return
	}
	wait := time.Duration(s.expiry) * time.Second
	switch {
	case s.expiry == forever:
		wait = time.Second
	case s.b.defect(sessionExpiresEarly): // v5:MQTT-3.1.2-23
		wait /= 4
	case s.b.defect(sessionExpiryFromConnect): // v5:MQTT-3.1.2-23
		wait -= time.Since(s.connectedAt)
	case s.b.tolerates(lateSessionDeletion):
		wait += 2 * time.Second
	}
	generation := s.generation
	s.expiryTimer = time.AfterFunc(wait, func() {
		s.b.mu.Lock()
		defer s.b.mu.Unlock()
		if s.generation == generation && !s.ended && !s.b.closed {
			s.b.expire(s) // v5:MQTT-4.1.0-2
		}
	})
}

// expire ends a session whose time is over.
func (b *Broker) expire(s *session) {
	kept := s.remains()
	b.endSession(s)
	if b.defect(expiredSessionKeepsSubscriptions) || b.defect(expiredSessionKeepsReceivedIDs) {
		left := b.newSession(s.id, hiddenKey(s.key))
		left.expiry = forever
		left.inherit(kept, parts{subscriptions: true, queue: true, received: true})
	}
	if b.defect(expiredSessionStaysInGroup) { // v5:MQTT-4.1.0-2, v5:U5-035
		for _, sub := range kept.subscriptions {
			if sub.shared {
				b.subscriptions.add(sub)
			}
		}
	}
}

// inheritExpired gives a new session what a defect kept of an expired one.
func (b *Broker) inheritExpired(s *session) {
	left := b.sessions[hiddenKey(s.key)]
	if left == nil {
		return
	}
	kept := left.remains()
	b.endSession(left)
	s.inherit(kept, parts{
		subscriptions: b.defect(expiredSessionKeepsSubscriptions), // v5:MQTT-4.1.0-2, v5:MQTT-3.2.2-3
		queue:         b.defect(expiredSessionKeepsSubscriptions), // v5:MQTT-4.1.0-2
		received:      b.defect(expiredSessionKeepsReceivedIDs),   // v5:MQTT-4.1.0-2, v5:MQTT-4.3.3-12
	})
}

// endSession discards a session and all that belongs to it. A will that has not been published is published now.
// v5:MQTT-3.1.2-8
func (b *Broker) endSession(s *session) {
	if s.ended {
		return
	}
	s.ended = true
	s.stopTimers()
	if b.sessions[s.key] == s {
		delete(b.sessions, s.key)
	}
	for _, sub := range s.subscriptions {
		b.subscriptions.remove(sub)
	}
	if b.defect(retainedDiesWithSession) { // v5:U5-053, v311:MQTT-3.1.2-7
		b.forgetRetainedOf(s.id)
	}
	b.publishWill(s)
	b.shareAnew(s)
}

func (s *session) stopTimers() {
	stop(s.expiryTimer)
	stop(s.willTimer)
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// remains is what a session holds for its client. Only a defect has a use for it once the session has ended.
type remains struct {
	subscriptions map[string]*subscription
	queue         []*delivery
	inflight      []*exchange
	received      map[uint16]inbound
}

// parts says which of the remains a new session takes over.
type parts struct{ subscriptions, queue, inflight, received bool }

func (s *session) remains() (r remains) {
	if len(s.b.defects) == 0 {
		return r
	}
	r.subscriptions, r.received = maps.Clone(s.subscriptions), maps.Clone(s.received)
	for e := s.queue.Front(); e != nil; e = e.Next() {
		r.queue = append(r.queue, e.Value.(*delivery))
	}
	for e := s.inflight.Front(); e != nil; e = e.Next() {
		r.inflight = append(r.inflight, e.Value.(*exchange))
	}
	return r
}

func (s *session) inherit(r remains, p parts) {
	if p.subscriptions {
		for _, filter := range slices.Sorted(maps.Keys(r.subscriptions)) {
			sub := *r.subscriptions[filter]
			sub.session = s
			s.subscriptions[filter] = &sub
			s.b.subscriptions.add(&sub)
		}
	}
	if p.queue {
		for _, d := range r.queue {
			s.enqueue(d)
		}
	}
	if p.inflight {
		for _, x := range r.inflight {
			s.track(&exchange{id: x.id, delivery: x.delivery, released: x.released})
		}
	}
	if p.received {
		s.received = r.received
	}
}

// hiddenKey is a key that no Client Identifier equals, because those hold no null character.
func hiddenKey(key string) string { return key + "\x00" }
