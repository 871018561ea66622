package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/goccy/go-yaml"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/reports"
)

// knownFailure is an entry of a baseline: something that is known to fail, and must.
type knownFailure struct {
	ID       string `yaml:"id"`                 // of a spec, with or without its version, or of a statement that monitors find broken; patterns too
	Reason   string `yaml:"reason"`             // why it fails, in the words of those who know
	Issue    string `yaml:"issue,omitempty"`    // where it is tracked
	Until    string `yaml:"until,omitempty"`    // the last day on which the entry counts, as 2027-01-31
	Versions string `yaml:"versions,omitempty"` // of the broker, as ">=2.0, <2.1"
	Target   string `yaml:"target,omitempty"`   // pattern of the target's name; "" is any

	statement bool // the id means statements, and so findings of monitors
	versions  *semver.Constraints
	until     time.Time
}

// baseline is a list of known failures. The zero value is empty.
type baseline struct {
	file    string
	entries []knownFailure
}

// readBaseline reads the list of --baseline. An entry that means nothing in the list of specs is an error: it is
// misspelt, or about something that is gone.
func readBaseline(file string, list []harness.Item) (b baseline, err error) {
	if file == "" {
		return b, nil
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return b, usagef("baseline: %w", err)
	}
	if !utf8.Valid(source) {
		return b, usagef("baseline: %s is no text in UTF-8", file)
	}
	b.file = file
	if err := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict()).Decode(&b.entries); err != nil && !errors.Is(err, io.EOF) {
		return b, usagef("baseline: %s: %s", file, yamlReason(err))
	}
	for n := range b.entries {
		if err := b.entries[n].check(list); err != nil {
			return b, usagef("baseline: %s: entry %d (%s): %w", file, n+1, b.entries[n].ID, err)
		}
	}
	return b, nil
}

// check finds what is wrong with an entry, and what it means.
func (k *knownFailure) check(list []harness.Item) (err error) {
	if k.ID == "" {
		return errors.New("id is missing")
	}
	if strings.TrimSpace(k.Reason) == "" {
		return errors.New("reason is missing")
	}
	if u, err := url.Parse(k.Issue); k.Issue != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		return fmt.Errorf("issue %q is no URL", k.Issue)
	}
	if k.Until != "" {
		if k.until, err = time.Parse(time.DateOnly, k.Until); err != nil {
			return fmt.Errorf("until %q is no day such as 2027-01-31", k.Until)
		}
	}
	if k.Versions != "" {
		if k.versions, err = semver.NewConstraint(k.Versions); err != nil {
			return fmt.Errorf("versions %q is no range such as %q", k.Versions, ">=2.0, <2.1")
		}
	}
	if _, err := fits(k.Target, ""); err != nil {
		return fmt.Errorf("target: the pattern is malformed: %w", err)
	}
	for _, i := range list {
		is, err := k.means(i.ID, i.Key())
		if is || err != nil {
			return err
		}
	}
	known, unknown := req.Match(k.ID)
	if len(known) == 0 {
		return fmt.Errorf("no spec or statement is called that%s", nearMisses(nearest(k.ID, namesOf(list))))
	}
	k.statement = unknown == nil
	return nil
}

// means reports whether the id of the entry fits one of the names.
func (k *knownFailure) means(names ...string) (bool, error) {
	for _, name := range names {
		if is, err := fits(k.ID, name); is || err != nil {
			return is, err
		}
	}
	return false, nil
}

// expired reports whether the entry does not count any more.
func (k *knownFailure) expired(now time.Time) bool {
	return k.Until != "" && now.After(k.until.AddDate(0, 0, 1))
}

// why is the reason with where it is tracked.
func (k *knownFailure) why() string {
	if k.Issue == "" {
		return k.Reason
	}
	return k.Reason + " (" + k.Issue + ")"
}

// holds reports whether the entry counts for a target of some version, "" if that is not known.
func (k *knownFailure) holds(target, version string, now time.Time) bool {
	if k.expired(now) {
		return false
	}
	if is, _ := fits(k.Target, target); k.Target != "" && !is { // the pattern was checked
		return false
	}
	if k.versions == nil {
		return true
	}
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	plain, err := v.SetPrerelease("") // tags of images have such, as in 2.1.2-alpine
	return err == nil && k.versions.Check(&plain)
}

// spec returns the first entry that counts for a spec.
func (b baseline) spec(id, key, target, version string, now time.Time) *knownFailure {
	for n := range b.entries {
		k := &b.entries[n]
		if is, _ := k.means(id, key); is && !k.statement && k.holds(target, version, now) {
			return k
		}
	}
	return nil
}

// finding returns the first entry that counts for a statement.
func (b baseline) finding(id req.ID, target, version string, now time.Time) *knownFailure {
	for n := range b.entries {
		k := &b.entries[n]
		known, _ := req.Match(k.ID)
		if k.statement && slices.ContainsFunc(known, func(s req.Statement) bool { return s.ID == id }) && k.holds(target, version, now) {
			return k
		}
	}
	return nil
}

// verdict is what becomes of the verdict of a spec that is on the list. What could not be decided, or was skipped, is
// excused by nothing; and a warning is a failure only where the run is strict.
func (k *knownFailure) verdict(v reports.Verdict, strict bool) (reports.Verdict, string) {
	switch {
	case v == reports.Fail, v == reports.KnownFailure, v == reports.Warning && strict:
		return reports.KnownFailure, k.why()
	case v == reports.Pass, v == reports.Behaviour, v == reports.Warning, v == reports.UnexpectedPass:
		return reports.UnexpectedPass, "passes, but is on the list of known failures: " + k.why()
	}
	return v, ""
}

// judge returns the row as it counts.
func (b baseline) judge(row reports.Row, version string, strict bool, now time.Time) reports.Row {
	if row.Event != "end" || len(b.entries) == 0 {
		return row
	}
	row.Findings = b.judgeFindings(row.Findings, row.Target, version, now)
	if k := b.spec(row.ID, row.ID+"/"+row.Version.String(), row.Target, version, now); k != nil {
		if v, why := k.verdict(row.Verdict, strict); why != "" {
			row.Verdict, row.Reason = v, why
		}
	}
	return row
}

func (b baseline) judgeFindings(findings []reports.Finding, target, version string, now time.Time) []reports.Finding {
	findings = slices.Clone(findings)
	for n, f := range findings {
		if f.Verdict == reports.Fail && b.finding(f.ID, target, version, now) != nil {
			findings[n].Verdict = reports.KnownFailure
		}
	}
	return findings
}

// stale returns what is on the list for a statement that monitors have looked at without finding it broken. A run of a
// part of the list cannot tell: the traffic that shows the breach may be that of another spec.
func (b baseline) stale(r reports.Result) (lines []string) {
	if !r.Run.Complete || partial(r.Run.Arguments) {
		return nil
	}
	for n := range b.entries {
		k := &b.entries[n]
		if !k.statement {
			continue
		}
		known, _ := req.Match(k.ID)
		for _, st := range r.Statements {
			if !slices.ContainsFunc(known, func(s req.Statement) bool { return s.ID == st.ID }) {
				continue
			}
			for _, on := range st.Targets {
				if on.Monitored > 0 && on.Findings == 0 && k.holds(on.Target, versionOf(r, on.Target), r.Run.Start) {
					lines = append(lines, fmt.Sprintf("%s on %s: no monitor finds it broken, but it is on the list of known failures: %s", st.ID, on.Target, k.why()))
				}
			}
		}
	}
	return lines
}

// partial reports whether a command line selects a part of what the standard run of its kind has.
func partial(arguments []string) bool {
	return slices.ContainsFunc(arguments, func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return slices.Contains([]string{"--only", "--failed", "--shard", "--quick", "--level"}, name)
	})
}

// versionOf returns the version of a target's software, "" if it is not known.
func versionOf(r reports.Result, target string) string {
	for _, t := range r.Targets {
		if t.Name == target && len(t.Variants) > 0 {
			return t.Variants[0].Version
		}
	}
	return ""
}
