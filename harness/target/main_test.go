package target

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// actAs makes this test binary a program that tests start: a broker, good or bad, or a run of our own.
const actAs = "MQTTSPEC_TARGET_TEST"

func TestMain(m *testing.M) {
	if role := os.Getenv(actAs); role != "" {
		if err := act(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// act plays a role. A broker's argument is its port; an open target's is the target.
func act(role string, args []string) error {
	switch role {
	case "exits":
		fmt.Println("reading the configuration")
		fmt.Fprintln(os.Stderr, "fatal: no such option")
		os.Exit(3)
	case "silent":
		if _, err := net.Listen("tcp", "127.0.0.1:"+args[0]); err != nil {
			return err
		}
		fmt.Println("listening")
		select {}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		return serve(args[0])
	case "broker":
		// each life leaves a line in the directory, a parent of a sleeping child its id
		f, err := os.OpenFile(filepath.Join(args[1], "lives"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		fmt.Fprintln(f, os.Getpid())
		f.Close()
		return serve(args[0])
	case "parent":
		child := exec.Command("sleep", "600")
		if err := child.Start(); err != nil {
			return err
		}
		fmt.Println("child", child.Process.Pid)
		if len(args) > 1 {
			if err := os.WriteFile(filepath.Join(args[1], "child"), fmt.Append(nil, child.Process.Pid), 0o644); err != nil {
				return err
			}
		}
		return serve(args[0])
	case "open":
		if _, err := Open(context.Background(), args[0], Options{Local: true, Log: slog.New(slog.DiscardHandler)}); err != nil {
			return err
		}
		fmt.Println("open")
		select {}
	}
	return fmt.Errorf("unknown role %q", role)
}

func serve(port string) error {
	b, err := broker.New(broker.Config{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	fmt.Println("serving on", port)
	return b.Serve(l)
}

// within returns a context that ends before the test does.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// open opens a target that is closed with the test.
func open(t *testing.T, d Description, o Options) harness.Target {
	t.Helper()
	target, err := OpenDescription(within(t, time.Minute), d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// accepts demands that the target accepts CONNECT in both versions.
func accepts(t *testing.T, target harness.Target) {
	t.Helper()
	seen, err := harness.Observe(within(t, 20*time.Second), target, "t", 2*time.Second, wire.V311, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Connack) != 2 {
		t.Fatalf("refused: %v", seen.Refused)
	}
}

// openElsewhere opens a target in a process of its own and returns that process.
func openElsewhere(t *testing.T, spec string) (run *exec.Cmd) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run = exec.Command(self, spec)
	run.Env = append(os.Environ(), actAs+"=open")
	run.Stderr = os.Stderr
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Process.Kill() })
	said := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		said <- lines.Text()
	}()
	select {
	case line := <-said:
		if line != "open" {
			t.Fatalf("the other process says %q", line)
		}
		return run
	case <-time.After(time.Minute):
		t.Fatal("the other process does not open its target")
		return nil
	}
}
