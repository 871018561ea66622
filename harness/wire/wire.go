// Package wire turns the control packets of MQTT 3.1.1 and MQTT 5.0 into bytes and back.
//
// It serves a checker, so the two directions differ on purpose. Writing never refuses: [Packet].Append puts down
// exactly what the value says, legal or not, and [Raw] puts down any bytes at all. Reading is strict: [Decoder.Decode]
// names the first rule that a packet breaks, with the offset of the guilty byte and the Reason Code that the standard
// gives for it, as a [*Violation].
package wire

import "fmt"

// Version is a protocol level as it stands in the CONNECT packet.
type Version byte

// The protocol levels this package knows.
const (
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// String returns the version as the standard's title has it, such as "5.0".
func (v Version) String() string {
	switch v {
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return fmt.Sprintf("level %d", byte(v))
}

// Type is the MQTT Control Packet type, the high four bits of a packet's first byte.
type Type byte

// The control packet types. Type 0 is reserved in both versions, AUTH is reserved in 3.1.1.
const (
	CONNECT Type = 1 + iota
	CONNACK
	PUBLISH
	PUBACK
	PUBREC
	PUBREL
	PUBCOMP
	SUBSCRIBE
	SUBACK
	UNSUBSCRIBE
	UNSUBACK
	PINGREQ
	PINGRESP
	DISCONNECT
	AUTH
)

var typeNames = [16]string{
	"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
	"SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String returns the standard's name of the type.
func (t Type) String() string { return typeNames[t&15] }

// TypeOf returns the type of the packet that begins with the byte first.
func TypeOf(first byte) Type { return Type(first >> 4) }

// ParseType returns the type that the standard calls name, or false.
func ParseType(name string) (Type, bool) {
	for t := CONNECT; t <= AUTH; t++ {
		if typeNames[t] == name {
			return t, true
		}
	}
	return 0, false
}

// flags returns the low four bits that the fixed header of type t must have (PUBLISH has bits of its own).
func (t Type) flags() byte {
	switch t {
	case PUBREL, SUBSCRIBE, UNSUBSCRIBE:
		return 2
	}
	return 0
}

// QoS is a Quality of Service level. Only 0, 1 and 2 are legal; 3 can be written and is reported when read.
type QoS byte

// The Quality of Service levels.
const (
	QoS0 QoS = iota // at most once
	QoS1            // at least once
	QoS2            // exactly once
)

// Sender tells which side of the Network Connection a packet comes from. Some rules bind only one of them.
type Sender byte

// The two sides.
const (
	FromClient Sender = iota
	FromServer
)

// String returns "client" or "server".
func (s Sender) String() string {
	if s == FromServer {
		return "server"
	}
	return "client"
}

// Packet is a control packet. Its implementations are values: [Connect], [Connack], [Publish], [Puback], [Pubrec],
// [Pubrel], [Pubcomp], [Subscribe], [Suback], [Unsubscribe], [Unsuback], [Pingreq], [Pingresp], [Disconnect], [Auth],
// and for what no value expresses [Raw] and [WithFlags].
type Packet interface {
	// Type returns the control packet type.
	Type() Type
	// Append appends the packet's bytes in the form of version v and never refuses a wrong value. Fields that the
	// version has no place for (properties and Reason Codes in 3.1.1) are left out. A string or payload that is
	// longer than its length field can say has its length cut to the field's low bits.
	Append(dst []byte, v Version) []byte
}

// Raw is a packet given by its bytes.
type Raw []byte

// Type returns the type in the first byte, 0 if there is none.
func (r Raw) Type() Type {
	if len(r) == 0 {
		return 0
	}
	return TypeOf(r[0])
}

// Append appends the bytes as they are.
func (r Raw) Append(dst []byte, _ Version) []byte { return append(dst, r...) }

// WithFlags is a packet whose fixed header carries other flags than its type demands.
type WithFlags struct {
	Packet
	Flags byte // the low four bits of the first byte
}

// Append appends the packet with its flags replaced.
func (w WithFlags) Append(dst []byte, v Version) []byte {
	at := len(dst)
	dst = w.Packet.Append(dst, v)
	if len(dst) > at {
		dst[at] = dst[at]&0xF0 | w.Flags&0x0F
	}
	return dst
}

// WithTrailing is a packet with surplus bytes after its last field, counted in its Remaining Length.
type WithTrailing struct {
	Packet
	Bytes []byte
}

// Append appends the packet, its Remaining Length enlarged, and the surplus.
func (w WithTrailing) Append(dst []byte, v Version) []byte {
	whole := w.Packet.Append(nil, v)
	h, n, err := ParseHeader(whole)
	if err != nil || n == 0 {
		return append(append(dst, whole...), w.Bytes...)
	}
	return Frame(dst, h.First, append(whole[n:len(whole):len(whole)], w.Bytes...))
}

// Bytes returns the packet's bytes in the form of version v.
func Bytes(p Packet, v Version) []byte { return p.Append(make([]byte, 0, 64), v) }
