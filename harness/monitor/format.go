package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// formatMonitors judge the form of single packets, apart from strings, properties and Reason Codes.
func formatMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("MQTT-1.5.5-1", ""), Text: "Variable Byte Integers have their shortest form.",
			Judge: each(anyPacket(wire.FaultPadding, wire.FaultLength))},
		{IDs: ids("MQTT-2.1.3-1", "MQTT-2.2.2-1"), Text: "The reserved flags of the fixed header have their prescribed values.",
			Judge: each(fixedFlags(0))},
		{IDs: ids("MQTT-3.6.1-1", "MQTT-3.6.1-1"), Text: "PUBREL has the flags 0010.", Judge: each(fixedFlags(wire.PUBREL))},
		{IDs: ids("MQTT-3.15.1-1", ""), Text: "AUTH has the flags 0000.", Judge: each(fixedFlags(wire.AUTH))},
		{IDs: ids("MQTT-2.2.2-1", ""), Text: "A packet without properties says so with a Property Length of 0.", Judge: each(propertyLength)},
		{IDs: ids("MQTT-2.2.1-5", "MQTT-2.3.1-6"), Text: "PUBACK, PUBREC, PUBREL and PUBCOMP have a Packet Identifier.",
			Judge: each(hasIdentifier(wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP))},
		{IDs: ids("MQTT-3.3.1-2", "MQTT-3.3.1-2"), Text: "DUP is 0 in a PUBLISH of QoS 0.", Judge: eachOf(dupQoS0)},
		{IDs: ids("MQTT-4.3.1-1", "MQTT-4.3.1-1"), Text: "A message of QoS 0 is sent with DUP 0.", Judge: eachOf(dupQoS0)},
		{IDs: ids("", "U3-003"), Text: "DUP 1 does not stand with QoS 0.", Judge: eachOf(dupQoS0)},
		{IDs: ids("MQTT-3.3.1-4", "MQTT-3.3.1-4"), Text: "No PUBLISH has QoS 3.",
			Judge: eachOf(func(_ *Conn, p wire.Publish, _ *Record) (bool, string) {
				return expect(p.QoS <= 2, "QoS 0, 1 or 2", "QoS 3")
			})},
		{IDs: ids("U5-028", "U3-017"), Text: "PINGREQ and PINGRESP have a Remaining Length of 0.", Judge: each(emptyPing)},
		{IDs: ids("U5-044", "U3-018"), Text: "No bytes follow the last field of a packet.", Judge: each(anyPacket(wire.FaultTrailing))},
	} {
		m.Level = must
		all = append(all, both(m)...)
	}
	return append(all,
		Monitor{IDs: ids("MQTT-2.2.1-6", "MQTT-2.3.1-7"), Sender: wire.FromServer, Level: must,
			Text: "SUBACK and UNSUBACK have a Packet Identifier.", Judge: each(hasIdentifier(wire.SUBACK, wire.UNSUBACK))},
		Monitor{IDs: ids("MQTT-3.2.2-1", "U3-009"), Sender: wire.FromServer, Level: must, Text: "Bits 7 to 1 of the Connect Acknowledge Flags are 0.",
			Judge: eachOf(func(_ *Conn, p wire.Connack, _ *Record) (bool, string) {
				return expect(p.ReservedFlags == 0, "reserved bits 0", fmt.Sprintf("Connect Acknowledge Flags 0x%02X", p.ReservedFlags))
			})},
		Monitor{IDs: ids("", "U3-020"), Sender: wire.FromServer, Level: must, Text: "A server sends no DISCONNECT.",
			Judge: each(func(_ *Conn, r *Record) (bool, string) {
				return expect(r.typeOf() != wire.DISCONNECT, "no DISCONNECT, which only clients of 3.1.1 send", "one")
			})},
		Monitor{IDs: ids("MQTT-3.8.1-1", "MQTT-3.8.1-1"), Sender: wire.FromClient, Level: must, Text: "SUBSCRIBE has the flags 0010.",
			Judge: each(fixedFlags(wire.SUBSCRIBE))},
		Monitor{IDs: ids("MQTT-3.10.1-1", "MQTT-3.10.1-1"), Sender: wire.FromClient, Level: must, Text: "UNSUBSCRIBE has the flags 0010.",
			Judge: each(fixedFlags(wire.UNSUBSCRIBE))},
	)
}

// expect makes the answer of a rule.
func expect(ok bool, expected, observed string) (bool, string) {
	if ok {
		return true, ""
	}
	return true, "expected " + expected + ", observed " + observed
}

// typeOf returns the type of a packet also if it could not be decoded.
func (r *Record) typeOf() wire.Type {
	if len(r.Raw) == 0 {
		return 0
	}
	return wire.TypeOf(r.Raw[0])
}

// content returns the bytes after the fixed header.
func (r *Record) content() []byte {
	_, n, _ := wire.ParseHeader(r.Raw)
	return r.Raw[n:]
}

// anyPacket is a rule that every packet can break, with a violation of one of the kinds.
func anyPacket(faults ...wire.Fault) func(*Conn, *Record) (bool, string) {
	return func(_ *Conn, r *Record) (bool, string) {
		for _, f := range faults {
			if r.Bad != nil && r.Bad.Fault == f {
				return true, "observed " + r.Bad.Error()
			}
		}
		return true, ""
	}
}

// fixedFlags judges packets of one type, or for type 0 of all types but PUBLISH, whose flags are not reserved.
func fixedFlags(only wire.Type) func(*Conn, *Record) (bool, string) {
	return func(_ *Conn, r *Record) (bool, string) {
		t := r.typeOf()
		if t == 0 || t == wire.PUBLISH || only != 0 && t != only {
			return false, ""
		}
		want := byte(0)
		if t == wire.PUBREL || t == wire.SUBSCRIBE || t == wire.UNSUBSCRIBE {
			want = 2
		}
		return expect(r.Raw[0]&15 == want, fmt.Sprintf("flags %04b in %v", want, t), fmt.Sprintf("%04b", r.Raw[0]&15))
	}
}

// propertyLength judges packets that end where their Property Length must stand. Elsewhere a missing one cannot be
// told from a wrong one.
func propertyLength(_ *Conn, r *Record) (bool, string) {
	content := r.content()
	switch t := r.typeOf(); t {
	case wire.CONNACK:
		if len(content) == 2 && content[1] != 0 {
			return false, "" // a refusal in the form of 3.1.1, by a server that does not speak 5.0
		}
		fallthrough
	case wire.SUBSCRIBE, wire.SUBACK, wire.UNSUBSCRIBE, wire.UNSUBACK:
		return expect(len(content) != 2, "a Property Length", fmt.Sprintf("%v that ends before it", t))
	}
	return false, ""
}

// hasIdentifier does not mind a 0, which repeats a 0 that the other side sent.
func hasIdentifier(types ...wire.Type) func(*Conn, *Record) (bool, string) {
	return func(_ *Conn, r *Record) (bool, string) {
		for _, t := range types {
			if r.typeOf() != t {
				continue
			}
			n := len(r.content())
			return expect(n >= 2, fmt.Sprintf("a Packet Identifier of two bytes in %v", t), fmt.Sprintf("%d bytes", n))
		}
		return false, ""
	}
}

func dupQoS0(_ *Conn, p wire.Publish, _ *Record) (bool, string) {
	if p.QoS != 0 {
		return false, ""
	}
	return expect(!p.Dup, "DUP 0 with QoS 0", "DUP 1")
}

func emptyPing(_ *Conn, r *Record) (bool, string) {
	if t := r.typeOf(); t != wire.PINGREQ && t != wire.PINGRESP {
		return false, ""
	}
	n := len(r.content())
	return expect(n == 0, "Remaining Length 0", fmt.Sprintf("%d", n))
}
