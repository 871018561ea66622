package target

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// setGroup gives the program a process group of its own, so that Ctrl-C does not reach it before we do and its children
// can be ended with it. If this process is killed, the kernel kills the program; it does so at the end of the thread
// that started it, which therefore must live as long.
func setGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop returns when a program that was told to pause stands still, which happens some time after the signal. It
// leaves what Wait waits for as it is.
func awaitStop(c *exec.Cmd) error {
	for {
		err := unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
