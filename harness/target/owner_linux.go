package target

import (
	"fmt"
	"os"
	"strings"
	"sync"
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
