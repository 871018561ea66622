package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// connectMonitors judge the fields of a client's CONNECT against each other.
func connectMonitors() (all []Monitor) {
	flags := func(v5, v311, text string, rule func(flags byte, r *Record) (bool, string)) {
		all = append(all, Monitor{IDs: ids(v5, v311), Sender: wire.FromClient, Level: must, Text: text,
			Judge: each(func(_ *Conn, r *Record) (bool, string) {
				f, ok := connectFlags(r)
				if !ok {
					return false, ""
				}
				return rule(f, r)
			})})
	}
	flags("MQTT-3.1.2-3", "MQTT-3.1.2-3", "The reserved bit of the Connect Flags is 0.", func(f byte, _ *Record) (bool, string) {
		return expect(f&wire.FlagReserved == 0, "reserved bit 0", fmt.Sprintf("Connect Flags 0x%02X", f))
	})
	flags("MQTT-3.1.2-9", "MQTT-3.1.2-9", "Will Flag 1 comes with Will Topic and Will Payload.", func(f byte, r *Record) (bool, string) {
		return f&wire.FlagWill != 0, lacks(f&wire.FlagWill != 0, r, "Will")
	})
	willQoS := func(f byte, _ *Record) (bool, string) {
		if f&wire.FlagWill != 0 {
			return false, ""
		}
		return expect(f>>3&3 == 0, "Will QoS 0 without a will", fmt.Sprintf("Connect Flags 0x%02X", f))
	}
	willRetain := func(f byte, _ *Record) (bool, string) {
		if f&wire.FlagWill != 0 {
			return false, ""
		}
		return expect(f&wire.FlagWillRetain == 0, "Will Retain 0 without a will", fmt.Sprintf("Connect Flags 0x%02X", f))
	}
	flags("MQTT-3.1.2-11", "MQTT-3.1.2-13", "Will Flag 0 comes with Will QoS 0.", willQoS)
	flags("MQTT-3.1.2-13", "MQTT-3.1.2-15", "Will Flag 0 comes with Will Retain 0.", willRetain)
	flags("", "MQTT-3.1.2-11", "Will Flag 0 comes with Will QoS 0 and Will Retain 0.", func(f byte, r *Record) (bool, string) {
		if applies, breach := willQoS(f, r); breach != "" {
			return applies, breach
		}
		return willRetain(f, r)
	})
	flags("MQTT-3.1.2-12", "MQTT-3.1.2-14", "Will QoS is not 3.", func(f byte, _ *Record) (bool, string) {
		return expect(f>>3&3 != 3, "Will QoS 0, 1 or 2", "3")
	})
	flags("MQTT-3.1.2-17", "MQTT-3.1.2-19", "User Name Flag 1 comes with a User Name.", func(f byte, r *Record) (bool, string) {
		return f&wire.FlagUsername != 0, lacks(f&wire.FlagUsername != 0, r, "User Name")
	})
	flags("MQTT-3.1.2-19", "MQTT-3.1.2-21", "Password Flag 1 comes with a Password.", func(f byte, r *Record) (bool, string) {
		return f&wire.FlagPassword != 0, lacks(f&wire.FlagPassword != 0, r, "Password")
	})
	flags("", "MQTT-3.1.2-22", "User Name Flag 0 comes with Password Flag 0.", func(f byte, _ *Record) (bool, string) {
		if f&wire.FlagUsername != 0 {
			return false, ""
		}
		return expect(f&wire.FlagPassword == 0, "no password without a user name", "one")
	})
	flags("MQTT-3.1.3-3", "MQTT-3.1.3-3", "The Client Identifier is there.", func(_ byte, r *Record) (bool, string) {
		return true, lacks(true, r, "Client Identifier")
	})
	flags("", "MQTT-3.1.3-7", "An empty Client Identifier comes with Clean Session 1.", func(f byte, r *Record) (bool, string) {
		c, ok := r.Packet.(wire.Connect)
		if !ok || c.ClientID != "" || r.Bad != nil {
			return false, ""
		}
		return expect(f&wire.FlagCleanStart != 0, "Clean Session 1 with an empty Client Identifier", "Clean Session 0")
	})
	return append(all, Monitor{IDs: ids("U5-030", ""), Sender: wire.FromClient, Level: must,
		Text: "DISCONNECT sets no Session Expiry Interval above 0 after 0 in CONNECT.",
		Judge: eachOf(func(c *Conn, p wire.Disconnect, _ *Record) (bool, string) {
			q, ok := c.connect()
			if !ok || q.Properties.Int(wire.PropSessionExpiryInterval, 0) != 0 || !p.Properties.Has(wire.PropSessionExpiryInterval) {
				return false, ""
			}
			n := p.Properties.Int(wire.PropSessionExpiryInterval, 0)
			return expect(n == 0, "Session Expiry Interval 0 in DISCONNECT, as in CONNECT", fmt.Sprint(n))
		})})
}

// connectFlags reads the Connect Flags from the bytes of a CONNECT of a version that we know, whole or not.
func connectFlags(r *Record) (byte, bool) {
	const at = 7 // the Protocol Name with its length, and the Protocol Version
	if r.typeOf() != wire.CONNECT || namedVersion(r) == 0 || len(r.content()) <= at {
		return 0, false
	}
	return r.content()[at], true
}

// lacks says that a CONNECT ends before or within a field that its flags promise. Where two fields are missing, it
// names the first only.
func lacks(promised bool, r *Record, field string) string {
	if promised && missing(r) == field {
		return "observed a CONNECT that ends before or within its " + field
	}
	return ""
}

// missing returns the first field of the payload of a CONNECT that is not there as a whole, "" if all are.
func missing(r *Record) string {
	flags, _ := connectFlags(r)
	v := namedVersion(r)
	b := r.content()[min(10, len(r.content())):]
	whole := func(fields ...field) bool {
		rest, ok := read(b, fields)
		if ok {
			b = rest
		}
		return ok
	}
	will := []field{sized, sized}
	if v == wire.V5 {
		will = []field{properties, sized, sized}
	}
	switch {
	case v == wire.V5 && !whole(properties):
		return "properties"
	case !whole(sized):
		return "Client Identifier"
	case flags&wire.FlagWill != 0 && !whole(will...):
		return "Will"
	case flags&wire.FlagUsername != 0 && !whole(sized):
		return "User Name"
	case flags&wire.FlagPassword != 0 && !whole(sized):
		return "Password"
	}
	return ""
}
