package reports

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
)

// islands returns the data in a page: the index and the traces.
func islands(t *testing.T, page []byte) (index pageIndex, traces map[string]pageTrace) {
	t.Helper()
	for id, into := range map[string]any{"index": &index, "traces": &traces} {
		m := regexp.MustCompile(`<script type="application/json" id="` + id + `" data-packed="(\w*)">([^<]*)</script>`).FindSubmatch(page)
		if m == nil {
			t.Fatalf("the page has no data called %s", id)
		}
		text := m[2]
		if string(m[1]) == "gzip" {
			z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			if text, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	return index, traces
}

func TestPageKeepsTextFromTheWireAsData(t *testing.T) {
	r := everyVerdict()
	r.Targets[0].Name = "t" + hostile
	for i := range r.Specs {
		r.Specs[i].Target = r.Targets[0].Name
	}
	page := output(t, WriteHTML, r)
	if opened, closed := bytes.Count(page, []byte("<script")), bytes.Count(page, []byte("</script")); opened != 3 || closed != 3 {
		t.Errorf("the page has %d beginnings and %d ends of scripts, want 3: two with data and its own", opened, closed)
	}
	for _, c := range []string{"<img", "\u202e", "\u2028", "\x1b"} {
		if bytes.Contains(page, []byte(c)) {
			t.Errorf("%q reached the page as it is", c)
		}
	}
	index, traces := islands(t, page)
	var observed string
	for _, s := range index.Results {
		for _, q := range s.Requirements {
			if q.Verdict == Fail {
				observed = q.Observed
			}
		}
	}
	if observed != "0 in "+hostile {
		t.Errorf("the data says %q", observed)
	}
	if len(traces) != 1 || traces["1"].Events[0].Text != hostile {
		t.Errorf("the traces are %+v", traces)
	}
}

func TestPageAllowsItsOwnScriptOnly(t *testing.T) {
	page := output(t, WriteHTML, everyVerdict())
	hash := sha256.Sum256([]byte(pageScript))
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindSubmatch(page)
	if policy == nil || !bytes.HasPrefix(policy[1], []byte("default-src 'none'")) ||
		!strings.Contains(html.UnescapeString(string(policy[1])), "script-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"';") {
		t.Fatalf("policy %q", policy)
	}
	if !bytes.Contains(page, []byte("<script>"+pageScript+"</script>")) {
		t.Error("the script does not stand in the page as it was hashed")
	}
	for _, external := range []string{`src="http`, `href="http`, "@import", "url("} {
		if bytes.Contains(page, []byte(external)) {
			t.Errorf("the page refers to something outside it: %s", external)
		}
	}
}

func TestPageNamesTheBytesOfWhatDidNotPass(t *testing.T) {
	r := sample(60, "a")
	_, traces := islands(t, output(t, WriteHTML, r))
	dissected, plain := 0, 0
	for i, s := range r.Specs {
		for _, e := range traces[fmt.Sprint(i)].Events {
			if e.Kind != trace.Packet {
				continue
			}
			if s.Verdict.quiet() && len(s.Findings) == 0 {
				plain++
				if e.Fields != nil {
					t.Fatalf("%s passed, and its packets are dissected", s.ID)
				}
				continue
			}
			dissected++
			if len(e.Fields) == 0 || e.Fields[0][2] != "packet type and flags" {
				t.Fatalf("%s: fields %v", s.ID, e.Fields)
			}
		}
	}
	if dissected == 0 || plain == 0 {
		t.Errorf("%d packets with fields, %d without: the sample lacks one kind", dissected, plain)
	}
}

func TestPageOfTenBrokersFitsItsBudget(t *testing.T) {
	var ten []string
	for i := range 10 {
		ten = append(ten, fmt.Sprintf("docker:broker-%c:2.%d", 'a'+i, i))
	}
	noisy := sample(150, ten[:4]...)
	for i := range noisy.Specs { // bytes that do not compress, as large payloads are
		for range 60 {
			b := make([]byte, 300)
			rand.Read(b)
			noisy.Specs[i].Trace = append(noisy.Specs[i].Trace, TraceEvent{Conn: "c", Kind: trace.Packet, Dir: "<", Hex: hex.EncodeToString(b), Text: "PUBLISH"})
		}
	}
	for name, r := range map[string]Result{"one": sample(150, ten[0]), "ten": sample(150, ten...), "noisy": noisy} {
		page := output(t, WriteHTML, r)
		if len(page) > htmlBudget {
			t.Errorf("%s: %d bytes, more than %d", name, len(page), htmlBudget)
		}
		t.Logf("%s: %d bytes", name, len(page))
		if index, _ := islands(t, page); len(index.Results) != len(r.Specs) {
			t.Errorf("%s: %d results, want %d", name, len(index.Results), len(r.Specs))
		}
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".html"), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPageInABrowser opens the page in Chromium from the file system and reads what became of it.
func TestPageInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("no chromium, or a short run")
	}
	dir := t.TempDir()
	verdicts := everyVerdict()
	for i := range verdicts.Specs {
		if verdicts.Specs[i].ID == "D-behaviour" {
			verdicts.Specs[i].Claims = nil // a step of a plan may have none
			verdicts.Specs[i].Variant = "limited"
		}
	}
	for name, r := range map[string]Result{
		"sample": sample(60, "a", "b"), "hostile": verdicts,
		"long": sample(2, "docker:registry.example/broker:2.0.21", "docker:registry.example/broker:2.1.2"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), output(t, WriteHTML, r), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	open := func(page string) string {
		cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=5000", "--dump-dom", "file://"+filepath.Join(dir, page))
		cmd.WaitDelay = 5 * time.Second
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("chromium: %v", err)
		}
		_, main, _ := strings.Cut(string(out), "<main")
		main, _, _ = strings.Cut(main, "</main>")
		return main
	}
	for page, wants := range map[string][]string{
		"sample.html#specs?v=fail&q=DG-01": {">DG-01<"},
		"sample.html#spec?id=DG-01":        {"MQTT-3.3.1-1", "closed: ", `aria-expanded="false"`, "⚡"},
		"sample.html#constructor":          {"results of"}, // no view has that name
		"long.html#specs":                  {">docker:r…e/broker:2.0.21<", ">docker:r…le/broker:2.1.2<"},
		"hostile.html#specs":               {`class="tag"`, ">limited<"},
		"sample.html#run":                  {"declared: 100", "mqttspec run --mqtt both"},
		"hostile.html#statements":          {"nothing in this run checks this", "not observable: "},
		"hostile.html#behaviours":          {"FIN | &lt;/script&gt;"},
		"hostile.html#spec?id=D-behaviour": {`class="plot"`, `class="band"`, `class="in"`, `class="out"`, "two pauses", "0.50 … 3.00", "pause (s)", "variant limited"},
		"hostile.html#spec?id=B-fail&e=0":  {`onerror=alert(1)&gt;\u{202e}gnp.exe\u{2028}`, `log \u{1b}[31m`, "d0", `aria-expanded="true"`},
	} {
		main := open(page)
		for _, want := range wants {
			if !strings.Contains(main, want) {
				t.Errorf("%s lacks %q", page, want)
			}
		}
		if strings.Contains(main, "<img") || strings.ContainsAny(main, "\u202e\u2028\x1b") {
			t.Errorf("%s: text from the wire became more than text", page)
		}
		if strings.Contains(page, "q=DG-01") && strings.Contains(main, ">CS-01<") {
			t.Error("the filter let another spec through")
		}
	}
}
