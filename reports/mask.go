package reports

import (
	"encoding/hex"
	"slices"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// secret is what stands in a trace for each byte of a password or of authentication data.
const secret = '*'

// masked returns the events with passwords and authentication data overwritten. Lengths stay, so that a packet can
// still be read. What follows an error in a server's CONNACK stays too: it is evidence.
func masked(events []TraceEvent, v wire.Version) []TraceEvent {
	versions := connectionVersions(events, v)
	copied := false
	for i, e := range events {
		if e.Kind != trace.Packet && e.Kind != trace.Bytes || !mayHoldSecret(e) {
			continue
		}
		frame, err := hex.DecodeString(e.Hex)
		if err != nil {
			continue
		}
		changed := false
		for _, f := range wire.Dissect(frame, versions[e.Conn], e.sender()) {
			if !f.Secret || wire.TypeOf(frame[0]) == wire.CONNACK && f.Name != wire.PropAuthenticationData.String() {
				continue
			}
			from := f.Offset
			if f.Name == "Password" || f.Name == wire.PropAuthenticationData.String() {
				from += 2 // the length stays
			}
			for at := from; at < f.Offset+f.Length && at < len(frame); at++ {
				frame[at], changed = secret, true
			}
		}
		if !changed {
			continue
		}
		if !copied {
			events, copied = slices.Clone(events), true
		}
		events[i].Hex = hex.EncodeToString(frame)
	}
	return events
}

// mayHoldSecret reports whether an event begins as CONNECT, CONNACK or AUTH does.
func mayHoldSecret(e TraceEvent) bool {
	return e.Hex != "" && (e.Hex[0] == '1' || e.Hex[0] == '2' || e.Hex[0] == 'f' || e.Hex[0] == 'F')
}

// sender returns the side that sent the event's bytes.
func (e TraceEvent) sender() wire.Sender {
	if e.Dir == "<" {
		return wire.FromServer
	}
	return wire.FromClient
}

// connectionVersions returns the protocol level of each connection, as its CONNECT says; v where none is seen.
func connectionVersions(events []TraceEvent, v wire.Version) map[string]wire.Version {
	versions := map[string]wire.Version{}
	for _, e := range events {
		if _, known := versions[e.Conn]; !known {
			versions[e.Conn] = v
		}
		if e.Dir != ">" || len(e.Hex) < 20 || e.Hex[0] != '1' {
			continue
		}
		frame, err := hex.DecodeString(e.Hex[:min(len(e.Hex), 48)])
		if err != nil {
			continue
		}
		h, n, err := wire.ParseHeader(frame)
		if err != nil || n == 0 || h.Type() != wire.CONNECT || len(frame) < n+7 {
			continue
		}
		switch level := wire.Version(frame[n+6]); level {
		case wire.V311, wire.V5:
			versions[e.Conn] = level
		}
	}
	return versions
}
