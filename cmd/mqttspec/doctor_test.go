package main

import (
	"errors"
	"strings"
	"testing"
)

// TestFindingsDecideTheExitCode of doctor: a grave one fails, one without which runs work does not.
func TestFindingsDecideTheExitCode(t *testing.T) {
	fine := finding{what: "clock", ok: true, is: "right"}
	mild := finding{what: "containers", is: "no engine", remedy: "start it", mild: true}
	grave := finding{what: "timers", is: "late", remedy: "wait"}
	for _, c := range []struct {
		name     string
		findings []finding
		code     int
		says     string // in the error
		marks    string // in the order of the lines
	}{
		{"all is well", []finding{fine, fine}, 0, "", "✔✔"},
		{"runs work without it", []finding{fine, mild}, 0, "", "✔✘"},
		{"one is grave", []finding{grave, mild, fine}, exitUsage, "1 thing is not as it must be", "✘✘✔"},
		{"two are grave", []finding{grave, fine, grave}, exitUsage, "2 things are not as it must be", "✘✔✘"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := tellFindings(&out, c.findings)
			var exit *exitError
			switch {
			case c.code == 0 && err != nil:
				t.Errorf("it fails: %v", err)
			case c.code != 0 && !errors.As(err, &exit):
				t.Errorf("it does not fail with a code: %v", err)
			case c.code != 0 && (exit.code != c.code || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%d: %v", exit.code, err)
			}
			marks := strings.Map(func(r rune) rune {
				if r == '✔' || r == '✘' {
					return r
				}
				return -1
			}, out.String())
			if marks != c.marks {
				t.Errorf("marks %s\n%s", marks, out.String())
			}
			for _, f := range c.findings {
				if !f.ok && !strings.Contains(out.String(), f.remedy) {
					t.Errorf("it does not say %q", f.remedy)
				}
			}
		})
	}
}
