package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// shortPlan is over as soon as a device has answered a message.
const shortPlan = `
plan: short
text: answers
patience: 20s
parameters: {answer: 2s}
steps:
  - id: ONE
    text: acknowledges a message
    script:
      - online: {}
      - send: {topic: a, qos: 1}
      - expect:
          packet: PUBACK
          within: <answer>
          text: the message is acknowledged
          must: ["v5:MQTT-4.3.2-4"]
`

// output collects what a command prints while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// address waits for the line that tells where the command listens.
func (o *output) address(t *testing.T) string {
	t.Helper()
	for range 200 {
		if _, rest, ok := strings.Cut(o.String(), "listening on tcp://"); ok {
			if address, _, whole := strings.Cut(rest, "\n"); whole {
				return address
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it does not listen: %s", o)
	return ""
}

// tinyDevice connects and, if it is good, acknowledges what it gets.
func tinyDevice(t *testing.T, address string, good bool) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	nc.Write(wire.Bytes(wire.Connect{ClientID: "tiny", CleanStart: true, KeepAlive: 30}, wire.V5))
	for {
		frame, err := wire.ReadFrame(nc, 0)
		if err != nil {
			return
		}
		p, _ := wire.Decoder{Version: wire.V5, Sender: wire.FromServer}.Decode(frame)
		if p, ok := p.(wire.Publish); ok && good {
			nc.Write(wire.Bytes(wire.Puback{PacketID: p.PacketID}, wire.V5))
		}
	}
}

// TestDevice runs the command with a device that keeps the statement, and with one that does not.
func TestDevice(t *testing.T) {
	plan := filepath.Join(t.TempDir(), "short.yaml")
	if err := os.WriteFile(plan, []byte(shortPlan), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		good bool
		code int
		says string
	}{
		{"good", true, 0, "✓ tiny ONE acknowledges a message: pass"},
		{"bad", false, exitFailures, "✗ tiny ONE acknowledges a message: fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var stdout, stderr output
			code := make(chan int)
			go func() {
				code <- run([]string{"device", "--ci", "--plan", plan, "--set", "answer=3s", "--listen", "127.0.0.1:0", "--out", dir}, &stdout, &stderr)
			}()
			go tinyDevice(t, stdout.address(t), c.good)
			if got := <-code; got != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", got, c.code, &stdout, &stderr)
			}
			for _, says := range []string{c.says, "1 step, at most 1m for each device", "  answer=3s\n"} {
				if !strings.Contains(stdout.String(), says) {
					t.Errorf("it does not say %q:\n%s", says, &stdout)
				}
			}
			content, err := os.ReadFile(filepath.Join(dir, "result.json"))
			if err != nil {
				t.Fatal(err)
			}
			var result reports.Result
			if err := json.Unmarshal(content, &result); err != nil {
				t.Fatal(err)
			}
			if len(result.Targets) != 1 || result.Targets[0].Name != "tiny" || len(result.Specs) != 1 || result.Specs[0].Target != "tiny" {
				t.Errorf("targets %v, specs %v", result.Targets, result.Specs)
			}
			for _, f := range reports.Formats() {
				if _, err := os.Stat(filepath.Join(dir, string(f))); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestDeviceUsage holds what is refused before anything listens, and a run to which no device comes.
func TestDeviceUsage(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("plan: p\nstepz: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--plan", "basik"}, exitUsage, "near it: basic"},
		{[]string{"--plan", wrong}, exitUsage, "stepz"},
		{[]string{"--plan", "long-duration", "--set", "seeds=2"}, exitUsage, "near it: seed"},
		{[]string{"--plan", "long-duration", "--set", "seed=1}"}, exitUsage, "the parameter seed cannot be"},
		{[]string{"--plan", "long-duration", "--set", "seed=often"}, exitUsage, "seed"},
		{[]string{"--only", "DV-3O"}, exitUsage, "plan basic has no such step; near it: DV-30"},
		{[]string{"--only", "DV-[", "--plan", "soak"}, exitUsage, "the pattern is malformed"},
		{[]string{"--plan", "mqtt5", "--only", "DV-09", "--duration", "1m"}, exitUsage, "repeats nothing for a time"},
		{[]string{"--expect-clients", "0"}, exitUsage, "--expect-clients"},
		{[]string{"--name", "x"}, exitUsage, "--tls"},
		{[]string{"--listen", "nonsense"}, exitUsage, "--listen"},
		{[]string{"--hook", "no-such-command-anywhere"}, exitUsage, "--hook"},
		{[]string{"--ci", "--arrival", "10ms", "--listen", "127.0.0.1:0"}, exitUnreachable, "did not come"},
	} {
		var stdout, stderr output
		code := run(append([]string{"device", "--out", t.TempDir()}, c.args...), &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String()+stderr.String(), c.says) {
			t.Errorf("%v: exit code %d\n%s%s", c.args, code, &stdout, &stderr)
		}
	}
}

// TestDeviceOnly runs a selection of a plan: what was not chosen neither runs nor stands in the report.
func TestDeviceOnly(t *testing.T) {
	second := strings.Replace(shortPlan[strings.Index(shortPlan, "  - id"):], "ONE", "TWO", 1)
	third := strings.Replace(second, "TWO", "TREE", 1)
	plan := filepath.Join(t.TempDir(), "three.yaml")
	if err := os.WriteFile(plan, []byte(shortPlan+second+third), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		only []string
		want string
	}{
		{nil, "ONE TWO TREE"},
		{[]string{"--only", "two"}, "TWO"},
		{[]string{"--only", "TREE", "--only", "ONE"}, "ONE TREE"},
		{[]string{"--only", "T*"}, "TWO TREE"},
	} {
		dir := t.TempDir()
		var stdout, stderr output
		code := make(chan int)
		go func() {
			code <- run(append([]string{"device", "--ci", "--plan", plan, "--listen", "127.0.0.1:0", "--out", dir}, c.only...), &stdout, &stderr)
		}()
		go tinyDevice(t, stdout.address(t), true)
		if got := <-code; got != 0 {
			t.Errorf("%v: exit code %d\n%s%s", c.only, got, &stdout, &stderr)
		}
		content, err := os.ReadFile(filepath.Join(dir, "result.json"))
		if err != nil {
			t.Fatal(err)
		}
		var result reports.Result
		if err := json.Unmarshal(content, &result); err != nil {
			t.Fatal(err)
		}
		var ran []string
		for _, s := range result.Specs {
			ran = append(ran, s.ID)
		}
		if got := strings.Join(ran, " "); got != c.want {
			t.Errorf("%v ran %s, want %s", c.only, got, c.want)
		}
	}
}
