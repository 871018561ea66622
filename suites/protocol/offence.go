package protocol

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// offence is something that a client must not send.
type offence struct {
	id        string // the statement that is broken if it passes; a [Twin] in specs of both versions
	name      string // for the report
	packet    wire.Packet
	refusable bool // a negative acknowledgement is an answer too, and the connection may go on
}

// batch is how many offences are tried at the same time, each on a connection of its own.
const batch = 64

// each calls f for 0 to n-1, as many at a time as the target bears.
func each(ctx context.Context, n int, f func(i int)) {
	batch := Bears(ctx, batch)
	for start := 0; start < n; start += batch {
		var fs []func()
		for i := start; i < min(start+batch, n); i++ {
			fs = append(fs, func() { f(i) })
		}
		Together(ctx, fs...)
	}
}

// reaction is what a target does about an offence.
type reaction struct {
	passed   bool // nothing, or it even accepts it
	answered bool // an offending CONNECT got a CONNACK
	told     bool // a DISCONNECT came
	dialect  bool // one came in 3.1.1, which does not have it in this direction
}

// binding lists the statements of 5.0 that say themselves what a server does about a packet that breaks them. How closely
// a server looks at other packets than CONNECT is otherwise its own choice: section 4.13.1 has it close for an error that
// it detects, and says that it may miss one. 3.1.1 leaves no such choice.
var binding = []string{
	"MQTT-3.6.1-1", "MQTT-3.8.1-1", "MQTT-3.10.1-1", "MQTT-3.14.1-1", // flags of the fixed header
	"MQTT-3.8.3-5",                                            // reserved bits of Subscription Options
	"MQTT-3.3.1-4",                                            // QoS 3: DISCONNECT with 0x81
	"MQTT-3.3.2-8", "MQTT-3.3.2-9", "MQTT-3.2.2-17", "U5-021", // Topic Aliases: DISCONNECT with 0x94 or 0x82
	"U5-016", "U5-017", "U5-060", // what CONNACK denied: DISCONNECT with 0x9B, 0x9A or 0x95
	"U5-061", "U5-062", "U5-063", // and in SUBSCRIBE: with 0xA2, 0xA1 or 0x9E
}

// demanded reports whether a server has to find the offence out.
func (o offence) demanded(ctx context.Context) bool {
	return Version(ctx) == wire.V311 || o.packet.Type() == wire.CONNECT || // which v5:MQTT-3.1.4-1 has it validate
		slices.ContainsFunc(strings.Fields(ofVersion(ctx, o.id)), func(id string) bool { return slices.Contains(binding, id) })
}

// punished demands that the target closes the Network Connection because of each offence, or recommends it where a server
// may overlook the offence. Before that it shows that the legal packets pass, so that it is the offence that is punished.
func punished(ctx context.Context, legal []wire.Packet, offences []offence) {
	pass(ctx, legal)
	judge(ctx, offences, react(ctx, offences))
}

// pass shows that legal packets do not end a connection.
func pass(ctx context.Context, legal []wire.Packet) {
	c := Connect(ctx, Clean(ctx, "legal"))
	for i, p := range legal {
		if connect, is := p.(wire.Connect); is {
			connect.ClientID += fmt.Sprint("legal", i)
			Connect(ctx, connect).Ping(ctx)
			continue
		}
		c.Send(ctx, p)
	}
	c.Ping(ctx)
}

// react commits the offences and returns the reactions.
func react(ctx context.Context, offences []offence) []reaction {
	reactions := make([]reaction, len(offences))
	each(ctx, len(offences), func(i int) { reactions[i] = offences[i].commit(ctx, i) })
	return reactions
}

// commit sends the offending packet and sees what happens.
func (o offence) commit(ctx context.Context, number int) (r reaction) {
	var c *Client
	if o.packet.Type() == wire.CONNECT {
		c = Open(ctx, fmt.Sprint("me", number))
	} else {
		c = Connect(ctx, as(ctx, "me", number))
	}
	defer c.Drop(ctx)
	c.Send(ctx, o.packet)
	_, end := TryWhere(ctx, c, Timings(ctx).Reply, func(p wire.Packet) bool { return o.refusable && refuses(p) })
	connack, came := Try[wire.Connack](ctx, c, 0)
	r.answered = came == Arrived
	// that a refused client is disconnected is another statement
	r.passed = end == Silent && !r.answered || r.answered && connack.ReasonCode == wire.Success
	_, came = TryWhere(ctx, c, 0, func(p wire.Packet) bool { return p.Type() == wire.DISCONNECT })
	r.told = came == Arrived
	r.dialect = r.told && Version(ctx) == wire.V311
	return r
}

// refuses reports whether a packet is a negative acknowledgement.
func refuses(p wire.Packet) bool {
	var codes []wire.ReasonCode
	switch p := p.(type) {
	case wire.Puback:
		codes = []wire.ReasonCode{p.ReasonCode}
	case wire.Pubrec:
		codes = []wire.ReasonCode{p.ReasonCode}
	case wire.Suback:
		codes = p.ReasonCodes
	case wire.Unsuback:
		codes = p.ReasonCodes
	}
	return len(codes) > 0 && !slices.ContainsFunc(codes, func(c wire.ReasonCode) bool { return !c.Failed() })
}

// judge demands or recommends under the statement of each offence that it did not pass.
func judge(ctx context.Context, offences []offence, reactions []reaction) {
	judgeAs(ctx, offences, reactions, func(o offence) bool { return o.demanded(ctx) })
}

// judgeAs is judge with a choice of its own of what is demanded. All that passed under a statement are named together.
func judgeAs(ctx context.Context, offences []offence, reactions []reaction, demanded func(offence) bool) {
	type rule struct {
		id     string
		demand bool
	}
	var rules []rule
	passed := map[rule][]string{}
	for i, o := range offences {
		for _, id := range strings.Fields(ofVersion(ctx, o.id)) {
			r := rule{id, demanded(o)}
			if !slices.Contains(rules, r) {
				rules = append(rules, r)
			}
			if reactions[i].passed {
				passed[r] = append(passed[r], o.name)
			}
		}
	}
	const closed = "the Network Connection is closed because of what breaks the rules"
	var checks []func() // each is made, also where one before fails
	for _, r := range rules {
		checks = append(checks, func() {
			if r.demand {
				Must(ctx, r.id, closed, passed[r], beClosed{})
			} else {
				Should(ctx, r.id, closed, passed[r], beClosed{})
			}
		})
	}
	Together(ctx, checks...)
}

// beClosed matches a list of what passed if it is empty, and names all of it otherwise, which Gomega would cut.
type beClosed struct{}

// Match reports whether nothing passed.
func (beClosed) Match(actual any) (bool, error) { return len(actual.([]string)) == 0, nil }

// FailureMessage names what passed.
func (beClosed) FailureMessage(actual any) string {
	passed := actual.([]string)
	return fmt.Sprintf("%d passed: %s", len(passed), strings.Join(passed, "; "))
}

// NegatedFailureMessage is there for the interface.
func (beClosed) NegatedFailureMessage(any) string { return "nothing passed" }
