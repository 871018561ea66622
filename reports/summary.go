package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/mqttspec/mqttspec/harness/req"
)

// summaryBudget bounds summary.md in bytes, well under what the step summary of a GitHub job takes.
const summaryBudget = 60_000

// marks are the glyphs of the verdicts: they say the same as the colours, to those who do not see them.
var marks = map[Verdict]string{
	Pass: "✓", Fail: "✗", Warning: "▲", Behaviour: "◆", Skip: "–", Inconclusive: "?", KnownFailure: "⊗", UnexpectedPass: "!", NotExercised: "·",
}

// verdictOrder is the order in which verdicts are told: what needs attention first.
var verdictOrder = []Verdict{Fail, UnexpectedPass, Inconclusive, KnownFailure, Warning, Pass, Behaviour, Skip}

// WriteSummary writes a result as Markdown for the summary of a CI job: failures first, each with its statement, what
// was expected and observed, and the command that runs it again. Details that would make it too long are counted
// instead.
func WriteSummary(w io.Writer, r Result) error {
	m := &markdown{left: summaryBudget}
	m.head(r)
	for _, s := range r.StoodStill() {
		m.add(fmt.Sprintf("%s %s\n\n", marks[Inconclusive], escape(s)))
	}
	m.unsteady(r)
	m.failures(r)
	m.findings(r)
	for _, v := range []Verdict{UnexpectedPass, Inconclusive, Warning, KnownFailure} {
		m.list(r, v)
	}
	m.skips(r)
	_, err := io.WriteString(w, m.b.String())
	return err
}

// markdown is a text that knows how much room it has left.
type markdown struct {
	b    strings.Builder
	left int
}

// add appends text if it fits and reports whether it did. The last kilobyte is kept for what was left out.
func (m *markdown) add(text string) bool {
	if len(text) > m.left-1024 {
		return false
	}
	m.left -= len(text)
	m.b.WriteString(text)
	return true
}

// omitted says how many entries did not fit.
func (m *markdown) omitted(n int) {
	if n > 0 {
		text := fmt.Sprintf("\n… and %d more, in report.html\n", n)
		m.left -= len(text)
		m.b.WriteString(text)
	}
}

func (m *markdown) head(r Result) {
	names := make([]string, len(r.Targets))
	for i, t := range r.Targets {
		names[i] = t.Name
	}
	title := strings.Join(names, ", ")
	if len(names) > 3 {
		title = fmt.Sprintf("%d targets", len(names))
	}
	m.add(fmt.Sprintf("## %s: %s\n\n", escape(title), r.Overall))
	if !r.Run.Complete {
		m.add(fmt.Sprintf("**The run is not complete.** %s\n\n", escape(r.Run.Reason)))
	}
	var used []Verdict
	for _, v := range verdictOrder {
		if r.Counts[v] > 0 {
			used = append(used, v)
		}
	}
	row := "| target |"
	rule := "|---|"
	for _, v := range used {
		row += fmt.Sprintf(" %s %s |", marks[v], v)
		rule += "--:|"
	}
	m.add(row + " statements exercised | kept |\n" + rule + "--:|--:|\n")
	for i, t := range r.Targets {
		row := "| " + escape(t.Name) + " |"
		for _, v := range used {
			row += fmt.Sprintf(" %d |", t.Counts[v])
		}
		var c Coverage
		for _, one := range t.Coverage {
			c.Observable += one.Observable
			c.Exercised += one.Exercised
			c.Kept += one.Kept
		}
		if !m.add(row + fmt.Sprintf(" %d of %d | %d |\n", c.Exercised, c.Observable, c.Kept)) {
			m.omitted(len(r.Targets) - i)
			break
		}
	}
	for _, t := range r.Targets {
		for _, v := range t.Variants {
			if v.Error != "" {
				m.add(fmt.Sprintf("\n%s could not be tested: %s\n", escape(strings.TrimSpace(t.Name+" "+v.Variant)), escape(v.Error)))
			}
		}
	}
	m.add("\n")
}

func (m *markdown) failures(r Result) {
	if r.Counts[Fail] == 0 {
		return
	}
	m.add(fmt.Sprintf("### %s %d failed\n", marks[Fail], r.Counts[Fail]))
	shown := 0
	for _, s := range r.Specs {
		if s.Verdict != Fail {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "\n**%s** %s (%s%s)\n\n", escape(s.ID), escape(s.Text), mqtt(s.Version), m.where(r, s.Target, s.Variant))
		for _, q := range s.broken() {
			if q.ID == "" {
				fmt.Fprintf(&b, "- expected: %s\n", escape(q.Expected))
			} else {
				fmt.Fprintf(&b, "- %s\n  - expected: %s\n", statementLine(q.ID), escape(q.Expected))
			}
			fmt.Fprintf(&b, "  - observed: %s\n", escape(q.Observed))
		}
		if len(s.broken()) == 0 {
			fmt.Fprintf(&b, "- %s\n", escape(s.message()))
		}
		fmt.Fprintf(&b, "\n%s\n", code(rerun(s, r.Run)))
		if !m.add(b.String()) {
			break
		}
		shown++
	}
	m.omitted(r.Counts[Fail] - shown)
	m.add("\n")
}

// findings lists each statement that monitors found broken on a target once, with its first place.
func (m *markdown) findings(r Result) {
	type place struct {
		id     req.ID
		target string
	}
	specs := map[place]int{}
	var first []Finding
	for _, f := range r.Findings {
		p := place{f.ID, f.Target}
		if specs[p]++; specs[p] == 1 {
			first = append(first, f)
		}
	}
	if len(first) == 0 {
		return
	}
	m.add("### Found by monitors on all traffic\n\n")
	for i, f := range first {
		text := fmt.Sprintf("- %s %s%s\n  - %s, connection %s: %s", marks[f.Verdict], statementLine(f.ID), m.where(r, f.Target, ""),
			escape(f.Spec), escape(f.Conn), escape(f.Text))
		if n := specs[place{f.ID, f.Target}]; n > 1 {
			text += fmt.Sprintf(" (and on %d more connections)", n-1)
		}
		if !m.add(text + "\n") {
			m.omitted(len(first) - i)
			break
		}
	}
	m.add("\n")
}

// list names the specs with a verdict, in one line each.
func (m *markdown) list(r Result, v Verdict) {
	if r.Counts[v] == 0 {
		return
	}
	m.add(fmt.Sprintf("### %s %d %s\n\n", marks[v], r.Counts[v], v))
	shown := 0
	for _, s := range r.Specs {
		if s.Verdict != v {
			continue
		}
		if !m.add(fmt.Sprintf("- **%s** %s (%s%s): %s\n", escape(s.ID), escape(s.Text), mqtt(s.Version), m.where(r, s.Target, s.Variant), escape(s.message()))) {
			break
		}
		shown++
	}
	m.omitted(r.Counts[v] - shown)
	m.add("\n")
}

// skips counts the skipped specs by their reason.
func (m *markdown) skips(r Result) {
	if r.Counts[Skip] == 0 {
		return
	}
	n := map[string]int{}
	var reasons []string
	for _, s := range r.Specs {
		if s.Verdict == Skip {
			if n[s.Reason]++; n[s.Reason] == 1 {
				reasons = append(reasons, s.Reason)
			}
		}
	}
	m.add(fmt.Sprintf("### %s %d skipped\n\n", marks[Skip], r.Counts[Skip]))
	for i, reason := range reasons {
		if !m.add(fmt.Sprintf("- %d: %s\n", n[reason], escape(reason))) {
			m.omitted(len(reasons) - i)
			return
		}
	}
}

// where names the target and variant as far as they are not clear already.
func (m *markdown) where(r Result, target, variant string) string {
	text := ""
	if len(r.Targets) > 1 {
		text = ", " + escape(target)
	}
	if variant != "" && variant != "default" {
		text += ", " + escape(variant)
	}
	return text
}

// statementLine gives a statement's id, level and text, the id as a link into the standard.
func statementLine(id req.ID) string {
	s, ok := req.Lookup(id)
	if !ok {
		return escape(string(id))
	}
	return fmt.Sprintf("[%s](%s) %s: %s", escape(short(id)), s.URL, s.Level, escape(s.Text))
}

// escape makes text stand for itself in Markdown, on one line and at most 500 characters.
func escape(s string) string {
	s = line(s)
	if runes := []rune(s); len(runes) > 500 {
		s = string(runes[:500]) + " …"
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>|#~@$&!", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code puts text into a block with a fence that the text cannot end.
func code(s string) string {
	s = line(s)
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "sh\n" + s + "\n" + fence
}
