//go:build unix && !linux

package target

import (
	"os/exec"
	"syscall"
)

// setGroup gives the program a process group of its own, so that Ctrl-C does not reach it before we do and its children
// can be ended with it.
func setGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// awaitStop has no way to wait here: the program stands still soon.
func awaitStop(*exec.Cmd) error { return nil }
