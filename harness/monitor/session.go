package monitor

import (
	"maps"
	"slices"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// session is what a trace tells about the session of one Client Identifier at one moment.
type session struct {
	conn *Conn // the newest connection on which the session was opened; nil before the first
	// known tells that the session began within the trace and that nothing happened since that would make a guess of
	// its content.
	known bool
	// first tells that conn is the connection on which the session began: nothing can have been sent before.
	first bool
	// divided tells that the server has begun a new session with conn and that the client may go on with the old one:
	// 3.1.1 leaves that to a client that asked for it (3.2.2.2).
	divided bool
}

// follower is told what happens in a session.
type follower interface {
	// begin tells that the server accepted a CONNECT, at the time of the CONNECT: what the client sends before the
	// CONNACK belongs to the new connection already.
	begin(s session)
	// packet tells of a packet of either side. Those of the judged side come only from the newest connection: what
	// the other side still reads from an older one was sent before the session moved on. Packets of the other side
	// come from all connections.
	packet(s session, c *Conn, r *Record)
	// lose tells that from here on nothing is known of the session's content.
	lose()
}

// follow walks through the sessions of every Client Identifier in the order of the trace, each with a follower of its
// own.
func (h *History) follow(newFollower func() follower) {
	for _, id := range slices.Sorted(maps.Keys(h.clients)) {
		h.walk(h.clients[id], newFollower())
	}
}

// moment is one step of a walk.
type moment struct {
	seq  int
	conn *Conn // nil for a crash of the server
	at   int   // index in conn.Records
}

func (h *History) walk(conns []*Conn, f follower) {
	var moments []moment
	for _, c := range conns {
		for i := range c.Records {
			moments = append(moments, moment{c.Records[i].Seq, c, i})
		}
	}
	for _, seq := range h.crashes {
		moments = append(moments, moment{seq: seq})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return a.seq - b.seq })

	var s session
	lose := func() {
		s.known, s.first = false, false
		f.lose()
	}
	for _, m := range moments {
		c := m.conn
		switch {
		case c == nil:
			lose()
		case m.at == c.connectAt && c.Connack == nil, m.at == c.connectAt && c.connackAt >= c.trusted:
			// whether the server took the CONNECT is not known
			lose()
		case m.at == c.connectAt && !c.accepted():
			// a refusal leaves the session as it is
		case m.at == c.connectAt:
			// whether a session passes from one version to the other is the server's choice
			if s.conn != nil && s.conn.Version != c.Version && !c.fresh() {
				lose()
			}
			divided := s.conn != nil && h.mayGoOn(c)
			first := c.fresh() && !divided
			s = session{conn: c, first: first, known: first || s.known, divided: divided}
			f.begin(s)
		case !c.accepted():
		case m.at == c.trusted && !c.cutAt(m.at):
			lose()
		default:
			r := &c.Records[m.at]
			if r.Packet != nil && (r.Sender != h.Judged || c == s.conn && m.at < c.trusted) {
				f.packet(s, c, r)
			}
		}
	}
}

// mayGoOn reports whether the judged side may keep to a session of which the server knows nothing. A client of 5.0 must
// forget it.
func (h *History) mayGoOn(c *Conn) bool {
	return h.Judged == wire.FromClient && c.Version == wire.V311 && c.fresh() && !c.Connect.CleanStart
}

// cutAt reports whether the record at index i is a packet that was cut when its sender's direction ended, which leaves
// the session as it is.
func (c *Conn) cutAt(i int) bool {
	if !c.Records[i].Loose {
		return false
	}
	for _, r := range c.Records[i+1:] {
		if r.Sender == c.Records[i].Sender {
			return false
		}
	}
	return true
}
