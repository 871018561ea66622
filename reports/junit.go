package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// The elements of a JUnit file as GitLab, Jenkins and the actions for GitHub read them.
type (
	junitFile struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     seconds      `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       seconds         `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitCase struct {
		Class      string          `xml:"classname,attr"`
		Name       string          `xml:"name,attr"`
		File       string          `xml:"file,attr,omitempty"`
		Line       int             `xml:"line,attr,omitempty"`
		Time       seconds         `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Failure    *junitOutcome   `xml:"failure"`
		Error      *junitOutcome   `xml:"error"`
		Skipped    *junitOutcome   `xml:"skipped"`
		Out        *junitText      `xml:"system-out"`
	}
	junitOutcome struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Body    string `xml:",cdata"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	seconds time.Duration
)

// MarshalText writes seconds with three decimals, the form that every reader knows.
func (s seconds) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(s).Seconds()), nil
}

// WriteJUnit writes a result as a JUnit file: a suite for each target and version, in it a test case for each spec and
// variant and one for each statement that monitors judged. Class name and name together are unique, since GitLab drops
// what repeats. The text of a failure stands in its message and in its body: some readers show only the one, some only
// the other.
func WriteJUnit(w io.Writer, r Result) error {
	f := junitFile{Name: "mqttspec", Time: seconds(r.Run.Duration), Suites: []junitSuite{}}
	for _, t := range r.Targets {
		for _, v := range r.versions() {
			suite := junitOf(r, t, v)
			f.Tests += suite.Tests
			f.Failures += suite.Failures
			f.Errors += suite.Errors
			f.Skipped += suite.Skipped
			f.Suites = append(f.Suites, suite)
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(f); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitOf(r Result, t TargetResult, v wire.Version) junitSuite {
	suite := junitSuite{Name: line(t.Name + " " + mqtt(v)), Properties: junitProperties(r, t)}
	if !r.Run.Start.IsZero() {
		suite.Timestamp = r.Run.Start.UTC().Format("2006-01-02T15:04:05")
	}
	where := ""
	if len(r.Targets) > 1 {
		where = " on " + t.Name
	}
	names := map[string]int{}
	for _, s := range r.Specs {
		if s.Target == t.Name && s.Version == v {
			suite.add(junitSpec(s, r.Run, where), names)
		}
	}
	for _, st := range r.Statements {
		for _, on := range st.Targets {
			if on.Target == t.Name && on.Monitored+on.Findings > 0 && strings.HasPrefix(string(st.ID), req.Version(v).String()+":") {
				suite.add(junitMonitor(r, st, on, v, where), names)
			}
		}
	}
	return suite
}

// add counts a test case. A name that repeats gets a number.
func (s *junitSuite) add(c junitCase, names map[string]int) {
	key := c.Class + "\x00" + c.Name
	if names[key]++; names[key] > 1 {
		c.Name = fmt.Sprintf("%s (%d)", c.Name, names[key])
	}
	s.Tests++
	s.Time += c.Time
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func junitProperties(r Result, t TargetResult) []junitProperty {
	p := []junitProperty{{"target", line(t.Name)}, {"overall", t.Overall}}
	add := func(name, value string) {
		if value != "" {
			p = append(p, junitProperty{name, line(value)})
		}
	}
	for _, v := range t.Variants {
		prefix := "variant " + v.Variant + " "
		add(prefix+"software", strings.TrimSpace(v.Software+" "+v.Version))
		add(prefix+"image", v.Image)
		add(prefix+"digest", v.Digest)
		add(prefix+"error", v.Error)
	}
	add("mqttspec", r.Run.Tool)
	add("seed", fmt.Sprint(r.Run.Seed))
	add("arguments", command(r.Run.Arguments))
	return p
}

// junitSpec makes the test case of a spec. What could not be decided becomes an error and not a skip: GitLab, Jenkins
// and the actions for GitHub count errors among what did not go well, whereas a skip looks green beside passing tests.
// A known failure is a skip with its reason, since the baseline says that it shall not alarm.
func junitSpec(s SpecResult, run RunInfo, where string) junitCase {
	c := junitCase{
		Class: line(mqtt(s.Version) + " " + s.Section), Name: junitName(s) + where, File: s.File, Line: s.Line, Time: seconds(s.Duration),
	}
	for _, id := range s.Claims {
		c.Properties = append(c.Properties, junitProperty{"statement", string(id)})
	}
	c.Properties = append(c.Properties, junitProperty{"verdict", string(s.Verdict)}, junitProperty{"rerun", line(rerun(s, run))})
	outcome := &junitOutcome{Message: line(s.message()), Body: "\n" + visible(s.details(run)) + "\n"}
	switch s.Verdict {
	case Fail:
		outcome.Type = "failed requirement"
		c.Failure = outcome
	case UnexpectedPass:
		outcome.Type = string(UnexpectedPass)
		outcome.Message = "passes, but is on the list of known failures: the entry is stale"
		c.Failure = outcome
	case Inconclusive:
		outcome.Type = string(Inconclusive)
		if s.OwnDefect {
			outcome.Type = "defect of mqttspec"
		}
		c.Error = outcome
	case Skip:
		c.Skipped = &junitOutcome{Message: outcome.Message}
	case KnownFailure:
		c.Skipped = &junitOutcome{Message: "known failure: " + outcome.Message}
	case Warning:
		if run.Strict {
			outcome.Type = string(Warning)
			c.Failure = outcome
		}
	}
	if out := junitOut(s); out != "" {
		c.Out = &junitText{out}
	}
	return c
}

// junitName begins with the statements, by which people search, and holds the spec's id, which never changes.
func junitName(s SpecResult) string {
	var words []string
	for i, id := range s.Claims {
		if i == 3 {
			words = append(words, fmt.Sprintf("+%d", len(s.Claims)-i))
			break
		}
		words = append(words, short(id))
	}
	name := strings.TrimSpace(strings.Join(words, " ") + " " + s.ID + " " + s.Text)
	if s.Variant != "" && s.Variant != "default" {
		name += " [" + s.Variant + "]"
	}
	return line(name)
}

// junitOut lists the warnings and behaviours of a spec.
func junitOut(s SpecResult) string {
	var out []string
	for _, q := range s.Warnings {
		out = append(out, line(fmt.Sprintf("warning: %s %s: %s", q.ID, q.Expected, q.Observed)))
	}
	for _, o := range s.Behaviours {
		out = append(out, line(fmt.Sprintf("behaviour: %s: %s", o.Key, o.Value)))
	}
	return strings.Join(out, "\n")
}

// junitMonitor makes the test case of a statement that monitors judged on all traffic with a target.
func junitMonitor(r Result, st StatementResult, on StatementOnTarget, v wire.Version, where string) junitCase {
	c := junitCase{Class: mqtt(v) + " monitors", Name: line(short(st.ID) + " " + st.Text + where)}
	var texts []string
	worst := Pass
	for _, f := range r.Findings {
		if f.ID == st.ID && f.Target == on.Target {
			if f.Verdict.worse(worst) {
				worst = f.Verdict
			}
			texts = append(texts, line(fmt.Sprintf("%s, connection %s, event %d, %d times: %s", f.Spec, f.Conn, f.EventSeq, f.Times, f.Text)))
		}
	}
	if len(texts) == 0 {
		return c
	}
	outcome := &junitOutcome{Type: "finding of a monitor", Message: texts[0], Body: "\n" + strings.Join(texts[:min(len(texts), 50)], "\n") + "\n"}
	switch {
	case worst == Fail || worst == Warning && r.Run.Strict:
		c.Failure = outcome
	case worst == KnownFailure:
		c.Skipped = &junitOutcome{Message: "known failure: " + outcome.Message}
	default:
		c.Out = &junitText{outcome.Body}
	}
	return c
}

// message says in one line why a spec has its verdict.
func (s SpecResult) message() string {
	if s.Reason != "" {
		return s.Reason
	}
	for _, q := range s.broken() {
		return fmt.Sprintf("%s: expected %s; observed %s", q.ID, q.Expected, q.Observed)
	}
	return string(s.Verdict)
}

// details says in several lines why a spec has its verdict, where it stands and how to run it again.
func (s SpecResult) details(run RunInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %s\n", s.ID, mqtt(s.Version), s.Text)
	fmt.Fprintf(&b, "target:    %s\n", strings.TrimSpace(s.Target+" "+s.Variant))
	if s.Reason != "" {
		fmt.Fprintf(&b, "reason:    %s\n", s.Reason)
	}
	if s.BlockedBy != "" {
		fmt.Fprintf(&b, "blocked by %s\n", s.BlockedBy)
	}
	for _, q := range s.broken() {
		fmt.Fprintf(&b, "%s %s\n", q.Verdict, q.ID)
		if st, ok := req.Lookup(q.ID); ok {
			fmt.Fprintf(&b, "  %s: %s\n", st.Level, st.Text)
		}
		fmt.Fprintf(&b, "  expected: %s\n  observed: %s\n", q.Expected, q.Observed)
	}
	for _, f := range s.Findings {
		fmt.Fprintf(&b, "monitor %s on %s, event %d: %s\n", f.ID, f.Conn, f.EventSeq, f.Text)
	}
	for _, a := range s.Attempts {
		fmt.Fprintf(&b, "attempt %d: %s\n", a.Repeat+1, a.Verdict)
	}
	if at := s.source(); at != "" {
		fmt.Fprintf(&b, "source:    %s\n", at)
	}
	fmt.Fprintf(&b, "run again: %s", rerun(s, run))
	return b.String()
}
