package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// deviceShower shows what devices do and what becomes of it. Its methods are not called at the same time.
type deviceShower interface {
	begin(deviceStart)
	event(client string, e trace.Event)
	say(text string) // something beside what devices do
	row(reports.Row)
	pause() // something else is about to be written to the terminal
	end(r reports.Result, code int, written []string)
}

// deviceStart is what a run of device is going to do.
type deviceStart struct {
	address string // where devices connect
	plan    device.Plan
	expect  int // devices
	lasting time.Duration
	seed    int64
	files   []deviceFile // that a device needs for TLS
	differs []string     // what a profile knows to differ, in lines
	bench   *device.Bench
}

// deviceFile is a file that a device needs.
type deviceFile struct{ what, path string }

// newDeviceShow returns the shower of a format. The screen is held whenever it is used.
func newDeviceShow(format string, quiet bool, stdout, stderr io.Writer, screen *sync.Mutex) deviceShower {
	format = formatFor(format, stdout)
	if format == "json" {
		return &deviceEvents{events: events{w: stdout}, quiet: quiet}
	}
	s := &deviceLines{
		lines: lines{page: page{w: stdout, colour: coloured(stdout)}, stderr: stderr, github: format == "github", noted: map[reports.Verdict]int{}},
		quiet: quiet, start: time.Now(), counts: map[reports.Verdict]int{},
	}
	if format == "tree" {
		s.live = newLiveLine(stderr, screen, "7")
	}
	return s
}

// deviceLines shows what devices do line by line, and the verdict of each step. On a terminal there is a live line
// below; in a log there is a sign of life every half minute.
type deviceLines struct {
	lines
	quiet  bool
	start  time.Time
	begun  deviceStart
	counts map[reports.Verdict]int
	width  int // of the column of clients
	burst  burst
	live   *liveLine // nil without a terminal
}

func (s *deviceLines) begin(d deviceStart) {
	s.begun = d
	s.printf("listening on %s\n", d.address)
	for _, f := range d.files {
		s.printf("%-19s %s\n", f.what, f.path)
	}
	s.printf("plan %s: %s, %s, at most %s for each device (with a Keep Alive of a minute)\n", d.plan.Name, d.plan.Text, counted(len(d.plan.Steps), "step"), longest(d.plan))
	for _, name := range slices.Sorted(maps.Keys(d.plan.Parameters)) {
		s.printf("  %s=%s\n", name, d.plan.Parameters[name])
	}
	for _, line := range d.differs {
		s.printf("%s\n", line)
	}
	if d.lasting > 0 {
		s.printf("for %s and more; --seed %d --duration %s do the same again\n", d.lasting, d.seed, d.lasting)
	}
	if s.live != nil {
		s.live.run(func() string { return " " + liveText(d, s.counts, s.start) + " " })
		return
	}
	s.life = make(chan struct{})
	go beat(s.stderr, s.life, s.start)
}

// burst bounds how many lines a second are shown of what passes.
type burst struct {
	second      int64
	shown, more int
}

// mostLines is how many events are shown in a second: nobody reads faster, and a device that floods is not slowed down by
// the terminal. The report has all.
const mostLines = 60

// admits counts a line and reports whether it is shown, and how many were not in the second before.
func (b *burst) admits(now time.Time) (show bool, missed int) {
	if second := now.Unix(); second != b.second {
		missed = b.more
		*b = burst{second: second}
	}
	if b.shown++; b.shown > mostLines {
		b.more++
		return false, missed
	}
	return true, missed
}

func (s *deviceLines) event(client string, e trace.Event) {
	if s.quiet {
		return
	}
	show, missed := s.burst.admits(e.At)
	if missed > 0 {
		s.printLine(s.in("2", fmt.Sprintf("          … and %d more", missed)))
	}
	if !show {
		return
	}
	name := printable(client)
	s.width = min(max(s.width, len([]rune(name))), 24)
	told := tellEvent(e)
	text := shortened(printable(told.text))
	line := fmt.Sprintf("%9.3f  %-*s %s %s", e.At.Sub(s.start).Seconds(), s.width, name, told.arrow, text)
	if s.live != nil {
		line = fitted(line, width(s.stderr))
	}
	s.printLine(s.in(told.colour, line))
	if told.bad != "" {
		s.printLine(s.in("31", fmt.Sprintf("%9s  %-*s   ✗ %s", "", s.width, "", shortened(printable(told.bad)))))
	}
}

// told is an event in words.
type told struct {
	arrow  string // → from the device, ← to it, ⚡ what was done to it
	text   string
	bad    string // what is wrong with the packet
	colour string
}

// tellEvent puts an event into words.
func tellEvent(e trace.Event) (t told) {
	t.arrow, t.text, t.colour = "→", e.Text, "2"
	if e.Dir == trace.ToClient {
		t.arrow = "←"
	}
	switch e.Kind {
	case trace.Packet:
		p, err := e.Decode()
		if p == nil {
			p = wire.Raw(e.Bytes)
		}
		t.text, t.colour = wire.Summary(p, e.Version), "0"
		if err != nil {
			t.bad = err.Error()
		}
		switch p.(type) {
		case wire.Pingreq, wire.Pingresp:
			t.colour = "2"
		}
	case trace.Open:
		t.text, t.colour = "connects", "36"
	case trace.Close:
		t.text, t.colour = "closes ("+string(e.How)+")", "36"
		switch {
		case e.Dir == trace.ToClient:
			t.text = "we close (" + string(e.How) + ")"
		case e.How == trace.Local:
			t.text = "the connection is over, because of us"
		case e.How == trace.Error:
			t.text = "the connection fails: " + e.Text
		}
	case trace.Bytes:
		t.text = fmt.Sprintf("%d bytes that are no packet", len(e.Bytes))
	case trace.Note:
		t.arrow, t.colour = "⚡", "33"
		if strings.HasPrefix(e.Text, "✗") {
			t.arrow, t.colour = " ", "31"
		}
	}
	return t
}

func (s *deviceLines) say(text string) { s.printLine(printable(text)) }

func (s *deviceLines) row(row reports.Row) {
	name := fmt.Sprintf("%s %s %s", printable(row.Target), row.ID, s.textOf(row))
	if row.Event == "begin" {
		s.printLine(s.in("1", "▶ "+name))
		return
	}
	s.counts[row.Verdict]++
	s.printLine(fmt.Sprintf("%s %s: %s%s", s.mark(row.Verdict), name, s.in(marks[row.Verdict].colour, string(row.Verdict)), brokenIn(row)))
	var why []string
	if row.Verdict != reports.Pass && row.Reason != "" {
		why = append(why, shortened(printable(row.Reason)))
	}
	for _, line := range why {
		s.printLine("    " + line)
	}
	for _, w := range row.Warnings {
		s.printLine(fmt.Sprintf("    %s %s — %s", s.mark(reports.Warning), shortened(printable(w.Text)), shortened(printable(w.Observed))))
	}
	for _, f := range row.Findings {
		s.printLine(fmt.Sprintf("    %s %s: %s", s.mark(f.Verdict), f.ID, shortened(printable(f.Text))))
		s.annotate(f.Verdict, bare(f.ID)+" MQTT "+row.Version.String(), f.Text)
	}
	for _, o := range row.Behaviours {
		s.printLine(fmt.Sprintf("    %s %s: %s", s.mark(reports.Behaviour), o.Key, shortened(printable(o.Value))))
	}
	s.annotate(row.Verdict, fmt.Sprintf("%s MQTT %s", row.ID, row.Version), name+"\n"+strings.Join(why, "\n"))
}

// brokenIn names the statements that a step found broken.
func brokenIn(row reports.Row) (names string) {
	for _, q := range row.Requirements {
		if q.Verdict == reports.Fail && q.ID != "" && !strings.Contains(names, bare(q.ID)) {
			names += " " + bare(q.ID)
		}
	}
	return names
}

// textOf returns the sentence of a row's step.
func (s *deviceLines) textOf(row reports.Row) string {
	for _, step := range s.begun.plan.Steps {
		if step.ID == row.ID && step.In(row.Version) {
			return step.Text
		}
	}
	return ""
}

// printLine writes a line above the live one.
func (s *deviceLines) printLine(line string) {
	s.pause()
	s.printf("%s\n", line)
}

func (s *deviceLines) pause() { s.live.erase() }

func (s *deviceLines) end(r reports.Result, _ int, written []string) {
	s.live.stop()
	s.lines.end(r, 0, written)
}
