package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// tree is for a terminal: a line for whatever did not pass as it comes, one live line below, and at the end the sections
// with their counts.
type tree struct {
	page
	live *liveLine

	mu    sync.Mutex // the live line is drawn by a timer
	board *board
}

func newTree(p page, stderr io.Writer) *tree {
	t := &tree{page: p}
	t.live = newLiveLine(stderr, &t.mu, "2")
	return t
}

func (t *tree) begin(p plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.board = newBoard(p)
	t.printf("%s\n", p.headline())
	t.live.run(t.status)
}

func (t *tree) opened(i reports.TargetInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live.erase()
	if i.Error == "" {
		t.printf("%s\n", t.in("1", targetLine(i)))
	}
}

// targetLine names a target.
func targetLine(i reports.TargetInfo) string {
	words := []string{i.Name}
	if software := strings.TrimSpace(i.Software + " " + i.Version); software != "" {
		words = append(words, "("+software+")")
	}
	return printable(strings.Join(words, " "))
}

func (t *tree) row(row reports.Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	item, _ := t.board.take(row)
	if row.Event == "begin" {
		return
	}
	fresh, worth := t.board.findings(row), t.board.worth(row)
	if !worth && len(fresh) == 0 {
		return
	}
	t.live.erase()
	if worth {
		s := storyOf(t.page, row, item.Text, t.board.targets > 1)
		t.printf("  %s\n", s.head)
		for _, why := range s.why {
			t.printf("      %s\n", why)
		}
	}
	for _, f := range fresh {
		t.printf("  %s\n", findingLine(t.page, row, f))
	}
}

func (t *tree) stopping(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.board.cause = cause.Error()
}

func (t *tree) pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live.erase()
}

func (t *tree) end(r reports.Result, _ int, written []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live.stop()
	for _, target := range r.Targets {
		if failure(target) == "" {
			t.sections(r, target.Name)
		}
	}
	t.result(r, written)
}

// sections writes the table of contents of what ran on a target, with the counts.
func (t *tree) sections(r reports.Result, target string) {
	type line struct {
		head   string
		counts map[reports.Verdict]int
	}
	var all []*line
	width := 0
	for _, s := range r.Specs {
		if s.Target != target {
			continue
		}
		head := fmt.Sprintf("MQTT %s  %s", s.Version, s.Section)
		i := slices.IndexFunc(all, func(l *line) bool { return l.head == head })
		if i < 0 {
			i = len(all)
			all = append(all, &line{head, map[reports.Verdict]int{}})
			width = max(width, len([]rune(head)))
		}
		all[i].counts[s.Verdict]++
	}
	t.printf("\n%s\n", t.in("1", printable(target)))
	for _, l := range all {
		t.printf("  %-*s  %s\n", width, l.head, t.counts(l.counts))
	}
}

// status is the text of the live line.
func (t *tree) status() string {
	b := t.board
	text := fmt.Sprintf("%d/%d", b.done, b.total)
	for _, v := range verdicts {
		if n := b.counts[v]; n > 0 {
			text += fmt.Sprintf("  %s %d", marks[v].glyph, n)
		}
	}
	text += fmt.Sprintf("  %d s", int(time.Since(b.started).Seconds()))
	if len(b.running) == 0 {
		return text
	}
	var keys []string
	for k := range b.running {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y string) int { return b.running[x].Compare(b.running[y]) })
	return text + fmt.Sprintf("  %d running: %s", len(keys), strings.Join(keys, " "))
}

// roughly makes a time readable.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
