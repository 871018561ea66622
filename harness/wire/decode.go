package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Decoder decodes packets of one direction of one Network Connection. It has no state: what a single packet cannot
// show (identifiers in use, limits, order) is for a monitor.
type Decoder struct {
	Version Version // of the connection; a CONNECT is read by the version it names
	Sender  Sender  // whose packets these are
}

// Decode decodes the packet in frame, which must be whole as [ReadFrame] returns it.
//
// The error is a [*Violation], the first that the packet holds. Where the rest could still be understood, the packet is
// returned as well, so that a judge can go on; otherwise it is nil. Of a CONNECT with another protocol name or version
// only those two fields are returned.
func (d Decoder) Decode(frame []byte) (Packet, error) {
	s := &scanner{b: frame, version: d.Version, sender: d.Sender}
	p := s.packet()
	if s.broken {
		if c, ok := p.(Connect); !ok || c.ProtocolName == "" {
			p = nil
		}
	}
	if s.first != nil {
		return p, s.first
	}
	return p, nil
}

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
	if b := s.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (s *scanner) uint16(what string) uint16 {
	if b := s.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (s *scanner) uint32(what string) uint32 {
	if b := s.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (s *scanner) varint(what string) (n uint32) {
	start := s.at
	for i := 0; ; i++ {
		b := s.byte(what)
		if s.broken {
			return 0
		}
		n |= uint32(b&0x7F) << (7 * i)
		if b < 0x80 {
			if i > 0 && b == 0 {
				s.note(FaultPadding, start, MalformedPacket, "%s", what)
			}
			return n
		}
		if i == 3 {
			s.fail(FaultLength, start, MalformedPacket, "%s", what)
			return 0
		}
	}
}

func (s *scanner) binary(what string) []byte {
	return s.take(int(s.uint16("length of "+what)), what)
}

// string reads a UTF-8 Encoded String (MQTT-1.5.4-1, MQTT-1.5.4-2; 3.1.1: MQTT-1.5.3-1, MQTT-1.5.3-2).
func (s *scanner) string(what string) string {
	b := s.binary(what)
	at := s.at - len(b)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			s.note(FaultUTF8, at+i, MalformedPacket, "%s, byte 0x%02X", what, b[i])
			return string(b)
		case r == 0:
			s.note(FaultNull, at+i, MalformedPacket, "%s", what)
		}
		i += n
	}
	return string(b)
}

// finish notes bytes that are left over.
func (s *scanner) finish() {
	if !s.broken && s.at < s.end {
		s.note(FaultTrailing, s.at, MalformedPacket, "%d bytes", s.end-s.at)
	}
}

func (s *scanner) packet() Packet {
	h, n, err := ParseHeader(s.b)
	s.typ = h.Type()
	if v, ok := err.(*Violation); ok {
		s.first, s.broken = v, true
		return nil
	}
	if n == 0 || len(s.b)-n != h.Length {
		s.fail(FaultTruncated, len(s.b), MalformedPacket, "the frame is not one whole packet")
		return nil
	}
	s.at, s.end = n, len(s.b)
	if h.Padded && s.version != V311 {
		// 3.1.1 has no rule for the shortest form
		s.note(FaultPadding, 1, MalformedPacket, "Remaining Length")
	}
	if s.typ == 0 || s.typ == AUTH && s.version == V311 {
		s.fail(FaultType, 0, MalformedPacket, "")
		return nil
	}
	if flags := h.First & 15; s.typ != PUBLISH && flags != s.typ.flags() {
		s.note(FaultFlags, 0, MalformedPacket, "%04b", flags)
	}
	p := s.content(h)
	s.finish()
	return p
}

func (s *scanner) content(h Header) Packet {
	switch s.typ {
	case CONNECT:
		return s.connect()
	case CONNACK:
		return s.connack()
	case PUBLISH:
		return s.publish(h.First)
	case PUBACK:
		return Puback(s.ack())
	case PUBREC:
		return Pubrec(s.ack())
	case PUBREL:
		return Pubrel(s.ack())
	case PUBCOMP:
		return Pubcomp(s.ack())
	case SUBSCRIBE:
		return s.subscribe()
	case SUBACK:
		p := Suback{PacketID: s.packetID(), Properties: s.properties(SUBACK)}
		p.ReasonCodes = s.codes()
		return p
	case UNSUBSCRIBE:
		return s.unsubscribe()
	case UNSUBACK:
		p := Unsuback{PacketID: s.packetID(), Properties: s.properties(UNSUBACK)}
		if s.version != V311 {
			p.ReasonCodes = s.codes()
		}
		return p
	case PINGREQ:
		return Pingreq{}
	case PINGRESP:
		return Pingresp{}
	case DISCONNECT:
		p := Disconnect{}
		if s.version != V311 {
			p.ReasonCode, p.Properties, p.LongForm = s.result()
		}
		return p
	}
	p := Auth{}
	p.ReasonCode, p.Properties, p.LongForm = s.result()
	return p
}

// packetID reads a Packet Identifier, which is never 0 (MQTT-2.2.1-3, MQTT-2.2.1-4; 3.1.1: MQTT-2.3.1-1).
func (s *scanner) packetID() uint16 {
	at := s.at
	id := s.uint16("Packet Identifier")
	if id == 0 {
		s.note(FaultPacketID, at, ProtocolError, "")
	}
	return id
}

func (s *scanner) ack() (a Ack) {
	a.PacketID = s.packetID()
	if s.version != V311 {
		a.ReasonCode, a.Properties, a.LongForm = s.result()
	}
	return a
}

// result reads a Reason Code and properties, each of which may be left out at the end.
func (s *scanner) result() (code ReasonCode, ps Properties, long bool) {
	if s.at == s.end {
		return Success, nil, false
	}
	code = s.code()
	if s.at == s.end {
		return code, nil, false
	}
	ps = s.properties(s.typ)
	return code, ps, len(ps) == 0
}

// code reads a Reason Code of the packet's own list.
func (s *scanner) code() ReasonCode {
	at := s.at
	c := ReasonCode(s.byte("Reason Code"))
	if !c.Allowed(s.typ, s.version) {
		s.note(FaultReasonCode, at, ProtocolError, "0x%02X", byte(c))
	}
	return c
}

func (s *scanner) codes() (codes []ReasonCode) {
	for !s.broken && s.at < s.end {
		codes = append(codes, s.code())
	}
	return codes
}

func (s *scanner) connect() (c Connect) {
	at := s.at
	if c.ProtocolName = s.string("Protocol Name"); s.broken {
		return c
	}
	if c.ProtocolName != "MQTT" {
		s.fail(FaultProtocolName, at, UnsupportedProtocolVersion, "%q", c.ProtocolName)
		if c.ProtocolName == "MQIsdp" && s.end > s.at {
			c.ProtocolVersion = Version(s.b[s.at])
		}
		return c
	}
	at = s.at
	c.ProtocolVersion = Version(s.byte("Protocol Version"))
	if v := c.ProtocolVersion; v != V311 && v != V5 {
		s.fail(FaultProtocolVersion, at, UnsupportedProtocolVersion, "%d", byte(v))
		return c
	}
	s.version = c.ProtocolVersion
	at = s.at
	flags := s.byte("Connect Flags")
	c.CleanStart = flags&FlagCleanStart != 0
	if flags&FlagReserved != 0 {
		s.note(FaultReservedBits, at, MalformedPacket, "Connect Flags 0x%02X", flags)
		c.ConnectFlags = &flags
	}
	c.KeepAlive = s.uint16("Keep Alive")
	c.Properties = s.properties(CONNECT)
	c.ClientID = s.string("Client Identifier")
	s.will(&c, flags, at)
	if flags&FlagUsername != 0 {
		name := s.string("User Name")
		c.Username = &name
	}
	if flags&FlagPassword != 0 {
		c.Password = append([]byte{}, s.binary("Password")...)
		if flags&FlagUsername == 0 && s.version == V311 {
			s.note(FaultPassword, at, MalformedPacket, "")
		}
	}
	return c
}

func (s *scanner) will(c *Connect, flags byte, at int) {
	qos := QoS(flags >> 3 & 3)
	if qos == 3 {
		s.note(FaultQoS, at, MalformedPacket, "Will QoS")
	}
	if flags&FlagWill == 0 {
		if flags&(FlagWillQoS1|FlagWillQoS2|FlagWillRetain) != 0 {
			s.note(FaultWillFlags, at, MalformedPacket, "Connect Flags 0x%02X", flags)
		}
		return
	}
	w := &Will{QoS: qos, Retain: flags&FlagWillRetain != 0, Properties: s.properties(willFields)}
	w.Topic = s.topic("Will Topic", false)
	w.Payload = append([]byte{}, s.binary("Will Payload")...)
	c.Will = w
}

func (s *scanner) connack() (c Connack) {
	at := s.at
	flags := s.byte("Connect Acknowledge Flags")
	c.SessionPresent, c.ReservedFlags = flags&1 != 0, flags&^1
	if c.ReservedFlags != 0 {
		s.note(FaultReservedBits, at, MalformedPacket, "Connect Acknowledge Flags 0x%02X", flags)
	}
	if s.version != V311 && s.end-s.at == 1 && s.b[s.at] != 0 {
		// A server that does not speak 5.0 refuses in the form of 3.1.1, its code from either version.
		c.ReasonCode = ReasonCode(s.byte("Connect Return code"))
		return c
	}
	c.ReasonCode = s.code()
	c.Properties = s.properties(CONNACK)
	return c
}

func (s *scanner) publish(first byte) (p Publish) {
	p.Dup, p.QoS, p.Retain = first&8 != 0, QoS(first>>1&3), first&1 != 0
	if p.QoS == 3 {
		s.note(FaultQoS, 0, MalformedPacket, "")
	} else if p.QoS == 0 && p.Dup {
		s.note(FaultDup, 0, MalformedPacket, "")
	}
	at := s.at
	p.Topic = s.topic("Topic Name", s.version != V311)
	if p.QoS > 0 {
		p.PacketID = s.packetID()
	}
	p.Properties = s.properties(PUBLISH)
	if p.Topic == "" && !s.broken && s.version != V311 && !p.Properties.Has(PropTopicAlias) {
		s.note(FaultTopicEmpty, at, ProtocolError, "neither a Topic Name nor a Topic Alias")
	}
	if !s.broken {
		p.Payload = append([]byte{}, s.b[s.at:s.end]...)
		s.at = s.end
	}
	return p
}

// topic reads a Topic Name (MQTT-3.3.2-2, MQTT-4.7.3-1). It may be empty where a Topic Alias can stand for it.
func (s *scanner) topic(what string, mayBeEmpty bool) string {
	at := s.at
	t := s.string(what)
	if s.broken {
		return t
	}
	if i := strings.IndexAny(t, "+#"); i >= 0 {
		s.note(FaultTopic, at+2+i, TopicNameInvalid, "%s %q", what, t)
	}
	if t == "" && !mayBeEmpty {
		s.note(FaultTopicEmpty, at, MalformedPacket, "%s", what)
	}
	return t
}

func (s *scanner) subscribe() (p Subscribe) {
	p.PacketID = s.packetID()
	p.Properties = s.properties(SUBSCRIBE)
	if s.at == s.end {
		s.note(FaultNoFilters, s.at, ProtocolError, "")
	}
	for !s.broken && s.at < s.end {
		sub := Subscription{Filter: s.filter()}
		at := s.at
		o := s.byte("Subscription Options")
		if s.broken {
			break
		}
		sub.QoS = QoS(o & 3)
		if sub.QoS == 3 {
			s.note(FaultQoS, at, MalformedPacket, "Subscription Options 0x%02X", o)
		}
		if s.version == V311 && o&0xFC != 0 || o&0xC0 != 0 {
			s.note(FaultReservedBits, at, MalformedPacket, "Subscription Options 0x%02X", o)
		}
		sub.NoLocal, sub.RetainAsPublished = o&4 != 0, o&8 != 0
		sub.RetainHandling, sub.ReservedBits = RetainHandling(o>>4&3), o>>6
		if s.version != V311 && sub.RetainHandling == 3 {
			s.note(FaultRetainHandling, at, ProtocolError, "")
		}
		if s.version != V311 && sub.NoLocal && strings.HasPrefix(sub.Filter, "$share/") {
			s.note(FaultNoLocalShared, at, ProtocolError, "%q", sub.Filter)
		}
		p.Subscriptions = append(p.Subscriptions, sub)
	}
	return p
}

func (s *scanner) unsubscribe() (p Unsubscribe) {
	p.PacketID = s.packetID()
	p.Properties = s.properties(UNSUBSCRIBE)
	if s.at == s.end {
		s.note(FaultNoFilters, s.at, ProtocolError, "")
	}
	for !s.broken && s.at < s.end {
		if f := s.filter(); !s.broken {
			p.Filters = append(p.Filters, f)
		}
	}
	return p
}

func (s *scanner) filter() string {
	at := s.at
	f := s.string("Topic Filter")
	if s.broken {
		return f
	}
	if f == "" {
		s.note(FaultTopicEmpty, at, MalformedPacket, "Topic Filter")
	} else if err := CheckFilter(f, s.version); err != nil {
		s.note(FaultFilter, at, TopicFilterInvalid, "%v", err)
	}
	return f
}
