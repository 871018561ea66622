package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// shower shows a run while it goes, and its result. Its methods are not called at the same time.
type shower interface {
	begin(plan)
	opened(reports.TargetInfo) // a target, or why it could not be
	row(reports.Row)
	stopping(cause error) // what has not ended yet will end for this cause
	pause()               // something else is about to be written to the terminal
	end(r reports.Result, code int, written []string)
}

// plan is what a run is going to do.
type plan struct {
	items   []harness.Item
	tooLong int // specs that only --long runs
	targets int
	repeat  int
	out     string
}

// formats are what --format takes.
var formats = []string{"auto", "tree", "lines", "json", "github"}

// formatFor returns the format that auto stands for.
func formatFor(format string, stdout io.Writer) string {
	switch {
	case format != "auto":
		return format
	case os.Getenv("GITHUB_ACTIONS") == "true":
		return "github"
	case isTerminal(stdout):
		return "tree"
	}
	return "lines"
}

// newShower returns the shower of a format. The result goes to stdout, what passes by to stderr.
func newShower(format string, stdout, stderr io.Writer) shower {
	page := page{w: stdout, colour: coloured(stdout)}
	switch format = formatFor(format, stdout); format {
	case "json":
		return &events{w: stdout}
	case "tree":
		return newTree(page, stderr)
	case "github":
		return &lines{page: page, stderr: stderr, github: true}
	}
	return &lines{page: page, stderr: stderr}
}

func isTerminal(w io.Writer) bool {
	if o, ok := w.(*sink); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// coloured follows https://no-color.org and CLICOLOR_FORCE.
func coloured(w io.Writer) bool {
	switch force := os.Getenv("CLICOLOR_FORCE"); {
	case os.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return isTerminal(w) && os.Getenv("TERM") != "dumb"
}

// marks say the verdicts to those who do not see colours, colours to those who look in passing.
var marks = map[reports.Verdict]struct{ glyph, colour string }{
	reports.Pass:           {"✓", "32"},
	reports.Fail:           {"✗", "31"},
	reports.Warning:        {"▲", "33"},
	reports.Behaviour:      {"◆", "36"},
	reports.Skip:           {"–", "2"},
	reports.Inconclusive:   {"?", "35"},
	reports.KnownFailure:   {"⊗", "33"},
	reports.UnexpectedPass: {"!", "31"},
}

// verdicts is the order in which they are counted up.
var verdicts = []reports.Verdict{reports.Pass, reports.Fail, reports.UnexpectedPass, reports.Inconclusive, reports.KnownFailure,
	reports.Warning, reports.Behaviour, reports.Skip}

// page is where the result is written.
type page struct {
	w      io.Writer
	colour bool
}

func (p page) printf(format string, args ...any) { fmt.Fprintf(p.w, format, args...) }

// in returns text in a colour of the terminal, such as "31", red.
func (p page) in(colour, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (p page) mark(v reports.Verdict) string { return p.in(marks[v].colour, marks[v].glyph) }

// counts says how many specs have each verdict that occurs, such as "✓ 20  ✗ 1".
func (p page) counts(n map[reports.Verdict]int) string {
	var words []string
	for _, v := range verdicts {
		if n[v] > 0 {
			words = append(words, p.in(marks[v].colour, fmt.Sprintf("%s %d", marks[v].glyph, n[v])))
		}
	}
	return strings.Join(words, "  ")
}

// plain takes from a line of text what a terminal would obey: a target may have had a hand in it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// printable is plain text on one line.
func printable(s string) string {
	return strings.Join(strings.Fields(plain(strings.ReplaceAll(s, "\n", " "))), " ")
}

// shownLength is how much of one sentence a line shows; the report has all of it.
const shownLength = 300

func shortened(s string) string {
	if r := []rune(s); len(r) > shownLength {
		return string(r[:shownLength]) + "…"
	}
	return s
}

// fewAlike is how many specs that stay undecided for the same reason get lines of their own.
const fewAlike = 3

// worth reports whether a row gets a line of its own. Skips are summed up at the end by their reasons: a target that
// lacks something has many of them. So has one that died; the first few tell. What ends because the run was stopped has
// nothing to tell. It is asked once for each row.
func (b *board) worth(row reports.Row) bool {
	if row.Verdict == reports.Inconclusive && !row.OwnDefect {
		key := row.Target + " " + row.Reason
		b.alike[key]++
		return b.alike[key] <= fewAlike && (b.cause == "" || !strings.HasSuffix(row.Reason, ": "+b.cause))
	}
	switch row.Verdict {
	case reports.Fail, reports.Warning, reports.Inconclusive, reports.UnexpectedPass, reports.KnownFailure:
		return true
	}
	return row.OwnDefect
}

// story is a row in lines: what was not as it should be, and below it why.
type story struct {
	head string
	why  []string
}

// storyOf tells a row that is worth it.
func storyOf(p page, row reports.Row, text string, several bool) story {
	head := fmt.Sprintf("%s %s  MQTT %s  %s", p.mark(row.Verdict), row.ID, row.Version, text)
	if row.Repeat > 0 {
		head += fmt.Sprintf(" (time %d)", row.Repeat+1)
	}
	if several {
		head += " [" + printable(row.Target) + "]"
	}
	s := story{head: head}
	for _, q := range append(row.Requirements, row.Warnings...) {
		if q.Verdict == reports.Fail || q.Verdict == reports.Warning {
			s.why = append(s.why, shortened(printable(breach(q))))
		}
	}
	if len(s.why) == 0 && row.Verdict != reports.KnownFailure {
		first, _, _ := strings.Cut(row.Reason, "\n") // below it there may be a stack
		s.why = append(s.why, shortened(printable(first)))
	}
	if row.Verdict == reports.KnownFailure {
		s.why = append(s.why, "known: "+shortened(printable(row.Reason)))
	}
	if row.BlockedBy != "" {
		s.why = append(s.why, "blocked by "+printable(row.BlockedBy))
	}
	if row.OwnDefect {
		s.why = append(s.why, "this is a defect of mqttspec, please report it")
	}
	return s
}

// breach tells what was expected and what was seen.
func breach(q reports.Requirement) string {
	words := []string{bare(q.ID)}
	if q.Text != "" && q.Text != q.Expected {
		words = append(words, q.Text+":")
	}
	return strings.Join(append(words, "expected: "+q.Expected+"; observed: "+q.Observed), " ")
}

// bare returns an id without its version, which stands beside it.
func bare(id req.ID) string {
	_, after, found := strings.Cut(string(id), ":")
	if !found {
		return string(id)
	}
	return after
}

// board is what every format knows of a run that goes on.
type board struct {
	plan
	items    map[string]harness.Item // by key
	total    int                     // rows to come, of all rounds
	done     int
	counts   map[reports.Verdict]int
	running  map[string]time.Time
	told     map[string]bool // findings, by target and statement
	cause    string          // why the run was stopped, "" if it was not
	alike    map[string]int  // undecided specs, by target and reason
	started  time.Time
	sections map[sectionKey]*sectionCount
}

type sectionKey struct {
	target  string
	repeat  int
	version wire.Version
	title   string
}

type sectionCount struct {
	left   int
	counts map[reports.Verdict]int
}

func newBoard(p plan) *board {
	b := &board{plan: p, items: map[string]harness.Item{}, counts: map[reports.Verdict]int{}, running: map[string]time.Time{},
		told: map[string]bool{}, alike: map[string]int{}, started: time.Now(), sections: map[sectionKey]*sectionCount{}}
	for _, i := range p.items {
		b.items[i.Key()] = i
	}
	b.total = len(p.items) * p.targets * p.repeat
	return b
}

// take counts a row and returns its item, and its section if that has ended with it.
func (b *board) take(row reports.Row) (i harness.Item, ended *sectionCount) {
	key := row.ID + "/" + row.Version.String()
	i = b.items[key]
	if row.Event == "begin" {
		b.running[key] = row.At
		return i, nil
	}
	delete(b.running, key)
	b.done++
	b.counts[row.Verdict]++
	at := sectionKey{row.Target, row.Repeat, row.Version, i.Section}
	s := b.sections[at]
	if s == nil {
		s = &sectionCount{counts: map[reports.Verdict]int{}}
		for _, other := range b.plan.items {
			if other.Version == row.Version && other.Section == i.Section {
				s.left++
			}
		}
		b.sections[at] = s
	}
	s.left--
	s.counts[row.Verdict]++
	if s.left > 0 {
		return i, nil
	}
	return i, s
}

// findings returns the findings of a row whose statement was not told of this target before.
func (b *board) findings(row reports.Row) (fresh []reports.Finding) {
	for _, f := range row.Findings {
		key := row.Target + " " + string(f.ID)
		if !b.told[key] {
			fresh = append(fresh, f)
		}
		b.told[key] = true
	}
	return fresh
}

// findingLine tells a finding of a monitor.
func findingLine(p page, row reports.Row, f reports.Finding) string {
	return fmt.Sprintf("%s %s  found by a monitor in %s, MQTT %s: %s", p.mark(f.Verdict), bare(f.ID), row.ID, row.Version, shortened(printable(f.Text)))
}

// headline says what is about to run.
func (p plan) headline() string {
	var versions []string
	for _, v := range versionsOf(p.items) {
		versions = append(versions, v.String())
	}
	text := fmt.Sprintf("%s of MQTT %s", counted(len(p.items), "spec"), strings.Join(versions, " and "))
	if p.targets > 1 {
		text += fmt.Sprintf(", %d targets", p.targets)
	}
	if p.repeat > 1 {
		text += fmt.Sprintf(", %d times", p.repeat)
	}
	if p.tooLong > 0 {
		text += fmt.Sprintf("; %d that wait longer than 9 s are left out (--long runs them)", p.tooLong)
	}
	return text
}

// counted says a number of things: "1 spec", "2 specs".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
