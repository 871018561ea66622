package broker

import (
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// subscription is one Topic Filter of one session.
type subscription struct {
	session           *session
	filter            string // as the client wrote it
	topicFilter       string // without $share/{name}/
	shared            bool
	shareName         string
	qos               wire.QoS // granted
	noLocal           bool
	retainAsPublished bool
	retainHandling    wire.RetainHandling
	id                uint32 // Subscription Identifier, 0 for none
	asked             wire.QoS
	surplus           int  // copies that only a defect sends
	twice             bool // a Shared Subscription that was asked for again; nothing but a defect looks at it
}

// subscribe handles a SUBSCRIBE. The caller holds the lock, as with all methods here.
func (c *conn) subscribe(p wire.Subscribe) {
	b := c.b
	if !c.offered(p) || !c.serves(p) {
		return
	}
	answer := wire.Suback{PacketID: p.PacketID} // v5:MQTT-3.8.4-2, v5:MQTT-2.2.1-6, v311:MQTT-3.8.4-2, v311:MQTT-2.3.1-7
	var fresh []func()
	for _, request := range p.Subscriptions { // v5:MQTT-3.8.4-5, v311:MQTT-3.8.4-4
		code, retained := c.subscribeTo(request, p.Properties.Int(wire.PropSubscriptionIdentifier, 0))
		answer.ReasonCodes = append(answer.ReasonCodes, code) // v5:MQTT-3.8.4-6, v5:MQTT-3.9.3-1, v311:MQTT-3.8.4-5, v311:MQTT-3.9.3-1
		fresh = append(fresh, retained)
	}
	early := b.tolerates(publishBeforeSuback)
	if !early {
		c.sendSuback(answer)
	}
	for _, sendRetained := range fresh {
		sendRetained()
	}
	if early {
		c.sendSuback(answer)
	}
	c.toldSubscribed(p, answer.ReasonCodes)
}

// sendSuback answers a SUBSCRIBE.
func (c *conn) sendSuback(p wire.Suback) {
	b := c.b
	if slices.ContainsFunc(p.ReasonCodes, wire.ReasonCode.Failed) || b.tolerates(reasonStrings) || b.defect(problemInformationUnasked) {
		p.Properties = c.problem("see the reason codes")
	}
	if b.defect(answerPropertyRepeated) && c.version == wire.V5 { // v5:U5-064
		p.Properties = append(c.problem("subscribed"), c.problem("subscribed")...)
	}
	switch {
	case b.defect(subackMissing): // v5:MQTT-3.8.4-1, v311:MQTT-3.8.4-1
		return
	case b.defect(subackWrongID): // v5:MQTT-3.8.4-2, v5:MQTT-2.2.1-6, v311:MQTT-3.8.4-2, v311:MQTT-2.3.1-7
		p.PacketID ^= 0x5555
	case b.defect(subackOneCode): // v5:MQTT-3.8.4-6, v311:MQTT-3.8.4-5
		p.ReasonCodes = p.ReasonCodes[:1]
	case b.defect(subackReversed): // v5:MQTT-3.9.3-1, v311:MQTT-3.9.3-1
		slices.Reverse(p.ReasonCodes)
	case b.defect(subackCodeUnknown): // v5:MQTT-3.9.3-2, v311:MQTT-3.9.3-2
		p.ReasonCodes[0] = 0x42
	}
	p.ReasonCodes = b.config.Service.allListed(wire.SUBACK, p.ReasonCodes)
	c.send(p) // v5:MQTT-3.8.4-1, v311:MQTT-3.8.4-1
}

// offered ends the connection if the SUBSCRIBE asks for a feature that CONNACK said is not there.
func (c *conn) offered(p wire.Subscribe) bool {
	if c.version == wire.V311 {
		return true // CONNACK could not say so: the return codes do
	}
	config := c.b.config
	if config.NoSubscriptionIdentifiers && p.Properties.Has(wire.PropSubscriptionIdentifier) && !c.b.defect(subscriptionIDTolerated) {
		c.fail(wire.SubscriptionIdentifiersNotSupported, "Subscription Identifiers are not available") // v5:U5-062
		return false
	}
	for _, request := range p.Subscriptions {
		_, filter, shared := wire.SharedFilter(request.Filter)
		if config.NoSharedSubscriptions && shared && !c.b.defect(sharedTolerated) {
			c.fail(wire.SharedSubscriptionsNotSupported, "Shared Subscriptions are not available") // v5:U5-063
			return false
		}
		if config.NoWildcardSubscriptions && strings.ContainsAny(filter, "+#") && !c.b.defect(wildcardTolerated) {
			c.fail(wire.WildcardSubscriptionsNotSupported, "Wildcard Subscriptions are not available") // v5:U5-061
			return false
		}
	}
	return true
}

// subscribeTo makes or replaces one subscription. It returns the code for SUBACK, and what is left to do after it.
func (c *conn) subscribeTo(r wire.Subscription, id uint32) (wire.ReasonCode, func()) {
	b, s := c.b, c.session
	sub := &subscription{
		session: s, asked: r.QoS, filter: r.Filter, topicFilter: r.Filter,
		qos:     min(r.QoS, b.maximumQoS()), // v5:MQTT-3.2.2-10, v5:MQTT-3.8.4-7
		noLocal: r.NoLocal, retainAsPublished: r.RetainAsPublished, retainHandling: r.RetainHandling, id: id,
	}
	if c.version == wire.V5 || b.config.Service.SharedIn311 {
		sub.shareName, sub.topicFilter, sub.shared = wire.SharedFilter(r.Filter)
	}
	if b.defect(shareNameIgnored) { // v5:U5-036
		sub.shareName = ""
	}
	sub.topicFilter = b.level(sub.topicFilter)
	if b.tolerates(grantsQoS1) {
		sub.qos = min(sub.qos, wire.QoS1)
	}
	old := s.subscriptions[r.Filter]
	sub.twice = old != nil && sub.shared
	if b.defect(sameFilterMakesTwo) && old != nil { // v5:MQTT-3.8.4-3, v311:MQTT-3.8.4-3
		sub.surplus = old.surplus + 1
	}
	if code := c.judgeFilter(sub, old); code.Failed() {
		if b.defect(refusedFilterSubscribed) { // v5:MQTT-3.8.4-7, v311:MQTT-3.8.4-5
			s.setSubscription(sub)
			return code, func() { b.sendRetained(sub, false) }
		}
		return code, func() {}
	}
	if old != nil && b.defect(resubscribeDropsQueued) { // v5:MQTT-3.8.4-4, v311:MQTT-3.8.4-3
		s.dropQueued(sub.topicFilter)
	}
	if old == nil || !b.defect(sameFilterKeepsOld) { // v5:MQTT-3.8.4-3, v5:U5-057, v311:MQTT-3.8.4-3
		s.setSubscription(sub)
	}
	return wire.ReasonCode(sub.qos), func() { // v5:MQTT-3.8.4-7, v311:MQTT-3.8.4-5
		if !sub.session.ended && c.session == s {
			b.sendRetained(sub, old != nil)
		}
	}
}

// judgeFilter says whether the client may have the subscription.
func (c *conn) judgeFilter(sub, old *subscription) wire.ReasonCode {
	b := c.b
	code := wire.Success
	switch {
	case c.version == wire.V311 && b.config.NoWildcardSubscriptions && strings.ContainsAny(sub.topicFilter, "+#"):
		code = wire.UnspecifiedError // v311:MQTT-3.8.3-2
	case sub.asked > sub.qos && b.defect(qos2SubscriptionRefused): // v5:MQTT-3.2.2-10
		code = wire.UnspecifiedError
	case strings.Count(sub.topicFilter, "/") >= b.config.MaximumTopicLevels || !b.config.Service.allowsFilter(sub):
		code = wire.TopicFilterInvalid
	case !c.authorized(Subscribe, sub.topicFilter):
		code = wire.NotAuthorized
	case old == nil && len(c.session.subscriptions) >= b.config.MaximumSubscriptions:
		code = wire.QuotaExceeded
	}
	if code.Failed() && c.version == wire.V311 {
		return wire.UnspecifiedError // v311:MQTT-3.9.3-2
	}
	return code
}

// setSubscription gives the session a subscription in place of the one with the same filter. What was queued for the
// old one stays. v5:MQTT-3.8.4-3, v311:MQTT-3.8.4-3
func (s *session) setSubscription(sub *subscription) {
	if old := s.subscriptions[sub.filter]; old != nil {
		s.b.subscriptions.remove(old)
	}
	s.subscriptions[sub.filter] = sub
	s.b.subscriptions.add(sub)
}

// level returns a filter or topic as it is compared with others: as it is.
func (b *Broker) level(topic string) string {
	if b.defect(topicCaseIgnored) { // v5:MQTT-4.7.3-4, v311:MQTT-4.7.3-4
		topic = strings.ToLower(topic)
	}
	if b.defect(trailingSlashIgnored) && len(topic) > 1 { // v5:MQTT-4.7.3-4, v311:MQTT-4.7.3-4
		topic = strings.TrimSuffix(topic, "/")
	}
	return topic
}

// unsubscribe handles an UNSUBSCRIBE.
func (c *conn) unsubscribe(p wire.Unsubscribe) {
	b, s := c.b, c.session
	answer := wire.Unsuback{PacketID: p.PacketID} // v5:MQTT-3.10.4-5, v5:MQTT-2.2.1-6, v311:MQTT-3.10.4-4, v311:MQTT-2.3.1-7
	removed := 0
	for _, filter := range p.Filters { // v5:MQTT-3.10.4-6, v311:MQTT-3.10.4-6
		code := wire.NoSubscriptionExisted
		if b.tolerates(unsubackAlwaysSuccess) {
			code = wire.Success
		}
		for _, name := range c.meant(filter) {
			sub := s.subscriptions[name] // v5:MQTT-3.10.4-1, v311:MQTT-3.10.4-1
			if sub == nil {
				continue
			}
			code = wire.Success
			removed++
			if b.defect(unsubscribeIgnored) { // v5:MQTT-3.10.4-2, v311:MQTT-3.10.4-2
				continue
			}
			if sub.twice && b.defect(sharedCountsTwice) { // v5:U5-068
				sub.twice = false
				continue
			}
			delete(s.subscriptions, name)
			b.subscriptions.remove(sub)             // v5:MQTT-3.10.4-2, v311:MQTT-3.10.4-2
			if b.defect(unsubscribeDropsInflight) { // v5:MQTT-3.10.4-3, v311:MQTT-3.10.4-3
				s.dropInflight(sub.topicFilter)
			}
			if b.tolerates(unsubscribeDropsQueued) {
				s.dropQueued(sub.topicFilter)
			}
		}
		answer.ReasonCodes = append(answer.ReasonCodes, code) // v5:MQTT-3.11.3-1
	}
	if b.tolerates(reasonStrings) || b.defect(problemInformationUnasked) {
		answer.Properties = c.problem("done")
	}
	switch {
	case b.defect(unsubackMissing): // v5:MQTT-3.10.4-4, v311:MQTT-3.10.4-4
		return
	case removed == 0 && b.defect(unsubackOnlyIfRemoved): // v5:MQTT-3.10.4-5, v311:MQTT-3.10.4-5
		return
	case b.defect(unsubackWrongID): // v5:MQTT-3.10.4-5, v5:MQTT-2.2.1-6, v311:MQTT-3.10.4-4, v311:MQTT-2.3.1-7
		answer.PacketID ^= 0x5555
	case b.defect(unsubackReversed): // v5:MQTT-3.11.3-1
		slices.Reverse(answer.ReasonCodes)
	case b.defect(unsubackCodeUnknown): // v5:MQTT-3.11.3-2
		answer.ReasonCodes[0] = 0x42
	}
	effects := answer.ReasonCodes
	answer.ReasonCodes = b.config.Service.allListed(wire.UNSUBACK, effects)
	c.send(answer) // v5:MQTT-3.10.4-4, v311:MQTT-3.10.4-4
	c.toldUnsubscribed(p, effects)
}

// meant returns the subscriptions that a filter in UNSUBSCRIBE names: the equal one.
func (c *conn) meant(filter string) []string {
	if !c.b.defect(unsubscribeExpandsWildcards) { // v5:MQTT-3.10.4-1, v311:MQTT-3.10.4-1
		return []string{filter}
	}
	var names []string
	for name := range c.session.subscriptions {
		if name == filter || covers(filter, name) {
			names = append(names, name)
		}
	}
	return names
}
