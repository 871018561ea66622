// Package monitor judges recorded traffic against the statements that hold for every packet.
//
// A [Monitor] is a pure function from a [History], which is made once of a trace, to a [Judgement]. It says how often
// its statement was exercised, that is how often something happened on which it could have failed, and where it was
// broken. The same monitors judge a server (mqttspec run) and a client (mqttspec device); [Run] is told which.
//
// A monitor reports only what the recorded events prove. What was sent by our own side is recorded before it is
// written, what comes from the other side after it was read, so in a trace an acknowledgement of ours stands never
// later than the moment at which the other side knows it. The monitors err on that side: an identifier counts as free,
// a quota as refilled, from the moment that our acknowledgement is recorded. Where the other side had reasons to act
// that a trace cannot show (a cut connection, a malformed packet of ours, a session from before the trace), monitors
// that follow state stay silent.
package monitor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Monitor judges one statement, or one of 5.0 together with its twin of 3.1.1.
type Monitor struct {
	IDs    []req.ID    // the statements, at most one for each version of MQTT
	Sender wire.Sender // whose packets it judges
	Level  string      // "MUST" or "SHOULD"
	Text   string      // what it demands of each packet, in one sentence
	Judge  func(*History, *Judgement)
}

// The levels of a monitor.
const (
	must   = "MUST"
	should = "SHOULD"
)

// Result is what was found about one statement.
type Result struct {
	ID         req.ID
	Exercised  int         // how often it could have failed, the failures included
	Violations []Violation // at most one for each Network Connection and monitor, in the order of the trace
}

// Violation is a breach on one Network Connection.
type Violation struct {
	Conn  string // the connection's name in the trace
	Seq   int    // of the first guilty event
	Text  string // what was expected and what was seen there
	Times int    // how often the same monitor was broken on this connection
}

// All returns every monitor. Several may judge different duties of one statement, as the long ones of 3.1.1 demand.
func All() []Monitor {
	return slices.Concat(formatMonitors(), stringMonitors(), propertyMonitors(), reasonMonitors(), openingMonitors(),
		closingMonitors(), limitMonitors(), identifierMonitors(), duplicateMonitors(), ackMonitors(),
		subscriptionMonitors(), authMonitors(), connectMonitors(), payloadMonitors(), requestMonitors(),
		orderMonitors(), forgettingMonitors())
}

// Run judges the packets of one side. FromServer is for a server under test and reads what passed next to it (the legs
// Direct and TargetLeg); FromClient is for a client under test (Direct and ClientLeg). The result holds each statement
// that a monitor of that side knows exactly once, also if it was not exercised.
func Run(events []trace.Event, judged wire.Sender) []Result {
	h := newHistory(events, judged)
	var results []Result
	at := map[req.ID]int{}
	for _, m := range All() {
		if m.Sender != judged {
			continue
		}
		for _, r := range m.run(h) {
			if _, ok := at[r.ID]; !ok {
				at[r.ID] = len(results)
				results = append(results, Result{ID: r.ID})
			}
			sum := &results[at[r.ID]]
			sum.Exercised += r.Exercised
			sum.Violations = append(sum.Violations, r.Violations...)
		}
	}
	for i := range results {
		slices.SortStableFunc(results[i].Violations, func(a, b Violation) int { return a.Seq - b.Seq })
	}
	return results
}

// Broken returns the monitors of a side that find something broken in its packets; see [Run]. Who proves that every
// monitor can find something asks for them: a statement that has several is not enough.
func Broken(events []trace.Event, judged wire.Sender) (broken []Monitor) {
	h := newHistory(events, judged)
	for _, m := range All() {
		if m.Sender == judged && slices.ContainsFunc(m.run(h), func(r Result) bool { return len(r.Violations) > 0 }) {
			broken = append(broken, m)
		}
	}
	return broken
}

// run returns what the monitor alone finds, one result for each of its statements.
func (m Monitor) run(h *History) []Result {
	j := &Judgement{}
	for _, id := range m.IDs {
		j.results = append(j.results, Result{ID: id})
	}
	m.Judge(h, j)
	return j.results
}

// Judgement collects what one monitor finds.
type Judgement struct {
	results []Result // one for each statement of the monitor
}

// bound returns the connections that began with a CONNECT of a version for which the monitor has a statement.
func (h *History) bound(j *Judgement) (conns []*Conn) {
	for _, c := range h.Conns {
		if c.Connect != nil && slices.ContainsFunc(j.results, func(r Result) bool { return versionOf(r.ID) == c.Version }) {
			conns = append(conns, c)
		}
	}
	return conns
}

// kept counts an event on which the statement could have been broken and was not. A connection of unknown version
// counts for both: no version lets a client begin without a CONNECT.
func (j *Judgement) kept(c *Conn) {
	for i := range j.results {
		if r := &j.results[i]; c.Version == 0 || versionOf(r.ID) == c.Version {
			r.Exercised++
		}
	}
}

// broken counts an event that breaks the statement and reports the first one on the connection.
func (j *Judgement) broken(c *Conn, seq int, format string, args ...any) {
	for i := range j.results {
		r := &j.results[i]
		if c.Version != 0 && versionOf(r.ID) != c.Version {
			continue
		}
		r.Exercised++
		k := slices.IndexFunc(r.Violations, func(v Violation) bool { return v.Conn == c.Name })
		if k >= 0 {
			r.Violations[k].Times++
			continue
		}
		r.Violations = append(r.Violations, Violation{Conn: c.Name, Seq: seq, Text: fmt.Sprintf(format, args...), Times: 1})
	}
}

// versionOf returns the version of MQTT that a qualified statement id belongs to.
func versionOf(id req.ID) wire.Version {
	if strings.HasPrefix(string(id), "v5:") {
		return wire.V5
	}
	return wire.V311
}

// ids returns the qualified ids of a statement of 5.0 and of its twin in 3.1.1, either of which may be missing.
func ids(v5, v311 string) (all []req.ID) {
	if v5 != "" {
		all = append(all, req.ID("v5:"+v5))
	}
	if v311 != "" {
		all = append(all, req.ID("v311:"+v311))
	}
	return all
}

// both makes two monitors of a statement that binds servers and clients alike.
func both(m Monitor) []Monitor {
	server, client := m, m
	server.Sender, client.Sender = wire.FromServer, wire.FromClient
	return []Monitor{server, client}
}

// each makes a judge of a rule on single packets of the judged side. The rule tells whether the packet could break the
// statement, and if it does, how. It is also asked about packets that could not be decoded: their Packet is nil.
func each(rule func(c *Conn, r *Record) (applies bool, breach string)) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		for _, c := range h.bound(j) {
			for i := range c.Records {
				r := &c.Records[i]
				if r.Sender != h.Judged || r.Loose {
					continue
				}
				switch applies, breach := rule(c, r); {
				case breach != "":
					j.broken(c, r.Seq, "%s", breach)
				case applies:
					j.kept(c)
				}
			}
		}
	}
}

// eachOf is each for decoded packets of one type.
func eachOf[P wire.Packet](rule func(c *Conn, p P, r *Record) (applies bool, breach string)) func(*History, *Judgement) {
	return each(func(c *Conn, r *Record) (bool, string) {
		if p, ok := r.Packet.(P); ok {
			return rule(c, p, r)
		}
		return false, ""
	})
}
