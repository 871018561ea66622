package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// reasonMonitors judge Reason Codes, and what 5.0 lets a sender add to them.
func reasonMonitors() (all []Monitor) {
	for _, s := range []struct {
		t        wire.Type
		v5, v311 string
		server   bool // only a server sends the packet
	}{
		{wire.CONNACK, "MQTT-3.2.2-8", "MQTT-3.2.2-6", true},
		{wire.PUBACK, "MQTT-3.4.2-1", "", false},
		{wire.PUBREC, "MQTT-3.5.2-1", "", false},
		{wire.PUBREL, "MQTT-3.6.2-1", "", false},
		{wire.PUBCOMP, "MQTT-3.7.2-1", "", false},
		{wire.SUBACK, "MQTT-3.9.3-2", "MQTT-3.9.3-2", true},
		{wire.UNSUBACK, "MQTT-3.11.3-2", "", true},
		{wire.DISCONNECT, "MQTT-3.14.2-1", "", false},
		{wire.AUTH, "MQTT-3.15.2-1", "", false},
	} {
		all = append(all, sides(Monitor{IDs: ids(s.v5, s.v311), Level: must,
			Text: fmt.Sprintf("The Reason Codes of %v are those that the standard lists for it.", s.t), Judge: each(listedCode(s.t))}, s.server)...)
	}
	for _, s := range []struct {
		t            wire.Type
		reason, user string
		server       bool
	}{
		{wire.CONNACK, "MQTT-3.2.2-19", "MQTT-3.2.2-20", true},
		{wire.PUBACK, "MQTT-3.4.2-2", "MQTT-3.4.2-3", false},
		{wire.PUBREC, "MQTT-3.5.2-2", "MQTT-3.5.2-3", false},
		{wire.PUBREL, "MQTT-3.6.2-2", "MQTT-3.6.2-3", false},
		{wire.PUBCOMP, "MQTT-3.7.2-2", "MQTT-3.7.2-3", false},
		{wire.SUBACK, "MQTT-3.9.2-1", "MQTT-3.9.2-2", true},
		{wire.UNSUBACK, "MQTT-3.11.2-1", "MQTT-3.11.2-2", true},
		{wire.DISCONNECT, "MQTT-3.14.2-3", "MQTT-3.14.2-4", false},
		{wire.AUTH, "MQTT-3.15.2-2", "MQTT-3.15.2-3", false},
	} {
		for _, p := range []struct {
			statement string
			property  wire.PropertyID
		}{{s.reason, wire.PropReasonString}, {s.user, wire.PropUserProperty}} {
			all = append(all, sides(Monitor{IDs: ids(p.statement, ""), Level: must, Judge: fits(s.t, p.property),
				Text: fmt.Sprintf("%v does not make %v larger than the receiver's Maximum Packet Size.", p.property, s.t)}, s.server)...)
		}
	}
	return all
}

// sides makes one monitor for servers or one for each side.
func sides(m Monitor, onlyServer bool) []Monitor {
	if onlyServer {
		m.Sender = wire.FromServer
		return []Monitor{m}
	}
	return both(m)
}

// listedCode judges packets of type t. Where the standard's table names the side that sends a code, only what makes no
// sense from the other is reported: Disconnect with Will Message and Re-authenticate from a server, and a step's
// Success from a client is left to MQTT-4.12.0-3.
func listedCode(t wire.Type) func(*Conn, *Record) (bool, string) {
	return func(c *Conn, r *Record) (bool, string) {
		if r.typeOf() != t || r.Packet == nil {
			return false, ""
		}
		for _, code := range codesOf(r.Packet) {
			if t == wire.CONNACK && c.Version == wire.V5 && len(r.content()) == 2 && code != 0 {
				return false, "" // a refusal in the form of 3.1.1, by a server that does not speak 5.0
			}
			clientOnly := t == wire.DISCONNECT && code == wire.DisconnectWithWillMessage || t == wire.AUTH && code == wire.ReAuthenticate
			if !code.Allowed(t, c.Version) || r.Sender == wire.FromServer && clientOnly {
				return true, fmt.Sprintf("expected a code that a %v lists for %v, observed 0x%02X", r.Sender, t, byte(code))
			}
		}
		return len(codesOf(r.Packet)) > 0, ""
	}
}

func codesOf(p wire.Packet) []wire.ReasonCode {
	switch p := p.(type) {
	case wire.Connack:
		return []wire.ReasonCode{p.ReasonCode}
	case wire.Puback:
		return []wire.ReasonCode{p.ReasonCode}
	case wire.Pubrec:
		return []wire.ReasonCode{p.ReasonCode}
	case wire.Pubrel:
		return []wire.ReasonCode{p.ReasonCode}
	case wire.Pubcomp:
		return []wire.ReasonCode{p.ReasonCode}
	case wire.Suback:
		return p.ReasonCodes
	case wire.Unsuback:
		return p.ReasonCodes
	case wire.Disconnect:
		return []wire.ReasonCode{p.ReasonCode}
	case wire.Auth:
		return []wire.ReasonCode{p.ReasonCode}
	}
	return nil
}

// fits judges packets of type t that have the property, where the receiver set a Maximum Packet Size. A packet that is
// too large even without Reason String and User Properties breaks only the statement about packets.
func fits(t wire.Type, id wire.PropertyID) func(*History, *Judgement) {
	return func(h *History, j *Judgement) {
		each(func(c *Conn, r *Record) (bool, string) {
			if r.typeOf() != t || !wire.PropertiesOf(r.Packet).Has(id) || !c.informed(h.Judged, r) {
				return false, ""
			}
			limit := int(c.limit(h.Judged, wire.PropMaximumPacketSize, 0))
			if limit == 0 {
				return false, ""
			}
			bare := len(r.Raw)
			for _, p := range wire.PropertiesOf(r.Packet) {
				if p.ID == wire.PropReasonString || p.ID == wire.PropUserProperty {
					bare -= len(p.Append(nil))
				}
			}
			if bare > limit {
				return false, ""
			}
			return expect(len(r.Raw) <= limit, fmt.Sprintf("%v left out where %v gets larger than Maximum Packet Size %d", id, t, limit),
				fmt.Sprintf("%d bytes", len(r.Raw)))
		})(h, j)
	}
}
