package target

import (
	"slices"
	"testing"
)

func TestSplitCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // nil: an error
	}{
		{`mochi --tcp 127.0.0.1:{port}`, []string{"mochi", "--tcp", "127.0.0.1:{port}"}},
		{"  a \t b\nc ", []string{"a", "b", "c"}},
		{`sh -c 'exec broker "$@"' x`, []string{"sh", "-c", `exec broker "$@"`, "x"}},
		{`a "b c"d ''`, []string{"a", "b cd", ""}},
		{`a b\ c \" \' \\`, []string{"a", "b c", `"`, "'", `\`}},
		{`"say \"hi\""`, []string{`say "hi"`}},
		{`'back\slash'`, []string{`back\slash`}},
		{`C:\broker\run.exe -p`, []string{`C:\broker\run.exe`, "-p"}},
		{``, nil},
		{`  `, nil},
		{`a 'b`, nil},
		{`a "b`, nil},
	} {
		got, err := splitCommand(c.line)
		if c.want == nil && err == nil || c.want != nil && (err != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%q: got %q, %v; want %q", c.line, got, err, c.want)
		}
	}
}
