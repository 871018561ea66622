package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// RowsVersion is the version of rows.jsonl. It grows when a reader of the former version would misread a file; a new
// member, or a line of a new kind, alone does not change it.
const RowsVersion = 1

// Head is the first line of rows.jsonl: what is about to run. With it a report can be made of a run that was killed.
type Head struct {
	Event       string     `json:"event"` // "run"
	RowsVersion int        `json:"rowsVersion"`
	Run         RunInfo    `json:"run"`               // as far as it is known at the start
	Targets     []string   `json:"targets,omitempty"` // the names of all that are to be tested, where they are known
	Specs       []SpecInfo `json:"specs"`             // the list that was selected; for devices, in every version that may come
}

// opening is the line that says what a target was found to be, or why it could not be tested.
type opening struct {
	Event  string     `json:"event"` // "target"
	Target TargetInfo `json:"info"`
}

// Over is the last line of rows.jsonl: how the run ended, and what it was about if that was not known at its start.
type Over struct {
	Event   string       `json:"event"` // "over"
	Run     RunInfo      `json:"run"`
	Specs   []SpecInfo   `json:"specs,omitempty"`   // instead of those of the head
	Targets []TargetInfo `json:"targets,omitempty"` // beside those that have lines of their own
}

// Diary is what a rows file holds.
type Diary struct {
	Head    Head
	Targets []TargetInfo // in the order in which they were opened
	Rows    []Row
	Over    *Over // nil if the run was killed
}

// Begin writes the first line.
func (w *RowWriter) Begin(h Head) error {
	h.Event, h.RowsVersion = "run", RowsVersion
	return w.append("the head", h)
}

// Target writes what a target was found to be.
func (w *RowWriter) Target(i TargetInfo) error {
	return w.append("target "+i.Name, opening{"target", i})
}

// End writes the last line.
func (w *RowWriter) End(o Over) error {
	o.Event = "over"
	return w.append("the end", o)
}

// ReadDiary reads a rows file with its head. It refuses one of a version that this program does not know.
func ReadDiary(path string) (d Diary, err error) {
	if err := readRows(path, &d); err != nil {
		return d, err
	}
	switch v := d.Head.RowsVersion; {
	case v == 0:
		return d, fmt.Errorf("%s does not begin with what was to run", path)
	case v != RowsVersion:
		return d, fmt.Errorf("%s has version %d; this mqttspec reads %d", path, v, RowsVersion)
	}
	return d, nil
}

// killed is the reason of a run that has no end.
const killed = "the run ended without its last line in rows.jsonl: it was killed, or could not write any more"

// Result makes the result of a run, whether or not it came to its end. What has begun and not ended is inconclusive, and
// so is everything that was never reached.
func (d Diary) Result() Result {
	run, specs, targets := d.Head.Run, d.Head.Specs, slices.Clone(d.Targets)
	if d.Over != nil {
		run, targets = d.Over.Run, append(targets, d.Over.Targets...)
		if d.Over.Specs != nil {
			specs = d.Over.Specs
		}
	} else {
		run.Complete, run.Reason, run.Duration = false, killed, d.lasted()
		if run.Side == req.Client {
			specs = inVersions(specs, d.Rows)
		}
	}
	for _, name := range d.Head.Targets {
		if !slices.ContainsFunc(targets, func(t TargetInfo) bool { return t.Name == name }) {
			targets = append(targets, TargetInfo{Name: name, Variant: "default"})
		}
	}
	return Assemble(specs, d.Rows, targets, run)
}

// lasted is how long a run is known to have lasted.
func (d Diary) lasted() (longest time.Duration) {
	for _, r := range d.Rows {
		longest = max(longest, r.At.Sub(d.Head.Run.Start))
	}
	return longest
}

// inVersions returns the specs of the versions that the rows speak of: those in which a device came.
func inVersions(specs []SpecInfo, rows []Row) (of []SpecInfo) {
	seen := map[wire.Version]bool{}
	for _, r := range rows {
		seen[r.Version] = true
	}
	for _, s := range specs {
		if seen[s.Version] {
			of = append(of, s)
		}
	}
	return of
}
