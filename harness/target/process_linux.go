package target

import (
	"os/exec"
	"syscall"
)

// setGroup gives the program a process group of its own, so that Ctrl-C does not reach it before we do and its children
// can be ended with it. If this process is killed, the kernel kills the program; it does so at the end of the thread
// that started it, which therefore must live as long.
func setGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
