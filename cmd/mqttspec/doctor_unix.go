//go:build unix

package main

import "syscall"

// fileLimit returns how many files this process may have open.
func fileLimit() (uint64, bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return uint64(l.Cur), true //nolint:unconvert // FreeBSD has an int64 there
}
