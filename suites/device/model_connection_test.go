package device_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

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
	m.limits, m.expiring, m.begunHere, m.leaked = wire.Connack{}, map[uint16]bool{}, 0, 0
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
