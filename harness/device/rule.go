package device

import (
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// rule is an instruction that stays in force: it acts on packets as they pass.
type rule struct {
	text   string
	dir    trace.Dir
	typ    wire.Type // 0: any
	nth    int       // the first packet that it acts on
	times  int       // on how many, 0: on all
	seen   int
	hits   int
	effect any // *Filter (the packet is not passed on), *Delay, *Refuse, *Connack, *Challenge, *Cut, swap
}

// ruleOf returns the rule that an instruction arms, or nil.
func ruleOf(in Instruction) *rule {
	r := func(dir trace.Dir, f Filter, effect any) *rule {
		t, _ := wire.ParseType(f.Packet)
		return &rule{text: in.String(), dir: dir, typ: t, nth: max(f.Nth, 1), times: f.Times, effect: effect}
	}
	switch {
	case in.Withhold != nil:
		return r(trace.ToClient, *in.Withhold, in.Withhold)
	case in.Ignore != nil:
		return r(trace.ToServer, *in.Ignore, in.Ignore)
	case in.Collect != nil:
		return r(trace.ToClient, *in.Collect, collect{})
	case in.Swap != nil:
		return r(trace.ToClient, *in.Swap, swap{})
	case in.Delay != nil:
		return r(trace.ToClient, in.Delay.Filter, in.Delay)
	case in.Refuse != nil:
		return r(trace.ToClient, in.Refuse.Filter, in.Refuse)
	case in.Connack != nil:
		return r(trace.ToClient, Filter{Packet: "CONNACK"}, in.Connack)
	case in.Challenge != nil:
		return r(trace.ToClient, Filter{Packet: "AUTH", Times: in.Challenge.Times}, in.Challenge)
	case in.Cut != nil:
		f := in.Cut.Filter
		if f.Times == 0 {
			f.Times = 1
		}
		dir := trace.ToServer
		if in.Cut.From == "server" {
			dir = trace.ToClient
		}
		return r(dir, f, in.Cut)
	}
	return nil
}

// swap and collect are the effects of Swap and Collect.
type (
	swap    struct{}
	collect struct{}
)

// collected is a packet that is kept back.
type collected struct {
	conn   *conn
	typ    wire.Type
	output output
}

// acts counts a packet and reports whether the rule acts on it.
func (r *rule) acts(dir trace.Dir, t wire.Type) bool {
	if r.dir != dir || r.typ != 0 && r.typ != t {
		return false
	}
	r.seen++
	if r.seen < r.nth || r.times > 0 && r.hits >= r.times {
		return false
	}
	r.hits++
	return true
}

// passage is what the rules make of one packet.
type passage struct {
	drop      bool
	delay     time.Duration
	refuse    *Refuse
	edits     []*Connack
	cut       *Cut
	challenge *Challenge
	collect   bool
	swap      bool
	fired     []string
}

// beforehand reports whether the rule decides about a CONNACK when the CONNECT comes: one that is withheld or refuses
// means that the broker must not get the CONNECT.
func (r *rule) beforehand() bool {
	switch r.effect.(type) {
	case *Filter, *Refuse:
		return r.dir == trace.ToClient && r.typ == wire.CONNACK
	}
	return false
}

// ordinary reports whether the rule decides when the packet comes by.
func (r *rule) ordinary() bool { return !r.beforehand() }

// harmless reports whether the rule may act on what still comes on a connection that we have ended: there is nothing
// to cut any more.
func (r *rule) harmless() bool {
	_, cuts := r.effect.(*Cut)
	return r.ordinary() && !cuts
}

// judge lets the rules that may decide act on a packet. The caller holds the client's mu.
func (c *Client) judge(dir trace.Dir, t wire.Type, may func(*rule) bool) (p passage) {
	for _, r := range c.rules {
		if !may(r) || !r.acts(dir, t) {
			continue
		}
		p.fired = append(p.fired, r.text)
		switch effect := r.effect.(type) {
		case *Filter:
			p.drop = true
		case *Delay:
			p.delay = max(p.delay, effect.By)
		case *Refuse:
			p.refuse = effect
		case *Connack:
			p.edits = append(p.edits, effect)
		case *Challenge:
			p.challenge = effect
		case *Cut:
			p.cut = effect
		case swap:
			p.swap = true
		case collect:
			p.collect = true
		}
	}
	if len(p.fired) > 0 {
		c.disturbed = true
	}
	return p
}

// disarm ends one rule.
func (c *Client) disarm(r *rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = slices.DeleteFunc(c.rules, func(other *rule) bool { return other == r })
}

// release ends the rules about a type of packet, all of them if it is 0, and sends what was collected. The caller holds
// mu.
func (c *Client) release(t wire.Type) {
	kept := c.collected
	c.collected = nil
	for _, k := range kept {
		if t == 0 || k.typ == t {
			k.conn.enqueue(k.output)
		} else {
			c.collected = append(c.collected, k)
		}
	}
	var rest []*rule
	for _, r := range c.rules {
		if t != 0 && r.typ != t {
			rest = append(rest, r)
		}
	}
	c.rules = rest
}

// connackProperties are the names that [Connack] takes.
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

// edit changes a CONNACK as a rule says. 3.1.1 has no properties.
func (e *Connack) edit(p wire.Connack, v wire.Version) wire.Connack {
	if e.SessionPresent != nil {
		p.SessionPresent = *e.SessionPresent
	}
	if v == wire.V311 {
		return p
	}
	for name, value := range e.Properties {
		id := connackProperties[name]
		p.Properties = p.Properties.Without(id).With(wire.Property{ID: id, Int: value})
	}
	return p
}

// edit puts a Reason Code into an acknowledgement.
func (r *Refuse) edit(p wire.Packet) wire.Packet {
	switch p := p.(type) {
	case wire.Puback:
		p.ReasonCode = r.Code
		return p
	case wire.Pubrec:
		p.ReasonCode = r.Code
		return p
	case wire.Suback:
		p.ReasonCodes = all(len(p.ReasonCodes), r.Code)
		return p
	case wire.Unsuback:
		p.ReasonCodes = all(len(p.ReasonCodes), r.Code)
		return p
	}
	return p
}

func all(n int, c wire.ReasonCode) (codes []wire.ReasonCode) {
	for range n {
		codes = append(codes, c)
	}
	return codes
}
