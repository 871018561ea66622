package target

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// groupSignal is what can be said to a program.
type groupSignal int

const (
	terminate groupSignal = iota
	kill
	pause
	resume
)

// signalGroup ends the program: Windows knows no milder way that reaches every program, and no standstill.
func signalGroup(c *exec.Cmd, s groupSignal) error {
	if s == pause || s == resume {
		return fmt.Errorf("a process cannot be paused on Windows: %w", errors.ErrUnsupported)
	}
	if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// setGroup keeps Ctrl-C from the program, so that it is ours to end it.
func setGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// awaitStop is not reached: nothing pauses.
func awaitStop(*exec.Cmd) error { return errors.ErrUnsupported }

// pidAlive reports whether a process of this machine is alive.
func pidAlive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release() // it is only a handle
	return true
}

// mine is true: each user has temporary files of its own.
func mine(fs.FileInfo) bool { return true }
