package reports

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteTellsWhatIsMissing: one cause is told once, and what can be written is.
func TestWriteTellsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []Format{JSON, JUnit} {
		if err := os.MkdirAll(filepath.Join(dir, string(f), "x"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	written, err := Write(dir, Result{}, JSON, JUnit, Badge)
	path := func(f Format) string { return filepath.Join(dir, string(f)) }
	if want := "cannot write " + path(JSON) + ", " + path(JUnit) + ": file exists"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
	if len(written) != 1 || written[0] != path(Badge) {
		t.Errorf("written are %v", written)
	}
	_, err = Write(dir, Result{}, JSON, "no.such")
	if want := "cannot write " + path(JSON) + ": file exists; no.such: there is no such output"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
	if files, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(files) != 0 {
		t.Errorf("left are %v, %v", files, err)
	}
}
