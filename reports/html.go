package reports

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode/utf16"
)

// htmlBudget bounds report.html in bytes. Where a run has more to show, traces are shortened until it fits.
const htmlBudget = 2_000_000

// packAbove is the size in bytes from which data in the page is compressed, and packAtMost the size of traces that are
// not worth the attempt: they would not come down to the budget.
const (
	packAbove  = 64_000
	packAtMost = 50_000_000
)

var (
	//go:embed page/report.html.tmpl
	pageShell string
	//go:embed page/report.css
	pageStyle string
	//go:embed page/dom.js
	scriptDOM string
	//go:embed page/timeline.js
	scriptTimeline string
	//go:embed page/plot.js
	scriptPlot string
	//go:embed page/report.js
	scriptReport string
	pageScript   = scriptDOM + scriptTimeline + scriptPlot + scriptReport

	page = template.Must(template.New("report").Parse(pageShell))
)

// island is data within the page: JSON, or gzip of JSON in base64.
type island struct {
	Packed string // "gzip" or ""
	Text   template.JS
}

// WriteHTML writes a result as one page that needs no other file and no network. The page's script is the only one that
// the page allows to run; everything that came from the wire is data in JSON and enters the page as text.
func WriteHTML(w io.Writer, r Result) error {
	title := visible(title(r))
	index, err := pack(indexOf(r, title))
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	var traces island
	for _, detail := range traceDetails {
		if detail.size(r) > packAtMost {
			continue
		}
		if traces, err = pack(tracesOf(r, detail)); err != nil {
			return fmt.Errorf("report.html: %w", err)
		}
		if len(index.Text)+len(traces.Text)+len(pageScript)+len(pageStyle)+len(pageShell) < htmlBudget {
			break
		}
	}
	type count struct {
		Mark, Name string
		N          int
	}
	var counts []count
	for _, v := range verdictOrder {
		if n := r.Counts[v]; n > 0 {
			counts = append(counts, count{marks[v], string(v), n})
		}
	}
	hash := sha256.Sum256([]byte(pageScript))
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{
		"Title": title, "Tool": visible(r.Run.Tool), "Counts": counts, "Index": index, "Traces": traces,
		"Style": template.CSS(pageStyle), "Script": template.JS(pageScript),
		"ScriptHash": "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'",
	})
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// title says in one line what came out.
func title(r Result) string {
	switch len(r.Targets) {
	case 0:
		return "No target: " + r.Overall
	case 1:
		if r.Overall == Undecided {
			return r.Targets[0].Name + ": undecided"
		}
		return r.Targets[0].Name + " " + r.Overall
	}
	conforming := 0
	for _, t := range r.Targets {
		if t.Overall != DoesNotConform && t.Overall != Undecided {
			conforming++
		}
	}
	return fmt.Sprintf("%d of %d targets conform", conforming, len(r.Targets))
}

// pack makes an island of v. Its JSON has <, >, & and every character that visible escapes escaped too, so that nothing in
// it can end the element that it stands in, or disguise itself to a reader of the page's source.
func pack(v any) (island, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return island{}, err
	}
	if len(text) < packAbove {
		var b strings.Builder
		for _, c := range string(text) {
			if !hidden(c) {
				b.WriteRune(c)
				continue
			}
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
		return island{Text: template.JS(b.String())}, nil
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return island{}, err
	}
	if _, err := z.Write(text); err != nil {
		return island{}, err
	}
	if err := z.Close(); err != nil {
		return island{}, err
	}
	return island{"gzip", template.JS(base64.StdEncoding.EncodeToString(b.Bytes()))}, nil
}
