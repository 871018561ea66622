package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is the program on a terminal of its own.
type terminal struct {
	t   *testing.T
	pty *os.File
	cmd *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
}

// onTerminal starts the program on a terminal.
func onTerminal(t *testing.T, environment []string, args ...string) *terminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), append([]string{"TERM=xterm", "MQTTSPEC_AS_PROGRAM=1", "GITHUB_ACTIONS="}, environment...)...)
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	term := &terminal{t: t, pty: f, cmd: c}
	t.Cleanup(func() {
		c.Process.Kill()
		f.Close()
	})
	go io.Copy(term, f)
	return term
}

func (x *terminal) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.Write(b)
}

func (x *terminal) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// until waits for a text on the screen after the position, and returns the position behind it and the rest of its line.
func (x *terminal) until(from int, text string) (behind int, line string) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		shown := x.String()
		at := strings.Index(shown[from:], text)
		if at < 0 {
			continue
		}
		behind = from + at + len(text)
		if line, _, whole := strings.Cut(shown[behind:], "\r\n"); whole {
			return behind, line
		}
	}
	x.t.Fatalf("waited in vain for %q in\n%s", text, x.String()[from:])
	return 0, ""
}

// TestDeviceKeys presses keys on a terminal while a device is tested, reads what the screen shows, and interrupts.
func TestDeviceKeys(t *testing.T) {
	x := onTerminal(t, nil, "device", "--listen", "127.0.0.1:0", "--out", t.TempDir())
	at, address := x.until(0, "listening on tcp://")
	x.until(at, "keys: c close")
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	go serveDevice(nc, "lamp")
	at, _ = x.until(at, "▶ lamp DV-30")
	if status := "waits 0:"; !strings.Contains(awaitText(x, status), "1 client connected") {
		t.Errorf("no live line with %q in\n%s", status, x)
	}
	for _, press := range []struct{ key, says string }{
		{"1", "PUBLISH q1 id=50001 \"mqttspec/key\""},
		{"a", "from here on: withhold {packet: PUBACK}"},
		{"g", "now: release"},
		{"c", "we close (FIN)"},
	} {
		x.pty.Write([]byte(press.key))
		if behind, _ := x.until(at, "key "+press.key+": "); behind > 0 {
			x.until(behind, press.says)
		}
	}
	x.pty.Write([]byte{3}) // Ctrl-C
	x.until(at, "interrupted: ending what runs")
	x.until(at, "The run is not complete: interrupted")
	if err := x.cmd.Wait(); x.cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("it ends with %v", err)
	}
	if !strings.Contains(x.String(), "\x1b[") {
		t.Error("nothing is coloured")
	}
}

// awaitText waits for a text in what is drawn without a line end, and returns the screen from there.
func awaitText(x *terminal, text string) string {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, rest, ok := strings.Cut(x.String(), text); ok && len(rest) > 60 {
			return rest
		}
	}
	return ""
}

// TestDeviceNoColour holds NO_COLOR on a terminal: nothing is coloured; the live line is still taken away.
func TestDeviceNoColour(t *testing.T) {
	x := onTerminal(t, []string{"NO_COLOR=1"}, "device", "--listen", "127.0.0.1:0", "--out", t.TempDir())
	_, address := x.until(0, "listening on tcp://")
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	go serveDevice(nc, "lamp")
	x.until(0, "✓ lamp DV-01")
	if shown := strings.ReplaceAll(x.String(), "\x1b[K", ""); strings.Contains(shown, "\x1b") {
		t.Errorf("in spite of NO_COLOR: %q", shown)
	}
}
