package monitor

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// payloadMonitors judge what the payload of a CONNECT consists of, the name in front of it, and payloads of messages.
func payloadMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("MQTT-3.1.2-1", ""), Text: "The Protocol Name of a CONNECT is MQTT.", Judge: protocolName},
		{IDs: ids("MQTT-3.1.2-16", "MQTT-3.1.2-18"), Text: "User Name Flag 0 comes without a User Name.", Judge: each(surplus(wire.FlagUsername, "User Name"))},
		{IDs: ids("MQTT-3.1.2-18", "MQTT-3.1.2-20"), Text: "Password Flag 0 comes without a Password.", Judge: each(surplus(wire.FlagPassword, "Password"))},
		{IDs: ids("U5-073", ""), Text: "A payload with Payload Format Indicator 1 is well-formed UTF-8.", Judge: each(textPayload)},
		{IDs: ids("MQTT-3.1.3-1", ""), Text: "The fields of the CONNECT payload stand in their order.", Judge: each(payloadOrder)},
	} {
		m.Sender, m.Level = wire.FromClient, must
		all = append(all, m)
	}
	return all
}

// textPayload judges messages and wills that say that they are text.
func textPayload(_ *Conn, r *Record) (bool, string) {
	ps := wire.PropertiesOf(r.Packet)
	var payload []byte
	switch p := r.Packet.(type) {
	case wire.Publish:
		payload = p.Payload
	case wire.Connect:
		if p.Will == nil {
			return false, ""
		}
		ps, payload = p.Will.Properties, p.Will.Payload
	default:
		return false, ""
	}
	if ps.Int(wire.PropPayloadFormatIndicator, 0) != 1 {
		return false, ""
	}
	return expect(utf8.Valid(payload), "well-formed UTF-8, as Payload Format Indicator 1 says", fmt.Sprintf("% X", payload[:min(len(payload), 16)]))
}

// protocolName is exercised by each CONNECT of level 5. What another name at another level means is not for 5.0 to say.
func protocolName(h *History, j *Judgement) {
	for _, c := range slices.Concat(h.bound(j), h.misnamed) {
		r := &c.Records[max(c.connectAt, 0)]
		if name, whole := connectName(r); whole && name != "MQTT" {
			j.broken(c, r.Seq, "expected the Protocol Name MQTT at level 5, observed %q", name)
		} else {
			j.kept(c)
		}
	}
}

// connectName reads the Protocol Name of a CONNECT of level 5; it is false of any other packet.
func connectName(r *Record) (name string, ok bool) {
	if r.typeOf() != wire.CONNECT || r.Loose {
		return "", false
	}
	after, ok := read(r.content(), []field{sized})
	if !ok || len(after) == 0 || wire.Version(after[0]) != wire.V5 {
		return "", false
	}
	return string(r.content()[2 : len(r.content())-len(after)]), true
}

// field is the form of one field of a CONNECT's payload.
type field byte

const (
	sized      field = iota // a string or binary data: two bytes of length before it
	properties              // Will Properties: a Variable Byte Integer before them
)

// promised returns the fields that Connect Flags promise, in their order.
func promised(flags byte, v wire.Version) (fields []field) {
	fields = append(fields, sized) // the Client Identifier
	if flags&wire.FlagWill != 0 {
		if v == wire.V5 {
			fields = append(fields, properties)
		}
		fields = append(fields, sized, sized)
	}
	for _, f := range []byte{wire.FlagUsername, wire.FlagPassword} {
		if flags&f != 0 {
			fields = append(fields, sized)
		}
	}
	return fields
}

// read reads fields and returns what follows them; it is false if one of them is cut.
func read(b []byte, fields []field) (rest []byte, ok bool) {
	for _, f := range fields {
		var n int
		if f == sized {
			if len(b) < 2 {
				return nil, false
			}
			n = 2 + int(b[0])<<8 + int(b[1])
		} else {
			// a Property Length has the form of a Remaining Length
			h, size, err := wire.ParseHeader(append([]byte{0}, b[:min(4, len(b))]...))
			if err != nil || size == 0 {
				return nil, false
			}
			n = size - 1 + h.Length
		}
		if n > len(b) {
			return nil, false
		}
		b = b[n:]
	}
	return b, true
}

// payloadOf returns the payload of a CONNECT of a version that we know, and its Connect Flags.
func payloadOf(r *Record) (payload []byte, flags byte, ok bool) {
	const variable = 10 // the bytes before the properties
	flags, ok = connectFlags(r)
	if !ok || len(r.content()) < variable {
		return nil, 0, false
	}
	payload = r.content()[variable:]
	if namedVersion(r) == wire.V5 {
		payload, ok = read(payload, []field{properties})
	}
	return payload, flags, ok
}

// surplus makes a rule on CONNECTs without a flag: no whole field stands behind those that are promised, where the
// missing one would be. With both flags 0 a single one counts as a User Name, which would be the first.
func surplus(flag byte, name string) func(*Conn, *Record) (bool, string) {
	return func(_ *Conn, r *Record) (bool, string) {
		payload, flags, ok := payloadOf(r)
		if !ok || flags&flag != 0 {
			return false, ""
		}
		rest, ok := read(payload, promised(flags, namedVersion(r)))
		if !ok {
			return false, ""
		}
		more := 0
		for after, whole := rest, true; whole && len(after) > 0; more++ {
			if after, whole = read(after, []field{sized}); !whole {
				return false, "" // bytes that are no field
			}
		}
		first := 1
		if flag == wire.FlagPassword && flags&wire.FlagUsername == 0 {
			first = 2
		}
		return expect(more < first || more > 2, "no "+name+", as its flag is 0", fmt.Sprintf("%d more fields at the end of the payload: % X", more, rest[:min(len(rest), 16)]))
	}
}

// payloadOrder judges by what can be told: Will Properties have a form of their own, so a payload that cannot be read in
// the order of the standard, but can to its last byte with them in another place, has them there. The other fields look
// alike.
func payloadOrder(_ *Conn, r *Record) (bool, string) {
	payload, flags, ok := payloadOf(r)
	if !ok || flags&wire.FlagWill == 0 || namedVersion(r) != wire.V5 {
		return false, ""
	}
	fields := promised(flags, wire.V5)
	if rest, ok := read(payload, fields); ok && len(rest) == 0 {
		return true, ""
	}
	for at := range fields {
		order := slices.Insert(make([]field, len(fields)-1), at, properties)
		if rest, ok := read(payload, order); at != 1 && ok && len(rest) == 0 {
			return true, fmt.Sprintf("expected the Will Properties behind the Client Identifier, observed a payload that can be read only with them as field %d", at+1)
		}
	}
	return false, ""
}
