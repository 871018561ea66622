//go:build unix

package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
)

// program describes this binary in a role, to be started as a command.
func program(t *testing.T, role string) Description {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Description{Name: role, Spec: "exec:" + role, Exec: &Exec{
		Command: fmt.Sprintf("'%s' {port} '{dir}'", self), Env: map[string]string{actAs: role}}}
}

// leavesNothing demands, at the end of the test, that no directory of a target of that name is left.
func leavesNothing(t *testing.T, name string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "mqttspec-"+name+"-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%v is left (%v)", left, err)
		}
	})
}

// ends demands that a process ends.
func ends(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		// a dead child of nobody who waits for it is a zombie for a while
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); !pidAlive(pid) || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still alive", pid)
}

func TestProcess(t *testing.T) {
	leavesNothing(t, "broker")
	target := open(t, program(t, "broker"), Options{})
	accepts(t, target)
	p := target.(*process)
	if !strings.Contains(p.Logs(), "serving on "+strconv.Itoa(p.port)) {
		t.Errorf("the log is %q", p.Logs())
	}
	if p.Keeps() {
		t.Error("it says that it outlives the run")
	}

	other, err := p.Instance(within(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if o := other.(*process); o.port == p.port || o.home.data() == p.home.data() {
		t.Errorf("the instances share a port or a directory: %d %s", o.port, o.home.data())
	}
	accepts(t, other)
	pid := other.(*process).run.command.Process.Pid
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	ends(t, pid)
	accepts(t, target)
}

func TestProcessControl(t *testing.T) {
	leavesNothing(t, "broker")
	target := open(t, program(t, "broker"), Options{})
	p := target.(*process)
	ctx := within(t, time.Minute)
	conn, err := p.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	if err := p.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	paused, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := connack(paused, p.Dial, login{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused program answers: %v", err)
	}
	if err := p.Unpause(ctx); err != nil {
		t.Fatal(err)
	}
	accepts(t, target)

	if err := p.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the kill a read gives %v", err)
	}
	if c, err := p.Dial(ctx); err == nil {
		c.Close()
		t.Error("a killed program can be dialled")
	}
	if err := p.Kill(ctx); err == nil {
		t.Error("what has ended can be killed")
	}
	if err := p.Pause(ctx); err == nil {
		t.Error("what has ended can be paused")
	}
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	accepts(t, target)
	lives, err := os.ReadFile(filepath.Join(p.home.data(), "lives"))
	if err != nil || strings.Count(string(lives), "\n") != 2 {
		t.Errorf("the directory did not stay: %q, %v", lives, err)
	}
	if err := p.Start(ctx); err != nil { // it runs: nothing to do
		t.Error(err)
	}
	again, err := os.ReadFile(filepath.Join(p.home.data(), "lives"))
	if err != nil || string(again) != string(lives) {
		t.Errorf("it was started twice: %q, %v", again, err)
	}
	// a paused program is closed as well
	if err := p.Pause(ctx); err != nil {
		t.Error(err)
	}
}

func TestProcessCannotBeStartedAfterClose(t *testing.T) {
	leavesNothing(t, "broker")
	target, err := OpenDescription(within(t, time.Minute), program(t, "broker"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if err := target.(harness.Controller).Start(t.Context()); err == nil {
		t.Error("it starts")
	}
	if err := target.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestProcessThatEndsAtOnce(t *testing.T) {
	leavesNothing(t, "exits")
	_, err := OpenDescription(within(t, time.Minute), program(t, "exits"), Options{})
	if !errors.Is(err, harness.ErrUnreachable) || errors.As(err, new(*ConfigError)) {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"it ends before it answers CONNECT (exit status 3)", "\tfatal: no such option", "\treading the configuration"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestProcessThatIsNeverReady(t *testing.T) {
	leavesNothing(t, "silent")
	start := time.Now()
	_, err := OpenDescription(within(t, time.Minute), program(t, "silent"), Options{StartTimeout: 300 * time.Millisecond})
	if !errors.Is(err, harness.ErrUnreachable) || !strings.Contains(err.Error(), "not ready within 300ms: it does not answer CONNECT") || !strings.Contains(err.Error(), "\tlistening") {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestProcessStartIsGivenUp(t *testing.T) {
	leavesNothing(t, "silent")
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the user has gone")
	time.AfterFunc(200*time.Millisecond, func() { cancel(reason) })
	if _, err := OpenDescription(ctx, program(t, "silent"), Options{}); !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
}

func TestProcessThatIgnoresTerminationIsKilled(t *testing.T) {
	leavesNothing(t, "stubborn")
	target, err := OpenDescription(within(t, time.Minute), program(t, "stubborn"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid := target.(*process).run.command.Process.Pid
	start := time.Now()
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d < stopGrace || d > stopGrace+5*time.Second {
		t.Errorf("closing took %s, the grace is %s", d, stopGrace)
	}
	ends(t, pid)
}

func TestChildrenOfAProcessEndWithIt(t *testing.T) {
	for name, end := range map[string]func(p *process) error{
		"close": func(p *process) error { return p.Close() },
		"kill":  func(p *process) error { return p.Kill(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, program(t, "parent"), Options{}).(*process)
			var child int
			if _, err := fmt.Sscanf(p.Logs(), "child %d", &child); err != nil {
				t.Fatalf("no child in %q", p.Logs())
			}
			if !pidAlive(child) {
				t.Fatal("the child is not alive")
			}
			if err := end(p); err != nil {
				t.Error(err)
			}
			ends(t, child)
		})
	}
}

func TestFilesAndEnvironmentOfAProcess(t *testing.T) {
	leavesNothing(t, "files")
	beside := t.TempDir()
	if err := os.WriteFile(filepath.Join(beside, "other.conf"), []byte("other {port}"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := program(t, "broker")
	content := "port {port} in {dir}"
	d.Name, d.directory = "files", beside
	d.Exec.Files = []File{{Path: "conf/a.conf", Content: &content}, {Path: "b.conf", From: "other.conf"}}
	d.Exec.Env["WHERE"] = "{dir}:{port}"
	p := open(t, d, Options{}).(*process)
	port := strconv.Itoa(p.port)
	for name, want := range map[string]string{"conf/a.conf": "port " + port + " in " + p.home.data(), "b.conf": "other " + port} {
		if got, err := os.ReadFile(filepath.Join(p.home.data(), name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
	if want := "WHERE=" + p.home.data() + ":" + port; !strings.Contains(strings.Join(p.run.command.Env, "\n"), want) {
		t.Errorf("the environment lacks %s", want)
	}

	d.Exec.Files = []File{{Path: "x", From: "nowhere"}}
	if _, err := OpenDescription(t.Context(), d, Options{}); !errors.As(err, new(*ConfigError)) {
		t.Errorf("a file that is not there gives %v", err)
	}
}

func TestPortThatIsTakenMeanwhile(t *testing.T) {
	d := program(t, "broker")
	p := &process{description: d, log: newTail()}
	p.way = endpoint{transport: TransportTCP}
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l, err := net.Listen("tcp", p.way.host)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // it answers nothing
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if err := p.Start(within(t, 30*time.Second)); !errors.Is(err, errPortTaken) {
		t.Errorf("got %v", err)
	}
}

func TestFreePort(t *testing.T) {
	port, err := freePort()
	if err != nil || port < firstPort || port >= pastPorts {
		t.Errorf("%d, %v", port, err)
	}
}
