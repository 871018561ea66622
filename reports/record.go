// Package reports makes every output of a run from one record: result.json, junit.xml, report.html and summary.md.
//
// The record is made of rows. The engine writes one [Row] to rows.jsonl when a spec begins and one when it ends, so
// that a crash loses nothing; [Assemble] joins the rows with the catalogue into a [Result].
package reports

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Verdict is what a run says of a spec, a requirement or a statement.
type Verdict string

// The verdicts.
const (
	Pass           Verdict = "pass"            // exercised and kept
	Fail           Verdict = "fail"            // a MUST was broken
	Warning        Verdict = "warning"         // a SHOULD was not followed, or what nearly all expect did not happen
	Behaviour      Verdict = "behaviour"       // a choice that the standard leaves open, recorded
	Skip           Verdict = "skip"            // the target does not offer what the spec needs, or the run cannot place it
	Inconclusive   Verdict = "inconclusive"    // could not be decided; never a pass
	KnownFailure   Verdict = "known failure"   // on the baseline and still failing
	UnexpectedPass Verdict = "unexpected pass" // on the baseline and passing: the entry is stale
	NotExercised   Verdict = "not exercised"   // of a statement only: nothing that ran could have found it broken
)

// Row is one line of rows.jsonl: the outcome of one spec, in one version, against one target and variant.
type Row struct {
	Event        string         `json:"event"` // "begin" or "end"
	ID           string         `json:"id"`    // of the spec
	Version      wire.Version   `json:"version"`
	Target       string         `json:"target"`
	Variant      string         `json:"variant"`
	Repeat       int            `json:"repeat,omitempty"` // 0 for the first time
	At           time.Time      `json:"at"`
	Verdict      Verdict        `json:"verdict,omitempty"`
	Reason       string         `json:"reason,omitempty"`    // why it did not pass; of a skip, what is lacking and how that was observed
	BlockedBy    string         `json:"blockedBy,omitempty"` // the finding or step that kept the spec from deciding
	OwnDefect    bool           `json:"ownDefect,omitempty"` // the tool itself broke: exit 70
	Requirements []Requirement  `json:"requirements,omitempty"`
	Warnings     []Requirement  `json:"warnings,omitempty"`
	Behaviours   []Observation  `json:"behaviours,omitempty"`
	Series       []Series       `json:"series,omitempty"`    // what was measured again and again
	Findings     []Finding      `json:"findings,omitempty"`  // of the monitors, on this spec's traffic
	Monitored    map[req.ID]int `json:"monitored,omitempty"` // how often each monitor saw an event on which it could have failed
	Duration     time.Duration  `json:"duration,omitempty"`
	Jitter       time.Duration  `json:"jitter,omitempty"` // the worst delay of our own timers while the spec ran
	Stall        time.Duration  `json:"stall,omitempty"`  // how long the target stood still while the spec ran
	Faults       []string       `json:"faults,omitempty"` // that fired
	Unfired      []string       `json:"unfired,omitempty"`
	Trace        []TraceEvent   `json:"trace,omitempty"`
	TargetLog    string         `json:"targetLog,omitempty"` // the end of the target's own log, of what did not pass
}

// Requirement is the verdict of one spec on one statement that it claims.
type Requirement struct {
	ID       req.ID  `json:"id,omitempty"` // empty for an expectation that no statement holds
	Verdict  Verdict `json:"verdict"`
	Text     string  `json:"text,omitempty"`     // what was looked at
	Expected string  `json:"expected,omitempty"` // in words
	Observed string  `json:"observed,omitempty"` // in words
	Advisory bool    `json:"advisory,omitempty"` // only a warning could come of it, so a pass proves nothing
}

// Observation is a behaviour that the standard leaves to the implementer.
type Observation struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Series is what was measured several times, one after the other, for a plot: such as the pauses of a device between
// its connections.
type Series struct {
	Name   string  `json:"name"`
	X      Axis    `json:"x"`
	Y      Axis    `json:"y"`
	Points []Point `json:"points"`
	Band   string  `json:"band,omitempty"` // what Low and High of the points are
	Text   string  `json:"text,omitempty"` // says in words what the plot shows
}

// Axis says what the numbers of a series are.
type Axis struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"` // such as "s"; empty for a count
}

// Point is one measurement. Low and High bound what is expected there; nil: nothing is.
type Point struct {
	X    float64  `json:"x"`
	Y    float64  `json:"y"`
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
}

// Finding is a violation that a monitor saw on traffic.
type Finding struct {
	ID       req.ID  `json:"id"`
	Verdict  Verdict `json:"verdict"` // fail or warning
	Text     string  `json:"text"`
	Conn     string  `json:"conn,omitempty"`
	EventSeq int     `json:"eventSeq"` // of the guilty event in the spec's trace
	Times    int     `json:"times"`    // on this connection
	Spec     string  `json:"spec,omitempty"`
	Target   string  `json:"target,omitempty"`  // set by [Assemble]
	Variant  string  `json:"variant,omitempty"` // set by [Assemble]
}

// TraceEvent is an event of a trace, ready for readers.
type TraceEvent struct {
	Seq  int           `json:"seq"`
	At   time.Duration `json:"at"` // since the spec began
	Conn string        `json:"conn,omitempty"`
	Leg  string        `json:"leg,omitempty"` // "", "client", "target"
	Kind trace.Kind    `json:"kind"`
	Dir  string        `json:"dir,omitempty"` // ">" to the server, "<" to the client
	Hex  string        `json:"hex,omitempty"`
	Text string        `json:"text,omitempty"` // the packet decoded in one line; the fault; the note; how it closed
	Bad  string        `json:"bad,omitempty"`  // the violation of the packet format, if there is one
}

// SpecInfo describes a spec in the list that was selected from.
type SpecInfo struct {
	ID        string        `json:"id"`
	Text      string        `json:"text"`
	Section   string        `json:"section"`
	Version   wire.Version  `json:"version"`
	Claims    []req.ID      `json:"claims"`
	Wait      time.Duration `json:"wait,omitempty"` // the longest wait that the spec needs
	Placement string        `json:"placement"`      // "shared" or "own"
	Volume    bool          `json:"volume,omitempty"`
	Needs     []string      `json:"needs,omitempty"`
	File      string        `json:"file"` // within the module
	Line      int           `json:"line"`
}

// TargetInfo describes a target and what was observed of it.
type TargetInfo struct {
	Name     string            `json:"name"`               // as the user wrote it
	Software string            `json:"software,omitempty"` // what it is, where the description says
	Version  string            `json:"version,omitempty"`
	Image    string            `json:"image,omitempty"`
	Digest   string            `json:"digest,omitempty"`
	Variant  string            `json:"variant"`
	Observed map[string]string `json:"observed"` // capabilities as seen, such as "5.0 Maximum QoS": "2"
	Declared map[string]string `json:"declared,omitempty"`
	Error    string            `json:"error,omitempty"` // why it could not be tested
}

// RunInfo describes a run.
type RunInfo struct {
	Arguments []string      `json:"arguments"` // secrets replaced
	Seed      int64         `json:"seed"`
	Start     time.Time     `json:"start"`
	Duration  time.Duration `json:"duration"`
	Jitter    time.Duration `json:"jitter"`
	Parallel  int           `json:"parallel"`
	Complete  bool          `json:"complete"` // false: interrupted, or some specs were never reached
	Reason    string        `json:"reason,omitempty"`

	Interrupted bool      `json:"interrupted,omitempty"` // by the user: exit 130
	Strict      bool      `json:"strict,omitempty"`      // warnings count as failures
	Side        req.Actor `json:"side,omitempty"`        // which side is under test; empty means [req.Server]
	Tool        string    `json:"tool,omitempty"`        // version of mqttspec
	Stalls      []Stall   `json:"stalls,omitempty"`      // when targets stood still, as a connection of our own measured
}

// Stall is a time in which a target answered nothing. Its host may have been loaded, or a spec may have brought it about.
type Stall struct {
	Target  string        `json:"target"`
	Variant string        `json:"variant,omitempty"`
	At      time.Time     `json:"at"`
	Length  time.Duration `json:"length"`
	Alone   string        `json:"alone,omitempty"` // for whom this instance of the target was made, such as "TP-HIDDEN/5.0"
}
