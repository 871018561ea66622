// Package req is the catalogue of normative statements of MQTT 5.0 and MQTT 3.1.1.
//
// It holds every numbered conformance statement of both standards and, under ids of its own, the duties that
// the standards state without a number. The texts are paraphrases; what binds is the standard, to which each
// statement links.
//
// The two versions use the same ids for different statements: MQTT-3.1.2-24 is Maximum Packet Size in 5.0 and
// Keep Alive in 3.1.1. An [ID] is therefore always qualified by its version; [Qualify] and [Match] accept what
// people type.
package req

import "slices"

// ID names one statement, always qualified by its version: "v5:MQTT-3.1.2-24", "v311:MQTT-3.1.2-24". Duties that
// the standard does not number are "v5:U5-001" and "v311:U3-001"; these ids are ours, and are never reused.
type ID string

// Version is a version of MQTT, as its protocol level: the byte that CONNECT carries.
type Version byte

const (
	// V311 is MQTT 3.1.1.
	V311 Version = 4
	// V5 is MQTT 5.0.
	V5 Version = 5
)

// String returns the prefix of the version's ids: "v5" or "v311".
func (v Version) String() string {
	switch v {
	case V5:
		return "v5"
	case V311:
		return "v311"
	}
	return "unknown version"
}

// Actor is a side of an MQTT connection: the one that a statement binds, or the one that is under test.
type Actor string

const (
	// Client is the side that sends CONNECT.
	Client Actor = "client"
	// Server is the side that answers it with CONNACK.
	Server Actor = "server"
	// Both is either side.
	Both Actor = "both"
)

// Level is the force of a statement, in the words of RFC 2119. A statement that permits one thing and demands
// another carries the level of what it demands; [Statement.Errata] says so.
type Level string

const (
	// Must is an absolute duty.
	Must Level = "MUST"
	// MustNot is an absolute prohibition.
	MustNot Level = "MUST NOT"
	// Should is a duty that good reasons may override.
	Should Level = "SHOULD"
	// ShouldNot is a prohibition that good reasons may override.
	ShouldNot Level = "SHOULD NOT"
	// May is a choice: it is recorded and never judged.
	May Level = "MAY"
)

// Advisory reports whether a breach is no failure: the level is neither [Must] nor [MustNot].
func (l Level) Advisory() bool { return l != Must && l != MustNot }

// Observability tells how a test that plays the client can see whether a statement is kept.
type Observability string

const (
	// Direct: the server is bound, and its own packets and closes show whether it keeps the statement.
	Direct Observability = "direct"
	// Reaction: the client is bound; the test breaks the statement, and the server's reaction is what is seen.
	Reaction Observability = "reaction"
	// NotObservable: nothing that a server sends tells.
	NotObservable Observability = "no"
)

// Method is a way to check a statement.
type Method string

const (
	// ActiveSpec is a spec that provokes the behaviour.
	ActiveSpec Method = "active spec"
	// PassiveMonitor is a judge that reads all traffic.
	PassiveMonitor Method = "passive monitor"
	// FaultInjection is a spec that needs a dropped link, a stalled one, or passing time.
	FaultInjection Method = "fault injection"
	// ServerReaction is a spec that breaks a client's duty and looks at what the server does.
	ServerReaction Method = "server reaction"
	// DeviceMode is a check of a client that is connected to us.
	DeviceMode Method = "device mode"
)

// Statement is one duty that the standard lays on a client, a server, or both.
type Statement struct {
	ID      ID
	Version Version
	// Section is the section that the id names, and Title its heading: "3.1.2", "CONNECT Variable Header".
	Section, Title string
	// Subsection is the innermost heading above the statement, and SubsectionTitle its text: "3.1.2.11.4",
	// "Maximum Packet Size". They equal Section and Title where there is none deeper.
	Subsection, SubsectionTitle string
	// Actor is who is bound. A server that must close on a client's error is bound by the statement about errors
	// (v5:MQTT-4.13.1-1, v311:MQTT-4.8.0-1), not by the one that the client broke.
	Actor Actor
	Level Level
	// Text is a paraphrase in our words: ASCII, one line, no final period.
	Text string
	// ServerObservable and DeviceObservable tell whether a test sees it, with a server and with a client under test.
	ServerObservable Observability
	DeviceObservable bool
	// Method lists the ways to check the statement; it is empty when there is none.
	Method []Method
	// Needs is the capability without which the target cannot be asked, such as "retain"; empty for most.
	Needs string
	// How sketches the check.
	How string
	// NotObservable is why neither side can be checked, or why a client that is bound cannot where a server can; it is
	// empty otherwise.
	NotObservable string
	// Twins are the statements of the other version that lay down the same duty, wholly or in part: 3.1.1 puts under
	// one id what 5.0 splits. A twin's twins include this statement.
	Twins []ID
	// SameAs are statements of the same version that repeat this duty, wholly or in part. What breaks one breaks the
	// other.
	SameAs []ID
	// Printed is how the standard misprints the id in places, such as "MQTT-3-8.3-4"; empty for most.
	Printed string
	// Errata is what a reader must know about the printed text: misprints, and what in it is not a duty.
	Errata string
	// URL leads to the section in the OASIS text, as near as it has anchors.
	URL string
}

// Numbered reports whether the standard itself numbers the statement.
func (s Statement) Numbered() bool { return s.number() != "" }

// Binds reports whether the statement lays a duty on side. Every statement binds Both in the sense of "either".
func (s Statement) Binds(side Actor) bool {
	return side == Both || s.Actor == Both || s.Actor == side
}

// ObservableAt reports whether a test with side under test can see whether the statement is kept. That includes, for
// Server, the duties of a client to whose breach the server's reaction is prescribed.
func (s Statement) ObservableAt(side Actor) bool {
	switch side {
	case Server:
		return s.ServerObservable != NotObservable
	case Client:
		return s.DeviceObservable
	}
	return s.ObservableAt(Server) || s.ObservableAt(Client)
}

// WhyNotAt says why a test with side under test cannot see whether the statement is kept. It is empty exactly if
// ObservableAt(side).
func (s Statement) WhyNotAt(side Actor) string {
	switch {
	case s.ObservableAt(side):
		return ""
	case s.NotObservable != "":
		return s.NotObservable
	case side == Server:
		return "Binds the client, and prescribes no reaction of the server"
	}
	return "Binds the server only"
}

// All returns every statement: 5.0, then 3.1.1, each in the order of the standard with the unnumbered duties last.
// The slice is the caller's; what its elements refer to is shared and must not be changed.
func All() []Statement { return slices.Clone(catalogue().all) }

// Of returns the statements of one version, in the order of [All].
func Of(v Version) []Statement {
	var of []Statement
	for _, s := range catalogue().all {
		if s.Version == v {
			of = append(of, s)
		}
	}
	return of
}

// Lookup returns the statement of a qualified id. Unlike [Qualify] and [Match] it accepts the canonical form only.
func Lookup(id ID) (Statement, bool) {
	c := catalogue()
	i, ok := c.index[id]
	if !ok {
		return Statement{}, false
	}
	return c.all[i], true
}
