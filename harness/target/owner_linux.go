package target

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// place names the set of processes to which this one belongs: the running kernel and the namespace of process ids, for
// containers may share an engine and its machine.
var place = sync.OnceValue(func() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return strings.TrimSpace(string(boot)) + "/" + namespace
})

// processStart returns when a process started, in ticks since the start of the system; "" if there is no such process.
// It tells a process from a later one of the same id.
func processStart(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// the second field, a name in parentheses, may hold anything; the start is the 22nd
	rest := stat[strings.LastIndexByte(string(stat), ')')+1:]
	fields := strings.Fields(string(rest))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// endPatience is how long processes that were killed may take to be gone.
const endPatience = 5 * time.Second

// endMarked kills every process whose environment has the token of a home, and returns when they have ended. Each is
// held by a descriptor while it is looked at, so that none that took over its id is hit.
func endMarked(token string) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	var failures []error
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended meanwhile
		}
		if hasToken(pid, token) {
			failures = append(failures, endHeld(pid, fd))
		}
		_ = unix.Close(fd)
	}
	return errors.Join(failures...)
}

// hasToken reports whether a process carries a token. The environment of another user's process cannot be read.
func hasToken(pid int, token string) bool {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && slices.Contains(strings.Split(string(environment), "\x00"), tokenVariable+"="+token)
}

// endHeld kills a process that is held by a descriptor, and waits for its end.
func endHeld(pid, fd int) error {
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d cannot be ended: %w", pid, err)
	}
	until := time.Now().Add(endPatience)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(until).Milliseconds())+1)
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("process %d: %w", pid, err)
		case time.Now().After(until):
			return fmt.Errorf("process %d does not end", pid)
		}
	}
}

// livesOn is not asked here: what still runs of a program is found by its token.
func livesOn([]string) bool { return false }
