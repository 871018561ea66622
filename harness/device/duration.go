package device

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// assumedKeepAlive stands for the Keep Alive of a device that has not come yet, where a step waits for multiples of it.
const assumedKeepAlive = time.Minute

// AtMost returns how long the plan takes a device of version v at most: when every wait lasts as long as it may. What
// waits for multiples of a Keep Alive is counted with one of a minute.
func (p Plan) AtMost(v wire.Version) (sum time.Duration) {
	for _, s := range p.Steps {
		if s.In(v) {
			sum += p.longest(s, v)
		}
	}
	return sum
}

// longest returns how long a step takes at most.
func (p Plan) longest(s Step, v wire.Version) time.Duration {
	d := p.script(s.Script, v)
	if s.Limit > 0 {
		return min(d, s.Limit)
	}
	return d
}

func (p Plan) script(script []Instruction, v wire.Version) (sum time.Duration) {
	patience := p.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	within := func(given, otherwise time.Duration) time.Duration {
		if given > 0 {
			return given
		}
		return otherwise
	}
	for _, in := range script {
		switch {
		case in.Online != nil:
			sum += within(in.Online.Within, patience)
		case in.Await != nil:
			sum += within(in.Await.Within, patience)
		case in.Expect != nil && in.Expect.Of == "":
			sum += within(in.Expect.Within, defaultWithin) + time.Duration(in.Expect.KeepAlives*float64(assumedKeepAlive))
		case in.Wait != nil:
			sum += *in.Wait
		case in.Hook != nil:
			sum += hookTimeout
		case in.Outages != nil:
			sum += in.Outages.longest(patience)
		case in.Repeat != nil:
			sum += time.Duration(len(in.Repeat.iterations(v))) * p.script(in.Repeat.Script, v)
		}
	}
	return sum
}
