package wire

import (
	"fmt"
	"strings"
)

// Field is a range of a packet's bytes and what it means.
type Field struct {
	Offset int    // of the first byte, counted from the packet's first byte
	Length int    // in bytes; a string's field includes its two bytes of length
	Name   string // as the standard has it, such as "Keep Alive"
	Value  string // the value in one short line of ASCII
	Secret bool   // the bytes are, or may hold, a password or Authentication Data: do not show them
}

// Dissect names the bytes of a packet as [Decoder.Decode] reads them. The fields follow one another without a gap and
// cover all of frame, which may be any bytes: where they cannot be read any further, one field takes the rest. A packet
// of which only the beginning is there is dissected as far as it goes.
func Dissect(frame []byte, v Version, s Sender) []Field {
	sc := scanner{b: frame, version: v, sender: s, dissect: true}
	sc.packet()
	done := 0
	if n := len(sc.fields); n > 0 {
		done = sc.fields[n-1].Offset + sc.fields[n-1].Length
	}
	if rest := len(frame) - done; rest > 0 {
		f := Field{Offset: done, Length: rest, Name: afterLast, Value: countBytes(rest)}
		if sc.broken {
			f.Name = notUnderstood
		}
		sc.fields = append(sc.fields, f)
	}
	for i, f := range sc.fields {
		switch f.Name {
		case afterLast, notUnderstood, propertiesNotUnderstood:
			// in a damaged packet a secret may stand anywhere
			sc.fields[i].Secret = sc.typ == CONNECT || sc.typ == CONNACK || sc.typ == AUTH
		}
	}
	return sc.fields
}

// The names of fields that the standard knows nothing of.
const (
	afterLast               = "after the last field"
	notUnderstood           = "not understood"
	propertiesNotUnderstood = "properties not understood"
)

// recordHeader records the fixed header, which ends at s.at.
func (s *scanner) recordHeader(h Header) {
	if !s.dissect {
		return
	}
	first := s.typ.String()
	if s.typ == PUBLISH {
		p := Publish{Dup: h.First&8 != 0, QoS: QoS(h.First >> 1 & 3), Retain: h.First&1 != 0}
		first += p.flagsText()
	} else if flags := h.First & 15; flags != s.typ.flags() {
		first += fmt.Sprintf(" flags=%04b", flags)
	}
	length := fmt.Sprint(h.Length)
	if h.Padded {
		length += " in more bytes than it needs"
	}
	s.fields = append(s.fields,
		Field{Offset: 0, Length: 1, Name: "packet type and flags", Value: first},
		Field{Offset: 1, Length: s.at - 1, Name: "Remaining Length", Value: length})
}

func connectFlagsText(f byte, v Version) string {
	clean := "Clean Start"
	if v == V311 {
		clean = "Clean Session"
	}
	var set []string
	for _, bit := range []struct {
		flag byte
		name string
	}{
		{FlagUsername, "User Name"}, {FlagPassword, "Password"}, {FlagWillRetain, "Will Retain"}, {FlagWill, "Will"},
		{FlagCleanStart, clean}, {FlagReserved, "reserved bit"},
	} {
		if f&bit.flag != 0 {
			set = append(set, bit.name)
		}
	}
	if qos := f >> 3 & 3; qos != 0 || f&FlagWill != 0 {
		set = append(set, fmt.Sprintf("Will QoS %d", qos))
	}
	return bitsText(f, set)
}

func connackFlagsText(f byte) string {
	var set []string
	if f&1 != 0 {
		set = append(set, "Session Present")
	}
	if f&^1 != 0 {
		set = append(set, "reserved bits")
	}
	return bitsText(f, set)
}

func subscriptionOptionsText(o byte, v Version) string {
	set := []string{fmt.Sprintf("QoS %d", o&3)}
	if v == V311 {
		if o&^3 != 0 {
			set = append(set, "reserved bits")
		}
		return bitsText(o, set)
	}
	if o&4 != 0 {
		set = append(set, "No Local")
	}
	if o&8 != 0 {
		set = append(set, "Retain As Published")
	}
	set = append(set, fmt.Sprintf("Retain Handling %d", o>>4&3))
	if o>>6 != 0 {
		set = append(set, "reserved bits")
	}
	return bitsText(o, set)
}

func bitsText(b byte, set []string) string {
	if len(set) == 0 {
		return fmt.Sprintf("0x%02X", b)
	}
	return fmt.Sprintf("0x%02X %s", b, strings.Join(set, ", "))
}
