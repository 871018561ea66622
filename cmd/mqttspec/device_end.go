package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/reports"
)

// wait returns when all devices have been through the plan, with nil, or why the run ends before. A second signal ends
// the program at once, after tidy.
func (t *tester) wait(ctx context.Context, served <-chan error, tidy func()) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, watched...)
	after := func(d time.Duration, on bool) <-chan time.Time {
		if !on {
			return nil
		}
		return time.After(d)
	}
	interrupted := func() error {
		t.interrupted = true
		t.complain("interrupted: ending what runs, then the report; once more quits at once")
		go func() {
			<-signals
			tidy()
			fmt.Fprintln(t.err, "mqttspec: interrupted again: there is no report")
			os.Exit(exitInterrupted)
		}()
		return errInterrupted
	}
	arrival, deadline := after(t.o.arrival, t.o.ci), after(t.o.deadline, t.o.deadline > 0)
	for {
		select {
		case <-t.bench.Done():
			return nil
		case <-signals:
			return interrupted()
		case <-ctx.Done():
			return interrupted()
		case <-t.failed:
			t.mu.Lock()
			defer t.mu.Unlock()
			return t.errors[0]
		case err := <-served:
			err = usagef("listening: %w", err)
			t.fail(err)
			return err
		case <-deadline:
			return errDeadline(t.o.deadline)
		case <-arrival:
			came := len(t.bench.Clients())
			if came == 0 {
				return errArrival
			}
			if came < t.o.expect {
				t.complain("%d of %d devices came within %s; those that came go through the plan", came, t.o.expect, t.o.arrival)
				t.bench.Expect(came)
			}
		}
	}
}

// row takes a row from the bench: into the file first, then onto the screen.
func (t *tester) row(row reports.Row) {
	row = t.expected.judge(row)
	if err := t.rows.Write(row); err != nil {
		t.fail(usagef("the run cannot be recorded: %w", err))
		return
	}
	row.Trace = nil // it is in the file
	t.queue.put(func() { t.show.row(row) })
}

// event takes from the bench what passes.
func (t *tester) event(client string, e trace.Event) {
	t.queue.offer(len(e.Bytes), func() { t.show.event(client, e) })
}

// notice takes from the bench what belongs to no device.
func (t *tester) notice(n device.Notice) {
	text := n.String() + hints[n.Trouble]
	t.queue.put(func() { t.show.say("! " + text) }) // there are few
}

// crash takes from the bench a panic of ours. The plans of other devices go on, unless it served none in particular.
func (t *tester) crash(c *device.Crash) {
	err := &exitError{exitDefect, fmt.Errorf("this is a defect of mqttspec, please report it: %w", c)}
	if c.Client == "" {
		t.fail(err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(err)
}

// hints say what may help.
var hints = map[device.Trouble]string{
	device.TroubleWebSocket:   "; --ws takes it",
	device.TroubleTLS:         "; --tls takes it",
	device.TroubleNoTLS:       "; without --tls it would be taken",
	device.TroublePlain:       "; without --ws it would be taken",
	device.TroubleCertificate: "; does the device know the CA file?",
	device.TroubleIdentity:    "; the files above are one, --client-cert asks for it",
	device.TroubleAccept:      "; \"ulimit -n\" says how many files may be open",
}

// missing says why a device that was expected could not be judged.
func (t *tester) missing() string {
	text := "it did not come"
	for i, n := range t.bench.Notices() {
		if i == 3 {
			return text + "; …"
		}
		text += "; instead " + n.String()
	}
	return text
}

// say shows something beside what devices do.
func (t *tester) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	t.queue.put(func() { t.show.say(text) })
}

// complain tells the user something beside the result.
func (t *tester) complain(format string, args ...any) {
	text := fmt.Sprintf("mqttspec: "+format+"\n", args...)
	t.queue.put(func() {
		t.show.pause()
		fmt.Fprint(t.err, text)
	})
}

// fail notes why the run cannot go on, once for each reason, and ends it.
func (t *tester) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.errors) == 0 {
		close(t.failed)
	}
	t.note(err)
}

// note keeps an error for the end of the run. The caller holds mu.
func (t *tester) note(err error) {
	if !slices.ContainsFunc(t.errors, func(e error) bool { return e.Error() == err.Error() }) {
		t.errors = append(t.errors, err)
	}
}

// report makes the outputs, shows the result and returns the failure with its exit code.
func (t *tester) report(targets []reports.TargetInfo, specs []reports.SpecInfo, cause error) error {
	for n := len(targets); n < t.o.expect; n++ {
		targets = append(targets, reports.TargetInfo{Name: fmt.Sprintf("device %d", n+1), Variant: "default", Error: t.missing()})
	}
	t.mu.Lock()
	info := t.info(targets, cause)
	t.mu.Unlock()
	_ = t.rows.End(reports.Over{Run: info, Specs: specs, Targets: targets}) // Close tells the first error of all
	err := t.rows.Close()
	missed := t.queue.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		// such as a full disk: what is missing in the rows would be missing in every output
		if len(t.errors) == 0 {
			t.note(usagef("the run cannot be recorded: %w", err))
		}
		t.show.pause()
		return t.failure(exitUsage)
	}
	rows, err := reports.ReadRows(filepath.Join(t.o.out, rowsFile))
	if err != nil {
		t.note(usagef("%w", err))
	}
	result := reports.Assemble(specs, rows, targets, info)
	written, err := reports.Write(t.o.out, result)
	if err != nil {
		t.note(usagef("%w", err))
	}
	code := result.ExitCode(t.o.strict, t.o.max)
	if code == 0 && !result.Run.Complete {
		code = exitUndecided
	}
	if missed > 0 {
		t.show.say(fmt.Sprintf("%d events came too fast to be shown; the report has them", missed))
	}
	t.show.end(result, gravest(append(t.codes(), code)...), written)
	return t.failure(code)
}

// info describes the run as it was.
func (t *tester) info(targets []reports.TargetInfo, cause error) reports.RunInfo {
	info := reports.RunInfo{
		Arguments: t.o.arguments, Seed: t.o.seed, Start: t.start, Duration: time.Since(t.start), Parallel: t.o.expect, Complete: cause == nil,
		Interrupted: t.interrupted, Strict: t.o.strict, Side: req.Client, Tool: toolVersion(),
	}
	switch missing := slices.ContainsFunc(targets, func(i reports.TargetInfo) bool { return i.Error != "" }); {
	case cause != nil:
		info.Reason = cause.Error()
	case missing:
		info.Complete, info.Reason = false, errArrival.Error()
	}
	return info
}

// codes are the exit codes of what happened beside the result.
func (t *tester) codes() (codes []int) {
	if t.interrupted {
		codes = append(codes, exitInterrupted)
	}
	for _, err := range t.errors {
		codes = append(codes, codeOf(err))
	}
	return codes
}

// failure tells what happened beside the result and returns the exit code as an error, nil for 0.
func (t *tester) failure(code int) error {
	for _, err := range t.errors {
		tell(t.err, err)
	}
	if code = gravest(append(t.codes(), code)...); code == 0 {
		return nil
	}
	return &exitError{code: code}
}
