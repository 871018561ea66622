package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/target"
)

func newDoctorCommand() *cobra.Command {
	clean := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether this machine can run mqttspec, and say what to do if not",
		Long: `doctor looks at what runs depend on. It ends with 2 if a run would not work or could not be trusted; without
a container engine only targets of the kind docker: do not work, which is told but is no failure.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			return diagnose(ctx, cmd.OutOrStdout(), clean)
		},
	}
	cmd.Flags().BoolVar(&clean, "clean", false, "remove what earlier runs left: containers, local programs and their directories")
	return cmd
}

// finding is what doctor says of one thing.
type finding struct {
	what   string
	ok     bool
	is     string // what was seen
	remedy string // what to do, if it is not as it should be
	mild   bool   // runs work without it
}

// diagnose looks at everything and tells what it finds.
func diagnose(ctx context.Context, w io.Writer, clean bool) error {
	findings := []finding{lookAtLoopback("127.0.0.1"), lookAtFiles(), lookAtClock(), lookAtTimers(time.Second)}
	findings = append(findings, lookAtHomes(clean))
	return tellFindings(w, append(findings, lookAtEngine(ctx, clean)...))
}

// tellFindings writes the findings, each with a mark, and fails if one of them is grave.
func tellFindings(w io.Writer, findings []finding) error {
	p := page{w: w, colour: coloured(w)}
	grave := 0
	for _, f := range findings {
		if f.ok {
			p.printf("%s %-12s %s\n", p.in("32", "✔"), f.what, printable(f.is))
			continue
		}
		p.printf("%s %-12s %s\n  %-12s %s\n", p.in("31", "✘"), f.what, printable(f.is), "", f.remedy)
		if !f.mild {
			grave++
		}
	}
	if grave > 0 {
		return usagef("%s not as it must be", counted(grave, "thing")+map[bool]string{true: " is", false: " are"}[grave == 1])
	}
	return nil
}

// lookAtLoopback listens, connects and sends a byte.
func lookAtLoopback(host string) finding {
	f := finding{what: "loopback", remedy: "allow this program to listen and to connect on " + host}
	start := time.Now()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		f.is = err.Error()
		return f
	}
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
	if err != nil {
		f.is = err.Error()
		return f
	}
	defer c.Close()
	f.ok, f.is = true, fmt.Sprintf("a connection to a free port of %s takes %s", host, time.Since(start).Round(10*time.Microsecond))
	return f
}

// fewFiles is below what a default run may have open: over a thousand connections, two ends each for the reference broker.
const fewFiles = 4096

// lookAtFiles compares the limit of open files with what a run needs.
func lookAtFiles() finding {
	f := finding{what: "open files", remedy: fmt.Sprintf("raise the limit, as with: ulimit -n %d; or run with --parallel 64", fewFiles)}
	limit, known := fileLimit()
	switch {
	case !known:
		f.ok, f.is = true, "this system has no such limit"
	case limit < fewFiles:
		f.is = fmt.Sprintf("at most %d, a run with many waiting specs may need %d", limit, fewFiles)
	default:
		f.ok, f.is = true, fmt.Sprintf("at most %d", limit)
	}
	return f
}

// Certificates are judged by the date, and durations by the clock's pace.
func lookAtClock() finding {
	f := finding{what: "clock", remedy: "set the clock; certificates of a target cannot be judged with a wrong one"}
	now := time.Now()
	time.Sleep(200 * time.Millisecond)
	then := time.Now() // read once: between two readings a busy machine lets time pass
	monotonic, wall := then.Sub(now), then.Round(0).Sub(now.Round(0))
	drift := (wall - monotonic).Abs()
	f.is = now.UTC().Format(time.DateTime) + " UTC"
	switch {
	case now.Year() < 2025 || now.Year() >= 2099:
		f.is += ", which cannot be"
	case drift > 20*time.Millisecond:
		f.is += fmt.Sprintf(", and it was moved by %s within 200 ms", drift)
	default:
		f.ok = true
	}
	return f
}

// lookAtHomes looks for local programs and their directories that killed runs have left.
func lookAtHomes(clean bool) finding {
	f := finding{what: "programs", mild: true, remedy: "end and remove them with: mqttspec doctor --clean"}
	look, found := target.LeftHomes, "directories of local programs that earlier runs left: "
	if clean {
		look, found = target.CleanHomes, "removed "
	}
	paths, err := look()
	switch {
	case err != nil:
		f.is, f.remedy = err.Error(), "remove them by hand"
	case len(paths) == 0:
		f.ok, f.is = true, "earlier runs have left none"
	default:
		f.ok, f.is = clean, found+strings.Join(paths, ", ")
	}
	return f
}

// lateTimer is a delay of our own timers above which measured times begin to be doubtful.
const lateTimer = 100 * time.Millisecond

// lookAtTimers measures how late timers fire.
func lookAtTimers(d time.Duration) finding {
	start := time.Now()
	j := harness.MeasureJitter()
	time.Sleep(d)
	j.Stop()
	worst := j.Worst(start)
	return finding{
		what: "timers", ok: worst < lateTimer, is: fmt.Sprintf("at most %s late within %s", worst.Round(10*time.Microsecond), d),
		remedy: "the machine is busy: end other work, or expect specs that measure time to stay undecided",
	}
}
