package device

import "time"

const (
	// greetQuiet is how long nothing must happen until a device that has just come has said what it says at first.
	greetQuiet = time.Second
	// greetAtMost bounds that for a device that always has something to say.
	greetAtMost = 5 * time.Second
)

// greet lets a device connect before the plan ends its connection for the first time. A plan that begins with that, or
// that is begun in its middle, would otherwise do it before the CONNECT is answered: the broker has a session then of which
// the device knows nothing, and what the device does with that says nothing about the step.
func (x *examination) greet(in Instruction) {
	if in.Close == nil && in.Reset == nil && in.Disconnect == nil && in.Forget == nil {
		return
	}
	select {
	case <-x.c.ready:
		return // the plan has waited for it before
	default:
	}
	changed := x.c.changes()
	x.c.reached()
	defer x.waits("the device to settle", greetAtMost)()
	over := time.NewTimer(greetAtMost)
	defer over.Stop()
	quiet := time.NewTimer(greetQuiet)
	defer quiet.Stop()
	for {
		select {
		case <-changed:
			changed = x.c.changes()
			quiet.Reset(greetQuiet)
		case <-quiet.C:
			return
		case <-over.C:
			return
		case <-x.ctx.Done():
			return
		}
	}
}
