package device

import "github.com/mqttspec/mqttspec/harness/device"

// Checks are what plans can call, by name.
func Checks() map[string]device.Check {
	return map[string]device.Check{}
}
