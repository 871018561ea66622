package device_test

import (
	"context"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// leave does what a hook asks for on a connection on which CONNECT has been sent. It returns what ends the connection.
func (m *model) leave(order string) string {
	if order == "power-off" && m.has("says-goodbye-without-power") {
		m.send(wire.Disconnect{}) // from what its capacitors hold
	}
	if order != "stop" {
		return order
	}
	switch {
	case m.has("stops-without-disconnect"):
	case m.has("stops-with-its-will"):
		m.send(wire.Disconnect{ReasonCode: wire.DisconnectWithWillMessage})
	default:
		m.send(wire.Disconnect{})
	}
	return order
}

// obey waits for power after a power cut, which loses all that was in memory.
func (m *model) obey(ctx context.Context, order string) {
	if order != "power-off" {
		return
	}
	m.kept, m.outgoing, m.receiving, m.subscribed, m.failures, m.nextID = false, nil, nil, false, 0, 0
	for {
		select {
		case order := <-m.orders:
			if order == "power-on" {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
