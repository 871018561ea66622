package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mqttspec/mqttspec/harness/pki"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// TestMain lets scripts run the program, and tests that start themselves anew with MQTTSPEC_AS_PROGRAM.
func TestMain(m *testing.M) {
	if os.Getenv("MQTTSPEC_AS_PROGRAM") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"mqttspec": main})
}

// TestScripts runs the program as its users do. Each script is a directory and a list of commands; see the package
// testscript. Beside its commands there are
//
//	exits CODE COMMAND...    runs a command and demands its exit code, or one of several as in 0|2
//	one-line                 demands that stderr holds one line, which begins with "mqttspec: "
//	free-port NAME           sets a variable to a port of loopback that is free
//	await FILE TEXT          waits until the file holds the text
//	await-port PORT          waits until somebody listens there
//
// and the addresses of servers in variables: PLAIN (a broker), TLS (one with a certificate of ca.pem), WEB (an HTTP
// server), MUTE (accepts and says nothing), BANNER (says at once that it speaks SSH), NOBODY.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: servers,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"one-line":   oneLine,
			"free-port":  freePort,
			"await":      await,
			"await-port": awaitPort,
		},
	})
}

// servers starts what the scripts talk to.
func servers(e *testscript.Env) error {
	b, err := broker.New(broker.Config{})
	if err != nil {
		return err
	}
	e.Defer(func() { b.Close() })
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go b.Serve(plain)
	ca, err := pki.New("right")
	if err != nil {
		return err
	}
	identity, err := ca.Server()
	if err != nil {
		return err
	}
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{identity}})
	if err != nil {
		return err
	}
	go b.Serve(secure)
	wrong, err := pki.New("wrong")
	if err != nil {
		return err
	}
	web := httptest.NewServer(http.NotFoundHandler())
	e.Defer(web.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.Defer(func() { mute.Close() })
	banner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.Defer(func() { banner.Close() })
	go func() {
		for c, err := banner.Accept(); err == nil; c, err = banner.Accept() {
			io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
			defer c.Close()
		}
	}()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	nobody.Close()
	e.Setenv("PLAIN", plain.Addr().String())
	e.Setenv("TLS", secure.Addr().String())
	e.Setenv("WEB", web.Listener.Addr().String())
	e.Setenv("MUTE", mute.Addr().String())
	e.Setenv("BANNER", banner.Addr().String())
	e.Setenv("NOBODY", nobody.Addr().String())
	return errors.Join(
		os.WriteFile(filepath.Join(e.WorkDir, "ca.pem"), ca.PEM, 0o600),
		os.WriteFile(filepath.Join(e.WorkDir, "wrong-ca.pem"), wrong.PEM, 0o600))
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE[|CODE...] COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func oneLine(ts *testscript.TestScript, _ bool, _ []string) {
	said := ts.ReadFile("stderr")
	if !strings.HasPrefix(said, "mqttspec: ") || strings.Count(said, "\n") != 1 {
		ts.Fatalf("stderr is not one line of ours: %q", said)
	}
}

func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// patience bounds how long a script waits for another process.
const patience = 30 * time.Second

func await(ts *testscript.TestScript, _ bool, args []string) {
	awaitThat(ts, func() bool {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && bytes.Contains(content, []byte(args[1]))
	}, "%s to hold %q", args[0], args[1])
}

func awaitPort(ts *testscript.TestScript, _ bool, args []string) {
	awaitThat(ts, func() bool {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", args[0]))
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "port %s", args[0])
}

// awaitThat asks again and again: another process gives no sign.
func awaitThat(ts *testscript.TestScript, is func() bool, format string, args ...any) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			ts.Fatalf("waited in vain for "+format, args...)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
