package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/target"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// runOptions is what the flags of run say.
type runOptions struct {
	targets      []string
	mqtt         string
	only         []string
	level        string
	strict       bool
	quick, long  bool
	parallel     int
	shard        string
	seed         int64
	repeat       int
	failed       string
	maxUndecided int
	deadline     time.Duration
	out          string
	format       string
	timing       harness.Timing
	access       target.Options
	profile      string
	baseline     string

	arguments []string // the flags that were set, from wherever, without secrets
}

func newRunCommand() *cobra.Command {
	o := runOptions{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Judge brokers by the standard",
		Long: `run checks the selected specs against each target and writes a report.

It ends with 0 if every target conforms, 1 if one broke a MUST, 2 if the command line, a file or this machine is
not as it must be, 3 if a target cannot be reached or does not speak MQTT, 4 if too much stayed undecided, 70 if
mqttspec itself is at fault, 130 if it was interrupted; the report is written then, too.`,
		Example: `  mqttspec run --target docker:mosquitto:2.0.21 --mqtt 5
  mqttspec run --target tls://broker.example:8883 --ca ca.pem --username me --password secret
  mqttspec run --only MQTT-4.4.0-1 --only 'SE-*' --only 'Retained messages'
  mqttspec run --failed mqttspec-report/result.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.arguments = argumentsOf(cmd)
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Int64N(1 << 31)
			}
			return runSuites(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&o.targets, "target", "t", []string{"reference"}, "what to judge; \"mqttspec list targets\" tells the forms (repeatable)")
	f.StringVar(&o.mqtt, "mqtt", "both", "version of MQTT: 5, 3.1.1 or both")
	f.StringArrayVar(&o.only, "only", nil, "only these specs, statements or sections; patterns too (repeatable)")
	f.StringVar(&o.level, "level", "may", "only specs of statements of this level or above: must, should or may")
	f.BoolVar(&o.strict, "strict", false, "warnings count as failures")
	f.BoolVar(&o.quick, "quick", false, "leave out specs that wait a second or longer")
	f.BoolVar(&o.long, "long", false, "run also specs that wait longer than 9 s")
	f.IntVar(&o.parallel, "parallel", 0, "run at most this many specs at a time (0: as many as make sense)")
	f.StringVar(&o.shard, "shard", "", "run one part of the selection, such as 2/5")
	f.Int64Var(&o.seed, "seed", 0, "makes the names on the target the same again (default random)")
	f.IntVar(&o.repeat, "repeat", 1, "run everything this many times")
	f.StringVar(&o.failed, "failed", "", "run what failed or was undecided in this result.json")
	f.IntVar(&o.maxUndecided, "max-undecided", 0, "how many specs may stay undecided before the exit code tells")
	f.DurationVar(&o.deadline, "deadline", 0, "stop after this time; what has not run is undecided (0: never)")
	f.StringVarP(&o.out, "out", "o", "mqttspec-report", "directory for the report")
	f.StringVar(&o.profile, "profile", "", "what is known to differ at the target: aws-iot-core, or a YAML file")
	f.StringVar(&o.baseline, "baseline", "", "known failures (YAML): they must fail, and do not count")
	f.StringVar(&o.format, "format", "auto", "what to print: tree, lines, json, github, or auto")
	addAccessFlags(f, &o.access)
	f.DurationVar(&o.timing.Reply, "reply", 5*time.Second, "how long an answer may take before it counts as missing")
	f.DurationVar(&o.timing.Slack, "slack", 3*time.Second, "how late a timed action may come and still be in time")
	f.DurationVar(&o.timing.Quiet, "quiet", 300*time.Millisecond, "how long a silence must last to count as one")
	completions(cmd)
	return cmd
}

// check finds what is wrong with the options before anything starts, and returns the selection they make.
func (o runOptions) check() (s selection, err error) {
	s = selection{only: o.only, level: o.level, quick: o.quick, long: o.long}
	if s.versions, err = parseVersions(o.mqtt); err != nil {
		return s, usagef("--mqtt: %w", err)
	}
	if s.shard, err = parseShard(o.shard); err != nil {
		return s, usagef("--shard: %w", err)
	}
	for _, choice := range []struct {
		flag, value string
		of          []string
	}{
		{"level", o.level, []string{"must", "should", "may"}},
		{"format", o.format, formats},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return s, usagef("--%s: there is no %q; there are %v", choice.flag, choice.value, choice.of)
		}
	}
	switch {
	case o.quick && o.long:
		return s, usagef("--quick and --long contradict each other")
	case o.out == "":
		return s, usagef("--out is empty: it names the directory for the report")
	case o.repeat < 1:
		return s, usagef("--repeat must be 1 or more")
	case o.parallel < 0, o.maxUndecided < 0, o.deadline < 0:
		return s, usagef("--parallel, --max-undecided and --deadline cannot be negative")
	case o.onlyReference() && (o.access.CAFile != "" || o.access.CertFile != "" || o.access.KeyFile != "" || o.access.ServerName != "" || o.access.Insecure):
		return s, usagef("--ca, --cert, --key, --server-name and --insecure are for targets that speak TLS: the reference broker in this program does not")
	case o.timing.Reply <= 0 || o.timing.Slack <= 0 || o.timing.Quiet <= 0:
		return s, usagef("--reply, --slack and --quiet must be longer than 0")
	}
	if o.failed != "" {
		s.failed, err = failedIn(o.failed, o.strict)
	}
	return s, err
}

// onlyReference reports whether nothing but the reference broker is to be judged.
func (o runOptions) onlyReference() bool {
	return !slices.ContainsFunc(o.targets, func(spec string) bool { return spec != "reference" })
}

// parseTargets reads what --target says. The same target twice would be one target in every report.
func (o runOptions) parseTargets() (all []target.Description, err error) {
	for _, spec := range o.targets {
		d, err := parseTarget(spec, o.accessTo(spec))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other target.Description) bool { return other.Spec == d.Spec }) {
			return nil, usagef("--target %s is given twice; --repeat runs it again", d.Spec)
		}
		all = append(all, d)
	}
	return all, nil
}

// argumentsOf returns the command line that makes the same run, wherever its flags came from, without secrets.
func argumentsOf(cmd *cobra.Command) []string {
	words := []string{cmd.Name()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			switch f.Name {
			case "password":
				v = "***"
			case "target":
				if d, err := target.Parse(v); err == nil {
					v = d.Spec // without a password
				}
			}
			if f.Value.Type() == "bool" && v == "true" {
				words = append(words, "--"+f.Name)
			} else {
				words = append(words, "--"+f.Name+"="+v)
			}
		}
	})
	return words
}

// complete tells the shell what a flag takes. That there is no such flag is a defect.
func complete(cmd *cobra.Command, flag string, words cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, words); err != nil {
		panic(err)
	}
}

// completions tell the shell what flags take.
func completions(cmd *cobra.Command) {
	fixed := func(flag string, words ...string) {
		complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	fixed("mqtt", "5", "3.1.1", "both")
	fixed("level", "must", "should", "may")
	fixed("format", formats...)
	complete(cmd, "only", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		list, err := compileList()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return namesOf(list), cobra.ShellCompDirectiveNoFileComp
	})
	complete(cmd, "target", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return targetWords(), cobra.ShellCompDirectiveDefault
	})
}

// versionsOf returns the versions of the items, in their order.
func versionsOf(items []harness.Item) (versions []wire.Version) {
	for _, i := range items {
		if !slices.Contains(versions, i.Version) {
			versions = append(versions, i.Version)
		}
	}
	return versions
}

// specInfos describes the items for the report.
func specInfos(items []harness.Item) []reports.SpecInfo {
	infos := make([]reports.SpecInfo, len(items))
	for n, i := range items {
		infos[n] = specInfo(i)
	}
	return infos
}

// runSuites carries out a run and returns its failure, which has the exit code.
func runSuites(ctx context.Context, o runOptions, stdout, stderr io.Writer) error {
	selection, err := o.check()
	if err != nil {
		return err
	}
	targets, err := o.parseTargets()
	if err != nil {
		return err
	}
	expected, err := expect(o.profile, "broker")
	if err != nil {
		return err
	}
	list, err := compileList()
	if err != nil {
		return err
	}
	known, err := readBaseline(o.baseline, list)
	if err != nil {
		return err
	}
	selected, err := selection.choose(list)
	if err != nil {
		return err
	}
	if len(selected.items) == 0 {
		_, err := fmt.Fprintln(stdout, "Nothing to run again: no selected spec failed in "+o.failed)
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	for _, line := range expected.tell() {
		fmt.Fprintln(stderr, "mqttspec: "+line)
	}
	r := &runner{o: o, expected: expected, known: known, descriptions: targets, selected: selected, stderr: stderr, start: time.Now(), versions: versionsOf(selected.items)}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	if r.rows, err = openReport(o.out); err != nil {
		return err
	}
	outlivePipes()
	if err := r.rows.Begin(r.head()); err != nil {
		_ = r.rows.Close() // it would say the same again
		return usagef("the run cannot be recorded: %w", err)
	}
	r.show = newShower(o.format, stdout, stderr)
	r.jitter = harness.MeasureJitter()
	defer r.jitter.Stop()
	r.show.begin(plan{items: selected.items, tooLong: selected.tooLong, targets: len(o.targets), repeat: o.repeat, out: o.out})
	for _, k := range known.entries {
		if k.expired(r.start) {
			r.say("%s: the entry %s does not count any more: it was for the time until %s", o.baseline, k.ID, k.Until)
		}
	}
	r.execute()
	return r.report()
}
