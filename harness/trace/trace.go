// Package trace records what happened on the Network Connections of one spec: every packet with its bytes, every
// close, every fault and note, each with its time. Judges read a trace afterwards; nothing is judged while recording.
package trace

import (
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Dir is the direction of bytes or of a close.
type Dir byte

// The two directions.
const (
	ToServer Dir = iota
	ToClient
)

// String returns an arrow's meaning in words.
func (d Dir) String() string {
	if d == ToClient {
		return "to client"
	}
	return "to server"
}

// Sender returns the side that sends in this direction.
func (d Dir) Sender() wire.Sender {
	if d == ToClient {
		return wire.FromServer
	}
	return wire.FromClient
}

// Leg tells which part of the way between a client and the target an event belongs to. A fault proxy cuts the way in
// two: what the client sent need not be what the target got.
type Leg byte

// The legs. Judges of the target read Direct and TargetLeg; judges of a client read Direct and ClientLeg.
const (
	Direct    Leg = iota // no proxy between
	ClientLeg            // between the client and the proxy
	TargetLeg            // between the proxy and the target
)

// Kind is what an event tells.
type Kind string

// The kinds of events.
const (
	Open   Kind = "open"   // the Network Connection is there
	Packet Kind = "packet" // one whole control packet
	Bytes  Kind = "bytes"  // bytes that are no whole packet: a cut packet, or what follows undecodable bytes
	Close  Kind = "close"  // one direction ended; How says in what way
	Fault  Kind = "fault"  // a fault was armed or fired; Text says which
	Note   Kind = "note"   // anything worth knowing
)

// How is the way in which one direction of a Network Connection ended.
type How string

// The ways to end.
const (
	FIN   How = "FIN"   // in order
	RST   How = "RST"   // reset
	Local How = "local" // closed by our own side, so the peer's end was not seen
	Error How = "error" // anything else, such as a TLS alert; Text says what
)

// Event is one thing that happened.
type Event struct {
	Seq     int          // order in the log, from 0
	At      time.Time    // with a monotonic clock reading
	Conn    string       // the Network Connection: the client's name, with #2, #3 … for its later connections
	Leg     Leg          // where on the way
	Kind    Kind         //
	Dir     Dir          // of packets, bytes and closes
	Version wire.Version // of the connection, 0 before it is known
	Bytes   []byte       // of packets and bytes, as on the wire
	How     How          // of closes
	Text    string       // of faults, notes and closes
}

// Decode decodes the packet of a Packet event.
func (e Event) Decode() (wire.Packet, error) {
	return wire.Decoder{Version: e.Version, Sender: e.Dir.Sender()}.Decode(e.Bytes)
}

// Log collects events. The zero value is ready; a nil *Log drops everything. It may be used from many goroutines: the
// order of events is the order of their times.
type Log struct {
	mu        sync.Mutex
	events    []Event
	size      int
	limit     int
	truncated bool
}

// eventSize is about what an event takes besides its bytes and its text.
const eventSize = 160

// Limit bounds the bytes that the log keeps. Beyond it events keep the first 64 bytes of their packets, and beyond twice
// as much further events are dropped. 0 is no bound.
func (l *Log) Limit(bytes int) {
	l.mu.Lock()
	l.limit = bytes
	l.mu.Unlock()
}

// Add records an event and gives it its time and number. The bytes are copied.
func (l *Log) Add(e Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit > 0 && l.size+len(e.Bytes) > l.limit && len(e.Bytes) > 64 {
		l.truncated = true
		e.Bytes = e.Bytes[:64]
		e.Kind, e.Text = Bytes, "shortened: the trace is full"
	}
	if l.limit > 0 && l.size > 2*l.limit {
		l.truncated = true
		return // even the shortened events are too many
	}
	e.Bytes = append([]byte(nil), e.Bytes...) // last, so that nothing holds on to what was cut off
	l.size += eventSize + len(e.Bytes) + len(e.Text)
	e.At = time.Now() // under the lock, so that the order of the log is the order of time
	e.Seq = len(l.events)
	l.events = append(l.events, e)
}

// Events returns a copy of what has been recorded so far. The events' bytes are shared and must not be changed.
func (l *Log) Events() []Event {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}

// Truncated reports whether the log has shortened or dropped events because of its limit.
func (l *Log) Truncated() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.truncated
}

// Len returns how many events have been recorded so far.
func (l *Log) Len() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Note records a note.
func (l *Log) Note(text string) { l.Add(Event{Kind: Note, Text: text}) }
