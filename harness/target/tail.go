package target

import (
	"bytes"
	"strings"
	"sync"
)

// logLimit is how much of a broker's log is kept, in bytes.
const logLimit = 64 << 10

// tail keeps the end of what is written to it. It may be written to and read from at the same time.
type tail struct {
	mu  sync.Mutex
	buf []byte
	cut bool // something was forgotten
}

func newTail() *tail { return &tail{} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	// forgetting by halves keeps the cost of a byte constant
	if len(t.buf) > 2*logLimit {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-logLimit:]...)
		t.cut = true
	}
	return len(p), nil
}

// String returns at most the last 64 KiB, from the beginning of a line on.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, cut := t.buf, t.cut
	if len(b) > logLimit {
		b, cut = b[len(b)-logLimit:], true
	}
	if _, rest, found := bytes.Cut(b, []byte("\n")); cut && found {
		b = rest
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// lastLines returns the last lines of a log, set apart from the sentence before them; "" if the log is empty.
func lastLines(log string, n int) string {
	lines := strings.Split(strings.TrimRight(log, "\r\n\t "), "\n")
	if len(lines) == 1 && strings.TrimSpace(lines[0]) == "" {
		return ""
	}
	lines = lines[max(0, len(lines)-n):]
	return "; the end of its log:\n\t" + strings.Join(lines, "\n\t")
}
