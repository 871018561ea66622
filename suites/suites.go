// Package suites is the list of specs that judge a broker, and the way to run them inside the tests of a broker that is
// written in Go. The order of the list is the table of contents of every report.
package suites

import (
	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/suites/protocol"
	"github.com/mqttspec/mqttspec/suites/scenarios"
)

// All returns every section.
func All() []harness.Group {
	return []harness.Group{
		scenarios.CleanStart,
		scenarios.SessionExpiry,
		scenarios.MessageExpiry,
		scenarios.Retained,
		scenarios.UngracefulDisconnect,
		scenarios.KeepAlive,
		scenarios.Delivery,
		scenarios.Framing,
		protocol.Connecting,
		protocol.Publishing,
		protocol.QoS,
		protocol.Subscribing,
		protocol.Unsubscribing,
		protocol.Topics,
		protocol.Aliases,
		protocol.Shared,
		protocol.Limits,
		protocol.ServerLimits,
		protocol.Access,
		protocol.WebSocket,
		protocol.Ping,
		harness.Hostile(protocol.Malformed),
		harness.Hostile(protocol.MalformedProperties),
	}
}

// Versions are the versions that specs run in, in the order of reports.
var Versions = []wire.Version{wire.V5, wire.V311}
