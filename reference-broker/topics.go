package broker

import (
	"strings"
)

// tree holds subscriptions by the levels of their Topic Filters.
type tree struct {
	root node
}

type node struct {
	children      map[string]*node
	subscriptions map[*session]*subscription
	groups        map[string]*group // by ShareName
}

// group is a Shared Subscription: the sessions that share the messages of one filter under one name.
type group struct {
	members []*subscription
	next    int // whose turn it is
}

// add puts a subscription into the tree.
func (t *tree) add(s *subscription) {
	n := &t.root
	for level := range strings.SplitSeq(s.topicFilter, "/") {
		child := n.children[level]
		if child == nil {
			child = &node{}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[level] = child
		}
		n = child
	}
	if !s.shared {
		if n.subscriptions == nil {
			n.subscriptions = map[*session]*subscription{}
		}
		n.subscriptions[s.session] = s
		return
	}
	g := n.groups[s.shareName]
	if g == nil {
		g = &group{}
		if n.groups == nil {
			n.groups = map[string]*group{}
		}
		n.groups[s.shareName] = g
	}
	g.members = append(g.members, s)
}

// remove takes a subscription out and the nodes that nobody needs any more.
func (t *tree) remove(s *subscription) {
	levels := strings.Split(s.topicFilter, "/")
	path := make([]*node, 1, len(levels)+1)
	path[0] = &t.root
	for _, level := range levels {
		n := path[len(path)-1].children[level]
		if n == nil {
			return
		}
		path = append(path, n)
	}
	n := path[len(path)-1]
	if g := n.groups[s.shareName]; s.shared && g != nil {
		g.remove(s)
		if len(g.members) == 0 {
			delete(n.groups, s.shareName)
		}
	} else if n.subscriptions[s.session] == s {
		delete(n.subscriptions, s.session)
	}
	for i := len(levels); i > 0 && path[i].empty(); i-- {
		delete(path[i-1].children, levels[i-1])
	}
}

func (n *node) empty() bool {
	return len(n.children) == 0 && len(n.subscriptions) == 0 && len(n.groups) == 0
}

func (g *group) remove(s *subscription) {
	for i, m := range g.members {
		if m == s {
			g.members = append(g.members[:i:i], g.members[i+1:]...)
			return
		}
	}
}

// matching collects the subscriptions and groups whose filter matches a Topic Name.
type matching struct {
	subscriptions []*subscription
	groups        []*group
}

// matcher walks the tree for one Topic Name.
type matcher struct {
	found                                            *matching
	dollarHidden, hashTakesParent, plusMatchesNoText bool
	plusMatchesMore                                  bool
}

// match finds whom a message with that topic is for. Levels are compared byte by byte: nothing is normalised.
// v5:MQTT-4.7.3-4, v311:MQTT-4.7.3-4
func (b *Broker) match(topic string) matching {
	var found matching
	m := matcher{
		found:             &found,
		dollarHidden:      strings.HasPrefix(topic, "$") && !b.defect(wildcardMatchesDollar), // v5:MQTT-4.7.2-1, v311:MQTT-4.7.2-1
		hashTakesParent:   !b.defect(hashMissesParent) && !b.config.Service.HashMissesParent, // v5:U5-050, v311:U3-007
		plusMatchesNoText: !b.defect(plusMissesEmptyLevel),                                   // v5:U5-050, v311:U3-007
		plusMatchesMore:   b.defect(plusMatchesManyLevels),                                   // v5:U5-050, v311:U3-007
	}
	m.walk(&b.subscriptions.root, topic, true, true)
	return found
}

// walk goes down from n, where the levels in rest (if more is true) have not been compared yet.
func (m matcher) walk(n *node, rest string, more, first bool) {
	hidden := first && m.dollarHidden
	if hash := n.children["#"]; hash != nil && !hidden && (more || m.hashTakesParent) {
		m.take(hash)
	}
	if !more {
		m.take(n)
		return
	}
	level, rest, more := strings.Cut(rest, "/")
	if child := n.children[level]; child != nil {
		m.walk(child, rest, more, false)
	}
	plus := n.children["+"]
	if plus == nil || hidden || level == "" && !m.plusMatchesNoText {
		return
	}
	m.walk(plus, rest, more, false)
	if m.plusMatchesMore && more {
		m.take(plus)
	}
}

func (m matcher) take(n *node) {
	for _, s := range n.subscriptions {
		m.found.subscriptions = append(m.found.subscriptions, s)
	}
	for _, g := range n.groups {
		m.found.groups = append(m.found.groups, g)
	}
}
