//go:build unix

package target

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// groupSignal is what can be said to a program and its children.
type groupSignal = syscall.Signal

const (
	terminate groupSignal = syscall.SIGTERM
	kill      groupSignal = syscall.SIGKILL
	pause     groupSignal = syscall.SIGSTOP
	resume    groupSignal = syscall.SIGCONT
)

// signalGroup signals the program and its children. That there are none left is no error.
func signalGroup(c *exec.Cmd, s groupSignal) error {
	if err := syscall.Kill(-c.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// pidAlive reports whether a process of this machine is alive.
func pidAlive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// mine reports whether a file belongs to the user of this process.
func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
