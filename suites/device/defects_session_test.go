package device_test

import (
	"github.com/mqttspec/mqttspec/harness/wire"
)

const oldClean = "clean-3.1.1"

// sessionDefects are in what a device keeps, and for how long.
var sessionDefects = []defect{
	{name: "gives-up-after-half-a-minute", breaks: v5("MQTT-4.1.0-1"), at: []string{"DV-61"}},
	{name: "gives-up-after-half-a-minute-3.1.1", breaks: v3("MQTT-4.1.0-1", "MQTT-4.1.0-2"), at: []string{"DV-61"}, who: old},
	{name: "exchanges-received-forgotten", breaks: v5("MQTT-4.1.0-1"), at: []string{"DV-70"}},
	{name: "session-lost-while-away", breaks: v5("MQTT-3.1.2-23"), at: []string{"DV-62"}},
	{name: "session-lost-while-away-3.1.1", breaks: v3("MQTT-3.1.2-4"), at: []string{"DV-62"}, who: old},
	{name: "session-kept-although-begun-anew", breaks: v5("MQTT-3.1.2-4"), at: []string{"DV-63"}, who: clean},
	{name: "session-kept-although-begun-anew-3.1.1", breaks: v3("MQTT-3.1.2-6"), at: []string{"DV-63"}, who: oldClean},
	{name: "session-kept-and-resumed-late", breaks: v5("MQTT-3.2.2-5"), at: []string{"DV-05"}},
	{name: "resumes-under-another-identifier", breaks: v5("MQTT-3.1.3-2"), spoil: connects(func(c *wire.Connect) { c.ClientID = "" })},
	{name: "resumes-under-another-identifier-3.1.1", breaks: v3("MQTT-3.1.3-2"), who: oldClean, spoil: connects(func(c *wire.Connect) { c.ClientID = "" })},
	{name: "old-identifiers-taken-for-duplicates", breaks: v5("MQTT-4.3.2-5"), at: []string{"DV-65"}},
	{name: "old-identifiers-taken-for-duplicates-3.1.1", breaks: v3("MQTT-4.3.2-2"), at: []string{"DV-65"}, who: old},
	{name: "old-identifiers-not-acknowledged", breaks: v5("MQTT-4.3.2-5"), at: []string{"DV-65"}},
	{name: "completed-identifiers-kept", breaks: v5("MQTT-4.3.3-12"), at: []string{"DV-66"}},
	{name: "completed-identifiers-kept-3.1.1", breaks: v3("MQTT-4.3.3-2"), at: []string{"DV-66"}, who: old},
	{name: "refused-identifiers-kept", breaks: v5("MQTT-4.3.3-9"), at: []string{"DV-73"}},
	{name: "expired-exchanges-dropped", breaks: v5("MQTT-4.3.3-13"), at: []string{"DV-71"}},
	{name: "expires-what-was-sent", breaks: v5("MQTT-4.3.3-7"), at: []string{"DV-72"}},
	{name: "byte-order-mark-stripped", breaks: v5("MQTT-1.5.4-3"), at: []string{"DV-67"}},
	{name: "byte-order-mark-stripped-3.1.1", breaks: v3("MQTT-1.5.3-3"), at: []string{"DV-67"}, who: old},

	{name: "packet-id-reused-3.1.1", breaks: v3("MQTT-2.3.1-2", "MQTT-4.3.2-1", "MQTT-4.3.3-1"), who: old},
	{name: "resends-with-other-id-3.1.1", breaks: v3("MQTT-2.3.1-3"), at: []string{"DV-09"}, who: old},
	{name: "resends-in-reverse-3.1.1", breaks: v3("MQTT-4.6.0-1"), at: []string{"DV-36"}, who: old},
	{name: "publishes-again-after-pubrel-3.1.1", breaks: v3("MQTT-4.3.3-1"), at: []string{"DV-10c"}, who: old},
	{name: "pubacks-out-of-order-3.1.1", breaks: v3("MQTT-4.6.0-2"), at: []string{"DV-11"}, who: old},
	{name: "pubrecs-out-of-order-3.1.1", breaks: v3("MQTT-4.6.0-3"), at: []string{"DV-11"}, who: old},

	// time, and coming back
	{name: "pingreq-late", breaks: v5("MQTT-3.1.2-20"), at: []string{"DV-15"}},
	{name: "pingreq-late-3.1.1", breaks: v3("MQTT-3.1.2-23"), at: []string{"DV-15"}, who: old},
	{name: "gives-up-after-close", breaks: []string{"DV-34"}, at: []string{"DV-34"}},
	{name: "gives-up-after-reset", breaks: []string{"DV-35"}, at: []string{"DV-35"}},
	{name: "full-quota-stops-acknowledgements", breaks: v5("MQTT-4.9.0-3"), at: []string{"DV-16e"}},
	{name: "waits-for-connack-for-ever", breaks: v5("U5-066"), at: []string{"DV-82"}},
	{name: "waits-for-connack-for-ever-3.1.1", breaks: v3("U3-015"), at: []string{"DV-82"}, who: old},
	{name: "quota-not-refilled", breaks: v5("U5-070"), at: []string{"DV-16k"}},
	{name: "refused-pubrec-uses-up-quota", breaks: v5("U5-070"), at: []string{"DV-16k"}},
	{name: "stalls-when-receive-maximum-shrinks", breaks: v5("U5-070"), at: []string{"DV-16k"}},
	{name: "missing-pingresp-overlooked-3.1.1", breaks: v3("U3-006"), at: []string{"DV-14"}, who: old},
	{name: "reconnects-at-once-3.1.1", breaks: []string{"DV-04"}, at: []string{"DV-04"}, who: old},
}
