package device

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Event is something that the device did, or that happened to it on its way.
type Event struct {
	At        time.Time
	Conn      int    // the Network Connection, counted from 1 for each device
	Kind      string // "packet" or one of the events that [Match] names
	Version   wire.Version
	Packet    wire.Packet     // of a packet; nil if it cannot be understood
	Bad       *wire.Violation // of the packet's format
	Size      int             // of the packet, in bytes
	Topic     string          // of a PUBLISH, its Topic Alias resolved
	Text      string          // how it closed; why TLS was refused; Session Present of an online event
	WebSocket bool            // of an open or online event: MQTT is carried by a WebSocket
	Offers    []string        // the cipher suites in a handshake
}

// The events beside packets.
const (
	eventPacket     = "packet"
	eventOpen       = "open"
	eventClose      = "close"
	eventOnline     = "online"
	eventHandshake  = "handshake"
	eventRejected   = "rejected"
	eventEnd        = "end"        // the connection is over, because of us
	eventSubscribed = "subscribed" // a SUBACK has been sent
	eventOffline    = "offline"    // a connection on which it had been accepted is over
	eventSeen       = "seen"       // another client has got a message
	eventText       = "text"       // over a WebSocket the device sends another frame than a binary one
	eventPlain      = "plain"      // the device does not speak TLS where it should
)

var eventNames = []string{eventOpen, eventClose, eventOnline, eventHandshake, eventRejected, eventEnd, eventSubscribed, eventOffline, eventSeen, eventPlain, eventText}

// attributeNames are what conditions may speak of.
var attributeNames = []string{
	"id", "qos", "dup", "retain", "topic", "payload", "alias", "size", "code", "conn", "clean-start", "keep-alive", "will",
	"client-id", "username", "password", "session-expiry", "session-present", "filters", "wildcards", "shared", "subscription-identifier", "version", "how", "tls",
	"expiry", "format", "authentication", "websocket", "subprotocol", "will-topic", "will-payload", "will-qos", "will-retain", "will-delay",
}

// Attribute returns what the event has under a name that conditions use, as text: of a packet id, qos, dup, retain,
// topic, payload, alias, size, code, clean-start, keep-alive, will, client-id, username, password, session-expiry,
// will-topic, will-payload, will-qos, will-retain, will-delay, filters, wildcards, shared, subscription-identifier and
// authentication (an Authentication Method), expiry (a Message Expiry Interval), format (the Payload Format Indicator) and
// version; of open and online websocket; of open subprotocol; of what was seen, what a PUBLISH has; of a close how; of a handshake tls, the kind of
// certificate; of every event conn. It is false for what the event does not have.
func (e Event) Attribute(name string) (string, bool) {
	switch name {
	case "conn":
		return strconv.Itoa(e.Conn), true
	case "size":
		return strconv.Itoa(e.Size), e.Kind == eventPacket
	case "how":
		return e.Text, e.Kind == eventClose || e.Kind == eventRejected
	case "session-present":
		return e.Text, e.Kind == eventOnline
	case "websocket":
		return strconv.FormatBool(e.WebSocket), e.Kind == eventOnline || e.Kind == eventOpen
	case "subprotocol":
		return e.Text, e.Kind == eventOpen && e.WebSocket
	case "tls":
		return e.Text, e.Kind == eventHandshake
	case "id":
		id, ok := wire.PacketIDOf(e.Packet)
		return strconv.Itoa(int(id)), ok
	}
	switch p := e.Packet.(type) {
	case wire.Connect:
		return connectAttribute(p, name)
	case wire.Publish:
		return e.publishAttribute(p, name)
	case wire.Subscribe:
		return subscribeAttribute(p, name)
	case wire.Unsubscribe:
		return strconv.Itoa(len(p.Filters)), name == "filters"
	case wire.Puback:
		return code(p.ReasonCode), name == "code"
	case wire.Pubrec:
		return code(p.ReasonCode), name == "code"
	case wire.Pubrel:
		return code(p.ReasonCode), name == "code"
	case wire.Pubcomp:
		return code(p.ReasonCode), name == "code"
	case wire.Disconnect:
		return code(p.ReasonCode), name == "code"
	}
	return "", false
}

func subscribeAttribute(p wire.Subscribe, name string) (string, bool) {
	some := func(is func(filter string) bool) (string, bool) {
		return strconv.FormatBool(slices.ContainsFunc(p.Subscriptions, func(s wire.Subscription) bool { return is(s.Filter) })), true
	}
	switch name {
	case "filters":
		return strconv.Itoa(len(p.Subscriptions)), true
	case "wildcards":
		return some(func(f string) bool { return strings.ContainsAny(f, "+#") })
	case "shared":
		return some(func(f string) bool { return strings.HasPrefix(f, "$share/") })
	case "subscription-identifier":
		return strconv.FormatBool(p.Properties.Has(wire.PropSubscriptionIdentifier)), true
	}
	return "", false
}

func code(c wire.ReasonCode) string { return strconv.Itoa(int(c)) }

func connectAttribute(p wire.Connect, name string) (string, bool) {
	switch name {
	case "clean-start":
		return strconv.FormatBool(p.CleanStart), true
	case "keep-alive":
		return strconv.Itoa(int(p.KeepAlive)), true
	case "will":
		return strconv.FormatBool(p.Will != nil), true
	case "client-id":
		return p.ClientID, true
	case "username":
		return strconv.FormatBool(p.Username != nil), true
	case "password":
		return strconv.FormatBool(p.Password != nil), true
	case "session-expiry":
		return strconv.FormatUint(uint64(p.Properties.Int(wire.PropSessionExpiryInterval, 0)), 10), true
	case "authentication":
		return strconv.FormatBool(p.Properties.Has(wire.PropAuthenticationMethod)), true
	case "version":
		return p.ProtocolVersion.String(), true
	}
	if p.Will != nil {
		return willAttribute(*p.Will, name)
	}
	return "", false
}

func willAttribute(w wire.Will, name string) (string, bool) {
	switch name {
	case "will-topic":
		return w.Topic, true
	case "will-payload":
		return string(w.Payload), true
	case "will-qos":
		return strconv.Itoa(int(w.QoS)), true
	case "will-retain":
		return strconv.FormatBool(w.Retain), true
	case "will-delay":
		return strconv.FormatUint(uint64(w.Properties.Int(wire.PropWillDelayInterval, 0)), 10), true
	}
	return "", false
}

func (e Event) publishAttribute(p wire.Publish, name string) (string, bool) {
	switch name {
	case "qos":
		return strconv.Itoa(int(p.QoS)), true
	case "dup":
		return strconv.FormatBool(p.Dup), true
	case "retain":
		return strconv.FormatBool(p.Retain), true
	case "topic":
		return e.Topic, true
	case "payload":
		return string(p.Payload), true
	case "alias":
		return strconv.FormatUint(uint64(p.Properties.Int(wire.PropTopicAlias, 0)), 10), true
	case "expiry":
		return strconv.FormatUint(uint64(p.Properties.Int(wire.PropMessageExpiryInterval, 0)), 10), p.Properties.Has(wire.PropMessageExpiryInterval)
	case "format":
		return strconv.FormatUint(uint64(p.Properties.Int(wire.PropPayloadFormatIndicator, 0)), 10), true
	}
	return "", false
}

// String describes the event in a few words.
func (e Event) String() string {
	switch e.Kind {
	case eventPacket:
		if e.Packet == nil {
			return "bytes that are no packet"
		}
		return wire.Summary(e.Packet, e.Version)
	case eventSeen:
		return "another client sees " + wire.Summary(e.Packet, e.Version)
	case eventText:
		return "a frame that is not binary"
	case eventPlain:
		return "the device talks without TLS"
	case eventClose:
		return "the device closes (" + e.Text + ")"
	case eventRejected:
		return "the device refuses TLS (" + e.Text + ")"
	}
	return e.Kind
}

// reference takes apart a condition such as "$first.id" or "!=$first". An empty name is no reference.
func reference(value any) (name, attribute, operator string) {
	s, ok := value.(string)
	if !ok {
		return "", "", ""
	}
	operator, s = cutOperator(s)
	s, is := strings.CutPrefix(s, "$")
	if !is || operator == "~" {
		return "", "", ""
	}
	name, attribute, _ = strings.Cut(s, ".")
	return name, attribute, operator
}

func cutOperator(s string) (operator, rest string) {
	for _, o := range []string{"!=", ">=", "<=", ">", "<", "~"} {
		if rest, is := strings.CutPrefix(s, o); is {
			return o, strings.TrimSpace(rest)
		}
	}
	return "", s
}

// matches reports whether the event is what m describes. Names are the events that were captured before.
func (m Match) matches(e Event, names map[string]Event) bool {
	if m.Packet != "" {
		if e.Kind != eventPacket || e.Packet == nil || e.Packet.Type().String() != m.Packet {
			return false
		}
	} else if e.Kind != m.Event {
		return false
	}
	return conditions(e, m.Where, names)
}

// conditions reports whether an event has all that is asked for.
func conditions(e Event, where map[string]any, names map[string]Event) bool {
	for attribute, value := range where {
		got, has := e.Attribute(attribute)
		if !has || !holds(got, attribute, value, names) {
			return false
		}
	}
	return true
}

// holds compares an attribute with a condition: a value, or an operator and a value, or a reference to what was
// captured before. The operator ~ is "matches the Topic Filter" for a topic and "contains" for everything else.
func holds(got, attribute string, value any, names map[string]Event) bool {
	operator, want := "", fmt.Sprint(value)
	if name, other, op := reference(value); name != "" {
		if other == "" {
			other = attribute
		}
		operator = op
		want, _ = names[name].Attribute(other)
	} else if s, ok := value.(string); ok {
		operator, want = cutOperator(s)
	}
	switch operator {
	case "":
		return got == want
	case "~":
		if attribute == "topic" {
			return wire.Matches(want, got)
		}
		return strings.Contains(got, want)
	case "!=":
		return got != want
	}
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if errA != nil || errB != nil {
		return false
	}
	switch operator {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	}
	return a <= b
}

// String describes what is waited for, such as "PUBLISH with qos >0".
func (m Match) String() string {
	s := m.Packet + m.Event
	if len(m.Where) == 0 {
		return s
	}
	var conditions []string
	for _, name := range attributeNames {
		if v, ok := m.Where[name]; ok {
			conditions = append(conditions, fmt.Sprintf("%s %v", name, v))
		}
	}
	return s + " with " + strings.Join(conditions, ", ")
}
