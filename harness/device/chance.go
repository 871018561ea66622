package device

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// chanceOf returns what chooses for a device. Devices do not share one: which of them comes first must not matter.
func chanceOf(seed int64, client string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(client))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// idle lets a time pass that chance chooses.
func (x *examination) idle(i Idle) {
	d := i.Min + time.Duration(x.chance.Int64N(int64(i.Max-i.Min)+1)).Round(time.Millisecond)
	x.c.tell("now: wait " + d.String())
	x.c.reached()
	defer x.waits("", d)()
	_ = pause(x.ctx, d) // whoever runs the script sees that its time is over
}

// Lasting is how long all that the plan repeats for a time takes together.
func (p Plan) Lasting() (total time.Duration) {
	for _, s := range p.Steps {
		total += lasting(s.Script)
	}
	return total
}

// lasting adds up what a script repeats for a time. What is inside of another such repetition is part of that. Codes and
// malformed packets are counted as in 5.0, which has more of both.
func lasting(script []Instruction) (total time.Duration) {
	for _, in := range script {
		if in.Repeat != nil {
			times := time.Duration(len(in.Repeat.iterations(wire.V5)))
			total += cmp.Or(in.Repeat.For, times*lasting(in.Repeat.Script))
		}
	}
	return total
}

// lasting repeats a script until its time has passed.
func (x *examination) lasting(r Repeat) (first *outcome) {
	d := r.For
	if whole := x.b.config.Plan.Lasting(); x.b.config.Duration > 0 {
		d = time.Duration(float64(d) * float64(x.b.config.Duration) / float64(whole))
	}
	x.c.tell(fmt.Sprintf("from here on, for %s: again and again", d.Round(time.Second)))
	defer x.goesOn(d)()
	for end := time.Now().Add(d); time.Now().Before(end); {
		o := x.script(r.Script)
		if o != nil && o.verdict != reports.Fail {
			return cmp.Or(first, o)
		}
		first = cmp.Or(first, o)
	}
	return first
}
