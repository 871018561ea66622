//go:build unix

package clients_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a program may take to print what is expected of it at once: interpreters start slowly on a busy
// machine.
const patience = 30 * time.Second

// cache is where setup.sh installs client libraries.
var cache = sync.OnceValue(func() string {
	if dir := os.Getenv("MQTTSPEC_CLIENTS"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache", "mqttspec-clients")
})

// program is mqttspec, built once for all tests; MQTTSPEC_BIN names another one.
var program = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("MQTTSPEC_BIN"); bin != "" {
		return bin, nil
	}
	dir, err := os.MkdirTemp("", "mqttspec-")
	if err != nil {
		return "", err
	}
	built = dir
	bin := filepath.Join(dir, "mqttspec")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/mqttspec").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

var built string // the directory of program, if it was built here

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// stage is where a test runs programs. It writes down what they print, in the order in which the test asks for it, so
// that the result does not depend on how processes happen to be scheduled.
type stage struct {
	t          *testing.T
	transcript strings.Builder
	env        []string
}

// newStage skips the test if a client that it needs is not installed; with MQTTSPEC_REQUIRE_CLIENTS=1 it fails.
func newStage(t *testing.T, clients ...string) *stage {
	t.Helper()
	for _, name := range clients {
		if _, err := os.Stat(filepath.Join(cache(), name+".recipe")); err == nil {
			continue
		}
		if os.Getenv("MQTTSPEC_REQUIRE_CLIENTS") == "1" {
			t.Fatalf("%s is not installed: run ci/clients/setup.sh %s", name, name)
		}
		t.Skipf("%s is not installed: ci/clients/setup.sh %s would do it", name, name)
	}
	s := &stage{t: t}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "MQTTSPEC_") { // mqttspec would take them for flags
			s.env = append(s.env, variable)
		}
	}
	s.set("PYTHONWARNINGS", "ignore")
	return s
}

// python is the interpreter of a client's environment.
func python(client string) string { return filepath.Join(cache(), client, "bin", "python") }

// set, unset and get concern the environment of the programs to come.
func (s *stage) set(name, value string) { s.env = append(s.env, name+"="+value) }

func (s *stage) get(name string) string {
	for _, variable := range slices.Backward(s.env) {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

func (s *stage) unset(name string) {
	s.env = slices.DeleteFunc(s.env, func(variable string) bool { return strings.HasPrefix(variable, name+"=") })
}

// step writes a heading.
func (s *stage) step(title string) { fmt.Fprintf(&s.transcript, "== %s\n", title) }

// process is a program that runs.
type process struct {
	s      *stage
	name   string
	cmd    *exec.Cmd
	lines  chan string
	errors bytes.Buffer
	ended  chan struct{}
}

// start starts a program. It is killed with the test.
func (s *stage) start(name string, arguments ...string) *process {
	s.t.Helper()
	p := &process{s: s, name: filepath.Base(name), cmd: exec.Command(name, arguments...), lines: make(chan string, 10000), ended: make(chan struct{})}
	if len(arguments) > 0 {
		p.name += " " + arguments[0]
	}
	p.cmd.Env = s.env
	p.cmd.Stderr = &p.errors
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		defer close(p.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
		p.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Process.Signal(syscall.SIGCONT)
		<-p.ended
		if s.t.Failed() && p.errors.Len() > 0 {
			s.t.Logf("%s said on stderr:\n%s", p.name, p.errors.String())
		}
	})
	return p
}

// await writes down what the program prints, up to the first line that contains text.
func (p *process) await(text string) {
	p.s.t.Helper()
	p.awaitWithin(text, patience)
}

func (p *process) awaitWithin(text string, d time.Duration) string {
	p.s.t.Helper()
	timeout := time.After(d)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.s.t.Fatalf("%s ended without printing %q; so far:\n%s%s", p.name, text, p.s.transcript.String(), p.errors.String())
			}
			fmt.Fprintln(&p.s.transcript, line)
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			p.s.t.Fatalf("%s did not print %q within %v; so far:\n%s", p.name, text, d, p.s.transcript.String())
		}
	}
}

// stop sends a signal, waits for the end, and writes down what the program printed until then.
func (p *process) stop(signal os.Signal) {
	p.s.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.s.t.Fatalf("%s: %v", p.name, err)
	}
	p.wait(patience)
}

func (p *process) wait(d time.Duration) {
	p.s.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(d):
		p.s.t.Fatalf("%s does not end", p.name)
	}
	for line := range p.lines {
		fmt.Fprintln(&p.s.transcript, line)
	}
}

// run runs a program to its end, which must be a success.
func (s *stage) run(name string, arguments ...string) {
	s.t.Helper()
	p := s.start(name, arguments...)
	p.wait(patience)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("%s %s ended with code %d:\n%s%s", p.name, strings.Join(arguments, " "), code, s.transcript.String(), p.errors.String())
	}
}

// mqttspec starts a subcommand that listens, and returns the addresses that it prints, as host:port by scheme. Where
// it has made test certificates for the run, CA, CERT and KEY name them for the programs to come.
func (s *stage) mqttspec(listeners int, arguments ...string) map[string]string {
	s.t.Helper()
	bin, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	p := s.start(bin, arguments...)
	addresses := map[string]string{}
	at := regexp.MustCompile(`^(?:listening on|API on) (?:(\w+)://)?([^,/ ]+)`)
	certificates := regexp.MustCompile(`^test certificates are in ([^;]+);`)
	timeout := time.After(patience)
	for len(addresses) < listeners {
		select {
		case line, ok := <-p.lines:
			if !ok {
				s.t.Fatalf("mqttspec %s ended: %s", strings.Join(arguments, " "), p.errors.String())
			}
			if m := at.FindStringSubmatch(line); m != nil {
				addresses[m[1]] = m[2]
			}
			if m := certificates.FindStringSubmatch(line); m != nil {
				s.trust(m[1])
				s.t.Cleanup(func() { _ = os.RemoveAll(m[1]) })
			}
		case <-timeout:
			s.t.Fatalf("mqttspec %s does not say where it listens", strings.Join(arguments, " "))
		}
	}
	go func() {
		for range p.lines {
		}
	}()
	return addresses
}

// replace changes what a broker is known to do otherwise, and must do: a pattern, and what is expected of others.
func (s *stage) replace(pattern, changed string) {
	s.t.Helper()
	p, text := regexp.MustCompile(pattern), s.transcript.String()
	if !p.MatchString(text) {
		s.t.Errorf("nothing is like %q:\n%s", pattern, text)
	}
	s.transcript.Reset()
	s.transcript.WriteString(p.ReplaceAllString(text, changed))
}

// compare holds the transcript against a file. An x stands there for any one digit.
func (s *stage) compare(file string) {
	s.t.Helper()
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	wanted := strings.Split(strings.TrimRight(string(want), "\n"), "\n")
	got := strings.Split(strings.TrimRight(s.transcript.String(), "\n"), "\n")
	for i := range max(len(wanted), len(got)) {
		if i < len(wanted) && i < len(got) && like(wanted[i], got[i]) {
			continue
		}
		at := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return "(nothing)"
		}
		s.t.Fatalf("%s, line %d:\nexpected %s\nseen     %s\n\nThe whole output:\n%s", file, i+1, at(wanted), at(got), s.transcript.String())
	}
}

// anyNumber are the places of a line that differ from run to run.
var anyNumber = regexp.MustCompile(`\d*x+ s\b`)

func like(want, got string) bool {
	pattern := "^" + anyNumber.ReplaceAllStringFunc(regexp.QuoteMeta(want), func(p string) string {
		return strings.ReplaceAll(p, "x", `\d`)
	}) + "$"
	return regexp.MustCompile(pattern).MatchString(got)
}
