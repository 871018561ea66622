package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everyVerdict is a result with a spec of each verdict, and with hostile text wherever a target can put text.
func everyVerdict() Result {
	at := func(r Row, d time.Duration) Row { r.Duration = d; return r }
	failed := at(end("B-fail", Fail, Requirement{ID: dup, Verdict: Fail, Text: "the DUP flag", Expected: "1, as the packet is sent again", Observed: "0 in " + hostile}), 40*time.Millisecond)
	failed.Reason = "the DUP flag: " + hostile
	failed.TargetLog = "log \x1b[31m" + hostile
	failed.Trace = []TraceEvent{{Conn: "reader", Kind: trace.Packet, Dir: "<", Hex: "d000", Text: hostile}}
	warned := at(end("C-warning", Warning, Requirement{ID: dup, Verdict: Pass}), time.Second)
	warned.Warnings = []Requirement{{Verdict: Warning, Expected: "the will within 1 s", Observed: "after 3 s"}}
	warned.Reason = "the will within 1 s: after 3 s"
	recorded := end("D-behaviour", Behaviour)
	recorded.Behaviours = []Observation{{"reply to a second CONNECT", "FIN | " + hostile}}
	low, high := 0.5, 3.0
	recorded.Series = []Series{{
		Name: "pauses " + hostile, X: Axis{"time", "s"}, Y: Axis{"pause", "s"}, Band: "expected", Text: "two pauses",
		Points: []Point{{X: 0, Y: 1, Low: &low, High: &high}, {X: 5, Y: 4, Low: &low, High: &high}, {X: 6, Y: 1}},
	}}
	skipped := end("E-skip", Skip)
	skipped.Reason = "the target offers no shared subscriptions"
	blocked := end("F-inconclusive", Inconclusive)
	blocked.Reason, blocked.BlockedBy = "blocked: no CONNACK\x00 within 2 s", string(dup)
	own := end("G-own", Inconclusive)
	own.Reason, own.OwnDefect = "panic: index out of range", true
	found := end("A-pass", Pass, Requirement{ID: resend, Verdict: Pass, Text: "it comes again"})
	found.Findings = []Finding{{ID: dup, Verdict: Fail, Text: "DUP 0 in PUBLISH id=3", Conn: "reader#2", EventSeq: 4, Times: 2}}
	found.Monitored = map[req.ID]int{dup: 2}
	var list []SpecInfo
	rows := []Row{found, failed, warned, recorded, skipped, blocked, own, end("H-known", KnownFailure), end("I-stale", UnexpectedPass)}
	for _, r := range rows {
		list = append(list, info(r.ID, resend, dup))
	}
	list = append(list, info("J-never", dup))
	return Assemble(list, rows, []TargetInfo{{Name: "t", Variant: "default", Software: "Sample", Version: "1.0", Digest: "sha256:00", Observed: map[string]string{"5.0 Maximum QoS": "2"}}},
		RunInfo{Arguments: []string{"run", "--target", "t"}, Seed: 42, Start: began, Duration: 3 * time.Second, Parallel: 16, Reason: "interrupted", Tool: "0.1.0"})
}

// golden compares an output with the file of that name in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("%s differs in line %d (go test -update writes it anew):\ngot  %q\nwant %q", name, i+1, g[i], w[i])
			}
		}
		t.Fatalf("%s has %d lines, want %d", name, len(g), len(w))
	}
}

func output(t *testing.T, write func(io.Writer, Result) error, r Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJUnit(t *testing.T) {
	out := output(t, WriteJUnit, everyVerdict())
	golden(t, "junit.xml", out)
	var file struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Cases []struct {
				Class   string `xml:"classname,attr"`
				Name    string `xml:"name,attr"`
				File    string `xml:"file,attr"`
				Line    int    `xml:"line,attr"`
				Failure struct {
					Message string `xml:"message,attr"`
					Body    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out, &file); err != nil {
		t.Fatalf("not well-formed: %v", err)
	}
	if file.Tests != 11 || file.Failures != 3 || file.Errors != 3 || file.Skipped != 2 {
		t.Errorf("tests %d failures %d errors %d skipped %d, want 11 3 3 2: 10 specs and a monitor; B-fail, I-stale and the monitor; F, G and J; E and H",
			file.Tests, file.Failures, file.Errors, file.Skipped)
	}
	for _, c := range file.Suites[0].Cases {
		if !strings.Contains(c.Name, "B-fail") {
			continue
		}
		for what, text := range map[string]string{"message": c.Failure.Message, "body": c.Failure.Body} {
			if !strings.Contains(text, "the DUP flag") || strings.ContainsAny(text, "\u202e\u2028\x1b") || !strings.Contains(text, `\u{202e}`) {
				t.Errorf("the %s of the failure is %q", what, text)
			}
		}
		if c.Class != "MQTT 5.0 Delivery" || c.File != "suites/v5/a.go" || c.Line != 7 || !strings.Contains(c.Failure.Body, "mqttspec run --target t --only B-fail --mqtt 5 --seed 42") {
			t.Errorf("%+v", c)
		}
	}
}

func TestJUnitNamesAreUnique(t *testing.T) {
	r := sample(60, "one", "two")
	twin := r.Specs[0]
	twin.Variant = "limited"
	doubled := r.Specs[0]
	r.Specs = append(r.Specs, twin, doubled)
	conclude(&r)
	seen := map[string]bool{}
	for _, target := range r.Targets {
		for _, v := range []wire.Version{wire.V5, wire.V311} {
			for _, c := range junitOf(r, target, v).Cases {
				if key := c.Class + "\x00" + c.Name; seen[key] {
					t.Errorf("%s: %s stands twice", c.Class, c.Name)
				} else {
					seen[key] = true
				}
			}
		}
	}
	if len(seen) < len(r.Specs) {
		t.Errorf("%d names for %d results", len(seen), len(r.Specs))
	}
}

func TestWarningsFailOnlyAStrictRun(t *testing.T) {
	r := everyVerdict()
	for _, strict := range []bool{false, true} {
		r.Run.Strict = strict
		for _, c := range junitOf(r, r.Targets[0], wire.V5).Cases {
			if strings.Contains(c.Name, "C-warning") {
				if (c.Failure != nil) != strict || !strings.Contains(c.Out.Text, "the will within 1 s: after 3 s") {
					t.Errorf("strict %v: failure %+v, output %q", strict, c.Failure, c.Out)
				}
			}
		}
	}
}

func TestSummary(t *testing.T) {
	out := output(t, WriteSummary, everyVerdict())
	golden(t, "summary.md", regexp.MustCompile(`of \d+ \| `).ReplaceAll(out, []byte("of n | "))) // n grows with the catalogue
	if text := strings.ReplaceAll(string(out), `\<`, ""); strings.ContainsAny(text, "<\u202e") {
		t.Error("text of the target reached the summary as it is")
	}
	if fail, skip := bytes.Index(out, []byte("failed")), bytes.Index(out, []byte("skipped\n")); fail < 0 || skip < fail {
		t.Error("failures do not come first")
	}
}

func TestSummaryKeepsToItsBudget(t *testing.T) {
	r := sample(150, "a", "b", "c", "d", "e", "f")
	for i := range r.Specs {
		r.Specs[i].Verdict = Fail
	}
	conclude(&r)
	out := output(t, WriteSummary, r)
	if len(out) > summaryBudget || len(out) < summaryBudget/2 {
		t.Errorf("%d bytes, the budget is %d", len(out), summaryBudget)
	}
	if !bytes.Contains(out, []byte("more, in report.html")) {
		t.Error("it does not say that something was left out")
	}
}

func TestBadge(t *testing.T) {
	for overall, want := range map[string]string{
		Conforms:                        `{"schemaVersion":1,"label":"MQTT 5.0","message":"conforms","color":"brightgreen"}`,
		"conforms (partial: 3 skipped)": `{"schemaVersion":1,"label":"MQTT 5.0","message":"conforms (partial: 3 skipped)","color":"yellowgreen"}`,
		DoesNotConform:                  `{"schemaVersion":1,"label":"MQTT 5.0","message":"does not conform","color":"red"}`,
		Undecided:                       `{"schemaVersion":1,"label":"MQTT 5.0","message":"undecided","color":"lightgrey"}`,
	} {
		r := everyVerdict()
		r.Overall = overall
		if got := strings.TrimSpace(string(output(t, WriteBadge, r))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestResultComesBackAndKeepsToTheSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("result.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("result.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Result{"every verdict": everyVerdict(), "sample": sample(60, "a", "b"), "nothing": Assemble(nil, nil, nil, RunInfo{})} {
		dir := t.TempDir()
		if _, err := Write(dir, r, JSON); err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(filepath.Join(dir, "result.json"))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := ReadResult(filepath.Join(dir, "result.json"))
		if err != nil {
			t.Fatal(err)
		}
		if second := output(t, WriteJSON, back); !bytes.Equal(first, second) {
			t.Errorf("%s: a result that was read is written otherwise", name)
		}
		value.(map[string]any)["counts"] = map[string]any{"splendid": json.Number("1")}
		if schema.Validate(value) == nil {
			t.Errorf("%s: the schema accepts an unknown verdict", name)
		}
	}
}

// TestSchemaNamesEveryMember keeps the schema complete: it allows unknown members, so validation alone would not show
// one that it has forgotten.
func TestSchemaNamesEveryMember(t *testing.T) {
	var schema any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	var walk func(v any, names bool)
	walk = func(v any, names bool) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				named[k] = named[k] || names
				walk(x, k == "properties" && !names)
			}
		case []any:
			for _, x := range v {
				walk(x, false)
			}
		}
	}
	walk(schema, false)
	open := []string{"observed", "declared", "counts", "monitored"} // their members are data
	var missing []string
	var members func(v any)
	members = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if !named[k] {
					missing = append(missing, k)
				}
				if _, data := x.(map[string]any); !data || !slices.Contains(open, k) {
					members(x)
				}
			}
		case []any:
			for _, x := range v {
				members(x)
			}
		}
	}
	for _, r := range []Result{everyVerdict(), sample(60, "a", "b")} {
		var v any
		if err := json.Unmarshal(output(t, WriteJSON, r), &v); err != nil {
			t.Fatal(err)
		}
		members(v)
	}
	if len(missing) > 0 {
		t.Errorf("the schema does not name %q", missing)
	}
}

func TestReadResultRefusesWhatItCannotRead(t *testing.T) {
	for content, want := range map[string]string{
		`{"schemaVersion":2}`: "schema version 2; this mqttspec reads 1",
		`{"overall":"x"}`:     "no result of mqttspec",
		`{"schemaVer`:         "unexpected end of JSON",
	} {
		path := filepath.Join(t.TempDir(), "result.json")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadResult(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", content, err, want)
		}
	}
}

func TestWriteMakesAllOrSaysWhatFailed(t *testing.T) {
	r := everyVerdict()
	dir := filepath.Join(t.TempDir(), "a", "report")
	written, err := Write(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(written) != len(Formats()) || len(entries) != len(Formats()) {
		t.Errorf("wrote %q, and the directory holds %v", written, entries)
	}

	if err := os.Remove(filepath.Join(dir, "junit.xml")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "junit.xml", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	written, err = Write(dir, r)
	if err == nil || !strings.Contains(err.Error(), "junit.xml") || len(written) != len(Formats())-1 {
		t.Errorf("with junit.xml in the way: wrote %q, error %v", written, err)
	}
	if entries, _ = os.ReadDir(dir); len(entries) != len(Formats()) {
		t.Errorf("a temporary file was left: %v", entries)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(file, r); err == nil || !strings.Contains(err.Error(), "report directory") {
		t.Errorf("into a file: %v", err)
	}
	if _, err := Write(t.TempDir(), r, "report.pdf"); err == nil {
		t.Error("an unknown output is no error")
	}
}

func TestCommandsSurviveAShell(t *testing.T) {
	s := SpecResult{SpecInfo: SpecInfo{ID: "A", Version: wire.V311, Wait: 10 * time.Second}, Target: "exec:my broker -p {port}; rm 'x'"}
	want := `mqttspec run --target 'exec:my broker -p {port}; rm '\''x'\''' --only A --mqtt 3.1.1 --long`
	if got := rerun(s, RunInfo{}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRerun looks at the command that is shown beside a failure: it must get into the target again, and show no secret.
func TestRerun(t *testing.T) {
	spec := SpecResult{SpecInfo: SpecInfo{ID: "A", Version: wire.V5}, Target: "tls://broker.example"}
	for _, c := range []struct {
		name      string
		arguments []string
		want      string
	}{
		{"nothing more", []string{"run", "--repeat=3", "--out=a b", "--format=json"}, "mqttspec run --target tls://broker.example --only A --mqtt 5"},
		{
			"access", []string{"run", "--username=me too", "--password=***", "--ca=ca.pem", "--insecure", "--reply=2s"},
			`mqttspec run --target tls://broker.example --only A --mqtt 5 '--username=me too' --ca=ca.pem --insecure --reply=2s --password "$MQTTSPEC_PASSWORD"`,
		},
	} {
		if got := rerun(spec, RunInfo{Arguments: c.arguments}); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}
