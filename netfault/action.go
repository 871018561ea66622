package netfault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Dir is a direction of the traffic.
type Dir = trace.Dir

// The two directions.
const (
	ToServer = trace.ToServer
	ToClient = trace.ToClient
)

// Match says when a [Rule] acts.
type Match struct {
	Dir  Dir
	Type wire.Type // 0: any packet
	// Nth is which of the packets that match, counted from 1 since the rule was armed and over all connections of
	// the link; 0 means 1.
	Nth int
	// When is a further condition. It is not asked about packets that cannot be decoded; they do not match. It is
	// called by the goroutine that forwards, so it must not wait for that direction.
	When  func(wire.Packet) bool
	Every bool // act on each match from the nth on, not on the nth alone
	// Open matches the opening of a connection, before its first byte, and no packet: Type and When are not used, and
	// Nth counts connections.
	Open bool
}

// Action is what a [Rule] does: [Close], [Reset], [HalfClose], [Stall], [Delay], [Drop], [Slice] or [Rewrite].
//
// Close, Reset, HalfClose, Stall and Delay act before the packet, which then meets what it finds: after a reset it is
// lost, after a stall in its direction it is withheld, and a stall in the other direction lets it pass. With After
// set the packet is forwarded first.
type Action interface {
	fmt.Stringer       // the form that ParseFault reads
	needsPacket() bool // so it cannot act on the opening of a connection
}

// Close ends both directions in order: either side sees an end of file (FIN). What they send afterwards is discarded.
type Close struct{ After bool }

// Reset ends the connection with a reset (RST) on either side.
type Reset struct{ After bool }

// HalfClose ends one direction in order (FIN). The other goes on; what the sender of the ended direction still sends
// is discarded.
type HalfClose struct {
	Dir   Dir
	After bool
}

// Stall lets nothing pass any more in one direction or, with Both, in either: no bytes, no FIN, no RST, until
// [Link.Heal]. It holds for every connection of the link, as [Link.Stall].
type Stall struct {
	Dir   Dir
	Both  bool
	After bool
}

// Delay keeps the packet, and everything after it in its direction, for a time counted from its arrival: the order
// stays, and delays do not add up. A later Delay replaces it; 0 ends it. The direction is that of the [Match], also of
// one about the opening of a connection. It holds for every connection of the link, as [Link.Delay].
type Delay struct {
	For   time.Duration
	Both  bool // delay the other direction as well
	After bool
}

// Drop does not forward the packet. Other packets pass.
type Drop struct{}

// Slice forwards the packet in pieces, each with a write of its own.
type Slice struct {
	At  []int         // offsets in the packet at which a piece begins, rising; those outside the packet cut nothing
	Gap time.Duration // between two pieces
}

// Rewrite forwards other bytes in the place of the packet.
type Rewrite struct {
	// With gets the packet's bytes, which it may change, and the decoded packet, nil if it cannot be decoded. It
	// returns what is forwarded, in one write: a packet, several, half a packet, or nothing.
	With func(raw []byte, p wire.Packet) []byte
}

func (Close) needsPacket() bool     { return false }
func (Reset) needsPacket() bool     { return false }
func (HalfClose) needsPacket() bool { return false }
func (Stall) needsPacket() bool     { return false }
func (Delay) needsPacket() bool     { return false }
func (Drop) needsPacket() bool      { return true }
func (Slice) needsPacket() bool     { return true }
func (Rewrite) needsPacket() bool   { return true }

// String returns "close".
func (Close) String() string { return "close" }

// String returns "reset".
func (Reset) String() string { return "reset" }

// String returns "half-close=" and the direction.
func (a HalfClose) String() string { return "half-close=" + dirName(a.Dir) }

// String returns "stall=" and the direction, or "both".
func (a Stall) String() string {
	if a.Both {
		return "stall=both"
	}
	return "stall=" + dirName(a.Dir)
}

// String returns "delay=" and the time.
func (a Delay) String() string { return "delay=" + a.For.String() }

// String returns "drop".
func (Drop) String() string { return "drop" }

// String returns "slice=", the offsets and, after a slash, the gap.
func (a Slice) String() string {
	at := make([]string, len(a.At))
	for i, n := range a.At {
		at[i] = strconv.Itoa(n)
	}
	s := "slice=" + strings.Join(at, ",")
	if a.Gap > 0 {
		s += "/" + a.Gap.String()
	}
	return s
}

// String returns "rewrite".
func (Rewrite) String() string { return "rewrite" }

// actsAfter reports whether a acts after the packet has been forwarded.
func actsAfter(a Action) bool {
	switch a := a.(type) {
	case Close:
		return a.After
	case Reset:
		return a.After
	case HalfClose:
		return a.After
	case Stall:
		return a.After
	case Delay:
		return a.After
	}
	return false
}

// dirName is the direction as a fault's text has it.
func dirName(d Dir) string {
	if d == ToClient {
		return "to-client"
	}
	return "to-server"
}
