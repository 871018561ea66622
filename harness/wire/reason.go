package wire

import (
	"fmt"
	"slices"
)

// ReasonCode is the result of an operation: a Reason Code of 5.0, or a Connect Return code or SUBACK return code of
// 3.1.1. In 5.0 values from 0x80 are failures.
type ReasonCode byte

// The Reason Codes of MQTT 5.0. Some values have another name in another packet; see [ReasonCode.Name].
const (
	Success                             ReasonCode = 0x00 // Normal disconnection, Granted QoS 0
	GrantedQoS1                         ReasonCode = 0x01
	GrantedQoS2                         ReasonCode = 0x02
	DisconnectWithWillMessage           ReasonCode = 0x04
	NoMatchingSubscribers               ReasonCode = 0x10
	NoSubscriptionExisted               ReasonCode = 0x11
	ContinueAuthentication              ReasonCode = 0x18
	ReAuthenticate                      ReasonCode = 0x19
	UnspecifiedError                    ReasonCode = 0x80
	MalformedPacket                     ReasonCode = 0x81
	ProtocolError                       ReasonCode = 0x82
	ImplementationSpecificError         ReasonCode = 0x83
	UnsupportedProtocolVersion          ReasonCode = 0x84
	ClientIdentifierNotValid            ReasonCode = 0x85
	BadUserNameOrPassword               ReasonCode = 0x86
	NotAuthorized                       ReasonCode = 0x87
	ServerUnavailable                   ReasonCode = 0x88
	ServerBusy                          ReasonCode = 0x89
	Banned                              ReasonCode = 0x8A
	ServerShuttingDown                  ReasonCode = 0x8B
	BadAuthenticationMethod             ReasonCode = 0x8C
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	TopicNameInvalid                    ReasonCode = 0x90
	PacketIdentifierInUse               ReasonCode = 0x91
	PacketIdentifierNotFound            ReasonCode = 0x92
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	PacketTooLarge                      ReasonCode = 0x95
	MessageRateTooHigh                  ReasonCode = 0x96
	QuotaExceeded                       ReasonCode = 0x97
	AdministrativeAction                ReasonCode = 0x98
	PayloadFormatInvalid                ReasonCode = 0x99
	RetainNotSupported                  ReasonCode = 0x9A
	QoSNotSupported                     ReasonCode = 0x9B
	UseAnotherServer                    ReasonCode = 0x9C
	ServerMoved                         ReasonCode = 0x9D
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	ConnectionRateExceeded              ReasonCode = 0x9F
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

// The Connect Return codes of MQTT 3.1.1. SUBACK of 3.1.1 has 0x80 for failure, which is [UnspecifiedError] here.
const (
	RefusedProtocolVersion   ReasonCode = 0x01
	RefusedIdentifier        ReasonCode = 0x02
	RefusedServerUnavailable ReasonCode = 0x03
	RefusedUserOrPassword    ReasonCode = 0x04
	RefusedNotAuthorized     ReasonCode = 0x05
)

// Failed reports whether the code is a failure in 5.0: 0x80 and above.
func (c ReasonCode) Failed() bool { return c >= 0x80 }

var reasonNames = map[ReasonCode]string{
	0x00: "Success", 0x01: "Granted QoS 1", 0x02: "Granted QoS 2", 0x04: "Disconnect with Will Message",
	0x10: "No matching subscribers", 0x11: "No subscription existed", 0x18: "Continue authentication",
	0x19: "Re-authenticate", 0x80: "Unspecified error", 0x81: "Malformed Packet", 0x82: "Protocol Error",
	0x83: "Implementation specific error", 0x84: "Unsupported Protocol Version", 0x85: "Client Identifier not valid",
	0x86: "Bad User Name or Password", 0x87: "Not authorized", 0x88: "Server unavailable", 0x89: "Server busy",
	0x8A: "Banned", 0x8B: "Server shutting down", 0x8C: "Bad authentication method", 0x8D: "Keep Alive timeout",
	0x8E: "Session taken over", 0x8F: "Topic Filter invalid", 0x90: "Topic Name invalid",
	0x91: "Packet Identifier in use", 0x92: "Packet Identifier not found", 0x93: "Receive Maximum exceeded",
	0x94: "Topic Alias invalid", 0x95: "Packet too large", 0x96: "Message rate too high", 0x97: "Quota exceeded",
	0x98: "Administrative action", 0x99: "Payload format invalid", 0x9A: "Retain not supported",
	0x9B: "QoS not supported", 0x9C: "Use another server", 0x9D: "Server moved",
	0x9E: "Shared Subscriptions not supported", 0x9F: "Connection rate exceeded", 0xA0: "Maximum connect time",
	0xA1: "Subscription Identifiers not supported", 0xA2: "Wildcard Subscriptions not supported",
}

var returnNames = [...]string{
	"Connection Accepted", "unacceptable protocol version", "identifier rejected", "Server unavailable",
	"bad user name or password", "not authorized",
}

// Name returns what the standard calls the code in a packet of type t and version v.
func (c ReasonCode) Name(t Type, v Version) string {
	switch {
	case t == CONNACK && int(c) < len(returnNames) && (v == V311 || c != 0): // in 5.0 from a server that knows 3.1.1 only
		return returnNames[c]
	case v == V311 && t == SUBACK && c == 0x80:
		return "Failure"
	case c == 0 && t == DISCONNECT:
		return "Normal disconnection"
	case c == 0 && t == SUBACK:
		return "Granted QoS 0"
	}
	if n, ok := reasonNames[c]; ok {
		return n
	}
	return "undefined"
}

// String returns the code in hexadecimal with its general name of 5.0, such as "0x82 Protocol Error".
func (c ReasonCode) String() string {
	return fmt.Sprintf("0x%02X %s", byte(c), c.Name(0, V5))
}

// reasonCodes lists the codes that each packet of 5.0 may carry (MQTT-3.2.2-8, 3.4.2-1, 3.5.2-1, 3.6.2-1, 3.7.2-1,
// 3.9.3-2, 3.11.3-2, 3.14.2-1, 3.15.2-1).
var reasonCodes = map[Type][]ReasonCode{
	CONNACK: {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
		0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
	PUBACK:   {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	PUBREC:   {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	PUBREL:   {0x00, 0x92},
	PUBCOMP:  {0x00, 0x92},
	SUBACK:   {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
	UNSUBACK: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
	// 0x8C stands in the table of all Reason Codes (2.4) but not in that of DISCONNECT: nobody is blamed for it
	DISCONNECT: {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95,
		0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
	AUTH: {0x00, 0x18, 0x19},
}

// Allowed reports whether the standard lists the code for a packet of type t in version v, whoever sends it.
func (c ReasonCode) Allowed(t Type, v Version) bool {
	if v != V311 {
		return slices.Contains(reasonCodes[t], c)
	}
	switch t {
	case CONNACK:
		return int(c) < len(returnNames)
	case SUBACK:
		return c <= 2 || c == 0x80
	}
	return c == 0
}
