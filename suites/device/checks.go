package device

import (
	"fmt"
	"strings"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// Checks are what plans can call, by name.
func Checks() map[string]device.Check {
	return map[string]device.Check{
		"backoff": {
			Text:  "the pauses between connections are not too short, grow, and are not always the same",
			Judge: judgeBackoff,
		},
		"pace": {
			Text:  "no pause between two connections is too short",
			Judge: judgePace,
		},
		"acted-once": {
			Text:  "the device acts once on a message that comes twice",
			Judge: judgeActedOnce,
		},
	}
}

// once is in the payload of the message that a device must act on once.
const once = "mqttspec-once"

// judgeActedOnce counts the messages by which the device shows that it has acted: those that repeat the payload.
func judgeActedOnce(e device.Evidence, _ map[string]float64) device.Judgement {
	n := 0
	for _, event := range e.Events {
		if p, ok := event.Packet.(wire.Publish); ok && !p.Dup && strings.Contains(string(p.Payload), once) {
			n++
		}
	}
	value := fmt.Sprintf("%d times", n)
	if n == 0 {
		value = "cannot be seen: the device publishes nothing that repeats the payload"
	}
	return device.Judgement{
		Met: n < 2, Vacuous: n == 0, Observed: value,
		Behaviours: []reports.Observation{{Key: "acts on a message of QoS 2 that came twice", Value: value}},
	}
}
