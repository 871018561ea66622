package suites_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mqttspec/mqttspec/harness"
)

var update = flag.Bool("update", false, "write the generated pages of docs/ anew")

// TestWaitsTable keeps docs/waits.md true.
func TestWaitsTable(t *testing.T) {
	var waiting []harness.Item
	for _, i := range items(t) {
		if i.Wait > 0 && !slices.ContainsFunc(waiting, func(o harness.Item) bool { return o.ID == i.ID }) {
			waiting = append(waiting, i)
		}
	}
	slices.SortStableFunc(waiting, func(a, b harness.Item) int { return int(b.Wait - a.Wait) })
	var b strings.Builder
	fmt.Fprintln(&b, "# Waits")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "Where the standard speaks of seconds a spec has to wait. Waits overlap, so a run takes about as long as the")
	fmt.Fprintln(&b, "longest of them. Specs that wait more than 9 s run only with `--long`; in virtual time all run always. This")
	fmt.Fprintln(&b, "page is generated: `go test ./suites -run TestWaitsTable -update`.")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "| wait | spec | what the target does |")
	fmt.Fprintln(&b, "|---|---|---|")
	for _, i := range waiting {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", i.Wait, i.ID, i.Text)
	}
	const page = "../docs/waits.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the list of specs says; run go test ./suites -run TestWaitsTable -update", page)
	}
}
