package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// scanner walks over one packet. After a field that reaches past the end it is broken: every further field is empty.
type scanner struct {
	b       []byte
	at      int
	end     int // of the part that is being read: the packet, or a property list
	version Version
	sender  Sender
	typ     Type
	first   *Violation
	broken  bool
	foreign bool // a CONNECT of another protocol or version, of which only the beginning is known

	dissect bool    // whether to record
	fields  []Field // each byte range that was read
}

// note keeps the first violation.
func (s *scanner) note(f Fault, offset int, code ReasonCode, format string, args ...any) {
	if s.first == nil && !s.broken {
		s.first = &Violation{Fault: f, Type: s.typ, Offset: offset, Code: code, Detail: fmt.Sprintf(format, args...)}
	}
}

// fail notes a violation after which the bytes have no meaning.
func (s *scanner) fail(f Fault, offset int, code ReasonCode, format string, args ...any) {
	s.note(f, offset, code, format, args...)
	s.broken = true
}

// take returns the next n bytes of the field that is called what.
func (s *scanner) take(n int, what string) []byte {
	if s.broken {
		return nil
	}
	if s.end-s.at < n {
		s.fail(FaultTruncated, s.at, MalformedPacket, "%s wants %d bytes, %d are left", what, n, s.end-s.at)
		return nil
	}
	b := s.b[s.at : s.at+n]
	s.at += n
	return b
}

func (s *scanner) byte(what string) byte {
	b := s.take(1, what)
	if b == nil {
		return 0
	}
	s.recordInt(1, what, uint32(b[0]))
	return b[0]
}

func (s *scanner) uint16(what string) uint16 {
	b := s.take(2, what)
	if b == nil {
		return 0
	}
	n := binary.BigEndian.Uint16(b)
	s.recordInt(2, what, uint32(n))
	return n
}

func (s *scanner) uint32(what string) uint32 {
	b := s.take(4, what)
	if b == nil {
		return 0
	}
	n := binary.BigEndian.Uint32(b)
	s.recordInt(4, what, n)
	return n
}

// varint reads a Variable Byte Integer.
func (s *scanner) varint(what string) (n uint32) {
	start := s.at
	for i := range 4 {
		b := s.take(1, what)
		if b == nil {
			return 0
		}
		n |= uint32(b[0]&0x7F) << (7 * i)
		if b[0] < 0x80 {
			if i > 0 && b[0] == 0 {
				s.note(FaultPadding, start, MalformedPacket, "%s", what)
			}
			s.recordInt(i+1, what, n)
			return n
		}
	}
	s.fail(FaultLength, s.at-1, MalformedPacket, "%s", what)
	return 0
}

// binary reads Binary Data: two bytes of length and the bytes.
func (s *scanner) binary(what string) []byte {
	l := s.take(2, what)
	if l == nil {
		return nil
	}
	n := int(binary.BigEndian.Uint16(l))
	b := s.take(n, what)
	if !s.dissect {
		return b
	}
	if b == nil {
		s.recordInt(2, "length of "+what, uint32(n))
	} else {
		s.record(2+n, what, payloadText(b))
	}
	return b
}

// string reads a UTF-8 Encoded String (MQTT-1.5.4-1, MQTT-1.5.4-2; 3.1.1: MQTT-1.5.3-1, MQTT-1.5.3-2).
func (s *scanner) string(what string) string {
	b := s.binary(what)
	if s.broken {
		return ""
	}
	if s.dissect {
		s.explain(quoted(b))
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		s.noteText(b, s.at-len(b), what)
	}
	return string(b)
}

// noteText notes the first ill-formed or null character of the text b that stands at the offset at.
func (s *scanner) noteText(b []byte, at int, what string) {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			s.note(FaultUTF8, at+i, MalformedPacket, "%s, byte 0x%02X", what, b[i])
			return
		}
		if r == 0 {
			s.note(FaultNull, at+i, MalformedPacket, "%s", what)
			return
		}
		i += n
	}
}

// finish notes bytes that are left over.
func (s *scanner) finish() {
	if !s.broken && s.at < s.end {
		s.note(FaultTrailing, s.at, MalformedPacket, "%d bytes", s.end-s.at)
	}
}

// skip passes over the rest of the part that is being read.
func (s *scanner) skip(name string) {
	if n := s.end - s.at; n > 0 {
		s.at = s.end
		s.record(n, name, countBytes(n))
	}
}

// record keeps the n bytes before s.at as a field.
func (s *scanner) record(n int, name, value string) {
	if s.dissect {
		s.fields = append(s.fields, Field{Offset: s.at - n, Length: n, Name: name, Value: value})
	}
}

func (s *scanner) recordInt(n int, name string, value uint32) {
	if s.dissect {
		s.record(n, name, strconv.FormatUint(uint64(value), 10))
	}
}

// explain replaces the value of the field just recorded by what it means.
func (s *scanner) explain(value string) {
	if s.dissect && !s.broken {
		s.fields[len(s.fields)-1].Value = value
	}
}

// conceal hides the value of the field just recorded.
func (s *scanner) conceal() {
	if s.dissect && !s.broken {
		f := &s.fields[len(s.fields)-1]
		f.Value, f.Secret = hidden, true
	}
}
