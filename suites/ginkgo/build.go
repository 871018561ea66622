// Package ginkgo makes Ginkgo's tree from the list of specs. Here go test, the ginkgo command and mqttspec run meet.
package ginkgo

import (
	"context"
	"fmt"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/reports"
)

// Outcome waits for the row of an item. It may be asked more than once.
type Outcome func(context.Context, harness.Item) (reports.Row, error)

// Build makes a container for the title, one in it for each version and section, and an It for each item, with the
// spec's id and its statements as labels and its own place in the code. Call it while Ginkgo builds its tree.
func Build(title string, items []harness.Item, outcome Outcome) {
	ginkgo.Describe(title, func() {
		for len(items) > 0 {
			n := 1
			for n < len(items) && items[n].Section == items[0].Section && items[n].Version == items[0].Version {
				n++
			}
			section(items[:n], outcome)
			items = items[n:]
		}
	})
}

func section(items []harness.Item, outcome Outcome) {
	ginkgo.Describe(fmt.Sprintf("MQTT %v: %s", items[0].Version, items[0].Section), func() {
		for _, i := range items {
			at := types.CodeLocation{FileName: i.File, LineNumber: i.Line}
			ginkgo.It(i.ID+" "+i.Text, labels(i), at, func(ctx ginkgo.SpecContext) {
				row, err := outcome(ctx, i)
				if err != nil {
					ginkgo.Skip("inconclusive: " + err.Error())
				}
				tell(row)
			})
		}
	})
}

// tell says in Ginkgo's words what a row says.
func tell(row reports.Row) {
	switch {
	case row.OwnDefect:
		ginkgo.Fail("defect of mqttspec: " + row.Reason)
	case row.Verdict == reports.Fail:
		ginkgo.Fail(row.Reason)
	case row.Verdict == reports.Inconclusive:
		ginkgo.Skip("inconclusive: " + row.Reason)
	case row.Verdict == reports.Skip:
		ginkgo.Skip(row.Reason)
	}
}

// idLabel begins the label that holds a spec's id.
const idLabel = "id:"

// labels are the item's key and the statements it claims in its version. Ginkgo allows no slash in a label.
func labels(i harness.Item) ginkgo.Labels {
	l := ginkgo.Labels{idLabel + strings.ReplaceAll(i.Key(), "/", "@")}
	for _, id := range i.Claims.Of(i.Version) {
		l = append(l, string(id))
	}
	if i.Volume {
		l = append(l, "volume")
	}
	return l
}

// Selected returns the items that Ginkgo's focus, labels and skips leave, as a report of PreviewSpecs tells.
func Selected(r types.Report, items []harness.Item) (selected []harness.Item) {
	chosen := map[string]bool{}
	for _, s := range r.SpecReports {
		if s.State.Is(types.SpecStateSkipped | types.SpecStatePending) {
			continue
		}
		for _, l := range s.LeafNodeLabels {
			if id, ok := strings.CutPrefix(l, idLabel); ok {
				chosen[strings.ReplaceAll(id, "@", "/")] = true
			}
		}
	}
	for _, i := range items {
		if chosen[i.Key()] {
			selected = append(selected, i)
		}
	}
	return selected
}
