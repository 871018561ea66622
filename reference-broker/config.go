package broker

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Config says what a broker offers and where its limits are. The zero value is a broker that offers all of MQTT to
// anybody, within limits that keep its memory bounded. Whatever the standard lets a server announce in CONNACK is
// announced wherever it differs from what a client would assume.
type Config struct {
	// MaximumQoS is the highest QoS of a PUBLISH that is accepted and of a subscription that is granted. nil is 2.
	MaximumQoS *wire.QoS
	// The zero value of these four offers the feature.
	NoRetain                  bool // Retain Available 0
	NoWildcardSubscriptions   bool // Wildcard Subscription Available 0
	NoSubscriptionIdentifiers bool // Subscription Identifier Available 0
	NoSharedSubscriptions     bool // Shared Subscription Available 0
	// NoTopicAliases makes the broker accept no Topic Alias and use none.
	NoTopicAliases bool
	// NoEmptyClientID refuses a Client Identifier of no bytes instead of assigning one.
	NoEmptyClientID bool

	// ReceiveMaximum is how many QoS 2 exchanges a client may have open at once. 0 is 65,535.
	ReceiveMaximum uint16
	// MaximumPacketSize is the size in bytes of the largest packet that is read. 0 is 16 MiB.
	MaximumPacketSize uint32
	// TopicAliasMaximum is the highest Topic Alias that is accepted, and the most that the broker uses itself on one
	// connection. 0 is 32.
	TopicAliasMaximum uint16
	// MaximumSessionExpiry caps the Session Expiry Interval, in seconds, and is the lifetime of an offline session of
	// 3.1.1. 0 is no cap.
	MaximumSessionExpiry uint32
	// MaximumKeepAlive is announced as Server Keep Alive, in seconds, to a client of 5.0 that wants a longer Keep
	// Alive or none. 0 leaves the choice to the client. 3.1.1 knows no such announcement: its clients keep theirs.
	MaximumKeepAlive uint16
	// ResponseInformation is given to clients that ask for it. Empty: it is not given.
	ResponseInformation string

	// ConnectTimeout is how long a new Network Connection may take to send its CONNECT. 0 is 10 s.
	ConnectTimeout time.Duration
	// MaximumConnections is how many clients may be connected at once; one more is refused with 0x97, in 3.1.1 with
	// 0x03. As many again may be about to connect; a Network Connection above that is closed at once. 0 is 65,536.
	MaximumConnections int
	// MaximumSessions is how many sessions are kept, connected or not; a client that would need another one is
	// refused with 0x97, in 3.1.1 with 0x03. 0 is 100,000.
	MaximumSessions int
	// MaximumSubscriptions is how many subscriptions a session may have; one more is refused with 0x97, in 3.1.1 with
	// 0x80. 0 is 1,000.
	MaximumSubscriptions int
	// MaximumTopicLevels is how many levels a topic or filter may have; a longer one is refused with 0x90 or 0x8F.
	// 0 is 1,000.
	MaximumTopicLevels int
	// MaximumQueuedMessages and MaximumQueuedBytes bound what waits for one session, started deliveries included. A
	// message that finds no room is not queued. 0 is 10,000 messages and 64 MiB of topics, payloads and properties.
	MaximumQueuedMessages int
	MaximumQueuedBytes    int
	// MaximumRetainedMessages and MaximumRetainedBytes bound the retained messages. One that finds no room is refused
	// with 0x97 if its acknowledgement can say so, and otherwise delivered but not retained. 0 is 100,000 messages
	// and 256 MiB.
	MaximumRetainedMessages int
	MaximumRetainedBytes    int
	// MaximumOutput is how many bytes may wait to be written to one connection before deliveries stay in the
	// session's queue and nothing more is read from that client. 0 is 64 KiB.
	MaximumOutput int

	// Users maps User Names to passwords. If it is not nil, every client must give a User Name that is in it.
	Users map[string]string
	// Authenticate decides instead of Users if it is not nil. It is called without any lock and returns Success, or
	// the Reason Code for CONNACK; 3.1.1 is told the return code that comes nearest.
	Authenticate func(Credentials) wire.ReasonCode
	// Access lists who may publish and subscribe to what; the first rule that applies decides, and if none does the
	// answer is no. nil allows everything.
	Access []AccessRule
	// Authorize decides instead of Access if it is not nil. It is called with the broker's lock held: it must not
	// block or call the broker.
	Authorize func(AccessRequest) bool

	// Defects and Tolerances are names from [Defects] and [Tolerances].
	Defects    []string
	Tolerances []string

	// Service is how a hosted service is stricter or other than the standard. The zero value changes nothing.
	Service Service
	// Hook is a service beside the broker. nil: there is none.
	Hook Hook

	// Trace records every packet and close. nil records nothing.
	Trace *trace.Log
	// Log is told of connections that end in an error. nil is silence.
	Log *slog.Logger
}

const (
	defaultMaximumPacketSize = 16 << 20
	defaultTopicAliasMaximum = 32
	maximumReceiveMaximum    = 65_535
)

// validate says what contradicts itself.
func (c Config) validate() error {
	switch {
	case c.MaximumQoS != nil && *c.MaximumQoS > wire.QoS2:
		return fmt.Errorf("broker: MaximumQoS %d is above 2", *c.MaximumQoS)
	case c.MaximumPacketSize > wire.MaxVarint+5:
		return fmt.Errorf("broker: MaximumPacketSize %d is above what MQTT can express, %d", c.MaximumPacketSize, wire.MaxVarint+5)
	case c.MaximumPacketSize > 0 && c.MaximumPacketSize < 64:
		return fmt.Errorf("broker: MaximumPacketSize %d has no room for an ordinary CONNECT", c.MaximumPacketSize)
	case c.NoTopicAliases && c.TopicAliasMaximum > 0:
		return fmt.Errorf("broker: NoTopicAliases contradicts TopicAliasMaximum %d", c.TopicAliasMaximum)
	case c.ConnectTimeout < 0:
		return fmt.Errorf("broker: ConnectTimeout %v is negative", c.ConnectTimeout)
	}
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"MaximumConnections", c.MaximumConnections},
		{"MaximumSessions", c.MaximumSessions},
		{"MaximumSubscriptions", c.MaximumSubscriptions},
		{"MaximumTopicLevels", c.MaximumTopicLevels},
		{"MaximumQueuedMessages", c.MaximumQueuedMessages},
		{"MaximumQueuedBytes", c.MaximumQueuedBytes},
		{"MaximumRetainedMessages", c.MaximumRetainedMessages},
		{"MaximumRetainedBytes", c.MaximumRetainedBytes},
		{"MaximumOutput", c.MaximumOutput},
	} {
		if limit.value < 0 {
			return fmt.Errorf("broker: %s %d is negative", limit.name, limit.value)
		}
	}
	for i, r := range c.Access {
		if err := wire.CheckFilter(r.Filter, wire.V311); err != nil && r.Filter != "" {
			return fmt.Errorf("broker: Access[%d]: filter %q: %w", i, r.Filter, err)
		}
	}
	return nil
}

// withDefaults fills in what the zero values stand for.
func (c Config) withDefaults() Config {
	if c.MaximumQoS == nil {
		two := wire.QoS2
		c.MaximumQoS = &two
	}
	if !c.NoTopicAliases {
		setDefault(&c.TopicAliasMaximum, defaultTopicAliasMaximum)
	}
	setDefault(&c.ReceiveMaximum, maximumReceiveMaximum)
	setDefault(&c.MaximumPacketSize, defaultMaximumPacketSize)
	setDefault(&c.ConnectTimeout, 10*time.Second)
	setDefault(&c.MaximumConnections, 65_536)
	setDefault(&c.MaximumSessions, 100_000)
	setDefault(&c.MaximumSubscriptions, 1_000)
	setDefault(&c.MaximumTopicLevels, 1_000)
	setDefault(&c.MaximumQueuedMessages, 10_000)
	setDefault(&c.MaximumQueuedBytes, 64<<20)
	setDefault(&c.MaximumRetainedMessages, 100_000)
	setDefault(&c.MaximumRetainedBytes, 256<<20)
	setDefault(&c.MaximumOutput, 64<<10)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// setDefault replaces a zero value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
