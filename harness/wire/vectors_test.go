package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// vector is an entry of testdata/good.txt or testdata/bad.txt, which say what its lines mean.
type vector struct {
	at     string // file and line
	d      Decoder
	name   string
	bytes  []byte
	expect string
}

// vectors reads a file; an entry for both versions gives two vectors.
func vectors(t testing.TB, file string) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" || lines[i][0] == '#' {
			continue
		}
		head, name, ok := strings.Cut(lines[i], ": ")
		version, sender, ok2 := strings.Cut(head, " ")
		if !ok || !ok2 || i+2 >= len(lines) || lines[i+1][:1] != "\t" || lines[i+2][:1] != "\t" {
			t.Fatalf("%s:%d: no entry: %q", file, i+1, lines[i])
		}
		v := vector{at: fmt.Sprintf("%s:%d", file, i+1), name: name, expect: strings.TrimSpace(lines[i+2])}
		if v.bytes, err = parseBytes(lines[i+1]); err != nil {
			t.Fatalf("%s: %v", v.at, err)
		}
		senders := map[string]Sender{"client": FromClient, "server": FromServer}
		if v.d.Sender, ok = senders[sender]; !ok {
			t.Fatalf("%s: sender %q", v.at, sender)
		}
		versions := map[string][]Version{"v5": {V5}, "v311": {V311}, "both": {V5, V311}}[version]
		if versions == nil {
			t.Fatalf("%s: version %q", v.at, version)
		}
		for _, v.d.Version = range versions {
			all = append(all, v)
		}
		i += 2
	}
	return all
}

// parseBytes reads hexadecimal digits, spaces and quoted text.
func parseBytes(line string) (b []byte, err error) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			b = append(b, part...)
			continue
		}
		digits := strings.NewReplacer(" ", "", "\t", "").Replace(part)
		more, err := hex.DecodeString(digits)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		b = append(b, more...)
	}
	return b, nil
}

func TestGoodVectors(t *testing.T) {
	types := map[string]bool{}
	for _, v := range vectors(t, "good.txt") {
		p, err := v.d.Decode(v.bytes)
		if err != nil {
			t.Errorf("%s: %v (%s): %v", v.at, v.d.Version, v.name, err)
			continue
		}
		types[fmt.Sprint(v.d.Version, p.Type())] = true
		want, otherForm := strings.CutPrefix(v.expect, "~")
		if got := Summary(p, v.d.Version); got != want {
			t.Errorf("%s: %v (%s):\n got %s\nwant %s", v.at, v.d.Version, v.name, got, want)
		}
		if got := Bytes(p, v.d.Version); bytes.Equal(got, v.bytes) == otherForm {
			t.Errorf("%s: %v (%s): Append writes % X", v.at, v.d.Version, v.name, got)
		}
	}
	if len(types) != 14+15 {
		t.Errorf("vectors for %d packet types of both versions, want all 29", len(types))
	}
}

func TestBadVectors(t *testing.T) {
	seen := map[Fault]bool{FaultTooLarge: true} // of ReadFrame
	for _, v := range vectors(t, "bad.txt") {
		_, err := v.d.Decode(v.bytes)
		got := "no violation"
		if err != nil {
			f := err.(*Violation)
			seen[f.Fault] = true
			got = fmt.Sprintf("%d 0x%02X %s", f.Offset, byte(f.Code), f.Fault)
			if len(v.bytes) > 0 && f.Type != TypeOf(v.bytes[0]) {
				t.Errorf("%s: type %v", v.at, f.Type)
			}
		}
		if got != v.expect {
			t.Errorf("%s: %v (%s):\n got %s\nwant %s\n%v", v.at, v.d.Version, v.name, got, v.expect, err)
		}
	}
	source, err := os.ReadFile("violation.go")
	if err != nil {
		t.Fatal(err)
	}
	faults := 0
	for line := range strings.Lines(string(source)) {
		if _, value, ok := strings.Cut(line, "Fault = "); ok && strings.HasPrefix(strings.TrimSpace(line), "Fault") {
			faults++
			if text, err := strconv.Unquote(strings.TrimSpace(value)); err != nil || (!seen[Fault(text)] && text != string(FaultFlags)) {
				t.Errorf("no vector has the fault %s", value) // FaultFlags: TestFixedHeaderFlags
			}
		}
	}
	if faults < 30 {
		t.Errorf("found only %d faults in violation.go", faults)
	}
}
