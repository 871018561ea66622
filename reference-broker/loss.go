package broker

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// inherit gives a connection what belonged to an earlier one, as defects do.
func (c *conn) inherit(s *session) {
	if c.b.defect(receiveMaximumRemembered) { // v5:U5-037, v5:MQTT-3.3.4-9
		c.receiveMaximum, c.quota = s.firstReceiveMaximum, s.firstReceiveMaximum
	}
	if c.b.defect(aliasSurvives) { // v5:MQTT-3.3.2-7
		c.aliasesIn = s.aliases
	}
}

// loseOnResume loses what a defect loses as a session is resumed. Nothing of a session is lost otherwise:
// v5:MQTT-4.1.0-1, v5:MQTT-3.1.2-5, v311:MQTT-4.1.0-1, v311:MQTT-3.1.2-4
func (s *session) loseOnResume() {
	b := s.b
	if b.defect(resumeLosesSubscriptions) { // v5:MQTT-3.1.2-5, v311:MQTT-3.1.2-4
		for _, sub := range s.subscriptions {
			b.subscriptions.remove(sub)
		}
		clear(s.subscriptions)
	}
	if b.defect(resumeLosesQueue) { // v5:MQTT-3.1.2-5, v311:MQTT-3.1.2-5
		s.dropWhere(func(*delivery) bool { return true })
	}
	if b.defect(resumeLosesReceivedIDs) { // v5:MQTT-4.3.3-10, v5:MQTT-3.1.2-5, v311:MQTT-4.3.3-2, v311:MQTT-3.1.2-4
		clear(s.received)
	}
	for _, sub := range s.subscriptions {
		if b.defect(resumeLosesNoLocal) { // v5:MQTT-3.8.3-3, v5:MQTT-3.1.2-5
			sub.noLocal = false
		}
		if b.defect(resumeLosesRetainAsPublished) { // v5:MQTT-3.3.1-13, v5:MQTT-3.1.2-5
			sub.retainAsPublished = false
		}
		if b.defect(resumeLosesSubscriptionID) { // v5:MQTT-3.3.4-3, v5:MQTT-3.1.2-5
			sub.id = 0
		}
		if b.defect(resumeLosesQoS) { // v5:MQTT-3.8.4-8, v5:MQTT-3.1.2-5, v311:MQTT-3.8.4-6, v311:MQTT-3.1.2-4
			sub.qos = wire.QoS0
		}
		anew := s.version == wire.V5 && b.tolerates(retainedOnResume)
		if anew || b.defect(retainedSentOnResume) { // v311:MQTT-3.3.1-9
			// after CONNACK, which has not been sent yet
			time.AfterFunc(0, func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.sendRetained(sub, false)
			})
		}
	}
}
