package device

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Outages lets connections fail in ways, after times and for times that chance chooses from a seed, so that the same
// seed makes the same schedule. After each one the device has to come back; Verdict says what follows if it does not.
type Outages struct {
	Seed  uint64 `yaml:"seed"`
	Count int    `yaml:"count"`
	// Shortest and Longest bound how long an outage lasts, and UpShortest and UpLongest how long the device is left in
	// peace before it.
	Shortest   time.Duration `yaml:"shortest"`
	Longest    time.Duration `yaml:"longest"`
	UpShortest time.Duration `yaml:"up-shortest"`
	UpLongest  time.Duration `yaml:"up-longest"`
	Within     time.Duration `yaml:"within"` // how long the device may take to come back; 0 means the plan's patience
	Verdict    `yaml:",inline"`
}

// outageKinds are the ways in which connections fail. Those that last keep the device from being accepted until they
// end.
var outageKinds = []struct {
	name  string
	lasts bool
}{
	{"the connection is closed", false},
	{"the connection is reset", false},
	{"nothing reaches the device, then the connection is reset", true},
	{"the connection is closed, and no CONNECT is answered", true},
	{"the connection is closed, and every CONNECT is refused", true},
	{"the server says DISCONNECT", false},
}

// outage is one of a schedule.
type outage struct {
	kind     int
	up, down time.Duration
}

// schedule makes the outages.
func (o Outages) schedule() (all []outage) {
	r := rand.New(rand.NewPCG(o.Seed, 0))
	between := func(a, b time.Duration) time.Duration {
		return (a + time.Duration(r.Int64N(int64(max(b-a, 0))+1))).Round(time.Millisecond)
	}
	for range o.Count {
		next := outage{kind: r.IntN(len(outageKinds)), up: between(o.UpShortest, o.UpLongest)}
		next.down = between(o.Shortest, o.Longest) // drawn for all, so that a kind does not change what follows
		if !outageKinds[next.kind].lasts {
			next.down = 0
		}
		all = append(all, next)
	}
	return all
}

// longest returns how long the outages take at most.
func (o Outages) longest(patience time.Duration) time.Duration {
	if o.Within > 0 {
		patience = o.Within
	}
	sum := patience
	for _, next := range o.schedule() {
		sum += next.up + next.down + patience
	}
	return sum
}

// outages carries out a schedule.
func (x *examination) outages(o Outages) *outcome {
	if out := x.online(Online{Within: o.Within}); out != nil {
		return out
	}
	within := x.patience(o.Within)
	for i, next := range o.schedule() {
		if pause(x.ctx, next.up) != nil {
			return x.interrupted()
		}
		kind := outageKinds[next.kind]
		x.c.log.Note(fmt.Sprintf("outage %d of %d: %s", i+1, o.Count, kind.name))
		if err := x.fail(next); err != nil {
			return x.interrupted()
		}
		came := x.b.returned(x.ctx, x.c, within)
		if !came && x.ctx.Err() != nil {
			return x.interrupted()
		}
		text := fmt.Sprintf("the device comes back after each of %d outages", o.Count)
		if came && i+1 < o.Count {
			continue
		}
		seen := fmt.Sprintf("%d outages, seed %d", i+1, o.Seed)
		if !came {
			seen = fmt.Sprintf("it was not back within %s after outage %d (%s, for %s; seed %d)", within, i+1, kind.name, next.down, o.Seed)
		}
		if !came {
			return x.missing(o.in(x.v), text, seen)
		}
		x.judge(o.in(x.v), text, true, seen)
	}
	return nil
}

// fail carries out one outage; at its end the device may come back.
func (x *examination) fail(next outage) error {
	c := x.c
	act := func(in Instruction) { _ = c.act(x.ctx, in) } // a device that is gone already needs nothing done
	done := func() error { return nil }
	var armed *rule
	switch next.kind {
	case 0:
		act(Instruction{Close: &Empty{}})
	case 1:
		act(Instruction{Reset: &Empty{}})
	case 2:
		act(Instruction{Stall: &Empty{}})
		done = func() error {
			act(Instruction{Reset: &Empty{}})
			act(Instruction{Heal: &Empty{}})
			return nil
		}
	case 3:
		armed = ruleOf(Instruction{Withhold: &Filter{Packet: "CONNACK"}})
	case 4:
		code := wire.ServerUnavailable
		if x.v == wire.V311 {
			code = wire.RefusedServerUnavailable
		}
		armed = ruleOf(Instruction{Refuse: &Refuse{Filter: Filter{Packet: "CONNACK"}, Code: code}})
	case 5:
		act(Instruction{Disconnect: &Disconnect{Code: wire.ServerShuttingDown}})
	}
	if armed != nil {
		c.arm(armed)
		act(Instruction{Close: &Empty{}})
		done = func() error {
			c.disarm(armed)
			act(Instruction{Close: &Empty{}}) // one whose CONNECT stays unanswered
			return nil
		}
	}
	if err := pause(x.ctx, next.down); err != nil {
		return err
	}
	return done()
}
