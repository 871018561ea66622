package wire

import (
	"encoding/binary"
	"slices"
)

// MaxVarint is the largest Variable Byte Integer, and so the largest Remaining Length (MQTT-1.5.5-1).
const MaxVarint = 268_435_455

// AppendVarint appends n as a Variable Byte Integer in its shortest form. Above [MaxVarint] it writes five bytes,
// which no version allows.
func AppendVarint(dst []byte, n uint32) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// AppendPaddedVarint appends n in exactly size bytes, which is illegal in 5.0 where fewer would do (MQTT-1.5.5-1).
func AppendPaddedVarint(dst []byte, n uint32, size int) []byte {
	for range size - 1 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n&0x7F))
}

// AppendString appends s as a UTF-8 Encoded String or as Binary Data: two bytes of length and the bytes, whatever
// they are.
func AppendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// Frame appends a packet made of its first byte, the right Remaining Length and body.
func Frame(dst []byte, first byte, body []byte) []byte {
	dst = append(dst, first)
	dst = AppendVarint(dst, uint32(len(body)))
	return append(dst, body...)
}

// frame is Frame for a body that build appends.
func frame(dst []byte, first byte, build func([]byte) []byte) []byte {
	dst = append(dst, first)
	return prefixLength(dst, build)
}

// prefixLength appends the Variable Byte Integer n and the n bytes that build appends. They are written where they
// belong if n takes one byte, as it mostly does, and are moved up otherwise.
func prefixLength(dst []byte, build func([]byte) []byte) []byte {
	at := len(dst)
	dst = build(append(dst, 0))
	body := at + 1
	n := uint32(len(dst) - body)
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	var room [5]byte
	length := AppendVarint(room[:0], n)
	dst = append(dst, length[1:]...)
	copy(dst[at+len(length):], dst[body:body+int(n)])
	copy(dst[at:], length)
	return dst
}

func (t Type) first() byte { return byte(t)<<4 | t.flags() }

// Append appends the property's identifier and value. An identifier that MQTT 5.0 does not know is followed by Text
// as it is.
func (p Property) Append(dst []byte) []byte {
	dst = AppendVarint(dst, uint32(p.ID))
	r, _ := p.ID.rule()
	switch r.form {
	case formByte:
		return append(dst, byte(p.Int))
	case formUint16:
		return binary.BigEndian.AppendUint16(dst, uint16(p.Int))
	case formUint32:
		return binary.BigEndian.AppendUint32(dst, p.Int)
	case formVarint:
		return AppendVarint(dst, p.Int)
	case formString, formBinary:
		return AppendString(dst, p.Text)
	case formPair:
		return AppendString(AppendString(dst, p.Text), p.Value)
	}
	return append(dst, p.Text...)
}

// Append appends the Property Length and the properties.
func (ps Properties) Append(dst []byte) []byte {
	if len(ps) == 0 {
		return append(dst, 0)
	}
	return prefixLength(dst, func(b []byte) []byte {
		for _, p := range ps {
			b = p.Append(b)
		}
		return b
	})
}

// in5 appends the properties in 5.0 and nothing in 3.1.1.
func (ps Properties) in5(dst []byte, v Version) []byte {
	if v == V311 {
		return dst
	}
	return ps.Append(dst)
}

// Append appends the packet; see [Packet]. Where ProtocolVersion names a version whose form is known (3 for MQTT 3.1,
// 4 or 5), the packet has that form whatever v is.
func (c Connect) Append(dst []byte, v Version) []byte {
	switch c.ProtocolVersion {
	case 0:
		c.ProtocolVersion = v
	case 3, V311:
		v = V311 // up to the Protocol Name, 3.1 has the same fields
	case V5:
		v = V5
	}
	if c.ProtocolName == "" {
		c.ProtocolName = "MQTT"
	}
	return frame(dst, CONNECT.first(), func(b []byte) []byte {
		b = AppendString(b, c.ProtocolName)
		b = append(b, byte(c.ProtocolVersion), c.Flags())
		b = binary.BigEndian.AppendUint16(b, c.KeepAlive)
		b = c.Properties.in5(b, v)
		b = AppendString(b, c.ClientID)
		if w := c.Will; w != nil {
			b = w.Properties.in5(b, v)
			b = AppendString(b, w.Topic)
			b = AppendString(b, string(w.Payload))
		}
		if c.Username != nil {
			b = AppendString(b, *c.Username)
		}
		if c.Password != nil {
			b = AppendString(b, string(c.Password))
		}
		return b
	})
}

// Append appends the packet; see [Packet].
func (c Connack) Append(dst []byte, v Version) []byte {
	flags := c.ReservedFlags &^ 1
	if c.SessionPresent {
		flags |= 1
	}
	return frame(dst, CONNACK.first(), func(b []byte) []byte {
		return c.Properties.in5(append(b, flags, byte(c.ReasonCode)), v)
	})
}

// Append appends the packet; see [Packet].
func (p Publish) Append(dst []byte, v Version) []byte {
	first := byte(PUBLISH)<<4 | byte(p.QoS&3)<<1
	if p.Dup {
		first |= 8
	}
	if p.Retain {
		first |= 1
	}
	dst = slices.Grow(dst, len(p.Topic)+len(p.Payload)+32) // the payload makes the size; properties are mostly small
	return frame(dst, first, func(b []byte) []byte {
		b = AppendString(b, p.Topic)
		if p.QoS > 0 {
			b = binary.BigEndian.AppendUint16(b, p.PacketID)
		}
		return append(p.Properties.in5(b, v), p.Payload...)
	})
}

// append writes an acknowledgement of type t in its shortest legal form, or in full.
func (a Ack) append(dst []byte, t Type, v Version) []byte {
	return frame(dst, t.first(), func(b []byte) []byte {
		b = binary.BigEndian.AppendUint16(b, a.PacketID)
		if v == V311 {
			return b
		}
		return appendResult(b, a.ReasonCode, a.Properties, a.LongForm)
	})
}

// appendResult writes a Reason Code and properties, leaving out what a sender may leave out at the end.
func appendResult(b []byte, c ReasonCode, ps Properties, long bool) []byte {
	if !long && len(ps) == 0 {
		if c == Success {
			return b
		}
		return append(b, byte(c))
	}
	return ps.Append(append(b, byte(c)))
}

// Append appends the packet; see [Packet].
func (p Puback) Append(dst []byte, v Version) []byte { return Ack(p).append(dst, PUBACK, v) }

// Append appends the packet; see [Packet].
func (p Pubrec) Append(dst []byte, v Version) []byte { return Ack(p).append(dst, PUBREC, v) }

// Append appends the packet; see [Packet].
func (p Pubrel) Append(dst []byte, v Version) []byte { return Ack(p).append(dst, PUBREL, v) }

// Append appends the packet; see [Packet].
func (p Pubcomp) Append(dst []byte, v Version) []byte { return Ack(p).append(dst, PUBCOMP, v) }

// Options returns the Subscription Options byte.
func (s Subscription) Options() byte {
	o := byte(s.QoS&3) | byte(s.RetainHandling&3)<<4 | s.ReservedBits<<6
	if s.NoLocal {
		o |= 4
	}
	if s.RetainAsPublished {
		o |= 8
	}
	return o
}

// Append appends the packet; see [Packet]. In 3.1.1 the option bits that only 5.0 has are written all the same.
func (s Subscribe) Append(dst []byte, v Version) []byte {
	return frame(dst, SUBSCRIBE.first(), func(b []byte) []byte {
		b = s.Properties.in5(binary.BigEndian.AppendUint16(b, s.PacketID), v)
		for _, sub := range s.Subscriptions {
			b = append(AppendString(b, sub.Filter), sub.Options())
		}
		return b
	})
}

// Append appends the packet; see [Packet].
func (s Suback) Append(dst []byte, v Version) []byte {
	return frame(dst, SUBACK.first(), func(b []byte) []byte {
		b = s.Properties.in5(binary.BigEndian.AppendUint16(b, s.PacketID), v)
		return appendCodes(b, s.ReasonCodes)
	})
}

func appendCodes(b []byte, codes []ReasonCode) []byte {
	for _, c := range codes {
		b = append(b, byte(c))
	}
	return b
}

// Append appends the packet; see [Packet].
func (u Unsubscribe) Append(dst []byte, v Version) []byte {
	return frame(dst, UNSUBSCRIBE.first(), func(b []byte) []byte {
		b = u.Properties.in5(binary.BigEndian.AppendUint16(b, u.PacketID), v)
		for _, f := range u.Filters {
			b = AppendString(b, f)
		}
		return b
	})
}

// Append appends the packet; see [Packet].
func (u Unsuback) Append(dst []byte, v Version) []byte {
	return frame(dst, UNSUBACK.first(), func(b []byte) []byte {
		b = u.Properties.in5(binary.BigEndian.AppendUint16(b, u.PacketID), v)
		if v == V311 {
			return b
		}
		return appendCodes(b, u.ReasonCodes)
	})
}

// Append appends the packet; see [Packet].
func (Pingreq) Append(dst []byte, _ Version) []byte { return append(dst, PINGREQ.first(), 0) }

// Append appends the packet; see [Packet].
func (Pingresp) Append(dst []byte, _ Version) []byte { return append(dst, PINGRESP.first(), 0) }

// Append appends the packet; see [Packet].
func (d Disconnect) Append(dst []byte, v Version) []byte {
	return frame(dst, DISCONNECT.first(), func(b []byte) []byte {
		if v == V311 {
			return b
		}
		return appendResult(b, d.ReasonCode, d.Properties, d.LongForm)
	})
}

// Append appends the packet; see [Packet].
func (a Auth) Append(dst []byte, _ Version) []byte {
	return frame(dst, AUTH.first(), func(b []byte) []byte {
		return appendResult(b, a.ReasonCode, a.Properties, a.LongForm)
	})
}
