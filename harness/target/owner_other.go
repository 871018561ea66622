//go:build !linux

package target

import (
	"os"
	"strconv"
)

// place names the set of processes to which this one belongs: those of this machine.
func place() string {
	name, _ := os.Hostname()
	return name
}

// processStart is not known here: a later process of the same id keeps what an earlier one has left.
func processStart(int) string { return "" }

// endMarked ends nothing: whose process one is cannot be proven here.
func endMarked(string) error { return nil }

// livesOn reports whether one of these processes may be alive: then its home stays.
func livesOn(pids []string) bool {
	for _, p := range pids {
		if pid, err := strconv.Atoi(p); err != nil || pidAlive(pid) {
			return true
		}
	}
	return false
}
