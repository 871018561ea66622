package broker

import (
	"crypto/subtle"
	"crypto/tls"
	"net"
	"net/http"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Credentials is what a CONNECT says about who is there.
type Credentials struct {
	ClientID string
	Username *string // nil: none was given
	Password []byte  // nil: none was given
	// TLS is what was negotiated, with the client's certificates. nil without TLS.
	TLS *tls.ConnectionState
	// Request began the WebSocket connection. nil on other transports.
	Request *http.Request
}

// Action is what a client wants to do with a topic.
type Action byte

// The actions.
const (
	Publish   Action = 1 + iota // a Will Message is published too
	Subscribe                   //
)

// AccessRequest is a question to Config.Authorize.
type AccessRequest struct {
	ClientID string
	Username string // "" if none was given
	Action   Action
	Topic    string // the Topic Name, or the Topic Filter without $share/{name}/
}

// AccessRule allows or forbids. An empty field applies to everything.
type AccessRule struct {
	ClientID string
	Username string
	Action   Action // 0: both
	Filter   string // applies to the topics that it matches, and to the filters that match no others
	Allow    bool
}

func (r AccessRule) applies(q AccessRequest) bool {
	switch {
	case r.ClientID != "" && r.ClientID != q.ClientID,
		r.Username != "" && r.Username != q.Username,
		r.Action != 0 && r.Action != q.Action:
		return false
	case r.Filter == "":
		return true
	case q.Action == Publish:
		return wire.Matches(r.Filter, q.Topic)
	}
	return covers(r.Filter, q.Topic)
}

// covers reports whether every topic that the filter inner matches is matched by outer as well.
func covers(outer, inner string) bool {
	if strings.HasPrefix(inner, "$") && strings.IndexAny(outer, "+#") == 0 {
		return false
	}
	for {
		o, orest, omore := strings.Cut(outer, "/")
		if o == "#" {
			return true
		}
		i, irest, imore := strings.Cut(inner, "/")
		if i == "#" || o != "+" && o != i {
			return false
		}
		switch {
		case !omore && !imore:
			return true
		case omore && !imore:
			return orest == "#"
		case !omore:
			return false
		}
		outer, inner = orest, irest
	}
}

// authenticate checks who is there. It runs without the broker's lock.
func (b *Broker) authenticate(c wire.Connect, nc net.Conn) wire.ReasonCode {
	who := Credentials{ClientID: c.ClientID, Username: c.Username, Password: c.Password, TLS: tlsState(nc), Request: handshakeRequest(nc)}
	if b.config.Authenticate != nil {
		return b.config.Authenticate(who)
	}
	if b.config.Users == nil {
		return wire.Success
	}
	if who.Username == nil {
		return wire.BadUserNameOrPassword
	}
	want, known := b.config.Users[*who.Username]
	if subtle.ConstantTimeCompare([]byte(want), who.Password) != 1 || !known {
		return wire.BadUserNameOrPassword
	}
	return wire.Success
}

// authorized reports whether the client of this connection may do that. The caller holds the lock.
func (c *conn) authorized(a Action, topic string) bool {
	q := AccessRequest{ClientID: c.clientID, Username: c.username, Action: a, Topic: topic}
	if c.b.config.Authorize != nil {
		return c.b.config.Authorize(q)
	}
	if c.b.config.Access == nil {
		return true
	}
	for _, r := range c.b.config.Access {
		if r.applies(q) {
			return r.Allow
		}
	}
	return false
}
