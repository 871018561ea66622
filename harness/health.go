package harness

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// health knows whether a target still answers. A target that dies takes every spec with it that runs at the
// time: their failures would blame statements that were never broken, and a spec that demands a close might even pass.
type health struct {
	target Target
	pulse  *Pulse
	afresh func() string // puts another target into the place of one that has died and returns why it cannot; nil if there is no other

	// turn holds one token: whoever has it may read and write the rest. It is kept while the target is asked, which no
	// mutex may be in virtual time.
	turn    chan struct{}
	life    int    // counts the target's starts
	gone    string // why it cannot be started again
	restart int    // how often it was
}

func newHealth(t Target) *health { return &health{target: t, turn: make(chan struct{}, 1)} }

func (h *health) lock()   { h.turn <- struct{}{} }
func (h *health) unlock() { <-h.turn }

// maxRestarts bounds how often a target that dies is started again in one run.
const maxRestarts = 20

// state returns which life of the target this is, and why it is over for good.
func (h *health) state() (life int, gone string) {
	h.lock()
	defer h.unlock()
	return h.life, h.gone
}

// alive reports whether the target answers a CONNECT, in two tries.
func (e *Engine) alive(ctx context.Context, h *health, i Item) bool {
	for range 2 {
		if _, err := observe(ctx, h.target, e.config.Token+"alive", max(time.Second, e.config.Timing.Reply), i.Version); err == nil {
			return true
		}
	}
	return ctx.Err() != nil // an interrupted look says nothing
}

// survived judges whether the target lived through the item whose row this is, which ran in the given life. If it died,
// it is started again where that can be done.
func (e *Engine) survived(h *health, i Item, row reports.Row, life int) reports.Row {
	h.lock()
	defer h.unlock()
	quiet := row.Verdict == reports.Pass || row.Verdict == reports.Skip || row.Verdict == reports.Behaviour || row.Verdict == reports.Warning
	switch {
	case h.life != life:
		return died(row)
	case quiet && !i.Hostile, row.OwnDefect, e.ctx.Err() != nil, e.alive(e.ctx, h, i):
		return row
	}
	h.life++
	if why := e.revive(h, i); why != "" {
		h.gone = why
	}
	if !i.Hostile {
		return died(row)
	}
	// it ran alone, so this spec is what the target died of
	const expected = "the target goes on serving others"
	row.Verdict, row.Reason = reports.Fail, expected+" — it does not answer CONNECT any more"
	row.Requirements = append(row.Requirements, reports.Requirement{
		Verdict: reports.Fail, Text: expected, Expected: expected, Observed: "it does not answer CONNECT any more"})
	return row
}

// endure runs hostile specs side by side. If the target dies of them, what they found is worth nothing: it is started
// again and each runs alone, so that the guilty one is named. Where it cannot be started again they are undecided.
func (e *Engine) endure(jobs []numbered) {
	if len(jobs) < 2 || e.options.Parallel == 1 {
		e.drive(jobs, 1)
		return
	}
	rows := make([]reports.Row, len(jobs))
	together := slices.Clone(jobs)
	for n := range together {
		together[n].company = true
	}
	life, _ := e.shared.state()
	e.each(together, e.options.Quick, func(n int, row reports.Row) { rows[n] = row })
	lives, gone := e.outlived(jobs[0].Item, life)
	if !lives && !gone {
		for n := range jobs {
			jobs[n].number += len(e.outcomes) // other names than those that the target may have kept
		}
		e.drive(jobs, 1)
		return
	}
	for n, job := range jobs {
		if !lives && rows[n].Verdict != reports.Skip {
			rows[n] = died(rows[n])
			rows[n].Reason = "the target died while this and other hostile specs ran; --parallel 1 tells of which one"
		}
		e.settle(job.Item, rows[n])
	}
}

// outlived reports whether the target lives on after what ran in the given life, in the version of the item. If not, it
// is started again; gone is true if that cannot be done.
func (e *Engine) outlived(i Item, life int) (lives, gone bool) {
	h := e.shared
	h.lock()
	defer h.unlock()
	switch {
	case h.gone != "":
		return true, true // nothing of it ran
	case h.life != life:
		return false, false
	case e.ctx.Err() != nil, e.alive(e.ctx, h, i):
		return true, false
	}
	h.life++
	h.gone = e.revive(h, i)
	return false, h.gone != ""
}

// revive starts a dead target again, or waits until somebody else has done so. It returns why that is not possible, or
// "".
func (e *Engine) revive(h *health, i Item) string {
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx).Error()
	}
	if h.afresh != nil {
		return h.afresh()
	}
	c, ok := h.target.(Controller)
	if !ok {
		if e.returns(h, i) {
			return ""
		}
		return fmt.Sprintf("the target died and did not come back within %s", comeback)
	}
	if h.restart++; h.restart > maxRestarts {
		return fmt.Sprintf("the target died more than %d times", maxRestarts)
	}
	ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
	defer cancel()
	_ = c.Kill(ctx) // it may be there and hang
	if err := c.Start(ctx); err != nil {
		return fmt.Sprintf("the target died and does not start again: %v", err)
	}
	return ""
}

// comeback is how long a target that cannot be started from here may take until it answers again.
const comeback = 10 * time.Second

// returns waits for a target that somebody else starts again, as a supervisor does. It asks in the version of the item.
func (e *Engine) returns(h *health, i Item) bool {
	ctx, cancel := context.WithTimeout(e.ctx, comeback)
	defer cancel()
	for {
		if _, err := observe(ctx, h.target, e.config.Token+"alive", time.Second, i.Version); err == nil {
			return true
		}
		t := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
}

// died makes a row undecided whose spec ran while the target died.
func died(row reports.Row) reports.Row {
	undecide(&row, "the target died while the spec ran")
	row.Findings, row.Monitored = nil, nil
	return row
}
