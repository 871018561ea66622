package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// visible makes text from the wire safe to look at: control characters, characters that reorder or hide others
// (bidirectional controls, zero-width characters) and invalid UTF-8 become escapes such as \u{202e}. Line breaks stay.
func visible(s string) string {
	clean := true
	for _, r := range s {
		if hidden(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(unicode.ReplacementChar)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r) && r != unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether r must not reach a reader as it is. The replacement character is among them since it may
// stand for an invalid byte.
func hidden(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case unicode.ReplacementChar, 0x2028, 0x2029, 0xFFFE, 0xFFFF:
		return true
	}
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r)
}

// line puts text on one line.
func line(s string) string { return strings.Join(strings.Fields(visible(s)), " ") }

// short returns an id without its version where the version is said beside it: "MQTT-3.1.2-24".
func short(id req.ID) string {
	_, bare, ok := strings.Cut(string(id), ":")
	if !ok {
		return string(id)
	}
	return bare
}

// mqtt names a version as people say it: "MQTT 5.0".
func mqtt(v wire.Version) string { return "MQTT " + v.String() }

// flagOf returns the version as the --mqtt flag takes it.
func flagOf(v wire.Version) string {
	if v == wire.V5 {
		return "5"
	}
	return v.String()
}

// longWait is the wait above which a spec runs with --long only.
const longWait = 9 * time.Second

// access are the flags without which a target may not let anybody in, or may be judged by other times.
var access = []string{"username", "ca", "cert", "key", "server-name", "insecure", "reply", "slack", "quiet"}

// rerun returns the command that runs one spec again in the way of this run. A password is in no report: the command
// takes it from where it is best given.
func rerun(s SpecResult, run RunInfo) string {
	if run.Side == req.Client { // a plan is gone through as a whole: its steps build on each other
		return command(append([]string{"mqttspec"}, run.Arguments...))
	}
	words := []string{"mqttspec", "run"}
	if s.Target != "" {
		words = append(words, "--target", s.Target)
	}
	words = append(words, "--only", s.ID, "--mqtt", flagOf(s.Version))
	if s.Wait > longWait {
		words = append(words, "--long")
	}
	if run.Seed != 0 {
		words = append(words, "--seed", strconv.FormatInt(run.Seed, 10))
	}
	password := ""
	for _, argument := range run.Arguments {
		name, _, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		switch {
		case slices.Contains(access, name):
			words = append(words, argument)
		case name == "password":
			password = ` --password "$MQTTSPEC_PASSWORD"`
		}
	}
	return command(words) + password
}

// command writes words so that a POSIX shell reads them back.
func command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		plain := func(r rune) bool {
			return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:=@%+,", r)
		}
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// source returns where a spec stands, such as "suites/v5/connect.go:42".
func (s SpecInfo) source() string {
	if s.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// broken returns the requirements that give a spec its verdict: those that failed, otherwise the warnings.
func (s SpecResult) broken() []Requirement {
	var all []Requirement
	for _, q := range s.Requirements {
		if q.Verdict == Fail {
			all = append(all, q)
		}
	}
	return append(all, s.Warnings...)
}

// round makes a duration readable: three digits are enough.
func round(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
