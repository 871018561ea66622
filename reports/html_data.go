package reports

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// The data of the page. Names are short where many rows repeat them; page/report.js reads them.
type (
	pageIndex struct {
		Title      string          `json:"title"`
		Run        pageRun         `json:"run"`
		Versions   []int           `json:"versions"` // protocol levels; as bytes they would become base64
		Counts     map[Verdict]int `json:"counts"`
		Targets    []pageTarget    `json:"targets"`
		Specs      []pageSpec      `json:"specs"`
		Results    []pageResult    `json:"results"`
		Statements []pageStatement `json:"statements"`
	}
	pageRun struct {
		Command  string   `json:"command"`
		Start    string   `json:"start"`
		Duration string   `json:"duration"`
		Jitter   string   `json:"jitter"`
		Stalls   []string `json:"stalls,omitempty"`
		Seed     int64    `json:"seed"`
		Parallel int      `json:"parallel"`
		Complete bool     `json:"complete"`
		Reason   string   `json:"reason,omitempty"`
		Tool     string   `json:"tool,omitempty"`
	}
	pageTarget struct {
		Name     string          `json:"name"`
		Overall  string          `json:"overall"`
		Counts   map[Verdict]int `json:"counts"`
		Coverage []Coverage      `json:"coverage"`
		Software string          `json:"software,omitempty"`
		Errors   []string        `json:"errors"`
		Variants []TargetInfo    `json:"variants"`
	}
	pageSpec struct {
		ID        string        `json:"id"`
		Text      string        `json:"text"`
		Section   string        `json:"section"`
		Version   wire.Version  `json:"v"`
		Level     req.Level     `json:"level"`
		Claims    []req.ID      `json:"claims"`
		Wait      time.Duration `json:"wait,omitempty"`
		Placement string        `json:"placement"`
		Needs     []string      `json:"needs,omitempty"`
		Source    string        `json:"source,omitempty"`
	}
	pageResult struct {
		Spec         int           `json:"s"` // in Specs
		Target       int           `json:"t"` // in Targets
		Variant      string        `json:"variant,omitempty"`
		Verdict      Verdict       `json:"verdict"`
		Reason       string        `json:"reason,omitempty"`
		BlockedBy    string        `json:"blockedBy,omitempty"`
		OwnDefect    bool          `json:"own,omitempty"`
		Duration     time.Duration `json:"dur,omitempty"`
		Jitter       time.Duration `json:"jitter,omitempty"`
		Stall        time.Duration `json:"stall,omitempty"`
		Requirements []Requirement `json:"req,omitempty"`
		Warnings     []Requirement `json:"warn,omitempty"`
		Behaviours   []Observation `json:"beh,omitempty"`
		Series       []Series      `json:"series,omitempty"`
		Findings     []pageFinding `json:"find,omitempty"`
		Faults       []string      `json:"faults,omitempty"`
		Unfired      []string      `json:"unfired,omitempty"`
		Attempts     []Attempt     `json:"attempts,omitempty"`
		Course       string        `json:"course,omitempty"` // of the attempts, if they differ
		Rerun        string        `json:"rerun"`
		Log          string        `json:"log,omitempty"`
	}
	pageFinding struct {
		ID      req.ID  `json:"id"`
		Verdict Verdict `json:"verdict"`
		Text    string  `json:"text"`
		Conn    string  `json:"conn"`
		Seq     int     `json:"seq"`
		Times   int     `json:"times"`
	}
	pageStatement struct {
		ID         req.ID       `json:"id"`
		Version    wire.Version `json:"v"`
		Level      req.Level    `json:"level"`
		Text       string       `json:"text"`
		Title      string       `json:"title"`
		URL        string       `json:"url"`
		Verdict    Verdict      `json:"verdict"`
		Observable bool         `json:"observable"`
		Why        string       `json:"why,omitempty"` // it is not observable
		Specs      []string     `json:"specs,omitempty"`
		Monitored  bool         `json:"monitored,omitempty"`
		On         [][4]any     `json:"on"` // target, verdict, checks, monitored
	}
	pageTrace struct {
		Conns   []string    `json:"conns"`
		Events  []pageEvent `json:"ev"`
		LeftOut int         `json:"left,omitempty"`
		Cut     int         `json:"cut,omitempty"`   // the index in Events before which they were left out
		Whole   bool        `json:"whole,omitempty"` // result.json has them
	}
	pageEvent struct {
		Seq    int        `json:"s"`
		At     int64      `json:"t"`           // microseconds since the spec began
		Conn   *int       `json:"c,omitempty"` // in Conns
		Leg    string     `json:"l,omitempty"` // "c" or "t"
		Kind   trace.Kind `json:"k"`
		Dir    string     `json:"d,omitempty"`
		Hex    string     `json:"x,omitempty"`
		Size   int        `json:"n,omitempty"`
		Text   string     `json:"w"`
		Bad    string     `json:"b,omitempty"`
		Fields [][4]any   `json:"f,omitempty"` // start, end, name, value
	}
)

func indexOf(r Result, title string) pageIndex {
	p := pageIndex{
		Title: title, Versions: []int{}, Counts: r.Counts, Specs: []pageSpec{}, Results: []pageResult{}, Targets: []pageTarget{},
		Run: pageRun{
			Command: command(append([]string{"mqttspec"}, r.Run.Arguments...)), Duration: round(r.Run.Duration), Jitter: round(r.Run.Jitter), Stalls: r.StoodStill(),
			Seed: r.Run.Seed, Parallel: r.Run.Parallel, Complete: r.Run.Complete, Reason: r.Run.Reason, Tool: r.Run.Tool,
		},
	}
	if !r.Run.Start.IsZero() {
		p.Run.Start = r.Run.Start.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	for _, v := range r.versions() {
		p.Versions = append(p.Versions, int(v))
	}
	targets := map[string]int{}
	for i, t := range r.Targets {
		targets[t.Name] = i
		p.Targets = append(p.Targets, pageTargetOf(t))
	}
	specs := map[string]int{}
	for _, s := range r.Specs {
		key := s.ID + "/" + s.Version.String()
		if _, ok := specs[key]; !ok {
			specs[key] = len(p.Specs)
			p.Specs = append(p.Specs, pageSpec{
				ID: s.ID, Text: s.Text, Section: s.Section, Version: s.Version, Level: s.level(), Claims: append([]req.ID{}, s.Claims...),
				Wait: s.Wait, Placement: s.Placement, Needs: s.Needs, Source: s.source(),
			})
		}
		p.Results = append(p.Results, pageResultOf(s, specs[key], targets[s.Target], r.Run))
	}
	p.Statements = pageStatements(r, targets)
	return p
}

func pageTargetOf(t TargetResult) pageTarget {
	p := pageTarget{Name: t.Name, Overall: t.Overall, Counts: t.Counts, Coverage: t.Coverage, Variants: t.Variants, Errors: []string{}}
	for _, v := range t.Variants {
		if p.Software == "" {
			p.Software = strings.TrimSpace(v.Software + " " + v.Version)
		}
		if v.Error != "" {
			p.Errors = append(p.Errors, strings.TrimSpace(v.Variant+": "+v.Error))
		}
	}
	return p
}

func pageResultOf(s SpecResult, spec, target int, run RunInfo) pageResult {
	p := pageResult{
		Spec: spec, Target: target, Variant: s.Variant, Verdict: s.Verdict, Reason: s.Reason, BlockedBy: s.BlockedBy, OwnDefect: s.OwnDefect,
		Duration: s.Duration, Jitter: s.Jitter, Stall: s.Stall, Requirements: addNew(nil, s.Requirements), Warnings: s.Warnings, Behaviours: s.Behaviours, Series: s.Series,
		Faults: s.Faults, Unfired: s.Unfired, Attempts: s.Attempts, Rerun: rerun(s, run), Log: s.TargetLog,
	}
	if s.Unsteady() {
		p.Course = s.Course()
	}
	if n := len(p.Log) - pageLog; n > 0 {
		p.Log = "…" + strings.ToValidUTF8(p.Log[n:], "")
	}
	for _, f := range s.Findings {
		p.Findings = append(p.Findings, pageFinding{f.ID, f.Verdict, f.Text, f.Conn, f.EventSeq, f.Times})
	}
	return p
}

// pageLog is how many bytes of a target's log the page keeps, from its end.
const pageLog = 4000

// level returns the strongest level among the statements that the spec claims.
func (s SpecInfo) level() req.Level {
	if s.demands() {
		return req.Must
	}
	level := req.May
	for _, id := range s.Claims {
		if st, ok := req.Lookup(id); ok && st.Level != req.May {
			level = req.Should
		}
	}
	return level
}

func pageStatements(r Result, targets map[string]int) []pageStatement {
	all := []pageStatement{}
	for _, s := range r.Statements {
		st, _ := req.Lookup(s.ID)
		p := pageStatement{
			ID: s.ID, Version: wire.Version(st.Version), Level: s.Level, Text: s.Text, Title: st.Section + " " + st.Title, URL: st.URL,
			Verdict: s.Verdict, Observable: s.Observable, Why: st.WhyNotAt(r.side()), Specs: s.Specs, Monitored: s.Monitored, On: [][4]any{},
		}
		for _, on := range s.Targets {
			p.On = append(p.On, [4]any{targets[on.Target], on.Verdict, on.Checks, on.Monitored})
		}
		all = append(all, p)
	}
	return all
}

// traceDetail is how much of the traces the page shows: events of a spec and bytes of a packet, of specs that did not
// pass and of those that did.
type traceDetail struct {
	events, bytes           int
	quietEvents, quietBytes int
	fields                  bool
}

// traceDetails are tried in turn until the page fits its budget.
var traceDetails = []traceDetail{
	{20_000, 4096, passingTrace, 128, true},
	{5000, 1024, passingTrace, 48, true},
	{2000, 512, 40, 0, true},
	{1000, 256, 20, 0, true},
	{500, 256, 0, 0, true},
	{120, 96, 0, 0, false},
	{30, 32, 0, 0, false},
	{0, 0, 0, 0, false},
}

// size estimates the JSON of the traces in bytes.
func (d traceDetail) size(r Result) (n int) {
	for _, s := range r.Specs {
		events, size, fields := d.of(s)
		trace, _ := middleOut(s.Trace, events)
		for _, e := range trace {
			n += 60 + min(len(e.Hex), 2*size) + len(e.Text)
			if fields {
				n += 250
			}
		}
	}
	return n
}

// of returns how much of one spec's trace is shown: events, bytes of each packet, and whether with their fields.
func (d traceDetail) of(s SpecResult) (events, size int, fields bool) {
	if s.Verdict.quiet() && len(s.Findings) == 0 {
		return d.quietEvents, d.quietBytes, false
	}
	return d.events, d.bytes, d.fields
}

func tracesOf(r Result, d traceDetail) map[int]pageTrace {
	all := map[int]pageTrace{}
	for i, s := range r.Specs {
		if len(s.Trace) == 0 {
			continue
		}
		events, size, fields := d.of(s)
		all[i] = pageTraceOf(s, events, size, fields)
	}
	return all
}

func pageTraceOf(s SpecResult, limit, size int, fields bool) pageTrace {
	versions := connectionVersions(s.Trace, s.Version)
	kept, left := middleOut(s.Trace, limit)
	p := pageTrace{Conns: []string{}, Events: []pageEvent{}, LeftOut: left + s.TraceLeftOut, Whole: left > 0 && s.TraceLeftOut == 0, Cut: limit * 2 / 3}
	if left == 0 && s.TraceLeftOut > 0 {
		p.Cut = passingTrace * 2 / 3
	}
	conns := map[string]int{}
	for _, e := range kept {
		one := pageEvent{Seq: e.Seq, At: e.At.Microseconds(), Kind: e.Kind, Dir: e.Dir, Hex: e.Hex, Size: len(e.Hex) / 2, Text: e.Text, Bad: e.Bad}
		if e.Leg != "" {
			one.Leg = e.Leg[:1]
		}
		if e.Conn != "" {
			at, ok := conns[e.Conn]
			if !ok {
				at = len(p.Conns)
				conns[e.Conn] = at
				p.Conns = append(p.Conns, e.Conn)
			}
			one.Conn = &at
		}
		if fields && e.Kind == trace.Packet {
			one.Fields = fieldsOf(e, versions[e.Conn])
		}
		one.Hex = one.Hex[:min(len(one.Hex), 2*size)]
		p.Events = append(p.Events, one)
	}
	return p
}

// fieldsOf names the bytes of a packet.
func fieldsOf(e TraceEvent, v wire.Version) (fields [][4]any) {
	frame, err := hex.DecodeString(e.Hex)
	if err != nil || len(frame) == 0 {
		return nil
	}
	for _, f := range wire.Dissect(frame, v, e.sender()) {
		fields = append(fields, [4]any{f.Offset, f.Offset + f.Length, f.Name, f.Value})
	}
	return fields
}
