package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Capability is something that a server may or may not offer, and announces in its CONNACK (5.0).
type Capability string

// The capabilities that specs can need.
const (
	RetainedMessages        Capability = "retained messages"        // Retain Available
	QoS2                    Capability = "QoS 2"                    // Maximum QoS
	WildcardSubscriptions   Capability = "wildcard subscriptions"   // Wildcard Subscription Available
	SharedSubscriptions     Capability = "shared subscriptions"     // Shared Subscription Available
	SubscriptionIdentifiers Capability = "Subscription Identifiers" // Subscription Identifier Available
	QoS1                    Capability = "QoS 1"                    // Maximum QoS
)

// Capabilities is what was observed of a target. The zero value lacks nothing.
type Capabilities struct {
	Refused map[wire.Version]string // versions that the target does not speak, with what it answered
	Connack map[wire.Version]wire.Connack
}

// Lacks returns why the target cannot be asked what the item asks, with how that was observed, or "".
func (c Capabilities) Lacks(i Item) string {
	if answer, ok := c.Refused[i.Version]; ok {
		return fmt.Sprintf("the target does not speak MQTT %v: %s", i.Version, answer)
	}
	// 3.1.1 has no way to announce a lack; what a server lacks in 5.0 it lacks there as well
	p := c.Connack[wire.V5].Properties
	for _, need := range i.Needs {
		id, below := wire.PropertyID(0), uint32(1)
		switch need {
		case RetainedMessages:
			id = wire.PropRetainAvailable
		case QoS1:
			id = wire.PropMaximumQoS
		case QoS2:
			id, below = wire.PropMaximumQoS, 2
		case WildcardSubscriptions:
			id = wire.PropWildcardSubscriptionAvailable
		case SharedSubscriptions:
			id = wire.PropSharedSubscriptionAvailable
		case SubscriptionIdentifiers:
			id = wire.PropSubscriptionIdentifierAvailable
		}
		if v, announced := p.Get(id); announced && v.Int < below {
			return fmt.Sprintf("no %s (CONNACK: %v)", need, v)
		}
	}
	return ""
}

// Table returns the observations for a report: the CONNACK's properties by version.
func (c Capabilities) Table() map[string]string {
	t := map[string]string{}
	for _, v := range []wire.Version{wire.V311, wire.V5} {
		if answer, ok := c.Refused[v]; ok {
			t["MQTT "+v.String()] = "no: " + answer
		} else if a, ok := c.Connack[v]; ok {
			t["MQTT "+v.String()] = "yes"
			for _, p := range a.Properties {
				name, value, _ := strings.Cut(p.String(), ": ")
				if p.ID == wire.PropAssignedClientIdentifier {
					continue // another one each time
				}
				t[name] = value
			}
		}
	}
	return t
}

// ErrUnreachable is wrapped by the error of [Observe] when no Network Connection could be opened.
var ErrUnreachable = errors.New("the target cannot be reached")

// ErrNotMQTT is wrapped by the error of [Observe] when something answers, but not in MQTT.
var ErrNotMQTT = errors.New("what answers does not speak MQTT")

// Observe connects once in each version and returns what the target tells of itself.
func Observe(ctx context.Context, t Target, token string, reply time.Duration, versions ...wire.Version) (Capabilities, error) {
	c := Capabilities{Refused: map[wire.Version]string{}, Connack: map[wire.Version]wire.Connack{}}
	for _, v := range versions {
		answer, err := observe(ctx, t, token, reply, v)
		switch {
		case err == nil && answer.ReasonCode == wire.Success:
			c.Connack[v] = answer
		case err == nil && (answer.ReasonCode == wire.UnsupportedProtocolVersion || answer.ReasonCode == wire.RefusedProtocolVersion):
			c.Refused[v] = "CONNACK " + codeName(answer.ReasonCode, wire.CONNACK, wire.V311)
		case err == nil:
			return c, fmt.Errorf("the target refuses to be tested: CONNACK %s", codeName(answer.ReasonCode, wire.CONNACK, v))
		case errors.Is(err, errClosedUnanswered):
			c.Refused[v] = err.Error()
		default:
			return c, err
		}
	}
	if len(c.Connack) == 0 && len(versions) > 0 {
		return c, fmt.Errorf("%w: %s", ErrNotMQTT, c.Refused[versions[0]])
	}
	return c, nil
}

var errClosedUnanswered = errors.New("it closes the Network Connection without an answer to CONNECT")

// observe connects once.
func observe(ctx context.Context, t Target, token string, reply time.Duration, v wire.Version) (a wire.Connack, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*reply)
	defer cancel()
	conn, err := t.Dial(ctx)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * reply))
	id := token + "observe" + strconv.Itoa(int(v))
	// a write that fails shows as a read that fails
	_, _ = conn.Write(wire.Bytes(authorize(t, wire.Connect{ClientID: id, CleanStart: true}), v))
	b, err := wire.ReadFrame(conn, 1<<20)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout() && len(b) == 0:
		return a, fmt.Errorf("%w: no answer to CONNECT within %s", ErrNotMQTT, 3*reply)
	case err != nil && len(b) == 0:
		if how, text := howEnded(err); how == trace.Error {
			// such as a TLS alert: a client certificate is refused only after the handshake
			return a, fmt.Errorf("%w: %s", ErrUnreachable, text)
		}
		return a, errClosedUnanswered
	case err != nil:
		return a, fmt.Errorf("%w: it answered CONNECT with %q (%w)", ErrNotMQTT, b[:min(len(b), 40)], err)
	}
	p, err := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(b)
	answer, ok := p.(wire.Connack)
	switch {
	case !ok && err != nil:
		return a, fmt.Errorf("%w: it answered CONNECT with %q (%w)", ErrNotMQTT, b[:min(len(b), 40)], err)
	case !ok:
		return a, fmt.Errorf("%w: it answered CONNECT with a %v", ErrNotMQTT, p.Type())
	}
	_, _ = conn.Write(wire.Bytes(wire.Disconnect{}, v))
	return answer, nil
}
