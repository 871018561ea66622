package monitor

import (
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// subscriptionMonitors judge what a server delivers against what the session asked for.
func subscriptionMonitors() []Monitor {
	return []Monitor{
		{IDs: ids("MQTT-3.3.2-3", "MQTT-3.3.2-3"), Sender: wire.FromServer, Level: must,
			Text: "The topic of a delivered message matches a Topic Filter of the session.", Judge: deliveries(matchesFilter)},
		{IDs: ids("MQTT-4.7.2-1", "MQTT-4.7.2-1"), Sender: wire.FromServer, Level: must,
			Text: "A Topic Filter that begins with a wildcard brings no topic that begins with $.", Judge: deliveries(noDollarByWildcard)},
		{IDs: ids("MQTT-3.8.4-8", "MQTT-3.8.4-6"), Sender: wire.FromServer, Level: must,
			Text: "A message is delivered with no higher QoS than was granted.", Judge: deliveries(withinGrant)},
	}
}

// delivery is a PUBLISH of a server to a session whose subscriptions are known from its beginning.
type delivery struct {
	topic   string
	qos     wire.QoS
	matches bool     // a Topic Filter of the session matches
	bound   wire.QoS // the highest QoS of those that match
	ours    bool     // the topic begins with a level that clients of the trace have named
	dollar  bool     // the topic begins with $, and a filter that begins with a wildcard would match it otherwise
	filters []string
}

// deliveries makes a judge of a rule on single deliveries; see each.
func deliveries(rule func(d delivery) (applies bool, breach string, args []any)) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		bound, ours := h.boundSet(j), h.firstLevels()
		h.follow(func() follower {
			return &subscriptions{filters: map[string]*grant{}, judge: func(c *Conn, r *Record, d delivery) {
				if !bound[c] {
					return
				}
				d.ours = ours[firstLevel(d.topic)]
				switch applies, breach, args := rule(d); {
				case breach != "":
					j.broken(c, r.Seq, breach, args...)
				case applies:
					j.kept(c)
				}
			}}
		})
	}
}

// firstLevels returns the first levels of all topics and filters that clients wrote, but for wildcards.
func (h *History) firstLevels() map[string]bool {
	all := map[string]bool{}
	for _, c := range h.Conns {
		for _, r := range c.Records {
			if r.Sender != wire.FromClient {
				continue
			}
			for _, t := range textsOf(r.Packet) {
				if t.topic {
					all[firstLevel(t.value)] = true
				}
			}
		}
	}
	delete(all, "+")
	delete(all, "#")
	return all
}

func firstLevel(topic string) string {
	_, inner, _ := wire.SharedFilter(topic)
	level, _, _ := strings.Cut(inner, "/")
	return level
}

// matchesFilter leaves alone what no client of the trace has to do with: a server may assign subscriptions to a client
// by itself (section 4.5), and the trace does not show them.
func matchesFilter(d delivery) (bool, string, []any) {
	if !d.matches && !d.ours {
		return false, "", nil
	}
	if d.dollar && !d.matches {
		return false, "", nil // that is another statement
	}
	if !d.matches {
		return true, "expected a topic that matches one of the session's filters %q, observed %q", []any{d.filters, d.topic}
	}
	return true, "", nil
}

func noDollarByWildcard(d delivery) (bool, string, []any) {
	if d.dollar && !d.matches {
		return true, "expected no topic that begins with $ for the filters %q, observed %q", []any{d.filters, d.topic}
	}
	return d.dollar, "", nil
}

func withinGrant(d delivery) (bool, string, []any) {
	if d.matches && d.qos > d.bound {
		return true, "expected at most QoS %d, the highest that was granted for topic %q, observed QoS %d", []any{d.bound, d.topic, d.qos}
	}
	return d.matches, "", nil
}

// grant is what the session knows of one Topic Filter. A filter is never forgotten: what was accepted for delivery
// before an UNSUBSCRIBE or before a change of the QoS may still come.
type grant struct {
	granted bool
	qos     wire.QoS
	waiting []wire.QoS // asked for, in SUBSCRIBE packets that are not answered; messages may come before the SUBACK
}

// subscriptions follows the Topic Filters of one session.
type subscriptions struct {
	judge   func(*Conn, *Record, delivery)
	filters map[string]*grant
	asked   map[uint16]wire.Subscribe
	aliases map[uint32]string
	order   []string
}

func (s *subscriptions) lose() {
	s.filters, s.order = map[string]*grant{}, nil
	s.asked, s.aliases = nil, nil
}

func (s *subscriptions) begin(now session) {
	if now.first {
		s.lose()
	}
	s.asked, s.aliases = map[uint16]wire.Subscribe{}, map[uint32]string{}
}

func (s *subscriptions) packet(now session, c *Conn, r *Record) {
	switch p := r.Packet.(type) {
	case wire.Subscribe:
		for _, f := range p.Subscriptions {
			g := s.filters[f.Filter]
			if g == nil {
				g = &grant{}
				s.filters[f.Filter] = g
				s.order = append(s.order, f.Filter)
			}
			g.waiting = append(g.waiting, f.QoS)
		}
		// On an older connection, or under an identifier that is in use, the answer cannot be told: the filters wait
		// for ever and count as granted.
		if _, used := s.asked[p.PacketID]; c == now.conn && s.asked != nil && !used {
			s.asked[p.PacketID] = p
		}
	case wire.Suback:
		if r.Sender == wire.FromServer {
			s.answer(p)
		}
	case wire.Publish:
		if r.Sender == wire.FromServer {
			s.publish(now, c, r, p)
		}
	}
}

func (s *subscriptions) answer(p wire.Suback) {
	asked, ok := s.asked[p.PacketID]
	if !ok || len(asked.Subscriptions) != len(p.ReasonCodes) {
		return
	}
	delete(s.asked, p.PacketID)
	for i, f := range asked.Subscriptions {
		g := s.filters[f.Filter]
		if g == nil || len(g.waiting) == 0 {
			continue
		}
		g.waiting = g.waiting[1:]
		if code := p.ReasonCodes[i]; code < 0x80 {
			g.granted, g.qos = true, max(g.qos, wire.QoS(code))
		}
	}
}

func (s *subscriptions) publish(now session, c *Conn, r *Record, p wire.Publish) {
	topic := p.Topic
	if a, ok := p.Properties.Get(wire.PropTopicAlias); ok && s.aliases != nil {
		if topic == "" && a.Int <= c.limit(wire.FromServer, wire.PropTopicAliasMaximum, 0) {
			topic = s.aliases[a.Int] // what an alias means that must not be sent, is anybody's guess
		} else if topic != "" {
			s.aliases[a.Int] = topic
		}
	}
	if topic == "" || !now.known {
		return
	}
	d := delivery{topic: topic, qos: p.QoS, filters: s.order}
	for _, filter := range s.order {
		g := s.filters[filter]
		if !g.granted && len(g.waiting) == 0 {
			continue
		}
		dollar, matches := covers(filter, topic, c.Version)
		d.dollar = d.dollar || dollar
		if !matches {
			continue
		}
		d.matches = true
		if g.granted {
			d.bound = max(d.bound, g.qos)
		}
		for _, q := range g.waiting {
			d.bound = max(d.bound, q)
		}
	}
	s.judge(c, r, d)
}

// covers reports whether the filter matches the topic, and whether it would if the topic did not begin with $. In
// 3.1.1 $share is a level like any other, but most servers know Shared Subscriptions there too: both readings count.
func covers(filter, topic string, v wire.Version) (dollar, matches bool) {
	_, inner, _ := wire.SharedFilter(filter)
	matches = wire.Matches(inner, topic) || v == wire.V311 && wire.Matches(filter, topic)
	if strings.HasPrefix(topic, "$") && !matches {
		dollar = strings.ContainsAny(inner[:min(1, len(inner))], "+#") && wire.Matches(inner, "_"+topic[1:])
	}
	return dollar, matches
}
