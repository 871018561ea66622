package targets_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/target"
)

// runHere are the descriptions of brokers that tests start. The others must say that nobody has.
var runHere = map[string]bool{"mosquitto": true, "mochi": true}

const notRun = "Not run here: written from documentation"

// TestDescriptionsSayWhetherTheyWereRun reads every shipped description; that they follow the schema is tested where
// they are read.
func TestDescriptionsSayWhetherTheyWereRun(t *testing.T) {
	for _, d := range target.Shipped() {
		if said := strings.HasPrefix(strings.TrimSpace(d.Notes), notRun); said == runHere[d.Name] {
			t.Errorf("%s: run here %v, and its notes are %q", d.Name, runHere[d.Name], d.Notes)
		}
		source, err := os.ReadFile(d.Name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if said := bytes.Contains(source, []byte("not run here")); said == runHere[d.Name] {
			t.Errorf("%s.yaml: run here %v, and its comments say so: %v", d.Name, runHere[d.Name], said)
		}
	}
}

// turnstile passes connections on to a target and counts how many are open at once.
type turnstile struct {
	net.Listener
	to harness.Target

	mu              sync.Mutex
	open, most, all int
}

func (s *turnstile) serve() {
	for {
		from, err := s.Accept()
		if err != nil {
			return
		}
		s.count(1)
		go func() {
			defer s.count(-1)
			defer from.Close()
			to, err := s.to.Dial(context.Background())
			if err != nil {
				return
			}
			defer to.Close()
			go func() { io.Copy(to, from); to.Close() }()
			io.Copy(from, to)
		}()
	}
}

func (s *turnstile) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.all += max(n, 0)
	s.most = max(s.most, s.open)
}

// TestPoliteLimits runs a part of the suites against a description with an address that says how many connections the broker
// bears, as that of a public broker does, and counts those in use.
func TestPoliteLimits(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "mqttspec")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/mqttspec").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, broker := range []string{"reference", "docker:mosquitto:2.0.21"} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			to := open(t, broker)
			polite, most := politely(t, bin, to, "\nclaims: {connections: 8}")
			free, busy := politely(t, bin, to, "")
			t.Logf("%d connections, at most %d at once; without a limit %d, at most %d", polite, most, free, busy)
			// Two specs run at a time, and what one has just closed may be open here still when it opens the next.
			if most > 8+2 {
				t.Errorf("%d connections at once, the description allows 8", most)
			}
			if busy <= 8 {
				t.Errorf("without a limit only %d connections at once: the specs chosen show nothing", busy)
			}
		})
	}
}

// open starts a broker, or skips the test if there is no container engine.
func open(t *testing.T, broker string) harness.Target {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	to, err := target.Open(ctx, broker, target.Options{Local: true})
	if err != nil && strings.HasPrefix(broker, "docker:") && os.Getenv("MQTTSPEC_REQUIRE_DOCKER") != "1" {
		t.Skipf("%v (MQTTSPEC_REQUIRE_DOCKER=1 makes this a failure)", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	return to
}

// politely runs specs against a turnstile, described by a file, and returns how many connections there were, and how many
// at once.
func politely(t *testing.T, bin string, to harness.Target, claims string) (all, most int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &turnstile{Listener: l, to: to}
	go s.serve()
	dir := t.TempDir()
	file := filepath.Join(dir, "public.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "name: public\naddress: {url: tcp://%s}%s\n", l.Addr(), claims), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "run", "--target", file, "--mqtt", "5", "--quick", "--only", "MP-*", "--only", "SH-*", "--only", "TP-*", "--max-undecided", "1000", "--out", filepath.Join(dir, "report"))
	cmd.Dir = dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "MQTTSPEC_") { // they would be taken for flags
			cmd.Env = append(cmd.Env, variable)
		}
	}
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 { // findings are not the matter here
		t.Fatalf("%v\n%s", err, out)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all, s.most
}
