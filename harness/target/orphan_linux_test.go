package target

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		if !atWork(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the program is still alive")
}

// TestNextRunRemovesWhatAKilledOneLeft kills a run whose program has started another one: the kernel ends the program,
// and nobody the other one.
func TestNextRunRemovesWhatAKilledOneLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := fmt.Sprintf("exec:/usr/bin/env %s=parent '%s' {port} '{dir}'", actAs, self)
	killed, alive := openElsewhere(t, command), openElsewhere(t, command)
	children := marked(t)
	if len(children) != 2 {
		t.Fatalf("two programs have written of %d children", len(children))
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.Wait()

	// what looks like a home and is none that we could know to be left
	stranger := exec.Command("sleep", "600")
	stranger.Env = append(os.Environ(), tokenVariable+"="+runToken())
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	temporary := os.Getenv("TMPDIR")
	foreign := map[string]string{
		"mqttspec-no-owner": "", "mqttspec-no-sense": "hello\n", "mqttspec-short": owner(killed.Process.Pid) + "\nx\n",
		"mqttspec-elsewhere": "1.1@elsewhere\n" + runToken() + "\n",
		"another":            owner(killed.Process.Pid) + "\n" + runToken() + "\n",
	}
	for name, mark := range foreign {
		if err := os.Mkdir(filepath.Join(temporary, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if mark != "" {
			if err := os.WriteFile(filepath.Join(temporary, name, ownerFile), []byte(mark), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	left, err := LeftHomes()
	if err != nil || len(left) != 1 {
		t.Fatalf("left are %v, %v; want the home of the killed run alone", left, err)
	}
	// a home that a link leads to is none: it would lead out of the directory
	if err := os.Symlink(left[0], filepath.Join(temporary, "mqttspec-link")); err != nil {
		t.Fatal(err)
	}

	open(t, program(t, "broker"), Options{}) // the next run
	if _, err := os.Stat(left[0]); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	var live []int
	for home, pid := range children {
		if atWork(pid) {
			live = append(live, pid)
			if home == left[0] {
				t.Error("the other program of the killed run is alive")
			}
		}
	}
	if len(live) != 1 {
		t.Errorf("%d of the two children live on, want that of the run that goes on", len(live))
	}
	if !atWork(stranger.Process.Pid) {
		t.Error("a process that bears another token was killed")
	}
	for name := range foreign {
		if _, err := os.Stat(filepath.Join(temporary, name)); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
	if err := alive.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	alive.Wait()
	removed, err := CleanHomes()
	if err != nil || len(removed) != 1 || slices.ContainsFunc(live, atWork) {
		t.Errorf("removed %v, %v", removed, err)
	}
}

// marked returns the process that each program in a temporary directory has started, by the program's home.
func marked(t *testing.T) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), homePrefix+"*", dataDir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	children := map[string]int{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Sscan(string(text), &pid); err != nil || !atWork(pid) {
			t.Fatalf("%s: %q, %v", f, text, err)
		}
		children[filepath.Dir(filepath.Dir(f))] = pid
	}
	return children
}

// atWork reports whether a process is alive, and no zombie.
func atWork(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
