package device_test

import (
	"slices"
	"testing"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/suites/device"
)

// TestEveryReasonCodeIsTried holds the plans against the standard's lists: together they send a device every Reason Code
// with which a server may refuse it or disconnect it.
func TestEveryReasonCodeIsTried(t *testing.T) {
	plans, err := device.Plans()
	if err != nil {
		t.Fatal(err)
	}
	type use struct {
		packet wire.Type
		v      wire.Version
		code   wire.ReasonCode
	}
	tried := map[use]bool{}
	var walk func(wire.Version, []engine.Instruction, []wire.ReasonCode)
	walk = func(v wire.Version, script []engine.Instruction, codes []wire.ReasonCode) {
		note := func(packet wire.Type, each bool, code wire.ReasonCode) {
			list := []wire.ReasonCode{code}
			if each {
				list = codes
			}
			for _, c := range list {
				if !c.Allowed(packet, v) {
					t.Errorf("%s is no Reason Code of %s in %s", c, packet, v)
				}
				tried[use{packet, v, c}] = true
			}
		}
		for _, in := range script {
			switch {
			case in.Repeat != nil:
				walk(v, in.Repeat.Script, in.Repeat.Codes)
			case in.Refuse != nil && in.Refuse.Packet == "CONNACK":
				note(wire.CONNACK, in.Refuse.Each, in.Refuse.Code)
			case in.Disconnect != nil && v == wire.V5:
				note(wire.DISCONNECT, in.Disconnect.Each, in.Disconnect.Code)
			}
		}
	}
	for _, p := range plans {
		for _, s := range p.Steps {
			for _, v := range []wire.Version{wire.V5, wire.V311} {
				if s.In(v) {
					walk(v, s.Script, nil)
				}
			}
		}
	}
	// the first two are for clients; the third stands in one of the standard's lists only
	not := []wire.ReasonCode{wire.Success, wire.DisconnectWithWillMessage, wire.BadAuthenticationMethod}
	for code := range 256 {
		c := wire.ReasonCode(code)
		for _, want := range []use{{wire.CONNACK, wire.V5, c}, {wire.CONNACK, wire.V311, c}, {wire.DISCONNECT, wire.V5, c}} {
			left := c == wire.Success || want.packet == wire.DISCONNECT && slices.Contains(not, c)
			if c.Allowed(want.packet, want.v) && !left && !tried[want] {
				t.Errorf("no plan sends %s with %s in %s", want.packet, c, want.v)
			}
		}
	}
}
