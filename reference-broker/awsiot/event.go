package awsiot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// EventOptions say how life-cycle events are numbered.
type EventOptions struct {
	// VersionLife is how long a client may be away before its version numbers begin at 0 again.
	VersionLife time.Duration
}

// presence is what is remembered of a client for the numbers of its events.
type presence struct {
	version int64     // of the last event pair
	left    time.Time // zero while it is connected
}

// Connected publishes the event of that name.
func (s *Service) Connected(c broker.Client) []wire.Publish {
	if s.o.Events == nil || !hasEvents(c.ID) {
		return nil
	}
	p := s.presence[c.ID]
	switch {
	case p == nil || !p.left.IsZero() && time.Since(p.left) >= s.o.Events.VersionLife:
		s.forgetOthers()
		p = &presence{}
		s.presence[c.ID] = p
	default:
		p.version++
	}
	p.left = time.Time{}
	d := s.event(c, "connected")
	d["versionNumber"] = p.version
	if c.Remote != nil {
		d["ipAddress"] = host(c.Remote)
	}
	return event("presence/connected", c, d)
}

// Disconnected publishes the event of that name.
func (s *Service) Disconnected(c broker.Client, e broker.Ending) []wire.Publish {
	p := s.presence[c.ID]
	if s.o.Events == nil || !hasEvents(c.ID) || p == nil {
		return nil
	}
	p.left = time.Now()
	d := s.event(c, "disconnected")
	d["versionNumber"] = p.version
	d["clientInitiatedDisconnect"] = e.ByClient
	d["disconnectReason"] = disconnectReason(e)
	return event("presence/disconnected", c, d)
}

// Subscribed publishes the event of that name.
func (s *Service) Subscribed(c broker.Client, filters []string) []wire.Publish {
	return s.subscriptionEvent(c, "subscribed", filters)
}

// Unsubscribed publishes the event of that name.
func (s *Service) Unsubscribed(c broker.Client, filters []string) []wire.Publish {
	return s.subscriptionEvent(c, "unsubscribed", filters)
}

func (s *Service) subscriptionEvent(c broker.Client, what string, filters []string) []wire.Publish {
	if s.o.Events == nil || !hasEvents(c.ID) {
		return nil
	}
	d := s.event(c, what)
	d["topics"] = filters
	return event("subscriptions/"+what, c, d)
}

// hasEvents reports whether a client has events: the topics of others would be filters.
func hasEvents(id string) bool { return !strings.ContainsAny(id, "+#") }

// event makes the message of an event.
func event(name string, c broker.Client, d document) []wire.Publish {
	return []wire.Publish{{Topic: "$aws/events/" + name + "/" + c.ID, QoS: wire.QoS1, Payload: d.encode()}}
}

// event returns what all events have.
func (s *Service) event(c broker.Client, what string) document {
	return document{
		"clientId": c.ID, "timestamp": time.Now().UnixMilli(), "eventType": what,
		"sessionIdentifier": sessionIdentifier(c), "principalIdentifier": principal(c),
	}
}

// sessionIdentifier names one connection, in the form of a UUID. It is the same in each run, so that tests can be
// compared.
func sessionIdentifier(c broker.Client) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", c.Connection, c.ID))
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// principal says who has been let in: the fingerprint of a client's certificate, otherwise its User Name.
func principal(c broker.Client) string {
	if c.TLS != nil && len(c.TLS.PeerCertificates) > 0 {
		sum := sha256.Sum256(c.TLS.PeerCertificates[0].Raw)
		return hex.EncodeToString(sum[:])
	}
	if c.Username != "" {
		return c.Username
	}
	return "anonymous"
}

func host(a net.Addr) string {
	if h, _, err := net.SplitHostPort(a.String()); err == nil {
		return h
	}
	return a.String()
}

// disconnectReason is the service's word for how a connection has ended.
func disconnectReason(e broker.Ending) string {
	if e.ByClient {
		return "CLIENT_INITIATED_DISCONNECT"
	}
	if !e.ByServer {
		return "CONNECTION_LOST"
	}
	switch e.Reason {
	case wire.KeepAliveTimeout:
		return "MQTT_KEEP_ALIVE_TIMEOUT"
	case wire.SessionTakenOver:
		return "DUPLICATE_CLIENTID"
	case wire.NotAuthorized, wire.BadUserNameOrPassword:
		return "AUTH_ERROR"
	case wire.QuotaExceeded, wire.MessageRateTooHigh, wire.ConnectionRateExceeded:
		return "THROTTLED"
	case wire.ServerShuttingDown, wire.ServerBusy, wire.UseAnotherServer, wire.ServerMoved:
		return "SERVER_INITIATED_DISCONNECT"
	case wire.AdministrativeAction:
		return "API_INITIATED_DISCONNECT"
	}
	return "CLIENT_ERROR"
}

// forgetOthers drops clients whose numbers begin anew anyway, so that names that are never used again cost no memory
// for ever.
func (s *Service) forgetOthers() {
	if len(s.presence)%1024 != 1023 {
		return
	}
	for id, p := range s.presence {
		if !p.left.IsZero() && time.Since(p.left) >= s.o.Events.VersionLife {
			delete(s.presence, id)
		}
	}
}
