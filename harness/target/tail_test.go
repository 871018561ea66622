package target

import (
	"fmt"
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	log := newTail()
	if log.String() != "" {
		t.Errorf("it begins with %q", log.String())
	}
	fmt.Fprint(log, "one\ntw")
	fmt.Fprint(log, "o\xff\n")
	if got := log.String(); got != "one\ntwo\uFFFD\n" {
		t.Errorf("got %q", got)
	}
	for i := range 50_000 {
		fmt.Fprintf(log, "line %d\n", i)
	}
	got := log.String()
	if len(got) > logLimit || len(got) < logLimit-100 || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 49999\n") {
		t.Errorf("%d bytes from %q", len(got), got[:20])
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", ""},
		{" \n\n", ""},
		{"a\n", "; the end of its log:\n\ta"},
		{"a\nb\nc\n\n", "; the end of its log:\n\tb\n\tc"},
	} {
		if got := lastLines(c.log, 2); got != c.want {
			t.Errorf("%q: got %q, want %q", c.log, got, c.want)
		}
	}
}
