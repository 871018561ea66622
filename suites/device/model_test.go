package device_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// model is a device that keeps every rule, except those that its defects break. One goroutine runs it; its readers only
// pass on what arrives. It publishes every few seconds, at each QoS in turn, and echoes what it is sent.
type model struct {
	dial    func() (net.Conn, error)
	id      string
	version wire.Version
	clean   bool // connects with Clean Start 1 always, and keeps nothing
	defects map[string]bool
	random  *rand.Rand
	memory
	cloud  *cloud      // it is a thing of AWS IoT Core; nil: it is not
	orders chan string // what a hook asks for, "power-off", "power-on" and "stop"; nil: nothing

	// the session
	kept       bool // there is one
	nextID     uint16
	outgoing   []*sent // unacknowledged, in the order of their first PUBLISH
	receiving  map[uint16]bool
	subscribed bool // and it has been acknowledged
	turn       int

	// the connection
	nc          net.Conn
	packets     chan arrival
	online      bool
	since       time.Time
	limits      wire.Connack
	subID       uint16
	aliases     map[string]uint16
	aliasesIn   map[uint16]string
	held        []wire.Packet // acknowledgements that a defect keeps for later
	lastSent    time.Time
	pingSent    time.Time
	failures    int
	connections int
	taken       int // messages of QoS 1 on this connection
	waitLonger  time.Duration
	asking      wire.Subscribe // the last one
	partID      uint16         // of an UNSUBSCRIBE that is not answered
	partSent    time.Time
	dead        []net.Conn // that a power cut has left behind
}

// sent is a message of QoS 1 or 2 on its way.
type sent struct {
	p        wire.Publish
	released bool
	onWire   bool      // on this connection
	at       time.Time // when it was sent last
	first    time.Time // when it was first sent on this connection
	begun    time.Time
}

// arrival is a packet, or the end of the connection.
type arrival struct {
	p   wire.Packet
	err error
}

const (
	modelKeepAlive  = 10 * time.Second
	modelPacketSize = 1 << 20
	answerTimeout   = 15 * time.Second
	publishEvery    = 3 * time.Second
)

var errHangUp = errors.New("the device ends the connection")

// run connects again and again until ctx ends.
func (m *model) run(ctx context.Context) {
	for ctx.Err() == nil {
		if m.connections++; m.connections > 1 && m.has("never-comes-back") || m.failures > 3 && m.has("gives-up-after-a-while") {
			<-ctx.Done()
			return
		}
		started := time.Now()
		order := m.connection(ctx)
		if !m.online && m.has("gives-up-after-early-end") {
			<-ctx.Done()
			return
		}
		m.cloud.offline()
		m.obey(ctx, order)
		if m.online && time.Since(started) > time.Minute {
			m.failures = 0
		}
		if m.online {
			m.lostAt = time.Now()
		}
		m.online = false
		if m.gone {
			<-ctx.Done()
		}
		wait(ctx, m.backoff())
	}
}

func (m *model) has(defect string) bool {
	return m.defects[defect] || m.version == wire.V311 && m.defects[defect+"-3.1.1"]
}

// take handles a packet of the server. An error ends the connection.
func (m *model) take(p wire.Packet) error {
	if bad, ok := p.(malformedPacket); ok {
		if _, bye := bad.Packet.(wire.Disconnect); bye && m.has("reserved-bits-of-disconnect-overlooked") {
			return nil
		}
		if !m.has("malformed-packets-overlooked") {
			m.protest(bad.bad.Code)
			return errHangUp
		}
		p = bad.Packet
	}
	_, connack := p.(wire.Connack)
	_, auth := p.(wire.Auth)
	if connack == m.online && !(auth && m.method != "") && !m.has("malformed-packets-overlooked") {
		m.protest(wire.ProtocolError)
		return errHangUp
	}
	switch p := p.(type) {
	case wire.Connack:
		return m.accepted(p)
	case wire.Publish:
		return m.receive(p)
	case wire.Puback:
		if !p.ReasonCode.Failed() || !m.has("resends-what-was-refused") {
			m.finish(p.PacketID)
		}
	case wire.Pubrec:
		m.received(p)
	case wire.Pubcomp:
		m.finish(p.PacketID)
	case wire.Pubrel:
		m.release(p)
	case wire.Suback:
		m.subID = 0
		m.subscribed = true
		m.cloud.begin(m)
	case wire.Pingresp:
		m.pingSent = time.Time{}
	case wire.Disconnect:
		if p.ReasonCode == wire.SessionTakenOver {
			m.waitLonger = time.Minute
			if m.has("fights-for-its-session") {
				m.waitLonger, m.failures = 0, 0
			}
		}
		if m.has("stays-after-server-disconnect") {
			return nil
		}
		return errHangUp
	case wire.Auth:
		return m.authenticate(p)
	case wire.Unsuback:
		m.partID = 0
	default:
		if !m.has("malformed-packets-overlooked") {
			m.protest(wire.ProtocolError)
			return errHangUp
		}
	}
	m.flush()
	return nil
}

// unusedID returns a Packet Identifier that is free.
func (m *model) unusedID() uint16 {
	for {
		m.nextID++
		inUse := slices.ContainsFunc(m.outgoing, func(o *sent) bool { return o.p.PacketID == m.nextID })
		if m.nextID != 0 && !inUse && m.nextID != m.subID {
			return m.nextID
		}
	}
}

// tick does what time demands.
func (m *model) tick(now time.Time) error {
	m.age(now)
	if m.leaves(now) {
		return errHangUp
	}
	m.reauthenticate(now)
	if m.subID != 0 && now.Sub(m.since) > answerTimeout && !m.has("waits-for-suback-for-ever") && !m.has("waits-for-suback-for-ever-in-silence") {
		return errHangUp
	}
	period := modelKeepAlive
	if p, ok := m.limits.Properties.Get(wire.PropServerKeepAlive); ok && !m.has("server-keep-alive-ignored") {
		period = time.Duration(p.Int) * time.Second
	}
	if !m.pingSent.IsZero() {
		if now.Sub(m.pingSent) > period/2 && !m.has("missing-pingresp-overlooked") {
			return errHangUp
		}
	}
	if m.has("pingreq-late") {
		period = period * 18 / 10
	}
	if now.Sub(m.lastSent) >= period*8/10 && !m.has("no-pingreq") && !m.stopped("full-quota-stops-pings") {
		m.send(wire.Pingreq{})
		if m.pingSent.IsZero() {
			m.pingSent = now
		}
	}
	return nil
}

// send writes a packet, spoilt if a defect says so.
func (m *model) send(p wire.Packet) {
	m.lastSent = time.Now()
	for _, b := range m.spoil(p) {
		m.nc.Write(b)
	}
}
