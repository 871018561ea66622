package target

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestProgramEndsWithAKilledRun shows that a local program does not outlive a run that is killed.
func TestProgramEndsWithAKilledRun(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := openElsewhere(t, fmt.Sprintf("exec:/usr/bin/env %s=broker '%s' {port} '%s'", actAs, self, os.Getenv("TMPDIR")))
	lives, err := os.ReadFile(os.Getenv("TMPDIR") + "/lives")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(lives), &pid); err != nil || !pidAlive(pid) {
		t.Fatalf("the program is not alive: %q, %v", lives, err)
	}
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	run.Wait()
	for range 500 {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the program is still alive")
}
