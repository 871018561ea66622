package monitor

import (
	"slices"
	"testing"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// TestClientGoesOnWithItsSession has a client that the server tells of a new session although it asked for its own. In
// 3.1.1 it may go on with what it had under way, or begin anew; in 5.0 it must forget it, and a clean session is one in both.
func TestClientGoesOnWithItsSession(t *testing.T) {
	goesOn := func(s *script) {
		s.send(publish(1, 4, dup), publish(2, 5, dup), wire.Pubrel{PacketID: 6}, wire.Pubrel{PacketID: 7})
	}
	beginsAnew := func(s *script) { s.send(publish(1, 4, payload("y")), publish(2, 5, payload("y")), publish(1, 6)) }
	both := []string{"MQTT-4.3.2-2", "MQTT-4.3.3-2", "MQTT-4.3.3-4", "MQTT-2.2.1-5"}
	for _, c := range []struct {
		name    string
		version wire.Version
		clean   bool
		then    func(*script)
		broken  []string
	}{
		{"3.1.1 goes on", wire.V311, false, goesOn, nil},
		{"3.1.1 begins anew", wire.V311, false, beginsAnew, nil},
		{"3.1.1 with Clean Session", wire.V311, true, goesOn, []string{"MQTT-4.3.2-1", "MQTT-4.3.3-1", "MQTT-2.3.1-6", "MQTT-3.1.2-6"}},
		{"3.1.1 invents a PUBREL", wire.V311, false, func(s *script) { s.send(wire.Pubrel{PacketID: 9}) }, []string{"MQTT-4.3.3-1", "MQTT-2.3.1-6"}},
		{"5.0 goes on", wire.V5, false, goesOn, append(both, "MQTT-3.2.2-5")},
		{"5.0 begins anew", wire.V5, false, beginsAnew, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(c.version, wire.FromClient)
			s.open().begin(false, false)
			s.send(publish(1, 4), publish(2, 5), publish(2, 6), publish(2, 7)).reply(wire.Pubrec{PacketID: 6}, wire.Pubrec{PacketID: 7}).send(wire.Pubrel{PacketID: 6})
			s.on("c#2").begin(c.clean, false)
			s.reply(publish(0, 0)) // nothing is owed, and the client has read what came before it
			c.then(s)
			var broken []string
			for _, r := range Run(s.events, wire.FromClient) {
				if len(r.Violations) > 0 {
					broken = append(broken, string(r.ID)[len(req.Version(c.version).String())+1:])
				}
			}
			slices.Sort(broken)
			slices.Sort(c.broken)
			if !slices.Equal(broken, c.broken) {
				t.Errorf("broken: %v, expected %v", broken, c.broken)
			}
		})
	}
}
