package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/reports"
)

func newBaselineCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "baseline",
		Short: "Work on lists of known failures, as run --baseline takes them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var out string
	write := &cobra.Command{
		Use:   "write RESULT",
		Short: "Make a list of what failed in a result.json or a report's directory",
		Long: `write lists what failed in a former run. The reasons that it writes are what was observed: put better ones in their
place, and say where each is tracked. A file that exists is left alone.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return writeBaseline(cmd.OutOrStdout(), args[0], out) },
	}
	write.Flags().StringVarP(&out, "out", "o", "", "file for the list (default: stdout)")
	strict := false
	check := &cobra.Command{
		Use:   "check FILE RESULT",
		Short: "Hold a list against a result.json or a report's directory",
		Long: `check says which failures of a former run the list does not have, and which entries are stale. It ends with 1 if
there are new failures, with 5 if entries are stale.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkBaseline(cmd.OutOrStdout(), args[0], args[1], strict)
		},
	}
	check.Flags().BoolVar(&strict, "strict", false, "warnings count as failures")
	c.AddCommand(write, check)
	return c
}

// readFormer reads the result of a former run, by its file or its directory.
func readFormer(path string) (reports.Result, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		r, err := reports.ReadResult(filepath.Join(path, string(reports.JSON)))
		if errors.Is(err, fs.ErrNotExist) {
			r, err = resultOfRows(path)
		}
		return r, usageOf(err)
	}
	r, err := reports.ReadResult(path)
	return r, usageOf(err)
}

// usageOf makes an error one of use; nil stays nil.
func usageOf(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

// entriesOf lists what failed in a result.
func entriesOf(r reports.Result) (entries []knownFailure) {
	add := func(k knownFailure) {
		if len(r.Targets) == 1 {
			k.Target = ""
		}
		if !slices.ContainsFunc(entries, func(e knownFailure) bool { return e.ID == k.ID && e.Target == k.Target }) {
			entries = append(entries, k)
		}
	}
	for _, s := range r.Specs {
		if s.Verdict == reports.Fail || s.Verdict == reports.KnownFailure {
			add(knownFailure{ID: s.ID + "/" + s.Version.String(), Reason: reasonOfFailure(s), Target: s.Target})
		}
	}
	for _, f := range r.Findings {
		if f.Verdict == reports.Fail || f.Verdict == reports.KnownFailure {
			add(knownFailure{ID: string(f.ID), Reason: shortened(printable(f.Text)), Target: f.Target})
		}
	}
	return entries
}

// reasonOfFailure says what was observed.
func reasonOfFailure(s reports.SpecResult) string {
	for _, q := range s.Requirements {
		if q.Verdict == reports.Fail && s.Verdict == reports.Fail {
			return shortened(printable(breach(q)))
		}
	}
	if s.Reason != "" {
		return shortened(printable(s.Reason))
	}
	return "it fails"
}

// writeBaseline writes the list of what failed.
func writeBaseline(stdout io.Writer, from, to string) (err error) {
	r, err := readFormer(from)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(entriesOf(r))
	if err != nil {
		return err
	}
	if to == "" {
		_, err = stdout.Write(text)
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return usageOf(err)
	}
	_, err = f.Write(text)
	return usageOf(errors.Join(err, f.Close()))
}

// checkBaseline holds a list against a result, and says what is not as the list has it.
func checkBaseline(stdout io.Writer, file, from string, strict bool) error {
	list, err := compileList()
	if err != nil {
		return err
	}
	b, err := readBaseline(file, list)
	if err != nil {
		return err
	}
	r, err := readFormer(from)
	if err != nil {
		return err
	}
	p := page{w: stdout, colour: coloured(stdout)}
	n := map[reports.Verdict]int{}
	tell := func(v reports.Verdict, what, target, why string) {
		if len(r.Targets) > 1 {
			what += " [" + printable(target) + "]"
		}
		n[v]++
		p.printf("%s %s  %s: %s\n", p.mark(v), what, v, shortened(printable(why)))
	}
	for _, s := range r.Specs {
		v, why := s.Verdict, reasonOfFailure(s)
		if k := b.spec(s.ID, s.ID+"/"+s.Version.String(), s.Target, versionOf(r, s.Target), r.Run.Start); k != nil {
			if is, reason := k.verdict(v, strict); reason != "" {
				v, why = is, reason
			}
		}
		if v == reports.Warning && strict {
			v = reports.Fail
		}
		if v == reports.Fail || v == reports.KnownFailure || v == reports.UnexpectedPass {
			tell(v, s.ID+"/"+s.Version.String(), s.Target, why)
		}
	}
	told := map[string]bool{}
	for _, f := range r.Findings {
		v, key := f.Verdict, string(f.ID)+" "+f.Target
		if k := b.finding(f.ID, f.Target, versionOf(r, f.Target), r.Run.Start); k != nil && v == reports.Fail {
			v = reports.KnownFailure
		}
		if (v == reports.Fail || v == reports.KnownFailure) && !told[key] {
			told[key] = true
			tell(v, string(f.ID), f.Target, f.Text)
		}
	}
	for _, line := range b.stale(r) {
		n[reports.UnexpectedPass]++
		p.printf("%s %s\n", p.mark(reports.UnexpectedPass), printable(line))
	}
	p.printf("%s, %s, %d stale\n", counted(n[reports.Fail], "new failure"), counted(n[reports.KnownFailure], "known failure"), n[reports.UnexpectedPass])
	var codes []int
	if n[reports.Fail] > 0 {
		codes = append(codes, exitFailures)
	}
	if n[reports.UnexpectedPass] > 0 {
		codes = append(codes, exitStale)
	}
	if code := gravest(codes...); code != 0 {
		return &exitError{code: code}
	}
	return nil
}
