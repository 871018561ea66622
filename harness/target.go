package harness

import (
	"context"
	"net"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// Target is a broker under test.
type Target interface {
	// Dial opens a Network Connection, ready for MQTT: over TCP, TLS, a WebSocket or in memory.
	Dial(ctx context.Context) (net.Conn, error)
	// Info describes the target.
	Info() reports.TargetInfo
	// Close ends what the target's opening started: processes, containers, goroutines.
	Close() error
}

// Instancer is a target that can give a private copy of itself, for specs that cannot share one.
type Instancer interface {
	Instance(ctx context.Context) (Target, error)
}

// Controller is a target whose process can be controlled.
type Controller interface {
	Kill(ctx context.Context) error    // as kill -9
	Start(ctx context.Context) error   // after Kill, on the same data; returns when it answers CONNECT
	Pause(ctx context.Context) error   // the process stands still, its connections stay open
	Unpause(ctx context.Context) error //
}

// Logger is a target whose own log can be read.
type Logger interface {
	Logs() string // the last part of it, at most some tens of kilobytes
}

// Keeper is a target that outlives the run and is shared with others, such as an address. Specs take away what they
// leave on it: retained messages and sessions.
type Keeper interface {
	Keeps() bool
}

// Credentialer is a target that wants a User Name and a Password. They are put into every CONNECT in which the spec
// wrote neither.
type Credentialer interface {
	Credentials() (username, password string, ok bool)
}

// authorize puts the target's credentials into a CONNECT that has none.
func authorize(t Target, p wire.Connect) wire.Connect {
	c, can := t.(Credentialer)
	if !can || p.Username != nil || p.Password != nil {
		return p
	}
	if username, password, ok := c.Credentials(); ok {
		p.Username, p.Password = &username, []byte(password)
	}
	return p
}

// Timing holds the three times that a run can be tuned by.
type Timing struct {
	Reply time.Duration // how long an answer may take before its absence is a finding
	Slack time.Duration // how late a timed action of the target may be and still be in time
	Quiet time.Duration // how long a silence must last to count as one, where order proves nothing
}
