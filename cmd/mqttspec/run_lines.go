package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// lines is for logs: a line for whatever did not pass as it comes, one for each section that has ended, and a sign of
// life every half minute. With github, failures are annotations, too, and the summary goes to the job's page.
type lines struct {
	page
	stderr io.Writer
	github bool
	board  *board
	life   chan struct{} // nil where there is no sign of life
	noted  map[reports.Verdict]int
}

// heartbeat is how long a log may stay silent.
const heartbeat = 30 * time.Second

// annotations is how many of each kind GitHub shows of one step.
const annotations = 10

func (l *lines) begin(p plan) {
	l.board, l.noted = newBoard(p), map[reports.Verdict]int{}
	l.printf("%s\n", p.headline())
	l.life = make(chan struct{})
	go beat(l.stderr, l.life, time.Now())
}

// beat says every half minute that the run is alive.
func beat(w io.Writer, over <-chan struct{}, start time.Time) {
	t := time.NewTicker(heartbeat)
	defer t.Stop()
	for {
		select {
		case <-over:
			return
		case <-t.C:
			fmt.Fprintf(w, "mqttspec: running for %s\n", roughly(time.Since(start)))
		}
	}
}

func (l *lines) opened(i reports.TargetInfo) {
	if i.Error != "" {
		l.annotate(reports.Fail, i.Name, "could not be tested: "+printable(i.Error))
		return
	}
	l.printf("%s\n", targetLine(i))
}

func (l *lines) row(row reports.Row) {
	item, ended := l.board.take(row)
	if row.Event == "begin" {
		return
	}
	if l.board.worth(row) {
		s := storyOf(l.page, row, item.Text, l.board.targets > 1)
		l.printf("%s\n", s.head)
		for _, why := range s.why {
			l.printf("    %s\n", why)
		}
		l.annotate(row.Verdict, fmt.Sprintf("%s MQTT %s", row.ID, row.Version), item.Text+"\n"+strings.Join(s.why, "\n"))
	}
	for _, f := range l.board.findings(row) {
		l.printf("%s\n", findingLine(l.page, row, f))
		l.annotate(f.Verdict, bare(f.ID)+" MQTT "+row.Version.String(), f.Text)
	}
	if ended != nil {
		where := ""
		if l.board.targets > 1 {
			where = " [" + printable(row.Target) + "]"
		}
		l.printf("  MQTT %s  %s%s: %s\n", row.Version, item.Section, where, l.counts(ended.counts))
	}
}

func (l *lines) stopping(cause error) { l.board.cause = cause.Error() }

func (l *lines) pause() {}

func (l *lines) end(r reports.Result, _ int, written []string) {
	if l.life != nil {
		close(l.life)
	}
	l.result(r, written)
	if l.github {
		if err := appendSummary(os.Getenv("GITHUB_STEP_SUMMARY"), r); err != nil {
			fmt.Fprintf(l.stderr, "mqttspec: the summary of the job: %v\n", err)
		}
	}
}

// annotate writes an annotation for GitHub, as long as it would show it.
func (l *lines) annotate(v reports.Verdict, title, text string) {
	kind := map[reports.Verdict]string{reports.Fail: "error", reports.UnexpectedPass: "error", reports.Warning: "warning", reports.Inconclusive: "warning"}[v]
	if !l.github || kind == "" || l.noted[v] >= annotations {
		return
	}
	l.noted[v]++
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	l.printf("::%s title=%s::%s\n", kind, property.Replace(title), data.Replace(text))
}

// appendSummary adds the summary to the page of a GitHub job, if there is one.
func appendSummary(path string, r reports.Result) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = reports.WriteSummary(f, r)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
