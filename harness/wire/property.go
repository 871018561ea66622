package wire

import "fmt"

// PropertyID is the identifier of a property of MQTT 5.0.
type PropertyID byte

// The properties of MQTT 5.0.
const (
	PropPayloadFormatIndicator          PropertyID = 0x01
	PropMessageExpiryInterval           PropertyID = 0x02
	PropContentType                     PropertyID = 0x03
	PropResponseTopic                   PropertyID = 0x08
	PropCorrelationData                 PropertyID = 0x09
	PropSubscriptionIdentifier          PropertyID = 0x0B
	PropSessionExpiryInterval           PropertyID = 0x11
	PropAssignedClientIdentifier        PropertyID = 0x12
	PropServerKeepAlive                 PropertyID = 0x13
	PropAuthenticationMethod            PropertyID = 0x15
	PropAuthenticationData              PropertyID = 0x16
	PropRequestProblemInformation       PropertyID = 0x17
	PropWillDelayInterval               PropertyID = 0x18
	PropRequestResponseInformation      PropertyID = 0x19
	PropResponseInformation             PropertyID = 0x1A
	PropServerReference                 PropertyID = 0x1C
	PropReasonString                    PropertyID = 0x1F
	PropReceiveMaximum                  PropertyID = 0x21
	PropTopicAliasMaximum               PropertyID = 0x22
	PropTopicAlias                      PropertyID = 0x23
	PropMaximumQoS                      PropertyID = 0x24
	PropRetainAvailable                 PropertyID = 0x25
	PropUserProperty                    PropertyID = 0x26
	PropMaximumPacketSize               PropertyID = 0x27
	PropWildcardSubscriptionAvailable   PropertyID = 0x28
	PropSubscriptionIdentifierAvailable PropertyID = 0x29
	PropSharedSubscriptionAvailable     PropertyID = 0x2A
)

// form is the encoding of a property's value.
type form byte

const (
	formByte form = 1 + iota
	formUint16
	formUint32
	formVarint
	formBinary
	formString
	formPair
)

// willFields stands for the Will Properties, which are a place for properties but no packet type.
const willFields Type = 16

type propertyRule struct {
	name string
	form form
	in   uint32 // bit t is set if packet type t may carry it
}

func types(ts ...Type) (bits uint32) {
	for _, t := range ts {
		bits |= 1 << t
	}
	return bits
}

var (
	inMessage = types(PUBLISH, willFields)
	inAny     = types(CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE,
		UNSUBACK, DISCONNECT, AUTH, willFields)
	inAnswer = types(CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH)
)

var propertyRules = [64]propertyRule{
	PropPayloadFormatIndicator:          {"Payload Format Indicator", formByte, inMessage},
	PropMessageExpiryInterval:           {"Message Expiry Interval", formUint32, inMessage},
	PropContentType:                     {"Content Type", formString, inMessage},
	PropResponseTopic:                   {"Response Topic", formString, inMessage},
	PropCorrelationData:                 {"Correlation Data", formBinary, inMessage},
	PropSubscriptionIdentifier:          {"Subscription Identifier", formVarint, types(PUBLISH, SUBSCRIBE)},
	PropSessionExpiryInterval:           {"Session Expiry Interval", formUint32, types(CONNECT, CONNACK, DISCONNECT)},
	PropAssignedClientIdentifier:        {"Assigned Client Identifier", formString, types(CONNACK)},
	PropServerKeepAlive:                 {"Server Keep Alive", formUint16, types(CONNACK)},
	PropAuthenticationMethod:            {"Authentication Method", formString, types(CONNECT, CONNACK, AUTH)},
	PropAuthenticationData:              {"Authentication Data", formBinary, types(CONNECT, CONNACK, AUTH)},
	PropRequestProblemInformation:       {"Request Problem Information", formByte, types(CONNECT)},
	PropWillDelayInterval:               {"Will Delay Interval", formUint32, types(willFields)},
	PropRequestResponseInformation:      {"Request Response Information", formByte, types(CONNECT)},
	PropResponseInformation:             {"Response Information", formString, types(CONNACK)},
	PropServerReference:                 {"Server Reference", formString, types(CONNACK, DISCONNECT)},
	PropReasonString:                    {"Reason String", formString, inAnswer},
	PropReceiveMaximum:                  {"Receive Maximum", formUint16, types(CONNECT, CONNACK)},
	PropTopicAliasMaximum:               {"Topic Alias Maximum", formUint16, types(CONNECT, CONNACK)},
	PropTopicAlias:                      {"Topic Alias", formUint16, types(PUBLISH)},
	PropMaximumQoS:                      {"Maximum QoS", formByte, types(CONNACK)},
	PropRetainAvailable:                 {"Retain Available", formByte, types(CONNACK)},
	PropUserProperty:                    {"User Property", formPair, inAny},
	PropMaximumPacketSize:               {"Maximum Packet Size", formUint32, types(CONNECT, CONNACK)},
	PropWildcardSubscriptionAvailable:   {"Wildcard Subscription Available", formByte, types(CONNACK)},
	PropSubscriptionIdentifierAvailable: {"Subscription Identifier Available", formByte, types(CONNACK)},
	PropSharedSubscriptionAvailable:     {"Shared Subscription Available", formByte, types(CONNACK)},
}

// rule returns what the standard says of the property, or false if it does not know it.
func (id PropertyID) rule() (propertyRule, bool) {
	if int(id) >= len(propertyRules) || propertyRules[id].form == 0 {
		return propertyRule{}, false
	}
	return propertyRules[id], true
}

// String returns the standard's name of the property.
func (id PropertyID) String() string {
	if r, ok := id.rule(); ok {
		return r.name
	}
	return fmt.Sprintf("property 0x%02X", byte(id))
}

// AllPropertyIDs returns the identifiers that MQTT 5.0 defines, in ascending order.
func AllPropertyIDs() (ids []PropertyID) {
	for id := range PropertyID(len(propertyRules)) {
		if _, ok := id.rule(); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// AllowedIn reports whether a packet of type t may carry the property.
func (id PropertyID) AllowedIn(t Type) bool {
	r, ok := id.rule()
	return ok && r.in&(1<<t) != 0
}

// AllowedInWill reports whether the Will Properties may hold the property.
func (id PropertyID) AllowedInWill() bool { return id.AllowedIn(willFields) }

// Property is one property of MQTT 5.0. Which field holds the value depends on its ID. Values are comparable.
type Property struct {
	ID    PropertyID
	Int   uint32 // Byte, Two Byte Integer, Four Byte Integer, Variable Byte Integer
	Text  string // UTF-8 Encoded String, Binary Data; the name of a UTF-8 String Pair
	Value string // the value of a UTF-8 String Pair
}

// String returns the property as a reader wants to see it, such as "Receive Maximum: 10". Long values are cut, and
// Authentication Data is not shown.
func (p Property) String() string {
	r, known := p.ID.rule()
	switch {
	case p.ID == PropAuthenticationData:
		return fmt.Sprintf("%v: %s", p.ID, hidden)
	case r.form == formPair:
		return fmt.Sprintf("%v: %s = %s", p.ID, quoted(p.Text), quoted(p.Value))
	case r.form == formString:
		return fmt.Sprintf("%v: %s", p.ID, quoted(p.Text))
	case r.form == formBinary, !known:
		return fmt.Sprintf("%v: %s", p.ID, payloadText(p.Text))
	}
	return fmt.Sprintf("%v: %d", p.ID, p.Int)
}

// Properties are the properties of a packet in the order of their bytes. The same one may stand there twice, as a
// User Property legally does and others only in a test.
type Properties []Property

// Get returns the first property with that id, or false.
func (ps Properties) Get(id PropertyID) (Property, bool) {
	for _, p := range ps {
		if p.ID == id {
			return p, true
		}
	}
	return Property{}, false
}

// Has reports whether the property is there.
func (ps Properties) Has(id PropertyID) bool { _, ok := ps.Get(id); return ok }

// Int returns the number of the first property with that id, or absent if there is none.
func (ps Properties) Int(id PropertyID, absent uint32) uint32 {
	if p, ok := ps.Get(id); ok {
		return p.Int
	}
	return absent
}

// Text returns the text or the bytes of the first property with that id, "" if there is none.
func (ps Properties) Text(id PropertyID) string { p, _ := ps.Get(id); return p.Text }

// All returns every property with that id, in order.
func (ps Properties) All(id PropertyID) (all Properties) {
	for _, p := range ps {
		if p.ID == id {
			all = append(all, p)
		}
	}
	return all
}

// Without returns the properties other than those with that id, in a new slice.
func (ps Properties) Without(id PropertyID) (rest Properties) {
	for _, p := range ps {
		if p.ID != id {
			rest = append(rest, p)
		}
	}
	return rest
}

// With returns the properties with one more at the end, in a new slice.
func (ps Properties) With(p ...Property) Properties {
	return append(append(make(Properties, 0, len(ps)+len(p)), ps...), p...)
}

// PayloadFormatIndicator is 0 for bytes and 1 for UTF-8 text.
func PayloadFormatIndicator(v byte) Property {
	return Property{ID: PropPayloadFormatIndicator, Int: uint32(v)}
}

// MessageExpiryInterval is the lifetime of an Application Message in seconds.
func MessageExpiryInterval(seconds uint32) Property {
	return Property{ID: PropMessageExpiryInterval, Int: seconds}
}

// ContentType describes the payload.
func ContentType(s string) Property { return Property{ID: PropContentType, Text: s} }

// ResponseTopic is the Topic Name for an answer.
func ResponseTopic(s string) Property { return Property{ID: PropResponseTopic, Text: s} }

// CorrelationData lets the asker of a question know its answer.
func CorrelationData(b string) Property { return Property{ID: PropCorrelationData, Text: b} }

// SubscriptionIdentifier is a number from 1 to 268,435,455 that marks deliveries of a subscription.
func SubscriptionIdentifier(n uint32) Property {
	return Property{ID: PropSubscriptionIdentifier, Int: n}
}

// SessionExpiryInterval is how many seconds a session outlives its Network Connection; 0xFFFFFFFF is for ever.
func SessionExpiryInterval(seconds uint32) Property {
	return Property{ID: PropSessionExpiryInterval, Int: seconds}
}

// AssignedClientIdentifier is the Client Identifier that the server chose.
func AssignedClientIdentifier(s string) Property {
	return Property{ID: PropAssignedClientIdentifier, Text: s}
}

// ServerKeepAlive is the Keep Alive in seconds that the server demands instead of the client's.
func ServerKeepAlive(seconds uint16) Property {
	return Property{ID: PropServerKeepAlive, Int: uint32(seconds)}
}

// AuthenticationMethod names a method of Enhanced Authentication.
func AuthenticationMethod(s string) Property { return Property{ID: PropAuthenticationMethod, Text: s} }

// AuthenticationData is a step's data of Enhanced Authentication.
func AuthenticationData(b string) Property { return Property{ID: PropAuthenticationData, Text: b} }

// RequestProblemInformation is 0 to keep Reason Strings and User Properties out of most packets.
func RequestProblemInformation(v byte) Property {
	return Property{ID: PropRequestProblemInformation, Int: uint32(v)}
}

// WillDelayInterval is how many seconds the server waits before it publishes the Will Message.
func WillDelayInterval(seconds uint32) Property {
	return Property{ID: PropWillDelayInterval, Int: seconds}
}

// RequestResponseInformation is 1 to ask for Response Information.
func RequestResponseInformation(v byte) Property {
	return Property{ID: PropRequestResponseInformation, Int: uint32(v)}
}

// ResponseInformation is the basis of a Response Topic.
func ResponseInformation(s string) Property { return Property{ID: PropResponseInformation, Text: s} }

// ServerReference names another server.
func ServerReference(s string) Property { return Property{ID: PropServerReference, Text: s} }

// ReasonString is a text for people who look for a cause.
func ReasonString(s string) Property { return Property{ID: PropReasonString, Text: s} }

// ReceiveMaximum is how many PUBLISH packets of QoS 1 and 2 its sender takes before it has acknowledged any.
func ReceiveMaximum(n uint16) Property { return Property{ID: PropReceiveMaximum, Int: uint32(n)} }

// TopicAliasMaximum is the highest Topic Alias that its sender accepts.
func TopicAliasMaximum(n uint16) Property {
	return Property{ID: PropTopicAliasMaximum, Int: uint32(n)}
}

// TopicAlias is a number that stands for a Topic Name on this Network Connection.
func TopicAlias(n uint16) Property { return Property{ID: PropTopicAlias, Int: uint32(n)} }

// MaximumQoS is the highest QoS of a PUBLISH that the server accepts, 0 or 1.
func MaximumQoS(q QoS) Property { return Property{ID: PropMaximumQoS, Int: uint32(q)} }

// RetainAvailable is 0 if the server does not retain messages.
func RetainAvailable(v byte) Property { return Property{ID: PropRetainAvailable, Int: uint32(v)} }

// UserProperty is a name and a value whose meaning the standard leaves to its users.
func UserProperty(name, value string) Property {
	return Property{ID: PropUserProperty, Text: name, Value: value}
}

// MaximumPacketSize is the size in bytes of the largest packet that its sender takes.
func MaximumPacketSize(n uint32) Property { return Property{ID: PropMaximumPacketSize, Int: n} }

// WildcardSubscriptionAvailable is 0 if the server takes no Topic Filters with wildcards.
func WildcardSubscriptionAvailable(v byte) Property {
	return Property{ID: PropWildcardSubscriptionAvailable, Int: uint32(v)}
}

// SubscriptionIdentifierAvailable is 0 if the server takes no Subscription Identifiers.
func SubscriptionIdentifierAvailable(v byte) Property {
	return Property{ID: PropSubscriptionIdentifierAvailable, Int: uint32(v)}
}

// SharedSubscriptionAvailable is 0 if the server takes no Shared Subscriptions.
func SharedSubscriptionAvailable(v byte) Property {
	return Property{ID: PropSharedSubscriptionAvailable, Int: uint32(v)}
}
