package main

import (
	"encoding/json"
	"io"

	"github.com/mqttspec/mqttspec/reports"
)

// events is for programs: one JSON object a line, each with its type. docs/cli.md lists them.
type events struct {
	w io.Writer
}

func (e *events) emit(value any) { _ = json.NewEncoder(e.w).Encode(value) } // the sink remembers an error

func (e *events) begin(p plan) {
	e.emit(struct {
		Type    string `json:"type"`
		Specs   int    `json:"specs"`
		Targets int    `json:"targets"`
		Repeat  int    `json:"repeat"`
		TooLong int    `json:"tooLong"`
		Out     string `json:"out"`
	}{"run", len(p.items), p.targets, p.repeat, p.tooLong, p.out})
}

func (e *events) opened(i reports.TargetInfo) {
	e.emit(struct {
		Type string `json:"type"`
		reports.TargetInfo
	}{"target", i})
}

// row leaves out the trace and the target's log: both are in the report.
func (e *events) row(row reports.Row) {
	kind := "spec"
	if row.Event == "begin" {
		kind = "begin"
	}
	row.Trace, row.TargetLog, row.Monitored = nil, "", nil
	e.emit(struct {
		Type string `json:"type"`
		reports.Row
	}{kind, row})
}

func (e *events) stopping(error) {}

func (e *events) pause() {}

func (e *events) end(r reports.Result, code int, written []string) {
	e.emit(struct {
		Type     string                  `json:"type"`
		Overall  string                  `json:"overall"`
		ExitCode int                     `json:"exitCode"`
		Complete bool                    `json:"complete"`
		Reason   string                  `json:"reason,omitempty"`
		Counts   map[reports.Verdict]int `json:"counts"`
		Files    []string                `json:"files"`
	}{"result", r.Overall, code, r.Run.Complete, r.Run.Reason, r.Counts, written})
}
