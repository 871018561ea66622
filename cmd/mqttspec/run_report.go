package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// rowsFile is where the rows of a run go as they come.
const rowsFile = "rows.jsonl"

// openReport makes the directory of the report and begins its rows. The outputs of an earlier run are taken away: if
// this one dies, nobody must read them as its own.
func openReport(dir string) (*reports.RowWriter, error) {
	rows, err := reports.OpenRows(filepath.Join(dir, rowsFile))
	if err != nil {
		return nil, usagef("--out %s: %w", dir, cause(err))
	}
	for _, f := range reports.Formats() {
		if err := os.Remove(filepath.Join(dir, string(f))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("--out %s: %w", dir, err)
		}
	}
	return rows, nil
}

// report makes the outputs of what ran, shows the result and returns the failure with its exit code.
func (r *runner) report() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.rows.End(reports.Over{Run: r.info()}) // Close tells the first error of all
	if err := r.rows.Close(); err != nil {
		// such as a full disk: what is missing in the rows would be missing in every output
		r.note(r.unrecorded(err))
		r.show.pause()
		return r.failure(exitUsage)
	}
	diary, err := reports.ReadDiary(filepath.Join(r.o.out, rowsFile))
	if err != nil {
		r.note(usagef("%w", err))
		return r.failure(exitUsage)
	}
	result := diary.Result()
	written, err := reports.Write(r.o.out, result)
	if err != nil {
		r.note(usagef("%w", err))
	}
	for _, line := range r.known.stale(result) {
		r.note(&exitError{exitStale, errors.New(line)})
	}
	code := gravest(append(r.codes(), r.verdict(result))...)
	r.show.end(result, code, written)
	return r.failure(code)
}

// failure tells what happened beside the result and returns the exit code as an error, nil for 0.
func (r *runner) failure(code int) error {
	for _, err := range r.errors {
		tell(r.stderr, err)
	}
	if code = gravest(append(r.codes(), code)...); code == 0 {
		return nil
	}
	return &exitError{code: code}
}

// unrecorded says that a row could not be written, and what becomes of those before it.
func (r *runner) unrecorded(err error) error {
	return usagef("the run cannot be recorded: %w; mqttspec report render %s --out ELSEWHERE makes a report of what was", err, r.o.out)
}

// head describes the run as it is going to be.
func (r *runner) head() reports.Head {
	h := reports.Head{Specs: specInfos(r.selected.items), Run: reports.RunInfo{
		Arguments: r.o.arguments, Seed: r.o.seed, Start: r.start, Parallel: r.o.parallel, Strict: r.o.strict, Tool: toolVersion(),
	}}
	for _, d := range r.descriptions {
		h.Targets = append(h.Targets, d.Spec)
	}
	return h
}

// info describes the run as it was.
func (r *runner) info() reports.RunInfo {
	info := r.head().Run
	info.Duration, info.Jitter, info.Interrupted, info.Stalls = time.Since(r.start), r.jitter.Worst(r.start), r.interrupted, r.stalls
	var reasons []string
	if r.interrupted {
		reasons = append(reasons, errInterrupted.Error())
	}
	if err := context.Cause(r.ctx); err != nil && !r.interrupted {
		reasons = append(reasons, err.Error())
	}
	for _, t := range r.targets {
		if t.Error != "" {
			reasons = append(reasons, t.Name+" could not be tested")
		}
	}
	info.Complete, info.Reason = len(reasons) == 0, strings.Join(reasons, "; ")
	return info
}

// codes are the exit codes of what happened beside the result.
func (r *runner) codes() (codes []int) {
	if r.interrupted {
		codes = append(codes, exitInterrupted)
	}
	for _, err := range r.errors {
		codes = append(codes, codeOf(err))
	}
	return codes
}

// verdict is the exit code of the result. One that is not complete is undecided whatever --max-undecided allows: most
// of it may not have run.
func (r *runner) verdict(result reports.Result) int {
	code := result.ExitCode(r.o.strict, r.o.maxUndecided)
	if code == 0 && !result.Run.Complete {
		return exitUndecided
	}
	return code
}
