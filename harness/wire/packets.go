package wire

// Connect asks for a session. It is the first packet that a client sends on a Network Connection (MQTT-3.1.0-1).
type Connect struct {
	ProtocolName    string     // "" writes "MQTT"
	ProtocolVersion Version    // 0 writes the version that Append is given
	CleanStart      bool       // Clean Session in 3.1.1: the same bit, another meaning
	KeepAlive       uint16     // seconds; 0 switches the mechanism off
	Properties      Properties // 5.0 only
	ClientID        string
	Will            *Will   // nil: Will Flag 0
	Username        *string // nil: User Name Flag 0
	Password        []byte  // nil: Password Flag 0; empty but not nil: a password of no bytes
	// ConnectFlags replaces the flags that follow from the other fields, so that flags and payload can contradict
	// each other; nil in every legal packet. Decode sets it when the reserved bit is 1 (MQTT-3.1.2-3).
	ConnectFlags *byte
}

// The bits of the Connect Flags.
const (
	FlagReserved   byte = 1 << 0
	FlagCleanStart byte = 1 << 1
	FlagWill       byte = 1 << 2
	FlagWillQoS1   byte = 1 << 3
	FlagWillQoS2   byte = 1 << 4
	FlagWillRetain byte = 1 << 5
	FlagPassword   byte = 1 << 6
	FlagUsername   byte = 1 << 7
)

// Flags returns the Connect Flags that the fields give.
func (c Connect) Flags() (f byte) {
	if c.ConnectFlags != nil {
		return *c.ConnectFlags
	}
	if c.CleanStart {
		f |= FlagCleanStart
	}
	if c.Will != nil {
		f |= FlagWill | byte(c.Will.QoS&3)<<3
		if c.Will.Retain {
			f |= FlagWillRetain
		}
	}
	if c.Password != nil {
		f |= FlagPassword
	}
	if c.Username != nil {
		f |= FlagUsername
	}
	return f
}

// Will is the Application Message that the server publishes for a client that goes without saying so.
type Will struct {
	QoS        QoS
	Retain     bool
	Properties Properties // 5.0 only
	Topic      string
	Payload    []byte
}

// Connack answers a CONNECT.
type Connack struct {
	SessionPresent bool
	ReservedFlags  byte       // bits 7 to 1 of the Connect Acknowledge Flags, which must be 0 (MQTT-3.2.2-1)
	ReasonCode     ReasonCode // the Connect Return code in 3.1.1
	Properties     Properties // 5.0 only
}

// Publish carries an Application Message.
type Publish struct {
	Dup        bool
	QoS        QoS
	Retain     bool
	Topic      string     // empty where a Topic Alias stands for it
	PacketID   uint16     // written and read only if QoS is above 0
	Properties Properties // 5.0 only
	Payload    []byte
}

// Ack is what PUBACK, PUBREC, PUBREL and PUBCOMP have in common.
type Ack struct {
	PacketID   uint16
	ReasonCode ReasonCode // 5.0 only
	Properties Properties // 5.0 only
	// LongForm writes the Reason Code and the Property Length also where the standard lets a sender leave them
	// out. Append leaves them out wherever it may.
	LongForm bool
}

// Puback answers a PUBLISH of QoS 1.
type Puback Ack

// Pubrec answers a PUBLISH of QoS 2.
type Pubrec Ack

// Pubrel answers a PUBREC.
type Pubrel Ack

// Pubcomp answers a PUBREL and ends a QoS 2 exchange.
type Pubcomp Ack

// Subscribe asks for subscriptions.
type Subscribe struct {
	PacketID      uint16
	Properties    Properties // 5.0 only
	Subscriptions []Subscription
}

// Subscription is one Topic Filter of a SUBSCRIBE with its Subscription Options.
type Subscription struct {
	Filter            string
	QoS               QoS            // the Maximum QoS (5.0), the requested QoS (3.1.1)
	NoLocal           bool           // 5.0 only: a reserved bit in 3.1.1
	RetainAsPublished bool           // 5.0 only: a reserved bit in 3.1.1
	RetainHandling    RetainHandling // 5.0 only: reserved bits in 3.1.1
	ReservedBits      byte           // bits 6 and 7 of the options, which must be 0, as their number 0 to 3
}

// RetainHandling says whether a SUBSCRIBE brings retained messages.
type RetainHandling byte

// The values of Retain Handling; 3 is a Protocol Error.
const (
	SendRetained      RetainHandling = 0 // at every SUBSCRIBE
	SendRetainedIfNew RetainHandling = 1 // only if the subscription did not exist
	NoRetained        RetainHandling = 2 // never
)

// Suback answers a SUBSCRIBE.
type Suback struct {
	PacketID    uint16
	Properties  Properties // 5.0 only
	ReasonCodes []ReasonCode
}

// Unsubscribe ends subscriptions.
type Unsubscribe struct {
	PacketID   uint16
	Properties Properties // 5.0 only
	Filters    []string
}

// Unsuback answers an UNSUBSCRIBE.
type Unsuback struct {
	PacketID    uint16
	Properties  Properties   // 5.0 only
	ReasonCodes []ReasonCode // 5.0 only
}

// Pingreq asks the server for a sign of life.
type Pingreq struct{}

// Pingresp answers a PINGREQ.
type Pingresp struct{}

// Disconnect is the last packet on a Network Connection. In 3.1.1 only clients send it, and it has no content.
type Disconnect struct {
	ReasonCode ReasonCode // 5.0 only
	Properties Properties // 5.0 only
	LongForm   bool       // as in [Ack]
}

// Auth is a step of Enhanced Authentication (5.0 only).
type Auth struct {
	ReasonCode ReasonCode
	Properties Properties
	LongForm   bool // as in [Ack]
}

// Type returns CONNECT.
func (Connect) Type() Type { return CONNECT }

// Type returns CONNACK.
func (Connack) Type() Type { return CONNACK }

// Type returns PUBLISH.
func (Publish) Type() Type { return PUBLISH }

// Type returns PUBACK.
func (Puback) Type() Type { return PUBACK }

// Type returns PUBREC.
func (Pubrec) Type() Type { return PUBREC }

// Type returns PUBREL.
func (Pubrel) Type() Type { return PUBREL }

// Type returns PUBCOMP.
func (Pubcomp) Type() Type { return PUBCOMP }

// Type returns SUBSCRIBE.
func (Subscribe) Type() Type { return SUBSCRIBE }

// Type returns SUBACK.
func (Suback) Type() Type { return SUBACK }

// Type returns UNSUBSCRIBE.
func (Unsubscribe) Type() Type { return UNSUBSCRIBE }

// Type returns UNSUBACK.
func (Unsuback) Type() Type { return UNSUBACK }

// Type returns PINGREQ.
func (Pingreq) Type() Type { return PINGREQ }

// Type returns PINGRESP.
func (Pingresp) Type() Type { return PINGRESP }

// Type returns DISCONNECT.
func (Disconnect) Type() Type { return DISCONNECT }

// Type returns AUTH.
func (Auth) Type() Type { return AUTH }

// PacketIDOf returns the Packet Identifier of p, or false for packets that have none.
func PacketIDOf(p Packet) (uint16, bool) {
	switch p := p.(type) {
	case Publish:
		return p.PacketID, p.QoS > 0
	case Puback:
		return p.PacketID, true
	case Pubrec:
		return p.PacketID, true
	case Pubrel:
		return p.PacketID, true
	case Pubcomp:
		return p.PacketID, true
	case Subscribe:
		return p.PacketID, true
	case Suback:
		return p.PacketID, true
	case Unsubscribe:
		return p.PacketID, true
	case Unsuback:
		return p.PacketID, true
	}
	return 0, false
}

// PropertiesOf returns the properties in the Variable Header of p.
func PropertiesOf(p Packet) Properties {
	switch p := p.(type) {
	case Connect:
		return p.Properties
	case Connack:
		return p.Properties
	case Publish:
		return p.Properties
	case Puback:
		return p.Properties
	case Pubrec:
		return p.Properties
	case Pubrel:
		return p.Properties
	case Pubcomp:
		return p.Properties
	case Subscribe:
		return p.Properties
	case Suback:
		return p.Properties
	case Unsubscribe:
		return p.Properties
	case Unsuback:
		return p.Properties
	case Disconnect:
		return p.Properties
	case Auth:
		return p.Properties
	}
	return nil
}
