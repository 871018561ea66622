package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Service is how a hosted MQTT service is stricter or other than the standard. The zero value changes nothing. Limits
// that any server may have, and announce, stand in [Config].
type Service struct {
	// MaximumClientID and MaximumTopic are lengths in bytes; a longer Client Identifier is refused with 0x85, a
	// longer topic with 0x90, a longer filter (without $share/{name}/) with 0x8F. 0 is the standard's 65,535.
	MaximumClientID, MaximumTopic int
	// MaximumTopicSlashes is how many slashes a topic or filter may have, not counting those of $share/{name}/ and of
	// a prefix that matches one of UncountedPrefixes, which are filters. 0 is no limit.
	MaximumTopicSlashes int
	UncountedPrefixes   []string
	// MaximumShareName is the length in bytes of a ShareName; a longer one is refused with 0x8F. 0 is no limit.
	MaximumShareName int
	// MaximumFilters is how many Topic Filters one SUBSCRIBE may have; with more of them the connection ends with
	// 0x97. 0 is no limit.
	MaximumFilters int
	// MaximumInflight is how many messages of QoS 1 and 2 a client is sent at most before it acknowledges one, also
	// if its Receive Maximum is larger. 0 is no limit.
	MaximumInflight int
	// MinimumKeepAlive and MaximumKeepAlive, in seconds, bound the Keep Alive of both versions. A client that wants
	// none gets the maximum. 0 is no bound.
	MinimumKeepAlive, MaximumKeepAlive uint16
	// MinimumMessageExpiry and MaximumMessageExpiry bound the Message Expiry Interval, in seconds. 0 is no bound.
	MinimumMessageExpiry, MaximumMessageExpiry uint32
	// SessionExpiry311 is how long an offline session of 3.1.1 is kept, in seconds. 0 is as long as others.
	SessionExpiry311 uint32
	// StoredPerSecond is how many messages per second a client gets of those that waited for it while it was away;
	// later ones wait behind them. 0 is no limit.
	StoredPerSecond int
	// RetryEvery is after which time an unacknowledged PUBLISH is sent again on the same connection, which 5.0 forbids
	// (v5:MQTT-4.4.0-1). RetryFor is how long this goes on before the message is dropped. 0 is never.
	RetryEvery, RetryFor time.Duration

	// ReservedPublish lists, as filters, the topics beginning with $ to which clients may publish, without RETAIN.
	// nil: to all of them.
	ReservedPublish []string
	// NoDollarClientIDs refuses Client Identifiers that begin with $ with 0x85.
	NoDollarClientIDs bool
	// SharedIn311 makes $share/{name}/ a Shared Subscription in 3.1.1 too.
	SharedIn311 bool
	// NoRetainedForWildcards sends no retained messages for filters with wildcards, against v5:MQTT-3.3.1-9 and
	// v311:MQTT-3.3.1-6.
	NoRetainedForWildcards bool
	// HashMissesParent makes a/# not match a, against v5:U5-050 and v311:U3-007.
	HashMissesParent bool
	// SessionsByVersion discards a session that was made by the other version, against v5:MQTT-3.1.2-5.
	SessionsByVersion bool
	// QoS2Unanswered drops SUBSCRIBE and PUBLISH at QoS 2 without an answer in 3.1.1, and ends the connection with
	// 0x9B in 5.0, also for SUBSCRIBE: against v5:MQTT-3.2.2-10 and v311:MQTT-3.8.4-1.
	QoS2Unanswered bool
	// NoDup never sets DUP, against v5:MQTT-3.3.1-1 and v311:MQTT-3.3.1-1.
	NoDup bool
	// NoWillDelay ignores Will Delay Interval, against v5:MQTT-3.1.2-8.
	NoWillDelay bool
	// RefusedPublishCloses ends the connection for a PUBLISH that is refused, unless a PUBACK of 5.0 can say so.
	RefusedPublishCloses bool
	// NoReasonStrings leaves out every Reason String.
	NoReasonStrings bool

	// ReasonCodes lists the Reason Codes that are sent in each type of packet. A type that is not there may have all.
	// For another code the one in Instead is sent if that is listed, otherwise Success or the first of
	// UnspecifiedError and ProtocolError that is listed.
	ReasonCodes map[wire.Type][]wire.ReasonCode
	Instead     map[wire.ReasonCode]wire.ReasonCode
	// Announce lists the properties that CONNACK always has, also where they say what a client assumes anyway.
	Announce []wire.PropertyID
}

// now is when something happens.
func now() time.Time { return time.Now() }

// connect returns a CONNECT without what the service does not know.
func (s *Service) connect(p wire.Connect) wire.Connect {
	if s.NoWillDelay && p.Will != nil {
		will := *p.Will
		will.Properties = will.Properties.Without(wire.PropWillDelayInterval)
		p.Will = &will
	}
	return p
}

// judgeConnect says whether the service accepts a Client Identifier.
func (s *Service) judgeConnect(p wire.Connect) (wire.ReasonCode, string) {
	switch {
	case s.NoDollarClientIDs && strings.HasPrefix(p.ClientID, "$"):
		return wire.ClientIdentifierNotValid, "the Client Identifier begins with $"
	case s.MaximumClientID > 0 && len(p.ClientID) > s.MaximumClientID:
		return wire.ClientIdentifierNotValid, "the Client Identifier is too long"
	}
	return wire.Success, ""
}

// foreignSession reports whether a client's session is one that its version cannot resume.
func (b *Broker) foreignSession(p wire.Connect) bool {
	s := b.sessions[b.sessionKey(p.ClientID)]
	return b.config.Service.SessionsByVersion && s != nil && s.version != p.ProtocolVersion
}

// keepAlive bounds the Keep Alive.
func (s *Service) keepAlive(seconds uint16) uint16 {
	if limit := s.MaximumKeepAlive; limit > 0 && (seconds == 0 || seconds > limit) {
		return limit
	}
	if seconds == 0 {
		return 0
	}
	return max(seconds, s.MinimumKeepAlive)
}

// messageExpiry bounds the Message Expiry Interval.
func (s *Service) messageExpiry(seconds uint32) uint32 {
	if s.MaximumMessageExpiry > 0 {
		seconds = min(seconds, s.MaximumMessageExpiry)
	}
	return max(seconds, s.MinimumMessageExpiry)
}

// sessionExpiry bounds the life of an offline session of 3.1.1.
func (s *Service) sessionExpiry(granted uint32, v wire.Version) uint32 {
	if v == wire.V311 && s.SessionExpiry311 > 0 {
		return min(granted, s.SessionExpiry311)
	}
	return granted
}

// inflight bounds a client's Receive Maximum.
func (s *Service) inflight(receiveMaximum int) int {
	if s.MaximumInflight > 0 {
		return min(receiveMaximum, s.MaximumInflight)
	}
	return receiveMaximum
}

// allowsTopic reports whether the service takes a topic, or a filter without $share/{name}/.
func (s *Service) allowsTopic(topic string) bool {
	if s.MaximumTopic > 0 && len(topic) > s.MaximumTopic {
		return false
	}
	if s.MaximumTopicSlashes == 0 {
		return true
	}
	for _, prefix := range s.UncountedPrefixes {
		if rest, ok := cutPrefix(topic, prefix); ok {
			topic = rest
			break
		}
	}
	return strings.Count(topic, "/") <= s.MaximumTopicSlashes
}

// cutPrefix returns what follows the levels that match the levels of prefix, which has no #.
func cutPrefix(topic, prefix string) (rest string, ok bool) {
	levels := strings.SplitN(topic, "/", strings.Count(prefix, "/")+2)
	n := len(levels) - 1
	if n < 1 || n != strings.Count(prefix, "/")+1 || !wire.Matches(prefix, strings.Join(levels[:n], "/")) {
		return topic, false
	}
	return levels[n], true
}

// allowsFilter reports whether the service takes a subscription.
func (s *Service) allowsFilter(sub *subscription) bool {
	return s.allowsTopic(sub.topicFilter) && (s.MaximumShareName == 0 || len(sub.shareName) <= s.MaximumShareName)
}

// judgePublish says whether the service takes a PUBLISH.
func (s *Service) judgePublish(p wire.Publish) wire.ReasonCode {
	if !s.allowsTopic(p.Topic) {
		return wire.TopicNameInvalid
	}
	if s.ReservedPublish == nil || !strings.HasPrefix(p.Topic, "$") {
		return wire.Success
	}
	listed := slices.ContainsFunc(s.ReservedPublish, func(f string) bool { return wire.Matches(f, p.Topic) })
	if p.Retain || !listed {
		return wire.NotAuthorized
	}
	return wire.Success
}

// refusedPublish ends the connection for a PUBLISH that is refused, if the service does so.
func (c *conn) refusedPublish(p wire.Publish, code wire.ReasonCode) bool {
	if !code.Failed() || !c.b.config.Service.RefusedPublishCloses || c.version == wire.V5 && p.QoS > 0 {
		return false
	}
	c.fail(code, "the PUBLISH is refused")
	return true
}

// refusesQoS2 reports whether a packet is dropped because it asks for QoS 2.
func (c *conn) refusesQoS2(q wire.QoS) bool {
	if q < wire.QoS2 || !c.b.config.Service.QoS2Unanswered {
		return false
	}
	if c.version == wire.V5 {
		c.fail(wire.QoSNotSupported, "QoS 2 is not available")
	}
	return true
}

// serves reports whether the service answers a SUBSCRIBE.
func (c *conn) serves(p wire.Subscribe) bool {
	highest := wire.QoS0
	for _, s := range p.Subscriptions {
		highest = max(highest, s.QoS)
	}
	if c.refusesQoS2(highest) {
		return false
	}
	if limit := c.b.config.Service.MaximumFilters; limit > 0 && len(p.Subscriptions) > limit {
		c.fail(wire.QuotaExceeded, "too many Topic Filters in one SUBSCRIBE")
		return false
	}
	return true
}

// missesParent reports whether a filter matches a topic only by way of a # that stands for no level.
func (s *Service) missesParent(filter, topic string) bool {
	return s.HashMissesParent && strings.HasSuffix(filter, "/#") && strings.Count(topic, "/") < strings.Count(filter, "/")
}

// listed returns the Reason Code that the service sends in a packet of that type.
func (s *Service) listed(t wire.Type, code wire.ReasonCode) wire.ReasonCode {
	codes, limited := s.ReasonCodes[t]
	if !limited || slices.Contains(codes, code) {
		return code
	}
	instead := []wire.ReasonCode{wire.Success}
	if code.Failed() {
		instead = []wire.ReasonCode{wire.UnspecifiedError, wire.ProtocolError}
	}
	if other, ok := s.Instead[code]; ok {
		instead = slices.Insert(instead, 0, other)
	}
	for _, other := range instead {
		if slices.Contains(codes, other) {
			return other
		}
	}
	return code
}

// allListed applies listed to the codes of a SUBACK or UNSUBACK.
func (s *Service) allListed(t wire.Type, codes []wire.ReasonCode) []wire.ReasonCode {
	sent := make([]wire.ReasonCode, len(codes))
	for i, code := range codes {
		sent[i] = s.listed(t, code)
	}
	return sent
}

// reason returns a Reason String, if the service sends any.
func (s *Service) reason(text string) wire.Properties {
	if s.NoReasonStrings {
		return nil
	}
	return wire.Properties{wire.ReasonString(text)}
}

// pace is how far a connection is with what was stored for its client.
type pace struct {
	left  int       // stored messages that have not been sent
	next  time.Time // when the next may be sent
	timer *time.Timer
}

// countStored notes what waits for a client that has come back.
func (c *conn) countStored() {
	if c.b.config.Service.StoredPerSecond > 0 {
		c.about.pace.left = c.session.queue.Len() + c.session.inflight.Len() - c.session.released.Len()
	}
}

// holdsStored reports whether the next stored message has to wait, and makes sure that it goes out in time.
func (c *conn) holdsStored() bool {
	p := &c.about.pace
	if p.left == 0 {
		return false
	}
	if c.session.queue.Len() == 0 && c.session.resend == nil {
		p.left = 0 // some have expired
		return false
	}
	wait := p.next.Sub(now())
	if wait <= 0 {
		return false
	}
	stop(p.timer)
	p.timer = time.AfterFunc(wait, func() {
		c.b.mu.Lock()
		defer c.b.mu.Unlock()
		c.pump()
	})
	return true
}

// sentStored notes that a message has been sent.
func (c *conn) sentStored() {
	if p := &c.about.pace; p.left > 0 {
		p.left--
		p.next = now().Add(time.Second / time.Duration(c.b.config.Service.StoredPerSecond))
	}
}

// retry sends an unacknowledged PUBLISH again and again on a connection that lives, and gives up in the end.
func (c *conn) retry(x *exchange, since time.Time) {
	s, service := c.session, &c.b.config.Service
	if service.RetryEvery == 0 {
		return
	}
	time.AfterFunc(service.RetryEvery, func() {
		c.b.mu.Lock()
		defer c.b.mu.Unlock()
		if c.session != s || s.exchanges[x.id] != x || x.released {
			return
		}
		if time.Since(since) >= service.RetryFor {
			s.complete(x)
			c.pump()
			return
		}
		p := c.publishPacket(x.delivery)
		p.PacketID, p.Dup = x.id, !service.NoDup
		c.sendPublish(p)
		c.retry(x, since)
	})
}
