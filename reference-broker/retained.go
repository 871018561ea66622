package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// retainedMessage is the retained message of a topic.
type retainedMessage struct {
	*message
	order uint64 // of storing
	timer *time.Timer
}

func (r *retainedMessage) stop() { stop(r.timer) }

// roomToRetain reports whether a PUBLISH with RETAIN can be stored.
func (b *Broker) roomToRetain(p wire.Publish) bool {
	count, bytes := len(b.retained), b.retainedBytes+len(p.Topic)+len(p.Payload)
	if old := b.retained[p.Topic]; old != nil {
		count, bytes = count-1, bytes-old.size()
	}
	return count < b.config.MaximumRetainedMessages && bytes <= b.config.MaximumRetainedBytes
}

// retain does what RETAIN 1 demands.
func (b *Broker) retain(m *message) {
	if b.config.NoRetain {
		return
	}
	if !m.retain {
		if b.defect(nonRetainedStored) && len(m.payload) > 0 { // v5:MQTT-3.3.1-8, v311:MQTT-3.3.1-12
			b.store(m)
		}
		if b.defect(nonRetainedClears) && len(m.payload) == 0 { // v5:MQTT-3.3.1-8, v311:MQTT-3.3.1-12
			b.forget(m.topic)
		}
		return // v5:MQTT-3.3.1-8, v311:MQTT-3.3.1-12
	}
	if len(m.payload) == 0 {
		if !b.defect(retainedEmptyNotRemoved) {
			b.forget(m.topic) // v5:MQTT-3.3.1-6, v311:MQTT-3.3.1-10
		}
		if !b.defect(retainedEmptyStored) {
			return // v5:MQTT-3.3.1-7, v311:MQTT-3.3.1-11
		}
	}
	old := b.retained[m.topic]
	if b.defect(retainedNotStored) || old != nil && b.defect(retainedNotReplaced) { // v5:MQTT-3.3.1-5, v311:MQTT-3.3.1-5
		return
	}
	if m.qos == wire.QoS0 && b.tolerates(retainedQoS0NotStored) {
		b.forget(m.topic) // v311:MQTT-3.3.1-7
		return
	}
	if old != nil && b.defect(retainedKeepsOldProperties) { // v5:MQTT-3.3.1-5
		merged := *m
		merged.properties = old.properties
		m = &merged
	}
	b.store(m) // v5:MQTT-3.3.1-5, v311:MQTT-3.3.1-5
}

// store makes m the retained message of its topic, as far as there is room.
func (b *Broker) store(m *message) {
	old := b.retained[m.topic]
	if old != nil && old.timer != nil && b.defect(retainedExpiryKillsReplacement) { // v5:MQTT-3.3.1-5
		old.timer = nil // it still fires
	}
	b.forget(m.topic) // v311:MQTT-3.3.1-7
	if len(b.retained) >= b.config.MaximumRetainedMessages || b.retainedBytes+m.size() > b.config.MaximumRetainedBytes {
		return
	}
	b.retainedCount++
	r := &retainedMessage{message: m, order: b.retainedCount}
	b.retained[m.topic] = r
	b.retainedBytes += m.size()
	if m.expires.IsZero() && b.defect(retainedForgotten) { // v311:U3-012
		m.expires = time.Now().Add(5 * time.Second)
	}
	if !m.expires.IsZero() && !b.defect(retainedExpiryIgnored) { // v5:MQTT-3.3.2-5, v5:U5-052
		r.timer = time.AfterFunc(time.Until(m.expires), func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.retained[m.topic] == r || b.defect(retainedExpiryKillsReplacement) {
				b.forget(m.topic)
			}
		})
	}
}

// forget removes the retained message of a topic.
func (b *Broker) forget(topic string) {
	r := b.retained[topic]
	if r == nil {
		return
	}
	r.stop()
	delete(b.retained, topic)
	b.retainedBytes -= r.size()
}

func (b *Broker) forgetRetainedOf(publisher string) {
	for topic, r := range b.retained {
		if r.publisher == publisher {
			b.forget(topic)
		}
	}
}

// retainedFor returns the retained messages that match a filter, in the order in which they were stored.
func (b *Broker) retainedFor(filter string) []*retainedMessage {
	var found []*retainedMessage
	if !strings.ContainsAny(filter, "+#") {
		if r := b.retained[filter]; r != nil {
			found = append(found, r)
		}
	} else {
		for topic, r := range b.retained {
			// v5:MQTT-4.7.2-1, v5:U5-050, v311:MQTT-4.7.2-1, v311:U3-007
			if wire.Matches(filter, topic) || b.defect(retainedWildcardMatchesDollar) && wire.Matches(filter, strings.TrimPrefix(topic, "$")) {
				found = append(found, r)
			}
		}
		slices.SortFunc(found, func(x, y *retainedMessage) int { return int(x.order) - int(y.order) })
	}
	return slices.DeleteFunc(found, func(r *retainedMessage) bool {
		return r.expired() && !b.defect(retainedExpiryIgnored) || // v5:MQTT-3.3.2-5
			b.config.Service.missesParent(filter, r.topic)
	})
}

// sendRetained queues the retained messages that a SUBSCRIBE asks for.
func (b *Broker) sendRetained(sub *subscription, existed bool) {
	if sub.shared && !b.defect(sharedGetsRetained) {
		return // v5:U5-034
	}
	if b.config.Service.NoRetainedForWildcards && strings.ContainsAny(sub.topicFilter, "+#") {
		return
	}
	handling := sub.retainHandling
	switch {
	case handling == wire.SendRetained && existed && b.defect(retainedNotResent): // v5:MQTT-3.8.4-4, v5:MQTT-3.3.1-9, v311:MQTT-3.8.4-3
		return
	case handling == wire.SendRetained && b.defect(retainedNotSent): // v5:MQTT-3.3.1-9, v311:MQTT-3.3.1-6
		return
	case handling == wire.SendRetainedIfNew && existed && !b.defect(retainHandling1Always):
		return // v5:MQTT-3.3.1-10
	case handling == wire.SendRetainedIfNew && b.defect(retainHandling1Never): // v5:MQTT-3.3.1-10
		return
	case handling >= wire.NoRetained && !b.defect(retainHandling2Sends):
		return // v5:MQTT-3.3.1-11
	}
	for _, r := range b.retainedFor(sub.topicFilter) {
		d := sub.deliver(r.message)
		d.retain = true // v5:U5-018, v311:MQTT-3.3.1-8
		d.replay = true
		if b.defect(retainedFlagCleared) { // v5:U5-018, v311:MQTT-3.3.1-8
			d.retain = false
		}
		if b.defect(retainedQoSNotLowered) { // v5:MQTT-3.8.4-8, v311:MQTT-3.8.4-6
			d.qos = r.qos
		}
		if b.defect(retainedIDMissing) { // v5:MQTT-3.3.4-3
			d.ids = nil
		}
		if b.defect(retainedPropertiesDropped) { // v5:MQTT-3.3.2-17
			plain := *r.message
			plain.properties = nil
			d.message = &plain
		}
		sub.session.enqueue(d)
	}
}
