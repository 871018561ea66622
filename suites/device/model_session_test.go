package device_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// memory is what defects need to know, and what Enhanced Authentication takes.
type memory struct {
	spoils     []defect        // those that change packets; nil before the first packet
	acked      map[uint16]bool // identifiers of messages of QoS 1 that came and were acknowledged
	expiring   map[uint16]bool // of messages of QoS 2 that came with a Message Expiry Interval
	receivedAt time.Time       // the last message of QoS 2
	lostAt     time.Time       // the last connection
	closes     int             // how many connections the server has ended
	leaked     int             // what is missing from the quota of this connection for good
	begunHere  int             // how many PUBLISH packets of QoS 1 and 2 went out on this connection
	gone       bool            // the device does not come back
	twice      bool            // a second CONNECT has been sent on this connection

	method    string    // the Authentication Method, "" for none
	reauth    time.Time // when the device has to re-authenticate
	reauthing bool
}

// repeated is the message by which the device shows that it has acted on a command: it goes to the Response Topic if
// there is one, and repeats what came.
func (m *model) repeated(p wire.Publish) wire.Publish {
	echo := wire.Publish{Topic: "echo/" + strings.TrimPrefix(p.Topic, "command/"), Payload: p.Payload}
	if response, has := p.Properties.Get(wire.PropResponseTopic); has {
		echo.Topic = response.Text
		if data, has := p.Properties.Get(wire.PropCorrelationData); has {
			echo.Properties = wire.Properties{data}
		}
	}
	if m.has("byte-order-mark-stripped") {
		echo.Topic = strings.ReplaceAll(echo.Topic, "\uFEFF", "")
	}
	return echo
}

// refused answers a message whose payload is not the text that it should be, and reports whether it is one.
func (m *model) refused(p wire.Publish) bool {
	if p.Properties.Int(wire.PropPayloadFormatIndicator, 0) != 1 || utf8.Valid(p.Payload) {
		return false
	}
	switch p.QoS {
	case wire.QoS1:
		m.send(wire.Puback{PacketID: p.PacketID, ReasonCode: wire.PayloadFormatInvalid})
	case wire.QoS2:
		if m.has("refused-identifiers-kept") {
			m.receiving[p.PacketID] = true
		}
		m.send(wire.Pubrec{PacketID: p.PacketID, ReasonCode: wire.PayloadFormatInvalid})
	}
	return true
}

// forget throws away what a defect does not keep while the device is away.
func (m *model) forget() {
	if m.acked == nil || !m.kept {
		m.acked = map[uint16]bool{}
	}
	away := 5 * time.Second
	if m.has("session-lost-while-away") && !m.lostAt.IsZero() && time.Since(m.lostAt) > away {
		m.outgoing = nil
	}
}

// keeps reports whether a defect goes on with a session that is over.
func (m *model) keeps() bool {
	return m.has("session-kept-although-lost") || m.has("session-kept-and-resumed-late") ||
		m.has("session-kept-although-begun-anew") || m.has("resumes-under-another-identifier")
}

// closed notes that the server has ended the connection.
func (m *model) closed(err error) {
	reset := errors.Is(err, syscall.ECONNRESET)
	if !reset {
		m.closes++
	}
	m.gone = reset && m.has("gives-up-after-reset") || m.closes == 3 && m.has("gives-up-after-close")
}

// leaves tells whether the device ends the connection by itself, as it does now and then if a defect is about that.
func (m *model) leaves(now time.Time) bool {
	if m.version != wire.V311 || now.Sub(m.since) < 20*time.Second || !m.has("packet-after-disconnect") && !m.has("stays-after-its-own-disconnect") {
		return false
	}
	m.send(wire.Disconnect{})
	if m.has("stays-after-its-own-disconnect") {
		time.Sleep(time.Minute)
	}
	return true
}

// age throws away what a defect holds for too old, and does what a defect does later than others.
func (m *model) age(now time.Time) {
	if m.has("exchanges-received-forgotten") && now.Sub(m.receivedAt) > 30*time.Second {
		m.receiving = map[uint16]bool{}
	}
	if m.has("second-connect-later") && !m.twice && now.Sub(m.since) > 8*time.Second {
		m.twice = true
		m.send(m.connect())
	}
	oldest := time.Duration(0)
	switch {
	case m.has("gives-up-after-half-a-minute"):
		oldest = 30 * time.Second
	case m.has("expires-what-was-sent"):
		oldest = 20 * time.Second
	}
	if oldest > 0 {
		m.outgoing = slices.DeleteFunc(m.outgoing, func(o *sent) bool {
			return now.Sub(o.begun) > oldest && (m.has("gives-up-after-half-a-minute") || o.p.Properties.Has(wire.PropMessageExpiryInterval))
		})
	}
}

// lapsed reports whether a defect leaves a PUBREL without an answer.
func (m *model) lapsed(id uint16) bool {
	return m.has("expired-exchanges-dropped") && m.expiring[id]
}

// stopped reports whether a defect stops the device because the server's Receive Maximum is used up.
func (m *model) stopped(defect string) bool {
	return m.has(defect) && len(m.outgoing) >= int(m.limits.Properties.Int(wire.PropReceiveMaximum, 65535))
}
