package wire

import "fmt"

// Fault is a kind of violation of the packet format. Each stands for one duty of a sender, so that a judge can map it
// to the statement that it breaks.
type Fault string

// The faults that [Decoder.Decode] and [ReadFrame] tell apart.
const (
	FaultType              Fault = "reserved packet type"
	FaultFlags             Fault = "wrong fixed header flags"
	FaultReservedBits      Fault = "reserved bits are set"
	FaultLength            Fault = "variable byte integer over four bytes"
	FaultPadding           Fault = "variable byte integer not in its shortest form"
	FaultTruncated         Fault = "field reaches past the end"
	FaultTrailing          Fault = "bytes after the last field"
	FaultTooLarge          Fault = "packet too large"
	FaultUTF8              Fault = "ill-formed UTF-8"
	FaultNull              Fault = "null character in a string"
	FaultQoS               Fault = "QoS 3"
	FaultDup               Fault = "DUP with QoS 0"
	FaultPacketID          Fault = "packet identifier 0"
	FaultProtocolName      Fault = "unknown protocol name"
	FaultProtocolVersion   Fault = "unsupported protocol version"
	FaultWillFlags         Fault = "Will QoS or Will Retain without Will Flag"
	FaultPassword          Fault = "password without user name"
	FaultPropertyUnknown   Fault = "undefined property"
	FaultPropertyPlace     Fault = "property not allowed in this packet"
	FaultPropertyRepeated  Fault = "property repeated"
	FaultPropertyValue     Fault = "property value not allowed"
	FaultPropertyMissing   Fault = "required property missing"
	FaultReasonCode        Fault = "reason code not defined for this packet"
	FaultNoFilters         Fault = "no topic filter"
	FaultNoReasonCodes     Fault = "no reason code"
	FaultTopic             Fault = "wildcard in a topic name"
	FaultTopicEmpty        Fault = "empty topic"
	FaultFilter            Fault = "malformed topic filter"
	FaultRetainHandling    Fault = "Retain Handling 3"
	FaultNoLocalShared     Fault = "No Local on a shared subscription"
	FaultSubscriptionIDDir Fault = "Subscription Identifier from a client"
)

// Violation is the first rule of the packet format that a packet breaks.
type Violation struct {
	Fault  Fault
	Type   Type       // of the packet
	Offset int        // of the guilty byte, counted from the packet's first byte
	Code   ReasonCode // that 5.0 gives a receiver for it
	Detail string     // what stands there, in a few words
}

// Error says what is wrong and where.
func (v *Violation) Error() string {
	s := fmt.Sprintf("%v: %s at byte %d", v.Type, v.Fault, v.Offset)
	if v.Detail != "" {
		s += ": " + v.Detail
	}
	return s
}
