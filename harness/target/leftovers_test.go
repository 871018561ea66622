package target

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestGone(t *testing.T) {
	dead := exec.Command(os.Args[0], "-test.run=^$")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	self := owner(os.Getpid())
	_, here, _ := strings.Cut(self, "@")
	const day = 24 * time.Hour
	for _, c := range []struct {
		name, owner string
		running     bool
		age         time.Duration
		want        bool
	}{
		{"this process", self, true, 2 * day, false},
		{"this process, whose broker was killed", self, false, 2 * day, false},
		{"a process that has ended", owner(dead.ProcessState.Pid()), true, time.Second, true},
		{"another machine", "1.1@elsewhere", true, 2 * day, false},
		{"another machine, killed a minute ago", "1.1@elsewhere", false, time.Minute, false},
		{"before a restart of the machine", "1.1@elsewhere", false, 2 * day, true},
		{"an owner of no sense", "x", true, 2 * day, false},
		{"an owner of no number", "x@" + here, true, 2 * day, false},
	} {
		if got := gone(c.owner, c.running, c.age); got != c.want {
			t.Errorf("%s (%s): %v", c.name, c.owner, got)
		}
	}
	if start := processStart(os.Getpid()); start != "" {
		another := fmt.Sprintf("%d.%s0@%s", os.Getpid(), start, here)
		if !gone(another, true, time.Second) {
			t.Error("a later process of the same id counts as the owner")
		}
	}
	if one, another := runToken(), runToken(); one == another {
		t.Error("two runs have the same token")
	}
}
