package device_test

import (
	"bufio"
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

// backoff is the pause before the next attempt: it grows, it varies, and it has a bound.
func (m *model) backoff() time.Duration {
	m.failures++
	d := min(time.Second<<min(m.failures-1, 6), time.Minute)
	d += time.Duration(m.random.Int64N(int64(d)))
	switch {
	case m.has("reconnects-at-once"):
		d = 10 * time.Millisecond
	case m.has("reconnects-at-constant-pace"):
		d = 2 * time.Second
	case m.has("reconnects-without-jitter"):
		d = time.Second << min(m.failures-1, 5)
	}
	d += m.waitLonger
	m.waitLonger = 0
	return d
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (m *model) has(defect string) bool {
	return m.defects[defect] || m.version == wire.V311 && m.defects[defect+"-3.1.1"]
}

// connection lives through one Network Connection. It ends with what a hook has asked for, or "".
func (m *model) connection(ctx context.Context) (order string) {
	nc, err := m.dial()
	if err != nil {
		return ""
	}
	defer func() {
		if order == "power-off" {
			m.dead = append(m.dead, nc) // nobody is there to close it
			return
		}
		nc.Close()
	}()
	m.nc, m.online, m.subID, m.twice = nc, false, 0, false
	m.aliasesIn, m.held, m.partID, m.taken = map[uint16]string{}, nil, 0, 0
	if m.aliases == nil || !m.has("alias-kept-across-connections") {
		m.aliases = map[string]uint16{}
	}
	m.limits, m.expiring, m.begunHere = wire.Connack{}, map[uint16]bool{}, 0
	packets := make(chan arrival, 1000)
	m.packets = packets
	limit := modelPacketSize
	if m.has("large-packets-taken") {
		limit *= 2
	}
	go read(nc, m.version, limit, packets)
	if m.has("first-packet-not-connect") {
		m.send(wire.Pingreq{})
	}
	m.send(m.connect())
	m.pingSent = time.Time{}
	connecting := time.Now()
	publish := time.Now().Add(publishEvery)
	for {
		t := time.NewTimer(250 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			if m.online {
				m.send(wire.Disconnect{})
			}
			return ""
		case order := <-m.orders:
			t.Stop()
			return m.leave(order)
		case a := <-packets:
			t.Stop()
			if a.err != nil {
				m.failed(a.err)
				return ""
			}
			if m.take(a.p) != nil {
				return ""
			}
		case <-t.C:
		}
		now := time.Now()
		if !m.online {
			if now.Sub(connecting) > answerTimeout && !m.has("waits-for-connack-for-ever") {
				return ""
			}
			continue
		}
		if !now.Before(publish) {
			publish = now.Add(publishEvery)
			m.act()
		}
		if m.cloud.tick(m, now) != nil || m.tick(now) != nil {
			return ""
		}
	}
}

// read passes on what arrives.
func read(nc net.Conn, v wire.Version, limit int, packets chan<- arrival) {
	r := bufio.NewReader(nc)
	for {
		frame, err := wire.ReadFrame(r, limit)
		var p wire.Packet
		if err == nil {
			p, err = wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(frame)
		}
		var bad *wire.Violation
		if errors.As(err, &bad) && p != nil {
			packets <- arrival{p: malformedPacket{p, bad}}
			continue
		}
		packets <- arrival{p, err}
		if err != nil {
			return
		}
	}
}

// malformedPacket is one that could be understood and is wrong all the same.
type malformedPacket struct {
	wire.Packet
	bad *wire.Violation
}

// failed ends a connection on which something arrived that makes no sense.
func (m *model) failed(err error) {
	var v *wire.Violation
	if !errors.As(err, &v) {
		m.closed(err)
		return
	}
	if m.has("malformed-packets-overlooked") {
		time.Sleep(time.Minute)
		return
	}
	m.protest(v.Code)
}

// protest says why the connection ends, where the version has a way to.
func (m *model) protest(code wire.ReasonCode) {
	if m.version == wire.V5 && m.online {
		m.send(wire.Disconnect{ReasonCode: code})
		if m.has("stays-after-its-own-disconnect") {
			time.Sleep(time.Minute)
		}
	}
}

// connect makes the CONNECT.
func (m *model) connect() wire.Connect {
	name := "model"
	c := wire.Connect{
		ClientID: m.id, CleanStart: m.clean || !m.kept && m.version == wire.V5, KeepAlive: uint16(modelKeepAlive / time.Second),
		Username: &name, Password: []byte("secret"),
		Will: &wire.Will{QoS: wire.QoS1, Topic: "status/" + m.id, Payload: []byte("lost"), Retain: m.cloud != nil},
	}
	if m.version == wire.V5 {
		c.Properties = wire.Properties{wire.ReceiveMaximum(20), wire.MaximumPacketSize(modelPacketSize), wire.TopicAliasMaximum(10)}
		if !m.clean {
			c.Properties = c.Properties.With(wire.SessionExpiryInterval(3600))
		}
		if m.method != "" {
			c.Properties = c.Properties.With(wire.AuthenticationMethod(m.method), wire.AuthenticationData("hello"))
		}
	}
	return c
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

// accepted handles the CONNACK.
func (m *model) accepted(p wire.Connack) error {
	if p.ReasonCode != wire.Success {
		return errHangUp
	}
	if p.SessionPresent && (m.clean || !m.kept && m.version == wire.V5) && !m.has("session-present-believed") {
		return errHangUp
	}
	if !p.SessionPresent && !m.keeps() {
		m.outgoing, m.receiving = nil, map[uint16]bool{}
	}
	if !p.SessionPresent || m.receiving == nil {
		m.receiving = map[uint16]bool{}
	}
	m.forget()
	forgetful := m.kept && m.has("no-subscription-after-lost-session")
	m.kept, m.online, m.limits, m.since = true, true, p, time.Now()
	m.reauth, m.reauthing = time.Now().Add(reauthEvery), false
	for _, o := range m.outgoing {
		o.onWire, o.at, o.first = false, m.since, m.since
	}
	if m.has("second-connect") {
		m.send(m.connect())
	}
	m.resume()
	m.subscribed = m.subscribed && (p.SessionPresent || forgetful)
	if !m.subscribed || m.has("subscribes-every-time") {
		m.subscribe()
	} else {
		m.cloud.begin(m)
	}
	m.flush()
	return nil
}

// resume sends again what is unacknowledged.
func (m *model) resume() {
	again := slices.Clone(m.outgoing)
	if m.has("resends-in-reverse") {
		slices.Reverse(again)
	}
	if m.has("resends-nothing") {
		return
	}
	for _, o := range again {
		if o.released && !m.has("publishes-again-after-pubrel") {
			if !m.has("pubrel-not-resent") {
				m.send(wire.Pubrel{PacketID: o.p.PacketID})
			}
			o.onWire = true
		}
	}
	// PUBLISH packets follow in flush, as the server's Receive Maximum allows
}

// flush sends what the quota allows.
func (m *model) flush() {
	if !m.online || m.has("session-kept-and-resumed-late") && time.Since(m.since) < 2*time.Second {
		return
	}
	maximum := int(m.limits.Properties.Int(wire.PropReceiveMaximum, 65535))
	if m.has("receive-maximum-ignored") {
		maximum = 65535
	}
	used := 0
	for _, o := range m.outgoing {
		if o.onWire {
			used++
		}
	}
	if m.has("quota-not-refilled") {
		used = m.begunHere
	}
	order := m.outgoing
	if m.has("resends-in-reverse") {
		order = slices.Clone(order)
		slices.Reverse(order)
	}
	for _, o := range order {
		if o.onWire || used >= maximum || o.p.Dup && m.has("resends-nothing") {
			continue
		}
		p := o.p
		if m.has("dup-not-set") {
			p.Dup = false
		}
		if m.has("resends-with-other-id") && o.p.Dup {
			m.nextID++
			o.p.PacketID, p.PacketID = m.nextID, m.nextID
		}
		o.onWire, o.at, o.first = true, time.Now(), time.Now()
		o.p.Dup = true
		used++
		m.begunHere++
		m.send(p)
		if m.has("resends-on-live-link") {
			m.send(o.p)
		}
	}
}

// subscribe asks for the device's topics.
func (m *model) subscribe() {
	ps := m.limits.Properties
	available := func(id wire.PropertyID) bool { return m.version == wire.V5 && ps.Int(id, 1) == 1 }
	command := wire.Subscription{Filter: "command/" + m.id + "/#", QoS: wire.QoS2}
	if m.version == wire.V5 && !available(wire.PropWildcardSubscriptionAvailable) && !m.has("wildcards-although-unavailable") {
		command.Filter = "command/" + m.id + "/do"
	}
	s := wire.Subscribe{Subscriptions: []wire.Subscription{command}}
	if m.version == wire.V5 && (available(wire.PropSharedSubscriptionAvailable) || m.has("shared-although-unavailable")) {
		s.Subscriptions = append([]wire.Subscription{{Filter: "$share/models/jobs", QoS: wire.QoS1}}, s.Subscriptions...)
	}
	if m.version == wire.V5 && (available(wire.PropSubscriptionIdentifierAvailable) || m.has("subscription-id-although-unavailable")) {
		s.Properties = wire.Properties{wire.SubscriptionIdentifier(7)}
	}
	s.Subscriptions = append(s.Subscriptions, m.cloud.filters(m, m.version == wire.V311 || available(wire.PropWildcardSubscriptionAvailable))...)
	s.PacketID = m.unusedID()
	m.subID, m.asking = s.PacketID, s
	m.send(s)
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

// act publishes what the device has measured.
func (m *model) act() {
	m.turn++
	if m.turn%10 >= 5 { // now and then it has nothing to say, so that PINGREQ is called for
		return
	}
	for range 2 {
		p := wire.Publish{Topic: "telemetry/" + m.id, QoS: wire.QoS(m.turn % 3), Payload: []byte("21.5")}
		if p.QoS == wire.QoS2 && m.version == wire.V5 {
			p.Properties = wire.Properties{wire.MessageExpiryInterval(20)}
		}
		m.publish(p)
	}
	if m.turn%10 == 1 && !m.has("will-never-replaced") {
		m.publish(wire.Publish{Topic: "status/" + m.id, QoS: wire.QoS1, Retain: true, Payload: []byte("well")})
		m.publish(wire.Publish{Topic: "log/" + m.id, Payload: make([]byte, 400)})
	}
}

// publish sends a message, within what the server has announced.
func (m *model) publish(p wire.Publish) {
	if m.has("publishes-nothing") {
		return
	}
	ps := m.limits.Properties
	if highest := wire.QoS(ps.Int(wire.PropMaximumQoS, 2)); p.QoS > highest && !m.has("maximum-qos-ignored") {
		p.QoS = highest
	}
	if ps.Int(wire.PropRetainAvailable, 1) == 0 && !m.has("retain-although-unavailable") {
		p.Retain = false
	}
	if largest := ps.Int(wire.PropMaximumPacketSize, 1<<28); uint32(len(p.Payload)+60) > largest && !m.has("maximum-packet-size-ignored") {
		return
	}
	if p.QoS == wire.QoS0 && m.stopped("full-quota-stops-pings") {
		return
	}
	if p.QoS == wire.QoS0 {
		m.send(m.aliased(p))
		return
	}
	p.PacketID = m.unusedID()
	if m.has("packet-id-reused") {
		p.PacketID = 1
	}
	m.outgoing = append(m.outgoing, &sent{p: p, begun: time.Now()})
	m.flush()
}

// aliased puts a Topic Alias in the place of a topic that the server knows by it.
func (m *model) aliased(p wire.Publish) wire.Publish {
	maximum := uint16(m.limits.Properties.Int(wire.PropTopicAliasMaximum, 0))
	if m.has("alias-although-not-allowed") && m.version == wire.V5 {
		maximum = max(maximum, 1)
	}
	if maximum == 0 || m.has("packet-id-with-qos-0") {
		return p
	}
	alias, known := m.aliases[p.Topic]
	if !known {
		if len(m.aliases) >= int(maximum) && !m.has("alias-above-maximum") {
			return p
		}
		alias = uint16(len(m.aliases) + 1)
		if m.has("alias-above-maximum") {
			alias = maximum + 1
		}
		m.aliases[p.Topic] = alias
	}
	if known {
		p.Topic = ""
	}
	p.Properties = p.Properties.With(wire.TopicAlias(alias))
	return p
}

// receive handles a PUBLISH.
func (m *model) receive(p wire.Publish) error {
	alias := uint16(p.Properties.Int(wire.PropTopicAlias, 0))
	switch {
	case alias > 10 && !m.has("malformed-packets-overlooked"), alias > 5 && m.has("high-aliases-refused"):
		m.protest(wire.TopicAliasInvalid)
		return errHangUp
	case alias > 0 && p.Topic != "":
		m.aliasesIn[alias] = p.Topic
	case alias > 0 && m.aliasesIn[alias] == "" && !m.has("malformed-packets-overlooked"):
		m.protest(wire.ProtocolError)
		return errHangUp
	case alias > 0:
		p.Topic = m.aliasesIn[alias]
	}
	unknown := len(p.Topic) < 8 || p.Topic[:8] != "command/"
	if m.refused(p) {
		return nil
	}
	switch p.QoS {
	case wire.QoS0:
		m.echo(p)
	case wire.QoS1:
		if m.has("old-identifiers-not-acknowledged") && m.acked[p.PacketID] {
			return nil
		}
		if !m.has("old-identifiers-taken-for-duplicates") || !m.acked[p.PacketID] {
			m.echo(p)
		}
		m.acked[p.PacketID] = true
		m.taken++
		silent := m.has("large-messages-unacknowledged") && len(p.Payload) > 50_000 || m.has("tired") && m.taken > 1 || m.has("repeated-publish-unacknowledged") && p.Dup
		if !m.has("no-puback") && !silent && !(unknown && m.has("unknown-topics-unacknowledged")) {
			m.answer(wire.Puback{PacketID: p.PacketID}, "pubacks-out-of-order")
		}
	case wire.QoS2:
		if !m.receiving[p.PacketID] || m.has("acts-on-duplicates") {
			m.receivedAt = time.Now()
			m.receiving[p.PacketID], m.expiring[p.PacketID] = true, p.Properties.Has(wire.PropMessageExpiryInterval)
			m.echo(p)
		}
		if !m.has("no-pubrec") {
			m.answer(wire.Pubrec{PacketID: p.PacketID}, "pubrecs-out-of-order")
		}
	}
	return nil
}

// answer sends an acknowledgement; a defect turns the order of each two around.
func (m *model) answer(p wire.Packet, swapped string) {
	if p.Type() != wire.PUBREL && m.stopped("full-quota-stops-acknowledgements") {
		return
	}
	if !m.has(swapped) {
		m.send(p)
		return
	}
	if m.held = append(m.held, p); len(m.held) == 2 {
		m.send(m.held[1])
		m.send(m.held[0])
		m.held = nil
	}
}

// echo shows that the device has acted on a message.
func (m *model) echo(p wire.Publish) {
	m.cloud.take(m, p)
	if len(p.Topic) > 8 && p.Topic[:8] == "command/" && len(p.Payload) < 200 {
		m.publish(m.repeated(p))
	}
}

// received handles a PUBREC.
func (m *model) received(p wire.Pubrec) {
	for _, o := range m.outgoing {
		if o.p.PacketID != p.PacketID {
			continue
		}
		if p.ReasonCode.Failed() {
			if !m.has("resends-what-was-refused") {
				m.finish(p.PacketID)
			}
			return
		}
		o.released = true
		if !m.has("no-pubrel") {
			m.answer(wire.Pubrel{PacketID: p.PacketID}, "pubrels-out-of-order")
		}
		return
	}
	rel := wire.Pubrel{PacketID: p.PacketID}
	if m.version == wire.V5 {
		rel.ReasonCode = wire.PacketIdentifierNotFound
	}
	m.send(rel)
}

// release handles a PUBREL.
func (m *model) release(p wire.Pubrel) {
	comp := wire.Pubcomp{PacketID: p.PacketID}
	again := !m.receiving[p.PacketID]
	if again && m.version == wire.V5 {
		comp.ReasonCode = wire.PacketIdentifierNotFound
	}
	if m.lapsed(p.PacketID) {
		return
	}
	if !m.has("completed-identifiers-kept") {
		delete(m.receiving, p.PacketID)
	}
	if !m.has("no-pubcomp") && !(m.has("repeated-pubrel-unanswered") && again) {
		m.send(comp)
	}
}

// finish ends an exchange.
func (m *model) finish(id uint16) {
	m.outgoing = slices.DeleteFunc(m.outgoing, func(o *sent) bool { return o.p.PacketID == id })
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
