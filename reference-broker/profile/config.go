package profile

import (
	"crypto/tls"
	"crypto/x509"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

// connackProperties are the names under which a profile lists the properties of CONNACK.
var connackProperties = map[string]wire.PropertyID{
	"session-expiry-interval":           wire.PropSessionExpiryInterval,
	"receive-maximum":                   wire.PropReceiveMaximum,
	"maximum-qos":                       wire.PropMaximumQoS,
	"retain-available":                  wire.PropRetainAvailable,
	"maximum-packet-size":               wire.PropMaximumPacketSize,
	"topic-alias-maximum":               wire.PropTopicAliasMaximum,
	"wildcard-subscription-available":   wire.PropWildcardSubscriptionAvailable,
	"subscription-identifier-available": wire.PropSubscriptionIdentifierAvailable,
	"shared-subscription-available":     wire.PropSharedSubscriptionAvailable,
	"server-keep-alive":                 wire.PropServerKeepAlive,
}

// number is a limit's value, 0 if there is none.
func number[N int | uint16 | uint32](n *Number) N {
	if n == nil {
		return 0
	}
	return N(n.Value)
}

// duration is a limit's value in seconds.
func duration(n *Number) time.Duration {
	return time.Duration(number[uint32](n)) * time.Second
}

// on reports whether a switch is there and on; off whether it is there and off.
func (s *Switch) on() bool  { return s != nil && s.Value }
func (s *Switch) off() bool { return s != nil && !s.Value }

// Config is the configuration of a reference broker that behaves by the profile. Who may connect, the hook and the log
// are left to the caller; [Profile.Services] makes the hook.
func (p *Profile) Config() broker.Config {
	l, c := p.Limits, p.Capabilities
	config := broker.Config{
		NoRetain:                  c.Retain.off(),
		NoWildcardSubscriptions:   c.WildcardSubscriptions.off(),
		NoSharedSubscriptions:     c.SharedSubscriptions.off(),
		NoSubscriptionIdentifiers: c.SubscriptionIdentifiers.off(),
		ReceiveMaximum:            number[uint16](l.ReceiveMaximum),
		MaximumPacketSize:         number[uint32](l.PublishSize),
		TopicAliasMaximum:         number[uint16](l.TopicAliasMaximum),
		NoTopicAliases:            l.TopicAliasMaximum != nil && l.TopicAliasMaximum.Value == 0,
		MaximumSessionExpiry:      number[uint32](l.SessionExpiryMaximum),
		ConnectTimeout:            duration(l.ConnectTime),
		MaximumSubscriptions:      number[int](l.SubscriptionsPerConnection),
		Service:                   p.service(),
	}
	if c.MaximumQoS != nil {
		q := wire.QoS(c.MaximumQoS.Value)
		config.MaximumQoS = &q
	}
	return config
}

// service is what the profile says of departures from the standard.
func (p *Profile) service() broker.Service {
	l, b := p.Limits, p.Behaviours
	s := broker.Service{
		MaximumClientID:      number[int](l.ClientIDLength),
		MaximumTopic:         number[int](l.TopicLength),
		MaximumTopicSlashes:  number[int](l.TopicSlashes),
		UncountedPrefixes:    b.UncountedTopicPrefixes.names(),
		MaximumShareName:     number[int](l.ShareNameLength),
		MaximumFilters:       number[int](l.FiltersPerSubscribe),
		MaximumInflight:      number[int](l.InflightMaximum),
		MinimumKeepAlive:     number[uint16](l.KeepAliveMinimum),
		MaximumKeepAlive:     number[uint16](l.KeepAliveMaximum),
		MinimumMessageExpiry: number[uint32](l.MessageExpiryMinimum),
		MaximumMessageExpiry: number[uint32](l.MessageExpiryMaximum),
		SessionExpiry311:     number[uint32](l.SessionExpiry311),
		StoredPerSecond:      number[int](l.StoredMessagesPerSecond),
		RetryEvery:           duration(l.RetryInterval),
		RetryFor:             duration(l.RetryTime),

		ReservedPublish:        b.PublishToReservedTopics.names(),
		NoDollarClientIDs:      b.ClientIDNotDollar.on(),
		SharedIn311:            b.SharedIn311.on(),
		NoRetainedForWildcards: b.NoRetainedForWildcards.on(),
		HashMissesParent:       b.HashMissesParent.on(),
		SessionsByVersion:      b.SessionsByVersion.on(),
		QoS2Unanswered:         b.QoS2Unanswered.on(),
		NoDup:                  b.NoDup.on(),
		NoWillDelay:            b.NoWillDelay.on(),
		RefusedPublishCloses:   b.RefusedPublishCloses.on(),
		NoReasonStrings:        b.NoReasonStrings.on(),
	}
	for _, name := range b.ConnackProperties.names() {
		s.Announce = append(s.Announce, connackProperties[name])
	}
	if b.ReasonCodes == nil {
		return s
	}
	s.ReasonCodes = map[wire.Type][]wire.ReasonCode{}
	for t, codes := range b.ReasonCodes.byType() {
		list := []wire.ReasonCode{}
		for _, code := range codes.Value {
			list = append(list, wire.ReasonCode(code))
		}
		s.ReasonCodes[t] = list
	}
	if b.ReasonCodes.Instead != nil {
		s.Instead = map[wire.ReasonCode]wire.ReasonCode{}
		for from, to := range b.ReasonCodes.Instead.Value {
			s.Instead[wire.ReasonCode(from)] = wire.ReasonCode(to)
		}
	}
	return s
}

// byType returns the lists that are there.
func (r *ReasonCodes) byType() map[wire.Type]*Codes {
	lists := map[wire.Type]*Codes{
		wire.CONNACK: r.Connack, wire.PUBACK: r.Puback, wire.DISCONNECT: r.Disconnect,
		wire.SUBACK: r.Suback, wire.UNSUBACK: r.Unsuback,
	}
	for t, codes := range lists {
		if codes == nil {
			delete(lists, t)
		}
	}
	return lists
}

// Services returns the options of the services beside the broker that the profile has: shadows, events, and the
// limits of rules. The caller adds rules and a log.
func (p *Profile) Services() awsiot.Options {
	o := awsiot.Options{HashMissesParent: p.Behaviours.HashMissesParent.on()}
	if s := p.Shadows; s != nil {
		o.Shadows = &awsiot.ShadowLimits{
			DocumentSize: number[int](s.DocumentSize),
			Depth:        number[int](s.Depth),
			ThingName:    number[int](s.ThingNameLength),
			ShadowName:   number[int](s.ShadowNameLength),
			ClientToken:  number[int](s.ClientTokenLength),
			VersionLife:  duration(s.VersionLife),
			Shadows:      number[int](s.Count),
		}
	}
	if e := p.Events; e != nil {
		o.Events = &awsiot.EventOptions{VersionLife: duration(e.VersionLife)}
	}
	if r := p.Rules; r != nil {
		o.MaximumHops = number[int](r.Hops)
		o.WebhookTimeout = duration(r.WebhookTimeout)
		o.WebhookQueue = number[int](r.WebhookQueue)
	}
	return o
}

// Listener returns the listener of that name.
func (p *Profile) Listener(name string) (Listener, bool) {
	for _, l := range p.Listeners {
		if l.Name == name {
			return l, true
		}
	}
	return Listener{}, false
}

// Endpoint is the TLS port of a listener. Clients are the issuers of their certificates, nil for any.
func (p *Profile) Endpoint(l Listener, identity tls.Certificate, clients *x509.CertPool) awsiot.Endpoint {
	e := awsiot.Endpoint{Identity: identity, Clients: clients, HandshakeTimeout: duration(p.Limits.ConnectTime)}
	for _, protocol := range l.Protocols {
		e.Protocols = append(e.Protocols, awsiot.Protocol{
			ALPN: protocol.ALPN, Certificate: protocol.Certificate,
			WebSocket: protocol.WebSocket != "", Path: protocol.WebSocket,
		})
	}
	return e
}

// Deviation returns what the profile says of a statement, qualified as v5:MQTT-3.3.1-9, that a spec checks on a broker
// or a device under test ("broker" or "device"). Without a deviation the statement holds as the standard has it.
func (p *Profile) Deviation(on, statement, spec string) (Deviation, bool) {
	for _, d := range p.Deviations {
		if d.On == on && d.Statement == statement && d.about(spec) {
			return d, true
		}
	}
	return Deviation{}, false
}

// Block returns the deviation because of which a step cannot succeed that has kept a spec from deciding anything. The
// step's name may be part of a longer text.
func (p *Profile) Block(on, step, spec string) (Deviation, bool) {
	for _, d := range p.Deviations {
		if d.On == on && d.about(spec) && slices.ContainsFunc(d.Blocks, func(part string) bool { return strings.Contains(step, part) }) {
			return d, true
		}
	}
	return Deviation{}, false
}

// about reports whether the deviation is about what a spec checks.
func (d Deviation) about(spec string) bool {
	return len(d.Specs) == 0 || slices.ContainsFunc(d.Specs, func(pattern string) bool {
		ok, _ := path.Match(pattern, spec)
		return ok
	})
}
