package wire

import (
	"errors"
	"strings"
)

// Decoder decodes packets of one direction of one Network Connection. It has no state: what a single packet cannot
// show (identifiers in use, limits, order) is for a monitor.
type Decoder struct {
	Version Version // of the connection, 0 if unknown (as 5.0); a CONNECT is read by the version it names
	Sender  Sender  // whose packets these are
}

// Decode decodes the packet in frame, which must be whole as [ReadFrame] returns it. The packet shares no memory with
// frame and takes at most about forty times its size.
//
// The error is a [*Violation], the first that the packet holds. Where the rest could still be understood, the packet is
// returned as well, so that a judge can go on; otherwise it is nil. Of a CONNECT with another protocol name or version
// only those two fields are returned.
func (d Decoder) Decode(frame []byte) (Packet, error) {
	s := scanner{b: frame, version: d.Version, sender: d.Sender}
	p := s.packet()
	if s.broken && !s.foreign {
		p = nil
	}
	if s.first != nil {
		return p, s.first
	}
	return p, nil
}

func (s *scanner) packet() Packet {
	h, n, err := ParseHeader(s.b)
	s.typ = h.Type()
	var v *Violation
	if errors.As(err, &v) {
		s.first, s.broken = v, true
		return nil
	}
	if n == 0 {
		s.fail(FaultTruncated, len(s.b), MalformedPacket, "the fixed header is not whole")
		return nil
	}
	s.at, s.end = n, min(n+h.Length, len(s.b))
	s.recordHeader(h)
	if n+h.Length != len(s.b) {
		s.note(FaultTruncated, s.end, MalformedPacket, "the frame has %d bytes, the packet %d", len(s.b), n+h.Length)
		if s.broken = !s.dissect; s.broken {
			return nil
		}
	}
	if s.typ == 0 || s.typ == AUTH && s.version == V311 {
		s.fail(FaultType, 0, MalformedPacket, "type %d", byte(s.typ))
		return nil
	}
	if flags := h.First & 15; s.typ != PUBLISH && flags != s.typ.flags() {
		s.note(FaultFlags, 0, MalformedPacket, "%04b", flags)
	}
	if s.typ != CONNECT {
		s.checkPadding(h)
	}
	p := s.content(h)
	s.finish()
	return p
}

// checkPadding notes a Remaining Length that is not in its shortest form (MQTT-1.5.5-1). 3.1.1 has no such rule.
func (s *scanner) checkPadding(h Header) {
	if h.Padded && s.version != V311 {
		s.note(FaultPadding, 1, MalformedPacket, "Remaining Length")
	}
}

func (s *scanner) content(h Header) Packet {
	switch s.typ {
	case CONNECT:
		return s.connect(h)
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
		return Suback{PacketID: s.packetID(), Properties: s.properties(SUBACK), ReasonCodes: s.codes()}
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
	return s.auth()
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
	if s.broken {
		return c
	}
	if s.dissect {
		s.explain(codeText(c, s.typ, s.version))
	}
	if !c.Allowed(s.typ, s.version) {
		s.note(FaultReasonCode, at, ProtocolError, "0x%02X", byte(c))
	}
	return c
}

// codes reads one Reason Code for each Topic Filter of the request, of which there is at least one.
func (s *scanner) codes() (codes []ReasonCode) {
	if s.at == s.end {
		s.note(FaultNoReasonCodes, s.at, MalformedPacket, "")
	}
	if n := s.end - s.at; n > 0 && !s.broken {
		codes = make([]ReasonCode, 0, n)
	}
	for !s.broken && s.at < s.end {
		codes = append(codes, s.code())
	}
	return codes
}

// auth reads an AUTH. Only one without any content, which means Success, need not name its method (3.15.2.2.2).
func (s *scanner) auth() (p Auth) {
	at := s.at
	p.ReasonCode, p.Properties, p.LongForm = s.result()
	bare := p.ReasonCode == Success && len(p.Properties) == 0
	if !bare && !p.Properties.Has(PropAuthenticationMethod) {
		s.note(FaultPropertyMissing, at, ProtocolError, "%v", PropAuthenticationMethod)
	}
	return p
}

func (s *scanner) connect(h Header) (c Connect) {
	at := s.at
	if c.ProtocolName = s.string("Protocol Name"); s.broken {
		return c
	}
	if c.ProtocolName != "MQTT" {
		if c.ProtocolName == "MQIsdp" && s.end > s.at {
			c.ProtocolVersion = Version(s.byte("Protocol Version"))
		}
		s.fail(FaultProtocolName, at, UnsupportedProtocolVersion, "%s", quoted(c.ProtocolName))
		s.foreign = true
		return c
	}
	at = s.at
	c.ProtocolVersion = Version(s.byte("Protocol Version"))
	if v := c.ProtocolVersion; !s.broken && v != V311 && v != V5 {
		s.fail(FaultProtocolVersion, at, UnsupportedProtocolVersion, "%d", byte(v))
		s.foreign = true
		return c
	}
	s.version = c.ProtocolVersion
	s.checkPadding(h)
	at = s.at
	flags := s.byte("Connect Flags")
	if s.dissect {
		s.explain(connectFlagsText(flags, s.version))
	}
	s.checkConnectFlags(flags, at)
	c.CleanStart = flags&FlagCleanStart != 0
	if flags&FlagReserved != 0 {
		c.ConnectFlags = &flags
	}
	c.KeepAlive = s.uint16("Keep Alive")
	c.Properties = s.properties(CONNECT)
	c.ClientID = s.string("Client Identifier")
	if flags&FlagWill != 0 {
		c.Will = s.will(flags)
	}
	if flags&FlagUsername != 0 {
		name := s.string("User Name")
		c.Username = &name
	}
	if flags&FlagPassword != 0 {
		c.Password = append([]byte{}, s.binary("Password")...)
		s.conceal()
	}
	return c
}

// checkConnectFlags notes bits that are wrong whatever follows (MQTT-3.1.2-3, -11 to -15 and, in 3.1.1 only, -22).
func (s *scanner) checkConnectFlags(flags byte, at int) {
	switch {
	case flags&FlagReserved != 0:
		s.note(FaultReservedBits, at, MalformedPacket, "Connect Flags 0x%02X", flags)
	case flags>>3&3 == 3:
		s.note(FaultQoS, at, MalformedPacket, "Will QoS")
	case flags&FlagWill == 0 && flags&(FlagWillQoS1|FlagWillQoS2|FlagWillRetain) != 0:
		s.note(FaultWillFlags, at, MalformedPacket, "Connect Flags 0x%02X", flags)
	case flags&FlagPassword != 0 && flags&FlagUsername == 0 && s.version == V311:
		s.note(FaultPassword, at, MalformedPacket, "")
	}
}

func (s *scanner) will(flags byte) *Will {
	w := &Will{QoS: QoS(flags >> 3 & 3), Retain: flags&FlagWillRetain != 0, Properties: s.properties(willFields)}
	w.Topic = s.topic("Will Topic", false)
	w.Payload = append([]byte{}, s.binary("Will Payload")...)
	return w
}

func (s *scanner) connack() (c Connack) {
	at := s.at
	flags := s.byte("Connect Acknowledge Flags")
	c.SessionPresent, c.ReservedFlags = flags&1 != 0, flags&^1
	if c.ReservedFlags != 0 {
		s.note(FaultReservedBits, at, MalformedPacket, "Connect Acknowledge Flags 0x%02X", flags)
	}
	if s.dissect {
		s.explain(connackFlagsText(flags))
	}
	if s.version != V311 && s.end-s.at == 1 && isRefusalOfVersion(ReasonCode(s.b[s.at])) {
		c.ReasonCode = ReasonCode(s.byte("Connect Return code"))
		return c
	}
	c.ReasonCode = s.code()
	c.Properties = s.properties(CONNACK)
	return c
}

// isRefusalOfVersion reports whether a CONNACK without properties may bear the code in answer to a CONNECT of 5.0: a
// server that does not speak 5.0 refuses in the form of 3.1.1, its code from either version.
func isRefusalOfVersion(c ReasonCode) bool {
	return c != 0 && c.Allowed(CONNACK, V311) || c == UnsupportedProtocolVersion
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
	payload := s.take(s.end-s.at, "Payload")
	p.Payload = append([]byte{}, payload...)
	if s.dissect && len(payload) > 0 {
		s.record(len(payload), "Payload", payloadText(payload))
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
		s.note(FaultTopic, at+2+i, TopicNameInvalid, "%s %s", what, quoted(t))
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
		if s.dissect {
			s.explain(subscriptionOptionsText(o, s.version))
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
			s.note(FaultNoLocalShared, at, ProtocolError, "%s", quoted(sub.Filter))
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
