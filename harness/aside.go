package harness

import (
	"fmt"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// lanes is how many private instances hostile specs run on, each alone on its own, when their common one has died.
const lanes = 8

// aside runs hostile specs beside all others, on an instance of the target that they share with nobody else. It returns
// false, and has run nothing, if the target cannot give one, or is to have few connections.
//
// If the instance dies of them, what they found is worth nothing, as in [Engine.endure]: each runs once more, alone on
// an instance, so that the guilty one is named. So does each that ran while the instance stood still: if it does so
// again, that is no accident.
func (e *Engine) aside(jobs []numbered) bool {
	if _, ok := e.config.Target.(Instancer); !ok || e.options.Parallel > 0 || len(jobs) < 2 {
		return false
	}
	common := newHealth(nil)
	leave, err := e.occupy(common)
	if err != nil {
		return false
	}
	rows := make([]reports.Row, len(jobs))
	together := make([]numbered, len(jobs))
	for n, job := range jobs {
		job.company, job.on = true, common
		together[n] = job
	}
	e.each(together, e.options.Quick, func(n int, row reports.Row) { rows[n] = row })
	lives := e.ctx.Err() != nil || e.alive(e.ctx, common, jobs[0].Item)
	leave()
	var again []numbered
	for n, job := range jobs {
		if !lives || rows[n].Stall >= paralysed {
			again = append(again, job)
		} else {
			e.settle(job.Item, rows[n])
		}
	}
	e.alone(again)
	return true
}

// paralysed is from when on a standstill is worth to be asked for its cause.
const paralysed = time.Second

// paralysing adds to the row of a hostile spec, which ran alone, that the target stood still once more.
func paralysing(row *reports.Row) {
	const expected = "the target goes on serving others"
	if row.Stall < paralysed {
		return
	}
	w := reports.Requirement{Verdict: reports.Warning, Text: expected, Expected: expected, Observed: "it stood still for " + tenths(row.Stall)}
	row.Warnings = append(row.Warnings, w)
	if row.Verdict == reports.Pass || row.Verdict == reports.Behaviour {
		row.Verdict, row.Reason = reports.Warning, w.Text+": "+w.Observed
	}
}

// occupy makes an instance of the target and measures its pulse, until the function is called.
func (e *Engine) occupy(h *health) (leave func(), err error) {
	t, err := e.config.Target.(Instancer).Instance(e.ctx)
	if err != nil {
		return nil, err
	}
	h.target = t
	var done func()
	h.pulse, done = e.pulse(t, "hostile specs")
	return func() {
		done()
		_ = t.Close() // what is left of it, the next run or doctor --clean removes
	}, nil
}

// alone runs each job alone on an instance of the target. An instance that dies is replaced.
func (e *Engine) alone(jobs []numbered) {
	queue := make(chan numbered, len(jobs))
	for _, job := range jobs {
		queue <- job
	}
	close(queue)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range min(lanes, len(jobs)) {
		wg.Go(func() {
			h, leave := newHealth(nil), func() {}
			defer func() { leave() }()
			h.afresh = func() string {
				leave()
				leave = func() {}
				another, err := e.occupy(h)
				if err != nil {
					return fmt.Sprintf("no instance of the target for this spec: %v", err)
				}
				leave = another
				return ""
			}
			h.gone = "-"
			for job := range queue {
				if h.gone != "" {
					h.gone = h.afresh()
				}
				job.on = h
				row := e.guarded(job)
				paralysing(&row)
				e.settle(job.Item, row)
			}
		})
	}
}
