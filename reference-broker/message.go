package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// message is an Application Message. It does not change once it has been accepted.
type message struct {
	topic      string
	payload    []byte
	qos        wire.QoS
	retain     bool
	dup        bool            // of the inbound PUBLISH; nothing but a defect looks at it
	properties wire.Properties // those that are passed on as they are
	lifetime   uint32          // Message Expiry Interval in seconds, if expires is not zero
	expires    time.Time       // end of the lifetime; zero if it has none
	received   time.Time
	publisher  string // Client Identifier
	fromWill   bool
	from311    bool // came from a client of 3.1.1
	hops       int  // of hooks that led to it
}

// newMessage makes a message of a PUBLISH whose Topic Alias has been resolved.
func (b *Broker) newMessage(p wire.Publish, publisher string, received time.Time) *message {
	m := &message{
		topic: p.Topic, payload: p.Payload, qos: p.QoS, retain: p.Retain, dup: p.Dup,
		received: received, publisher: publisher,
	}
	for _, property := range p.Properties {
		switch property.ID {
		case wire.PropMessageExpiryInterval:
			m.lifetime = b.config.Service.messageExpiry(property.Int)
			m.expires = received.Add(time.Duration(m.lifetime) * time.Second)
		case wire.PropTopicAlias: // belongs to the connection
		case wire.PropWillDelayInterval: // is no property of a PUBLISH
			if b.defect(willDelayLeaks) { // v5:U5-043
				m.properties = append(m.properties, property)
			}
		default: // v5:MQTT-3.3.2-4, v5:MQTT-3.3.2-15, v5:MQTT-3.3.2-16, v5:MQTT-3.3.2-17, v5:MQTT-3.3.2-18, v5:MQTT-3.3.2-20
			m.properties = append(m.properties, property)
		}
	}
	m.properties = b.damaged(m.properties)
	if b.defect(byteOrderMarkStripped) { // v5:MQTT-1.5.4-3, v311:MQTT-1.5.3-3
		m.topic = strings.ReplaceAll(m.topic, "\uFEFF", "")
	}
	return m
}

// dropped lists the defects that lose a property on its way.
var dropped = []struct {
	defect defect
	id     wire.PropertyID
}{
	{payloadFormatDropped, wire.PropPayloadFormatIndicator}, // v5:MQTT-3.3.2-4
	{responseTopicDropped, wire.PropResponseTopic},          // v5:MQTT-3.3.2-15
	{correlationDataDropped, wire.PropCorrelationData},      // v5:MQTT-3.3.2-16
	{userPropertiesDropped, wire.PropUserProperty},          // v5:MQTT-3.3.2-17
	{contentTypeDropped, wire.PropContentType},              // v5:MQTT-3.3.2-20
}

// damaged returns the properties as a defect leaves them.
func (b *Broker) damaged(ps wire.Properties) wire.Properties {
	if len(b.defects) == 0 {
		return ps
	}
	for _, d := range dropped {
		if b.defect(d.defect) {
			ps = ps.Without(d.id)
		}
	}
	if b.defect(userPropertiesReordered) { // v5:MQTT-3.3.2-18, v5:MQTT-3.1.3-10
		slices.Reverse(ps)
	}
	return ps
}

// size is about how much memory the message takes.
func (m *message) size() int {
	n := 100 + len(m.topic) + len(m.payload)
	for _, p := range m.properties {
		n += 50 + len(p.Text) + len(p.Value)
	}
	return n
}

// expired reports whether the lifetime is over.
func (m *message) expired() bool { return past(m.expires) }

// past reports whether a moment has come; the zero time never comes.
func past(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// expiryLeft returns the Message Expiry Interval for a PUBLISH that is sent now: what was received less the time that
// the message has waited here. v5:MQTT-3.3.2-6
func (b *Broker) expiryLeft(m *message) uint32 {
	waited := time.Since(m.received)
	seconds := uint64(waited / time.Second)
	if b.tolerates(expiryRoundedDown) && waited%time.Second > 0 {
		seconds++
	}
	if seconds >= uint64(m.lifetime) {
		return 0
	}
	return m.lifetime - uint32(seconds)
}
