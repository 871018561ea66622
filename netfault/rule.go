package netfault

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Rule is an [Action] that waits for its [Match].
type Rule struct {
	match    Match
	action   Action
	fired    chan struct{}
	hasFired atomic.Bool
	once     sync.Once // closes fired

	// guarded by the link's mu
	seen  int
	armed bool
}

func newRule(m Match, a Action) *Rule {
	m.Nth = max(m.Nth, 1)
	if m.Open && a.needsPacket() {
		panic("netfault: " + a.String() + " acts on a packet, not on the opening of a connection")
	}
	return &Rule{match: m, action: a, fired: make(chan struct{}), armed: true}
}

// Fired returns a channel that is closed once the rule has acted for the first time: a reset has been sent, a stall
// holds. Of a packet that is dropped, sliced or rewritten it is closed before the bytes go on.
func (r *Rule) Fired() <-chan struct{} { return r.fired }

// HasFired reports whether the rule has acted, or is about to: who sees what it does finds it true.
func (r *Rule) HasFired() bool { return r.hasFired.Load() }

// String returns the rule in the form that [ParseFault] reads, with "when(…)" for a condition.
func (r *Rule) String() string {
	m := r.match
	s := r.action.String() + "@"
	if delay, ok := r.action.(Delay); m.Open && ok && !delay.Both {
		s += dirName(m.Dir)
	} else if m.Open {
		s += "connect"
	} else {
		s += dirName(m.Dir) + ":" + typeName(m.Type)
	}
	if m.Nth > 1 {
		s += ":" + strconv.Itoa(m.Nth)
	}
	if actsAfter(r.action) {
		s += ",after"
	}
	if m.Every {
		s += ",every"
	}
	if m.When != nil {
		s += " when(…)"
	}
	return s
}

func typeName(t wire.Type) string {
	if t == 0 {
		return "any"
	}
	return t.String()
}

// couldHit reports whether a packet of type t in direction d may be the rule's, as far as the first byte shows.
func (r *Rule) couldHit(d Dir, t wire.Type) bool {
	return r.armed && !r.match.Open && r.match.Dir == d && (r.match.Type == 0 || r.match.Type == t)
}

// count counts a match and reports whether the rule acts on it. The caller holds the link's mu.
func (r *Rule) count() bool {
	if !r.armed {
		return false
	}
	r.seen++
	if r.seen < r.match.Nth {
		return false
	}
	r.armed = r.match.Every
	return true
}

// candidates appends to dst the rules that a packet of type t in direction d could fire. Rules that it cannot fire, as
// their nth is still to come and no condition has to be asked, count it here and now, so that it need not be held.
func (l *Link) candidates(dst []*Rule, d Dir, t wire.Type) []*Rule {
	if l.armed[d].Load() == 0 {
		return dst
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rules {
		switch {
		case !r.couldHit(d, t):
		case r.match.When == nil && r.seen+1 < r.match.Nth:
			r.seen++
		default:
			dst = append(dst, r)
		}
	}
	return dst
}

// hit asks the candidates about a whole packet and returns those that act on it, in the order in which they were
// armed. p is nil if the packet cannot be decoded.
func (l *Link) hit(candidates []*Rule, p wire.Packet) (acting []*Rule) {
	for _, r := range candidates {
		if r.match.When != nil && (p == nil || !r.match.When(p)) {
			continue
		}
		l.mu.Lock()
		if r.count() {
			acting = append(acting, r)
			l.countArmed()
		}
		l.mu.Unlock()
	}
	return acting
}

// opening returns the rules that act on a connection that opens now.
func (l *Link) opening() (acting []*Rule) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rules {
		if r.match.Open && r.count() {
			acting = append(acting, r)
		}
	}
	return acting
}

// countArmed renews the number that spares the forwarding of packets a look at the rules. The caller holds mu.
func (l *Link) countArmed() {
	var n [2]int32
	for _, r := range l.rules {
		if r.armed && !r.match.Open {
			n[r.match.Dir]++
		}
	}
	l.armed[ToServer].Store(n[ToServer])
	l.armed[ToClient].Store(n[ToClient])
}
