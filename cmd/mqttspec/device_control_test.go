package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hookPlan asks the hook to let the device act.
const hookPlan = `
plan: hooked
text: acts
patience: 20s
steps:
  - id: ACT
    text: acts when told
    script:
      - online: {}
      - hook: {do: act}
      - expect: {event: online, within: 10ms, absent: true, text: nothing else happens, record: calm}
`

// written writes a file into a directory of the test and returns its path.
func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDeviceHooks runs hooks of every kind, good and bad: a bad one leaves the step undecided and says what it said.
func TestDeviceHooks(t *testing.T) {
	plan := written(t, "hook.yaml", hookPlan)
	noted := filepath.Join(t.TempDir(), "noted")
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, fmt.Sprintf("%s %s %s", r.Method, r.FormValue("do"), r.FormValue("client")))
		if r.URL.Path == "/bad" {
			http.Error(w, "the relay is stuck", http.StatusBadGateway)
		}
	}))
	defer server.Close()
	over := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer stuck.Close()
	defer close(over)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, c := range []struct {
		name, hook string
		flags      []string
		code       int
		says       string
	}{
		{"command", written(t, "good.sh", "#!/bin/sh\necho \"$1 $2 $3\" >>"+noted+"\n") + " first", nil, 0, "◆ lamp ACT acts when told: behaviour"},
		{"failing", written(t, "bad.sh", "#!/bin/sh\necho no relay here >&2\nexit 3\n"), nil, exitUndecided, "bad.sh: exit status 3: no relay here"},
		{"hanging", written(t, "long.sh", "#!/bin/sh\nsleep 600\n"), []string{"--deadline", "1s"}, exitUndecided, "the deadline of 1s has passed"},
		{"http", server.URL + "/good", nil, 0, "◆ lamp ACT acts when told: behaviour"},
		{"failing http", server.URL + "/bad", nil, exitUndecided, "502 Bad Gateway: the relay is stuck"},
		{"hanging http", stuck.URL, []string{"--deadline", "1s"}, exitUndecided, "the deadline of 1s has passed"},
		{"nobody", "http://" + nobody.Addr().String(), nil, exitUndecided, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			b := startBench(t, append([]string{"--plan", plan, "--hook", c.hook}, c.flags...)...)
			b.device("lamp")
			b.ends(c.code)
			b.until(c.says)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	if content, err := os.ReadFile(noted); string(content) != "first act lamp\n" {
		t.Errorf("the command got %q (%v)", content, err)
	}
	if want := []string{"POST act lamp", "POST act lamp"}; fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("the server was asked %v", asked)
	}
}

// TestDeviceAPI looks at devices and disturbs them by HTTP while they are tested.
func TestDeviceAPI(t *testing.T) {
	plan := written(t, "wait.yaml", strings.Replace(shortPlan, "      - send:", "      - await: {event: online, within: 20s}\n      - send:", 1))
	b := startBench(t, "--plan", plan, "--api", "127.0.0.1:0")
	api := "http://" + b.until("HTTP API on http://")
	ask := func(method, path, body string) (int, string) {
		r, err := http.NewRequest(method, api+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(bytes.TrimSpace(text))
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/clients", "", 200, "[]"},
		{"POST", "/do?client=lamp", `{"close": {}}`, 400, `no device is called \"lamp\"`},
		{"POST", "/do", `{"cloze": {}}`, 400, "unknown field"},
		{"POST", "/do", `{"wait": "1s"}`, 400, "for plans"},
		{"GET", "/nothing", "", 404, ""},
	} {
		if status, text := ask(c.method, c.path, c.body); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
	}
	b.device("lamp")
	b.until("CONNACK 0x00 Success")
	if _, text := ask("GET", "/clients", ""); text != `[{"client":"lamp","mqtt":"5.0","connected":true}]` {
		t.Errorf("clients: %s", text)
	}
	if status, text := ask("POST", "/do?client=lamp", `{"disconnect": {"code": 139}}`); status != 204 {
		t.Errorf("%d %s", status, text)
	}
	b.until("← DISCONNECT 0x8B")
	b.until("closes (FIN)")
	b.device("lamp") // it comes back, which is what the plan waits for
	b.ends(0)
}

// TestDeviceSeveral has three devices come at once, one of them bad: each is judged by what it did itself.
func TestDeviceSeveral(t *testing.T) {
	b := startBench(t, "--ci", "--expect-clients", "3")
	b.device("one")
	go tinyDevice(t, b.address(), false)
	b.device("two")
	b.ends(exitFailures)
	verdicts := map[string]string{}
	for _, s := range b.result().Specs {
		verdicts[s.Target] = string(s.Verdict)
	}
	if want := map[string]string{"one": "pass", "two": "pass", "tiny": "fail"}; fmt.Sprint(verdicts) != fmt.Sprint(want) {
		t.Errorf("verdicts %v", verdicts)
	}
	b.until("✗ tiny ONE acknowledges a message: fail MQTT-4.3.2-4")
}

// TestDeviceArrival has fewer devices come than are expected: those that came are judged, and the exit code is that of a
// target that is not there.
func TestDeviceArrival(t *testing.T) {
	b := startBench(t, "--ci", "--expect-clients", "2", "--arrival", "1s")
	b.device("one")
	b.ends(exitUnreachable)
	b.until("1 of 2 devices came within 1s")
	b.until("device 2: could not be tested: it did not come")
	r := b.result()
	if len(r.Targets) != 2 || r.Counts["pass"] != 1 || r.Run.Complete {
		t.Errorf("%d targets, counts %v, complete %v", len(r.Targets), r.Counts, r.Run.Complete)
	}
}

// TestDeviceDeadline ends a run whose device does nothing.
func TestDeviceDeadline(t *testing.T) {
	b := startBench(t, "--plan", "basic", "--deadline", "1s")
	b.device("lamp")
	b.ends(exitUndecided)
	b.until("The run is not complete: the deadline of 1s has passed")
}

// TestDeviceProfileOfOtherStatements runs a case in which AWS IoT Core is known to differ from the standard.
func TestDeviceProfileOfOtherStatements(t *testing.T) {
	plan := written(t, "again.yaml", strings.ReplaceAll(shortPlan, "MQTT-4.3.2-4", "MQTT-4.4.0-1"))
	other := written(t, "other.yaml", shortPlan)
	for _, c := range []struct {
		flags []string
		code  int
		says  string
	}{
		{[]string{"--plan", plan}, exitFailures, "✗ tiny ONE"},
		{[]string{"--plan", plan, "--profile", "aws-iot-core"}, 0, "⊗ tiny ONE"},
		{[]string{"--plan", other, "--profile", "aws-iot-core"}, exitFailures, "✗ tiny ONE"},
	} {
		b := startBench(t, c.flags...)
		go tinyDevice(t, b.address(), false)
		b.ends(c.code)
		b.until(c.says)
	}
	var stdout, stderr output
	if code := run([]string{"device", "--profile", "gcp", "--out", t.TempDir()}, &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "--profile") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}
