package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/mqttspec/mqttspec/reports"
)

// tree is for a terminal: a line for whatever did not pass as it comes, one live line below, and at the end the sections
// with their counts.
type tree struct {
	page
	stderr io.Writer
	live   bool // whether stderr is a terminal, which gets the live line

	mu    sync.Mutex // the live line is drawn by a timer
	board *board
	timer *time.Timer
	drawn bool
	ended bool
}

// redraw is how often the live line changes.
const redraw = 100 * time.Millisecond

func newTree(p page, stderr io.Writer) *tree {
	return &tree{page: p, stderr: stderr, live: isTerminal(stderr)}
}

func (t *tree) begin(p plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.board = newBoard(p)
	t.printf("%s\n", p.headline())
	if t.live {
		t.timer = time.AfterFunc(redraw, t.tick)
	}
}

func (t *tree) opened(i reports.TargetInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
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
	t.erase()
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
	t.erase()
}

func (t *tree) end(r reports.Result, _ int, written []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.timer != nil {
		t.timer.Stop()
	}
	t.erase()
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

// tick draws the live line anew and sets the timer again.
func (t *tree) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.erase()
	text := []rune(t.status())
	if w := width(t.stderr); len(text) >= w {
		text = append(text[:w-2], '…')
	}
	fmt.Fprint(t.stderr, t.in("2", string(text)))
	t.drawn = true
	t.timer.Reset(redraw)
}

// erase takes the live line away, if it is there.
func (t *tree) erase() {
	if t.drawn {
		fmt.Fprint(t.stderr, "\r\x1b[K")
	}
	t.drawn = false
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

// width is the number of columns of the terminal.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 10 {
			return columns
		}
	}
	return 80
}

// roughly makes a time readable.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
