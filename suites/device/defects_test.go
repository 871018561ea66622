package device_test

import "github.com/mqttspec/mqttspec/harness/wire"

// spoil returns the bytes that go out for a packet.
func (m *model) spoil(p wire.Packet) [][]byte { return [][]byte{wire.Bytes(p, m.version)} }
