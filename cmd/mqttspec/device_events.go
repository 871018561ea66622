package main

import (
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/reports"
)

// deviceEvents is for programs: one JSON object a line, each with its type. docs/devices.md lists them.
type deviceEvents struct {
	events
	quiet bool
}

func (e *deviceEvents) begin(d deviceStart) {
	files := map[string]string{}
	for _, f := range d.files {
		files[f.what] = f.path
	}
	e.emit(struct {
		Type    string            `json:"type"`
		Address string            `json:"address"`
		Plan    string            `json:"plan"`
		Steps   int               `json:"steps"`
		Expect  int               `json:"expect"`
		Seed    int64             `json:"seed"`
		Files   map[string]string `json:"files,omitempty"`
	}{"run", d.address, d.plan.Name, len(d.plan.Steps), d.expect, d.seed, files})
}

func (e *deviceEvents) event(client string, x trace.Event) {
	if e.quiet {
		return
	}
	t := tellEvent(x)
	from := map[string]string{"→": "device", "←": "server"}[t.arrow]
	e.emit(struct {
		Type   string `json:"type"`
		Client string `json:"client"`
		Conn   string `json:"conn,omitempty"`
		At     string `json:"at"`
		Kind   string `json:"kind"`
		From   string `json:"from,omitempty"`
		Text   string `json:"text"`
		Bad    string `json:"bad,omitempty"`
	}{"event", client, x.Conn, x.At.Format("2006-01-02T15:04:05.000Z07:00"), string(x.Kind), from, t.text, t.bad})
}

func (e *deviceEvents) say(text string) {
	e.emit(struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}{"notice", text})
}

func (e *deviceEvents) row(row reports.Row) { e.events.row(row) }
