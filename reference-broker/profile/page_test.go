package profile

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated part of the page anew")

// TestPage keeps the tables of docs/aws-iot-core.md true.
func TestPage(t *testing.T) {
	const page = "../../docs/aws-iot-core.md"
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "-update -->\n"
	prose, have, marked := strings.Cut(string(content), mark)
	if !marked {
		t.Fatalf("%s has no mark for what is generated", page)
	}
	want := tables(load(t, "aws-iot-core"))
	if *update {
		if err := os.WriteFile(page, []byte(prose+mark+want), 0o644); err != nil {
			t.Fatal(err)
		}
		have = want
	}
	if have != want {
		t.Errorf("%s is not what the profile says; run go test ./reference-broker/profile -run TestPage -update", page)
	}
}

// tables writes a profile for readers.
func tables(p *Profile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Values of the profile, read in %s\n\n| value | is | source | note |\n|---|---|---|---|\n", p.Read)
	values(&b, "", reflect.ValueOf(*p))
	fmt.Fprintf(&b, "\n## Where the service differs from the standard\n\n| statement | specs | a failure is | why | source |\n|---|---|---|---|---|\n")
	for _, d := range p.Deviations {
		statement := d.Statement
		if d.On == "device" {
			statement += " (devices)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", statement, strings.Join(d.Specs, " "),
			map[Verdict]string{Failure: "known", Skip: "skipped"}[d.Verdict], d.Why, d.Source)
	}
	fmt.Fprintf(&b, "\n## Sources\n\n| name | what it is |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(p.Sources)) {
		s := p.Sources[name]
		title := s.Title
		if s.URL != "" {
			title = fmt.Sprintf("[%s](%s)", s.Title, s.URL)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, title)
	}
	return b.String()
}

// values writes one line for each value below v.
func values(b *strings.Builder, at string, v reflect.Value) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	line := func(is string, o Origin) {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", at, is, o.Source, o.Note)
	}
	switch value := v.Interface().(type) {
	case Number:
		line(fmt.Sprint(value.Value, " ", value.Unit), value.Origin)
	case Switch:
		line(map[bool]string{true: "yes", false: "no"}[value.Value], value.Origin)
	case Names:
		line(strings.Join(value.Value, "<br>"), value.Origin)
	case Codes:
		line(codes(value.Value), value.Origin)
	case CodeMap:
		var pairs []string
		for _, from := range slices.Sorted(maps.Keys(value.Value)) {
			pairs = append(pairs, fmt.Sprintf("%02X for %02X", value.Value[from], from))
		}
		line(strings.Join(pairs, ", "), value.Origin)
	case []Listener:
		for _, l := range value {
			values(b, "listeners: "+l.Name, reflect.ValueOf(l.Port))
		}
	default:
		if v.Kind() != reflect.Struct {
			return
		}
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("yaml")
			if at != "" {
				name = at + ": " + name
			}
			values(b, name, v.Field(i))
		}
	}
}

func codes(all []int) string {
	text := make([]string, len(all))
	for i, c := range all {
		text[i] = fmt.Sprintf("%02X", c)
	}
	return strings.Join(text, " ")
}

// TestExampleOfPage reads the example of a profile of one's own.
func TestExampleOfPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/aws-iot-core.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\nname: our-cloud")
	example, _, ended := strings.Cut("name: our-cloud"+rest, "```")
	if !found || !ended {
		t.Fatal("the page has no example")
	}
	file := filepath.Join(t.TempDir(), "our-cloud.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	p := load(t, file)
	if c := p.Config(); c.Service.MaximumKeepAlive != 300 || !c.NoRetain {
		t.Errorf("got %+v", c)
	}
	if d, known := p.Deviation("broker", "v5:MQTT-3.8.4-4", "RT-01"); !known || d.Verdict != Failure {
		t.Errorf("got %+v", d)
	}
}
