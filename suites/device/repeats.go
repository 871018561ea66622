package device

import (
	"fmt"
	"strings"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// What a device makes of a message shows only if it publishes something that repeats a part of it. These are the parts
// that plans put into messages.
const (
	former = "mqttspec-former" // in the payload of the first message under a Packet Identifier
	latter = "mqttspec-latter" // in that of the second
	mark   = "mqttspec-mark"   // behind U+FEFF, in a Topic Name and in a Response Topic
)

// repeats counts the messages of the device whose payload repeats a text. What is sent again counts once.
func repeats(e device.Evidence, text string) (n int) {
	for _, event := range e.Events {
		if p, ok := event.Packet.(wire.Publish); ok && !p.Dup && strings.Contains(string(p.Payload), text) {
			n++
		}
	}
	return n
}

// judgeActedAnew judges a device that has shown that it acts on messages: it must act on the second as well.
func judgeActedAnew(e device.Evidence, _ map[string]float64) device.Judgement {
	before, after := repeats(e, former), repeats(e, latter)
	if before == 0 {
		return device.Judgement{Vacuous: true}
	}
	return device.Judgement{Met: after > 0, Observed: fmt.Sprintf("it acts %d times on the first message and %d times on the second", before, after)}
}

// judgeMarkKept looks for the mark in all that the device publishes.
func judgeMarkKept(e device.Evidence, _ map[string]float64) device.Judgement {
	const whole = "\uFEFF" + mark
	j := device.Judgement{Met: true, Vacuous: true, Observed: "it is kept"}
	for _, event := range e.Events {
		p, ok := event.Packet.(wire.Publish)
		if !ok {
			continue
		}
		for _, s := range []string{event.Topic, string(p.Payload)} {
			if !strings.Contains(s, mark) {
				continue
			}
			j.Vacuous = false
			if strings.Count(s, mark) != strings.Count(s, whole) {
				j.Met, j.Observed = false, fmt.Sprintf("the device publishes %q, without it", s)
			}
		}
	}
	return j
}
