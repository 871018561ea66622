package monitor

import (
	"maps"
	"slices"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// forgettingMonitors judge what a client does with a session that is over.
func forgettingMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("MQTT-3.2.2-5", ""), Text: "A client that is told Session Present 0 forgets its session.", Judge: forgets},
		{IDs: ids("MQTT-3.1.2-4", "MQTT-3.1.2-6"), Text: "A client that begins a session anew does not go on with the one before.", Judge: beginsAnew},
		{IDs: ids("MQTT-3.1.3-2", "MQTT-3.1.3-2"), Text: "A client goes on with a session under the Client Identifier that it has.", Judge: ownSession},
	} {
		m.Sender, m.Level = wire.FromClient, must
		all = append(all, m)
	}
	return all
}

// message tells one unacknowledged PUBLISH from another.
type message struct {
	id      uint16
	payload string
}

// left are the messages of QoS 1 and 2 that a connection has left without an acknowledgement, with its name.
type left map[message]string

// leaves calls judge with each PUBLISH of QoS 1 or 2 from the client, and returns what the connection leaves behind.
func (c *Conn) leaves(judge func(r *Record, p wire.Publish, m message)) left {
	now := left{}
	records := c.sound()
	for i := range records {
		r := &records[i]
		switch p := r.Packet.(type) {
		case wire.Publish:
			if r.Sender != wire.FromClient || p.QoS == 0 {
				continue
			}
			m := message{p.PacketID, string(p.Payload)}
			judge(r, p, m)
			now[m] = c.Name
		case wire.Puback, wire.Pubrec:
			id, _ := wire.PacketIDOf(p)
			for m := range now {
				if m.id == id && r.Sender == wire.FromServer {
					delete(now, m)
				}
			}
		}
	}
	return now
}

// past is what a connection follows in the history of its Client Identifier.
type past struct {
	left    left
	cleaned bool // the connection before had Clean Start 1
}

// repeats makes a judge of connections after which nothing of an earlier session may be sent again. It reports a PUBLISH
// with DUP 1 that repeats what the connection before has left unacknowledged; one that is sent as a new message, with
// DUP 0, is one.
func repeats(judged func(c *Conn, before past) bool, knows func(h *History, c *Conn, r *Record) bool, expected string) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		bound := h.boundSet(j)
		for _, conns := range h.clients {
			var before past
			for _, c := range conns {
				if !c.accepted() {
					continue
				}
				is := bound[c] && c.fresh() && len(before.left) > 0 && judged(c, before)
				now := c.leaves(func(r *Record, p wire.Publish, m message) {
					conn, again := before.left[m]
					switch {
					case !is || !knows(h, c, r):
					case p.Dup && again:
						j.broken(c, r.Seq, "expected %s, observed the PUBLISH that connection %s left unacknowledged again under Packet Identifier %d", expected, conn, m.id)
					default:
						j.kept(c)
					}
				})
				before = past{now, c.Connect.CleanStart}
			}
		}
	}
}

// forgets judges connections that ended a session by Session Present 0 although the client asked to resume it, from when
// the client knew.
var forgets = repeats(
	func(c *Conn, _ past) bool { return !c.Connect.CleanStart },
	func(h *History, c *Conn, r *Record) bool { return c.informed(h.Judged, r) },
	"the session to be forgotten")

// beginsAnew judges connections with Clean Start 1, and in 3.1.1 those that follow one: a session that Clean Session 1
// began ends with its connection.
var beginsAnew = repeats(
	func(c *Conn, before past) bool {
		return c.Connect.CleanStart || before.cleaned && c.Version == wire.V311
	},
	func(*History, *Conn, *Record) bool { return true },
	"a session that begins anew")

// ownSession judges each PUBLISH with DUP 1 that repeats what a connection of the trace has left unacknowledged: it must
// have been one under the same Client Identifier.
func ownSession(h *History, j *Judgement) {
	bound := h.boundSet(j)
	sessions := map[string]left{} // by Client Identifier
	for _, c := range h.Conns {
		if !c.accepted() {
			continue
		}
		id := c.clientID()
		own := sessions[id]
		sessions[id] = c.leaves(func(r *Record, p wire.Publish, m message) {
			if !p.Dup || !bound[c] {
				return
			}
			if _, is := own[m]; is {
				j.kept(c)
				return
			}
			for _, other := range slices.Sorted(maps.Keys(sessions)) {
				if conn, is := sessions[other][m]; is && other != id {
					j.broken(c, r.Seq, "expected only messages of the session of Client Identifier %q again, observed the PUBLISH that connection %s left unacknowledged under another one", c.Connect.ClientID, conn)
					return
				}
			}
		})
	}
}
