package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// deviceShow shows what devices do, line by line, and a verdict for each step.
type deviceShow struct {
	page
	stderr io.Writer
	start  time.Time
	texts  map[string]string

	mu sync.Mutex
}

func newDeviceShow(stdout, stderr io.Writer, _ deviceOptions) *deviceShow {
	return &deviceShow{page: page{w: stdout, colour: coloured(stdout)}, stderr: stderr, start: time.Now(), texts: map[string]string{}}
}

// event shows what passes.
func (s *deviceShow) event(client string, e trace.Event) {
	arrow, text := " ", e.Text
	switch e.Kind {
	case trace.Packet:
		p, err := e.Decode()
		if p == nil {
			p = wire.Raw(e.Bytes)
		}
		text = wire.Summary(p, e.Version)
		if err != nil {
			text += " " + s.in("31", "✗ "+err.Error())
		}
	case trace.Open:
		text = "connects"
	case trace.Close:
		text = "closes (" + string(e.How) + ")"
		if e.Dir == trace.ToClient {
			text = "we close (" + string(e.How) + ")"
		}
	case trace.Bytes:
		text = fmt.Sprintf("%d bytes that are no packet", len(e.Bytes))
	}
	switch {
	case e.Kind == trace.Note:
		arrow = "*"
	case e.Dir == trace.ToClient:
		arrow = "<"
	case e.Kind != trace.Open:
		arrow = ">"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.printf("%s\n", s.in("2", fmt.Sprintf("%9.3f %s %s %s", time.Since(s.start).Seconds(), printable(client), arrow, shortened(printable(text)))))
}

// say shows something beside what devices do.
func (s *deviceShow) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.printf(format+"\n", args...)
}

// row shows that a step begins, or its verdict.
func (s *deviceShow) row(row reports.Row, b *device.Bench) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.texts) == 0 {
		for _, i := range b.Specs() {
			s.texts[i.ID] = i.Text
		}
	}
	name := fmt.Sprintf("%s %s %s", printable(row.Target), row.ID, s.texts[row.ID])
	if row.Event == "begin" {
		s.printf("%s %s\n", s.in("1", "▶"), name)
		return
	}
	s.printf("%s %s: %s\n", s.mark(row.Verdict), name, s.in(marks[row.Verdict].colour, string(row.Verdict)))
	if row.Verdict != reports.Pass && row.Reason != "" {
		s.printf("    %s\n", shortened(printable(row.Reason)))
	}
	for _, w := range row.Warnings {
		s.printf("    %s %s — %s\n", s.mark(reports.Warning), shortened(printable(w.Text)), shortened(printable(w.Observed)))
	}
	for _, f := range row.Findings {
		s.printf("    %s %s: %s\n", s.mark(f.Verdict), f.ID, shortened(printable(f.Text)))
	}
	for _, o := range row.Behaviours {
		s.printf("    %s %s: %s\n", s.mark(reports.Behaviour), o.Key, shortened(printable(o.Value)))
	}
}

// end shows the result.
func (s *deviceShow) end(r reports.Result, written []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result(r, written)
}
