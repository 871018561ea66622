package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/reports"
	plans "github.com/mqttspec/mqttspec/suites/device"
)

// readPlan returns the plan of --plan: one that comes with mqttspec, otherwise a file.
func readPlan(name string) (device.Plan, error) {
	for _, shipped := range plans.Names() {
		if shipped == name {
			return plans.Plan(name)
		}
	}
	source, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return device.Plan{}, usagef("--plan: there is no file %s, and no plan is called so%s", name, nearMisses(nearest(name, plans.Names())))
	}
	if err != nil {
		return device.Plan{}, usagef("--plan: %w", err)
	}
	p, err := plans.Parse(source)
	if err != nil {
		return p, usagef("%s: %w", name, err)
	}
	return p, nil
}

// errArrival ends a run in which not all devices came.
var errArrival = errors.New("not all devices came in time")

// tester carries a run of device.
type tester struct {
	o     deviceOptions
	show  *deviceShow
	bench *device.Bench
	start time.Time

	expected expectation // of --profile

	mu          sync.Mutex
	rows        *reports.RowWriter
	errors      []error
	interrupted bool
}

// runDevice carries out a run and returns its failure, which has the exit code.
func runDevice(ctx context.Context, o deviceOptions, stdout, stderr io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	plan, err := readPlan(o.plan)
	if err != nil {
		return err
	}
	lasting := plan.Lasting()
	if o.duration > 0 && lasting == 0 {
		return usagef("--duration: plan %s repeats nothing for a time; soak does", plan.Name)
	}
	t := &tester{o: o, start: time.Now(), show: newDeviceShow(stdout, stderr, o)}
	if t.expected, err = expect(o.profile, "device"); err != nil {
		return err
	}
	if t.rows, err = openReport(o.out); err != nil {
		return err
	}
	outlivePipes()
	config := device.Config{Plan: plan, Checks: plans.Checks(), Expect: o.expect, Seed: o.seed, Duration: o.duration, OnRow: t.row, Jitter: harness.MeasureJitter()}
	defer config.Jitter.Stop()
	if !o.quiet {
		config.OnEvent = t.show.event
	}
	if config.Hook, err = hookOf(o.hook); err != nil {
		return err
	}
	l, err := o.open()
	if err != nil {
		return err
	}
	if o.tls {
		if config.TLS, err = o.credentials(l, stdout); err != nil {
			l.Close()
			return err
		}
	}
	if t.bench, err = device.New(config); err != nil {
		l.Close()
		return err
	}
	fmt.Fprintf(stdout, "listening on %s\nplan %s: %s, %s\n", l, plan.Name, plan.Text, counted(len(plan.Steps), "step"))
	if lasting > 0 {
		fmt.Fprintf(stdout, "for %s and more; --seed %d --duration %s do the same again\n", cmp.Or(o.duration, lasting), o.seed, cmp.Or(o.duration, lasting))
	}
	served := make(chan error, 1)
	go func() { served <- t.serve(l) }()
	stop, err := t.control()
	if err != nil {
		stop()
		t.bench.Close()
		return err
	}
	cause := t.wait(ctx, served)
	stop()
	t.bench.Stop(cause)
	targets, specs := t.bench.Targets(), t.bench.Specs()
	t.bench.Close()
	return t.report(targets, specs, cause)
}

// place is where devices connect.
type place struct {
	net.Listener
	scheme string
}

// open opens the listener, on loopback unless told otherwise.
func (o deviceOptions) open() (place, error) {
	scheme := map[[2]bool]string{{false, false}: "tcp", {true, false}: "tls", {false, true}: "ws", {true, true}: "wss"}[[2]bool{o.tls, o.ws}]
	host, port, err := net.SplitHostPort(o.listen)
	switch {
	case o.listen == "":
	case err != nil:
		return place{}, usagef("--listen: %q is no address such as 127.0.0.1:1883", o.listen)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = defaultPorts[scheme]
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return place{}, usagef("--listen %s: %w", net.JoinHostPort(host, port), reasonOf(err))
	}
	return place{l, scheme}, nil
}

// String returns the address in the form that clients take.
func (p place) String() string {
	address := p.scheme + "://" + p.Addr().String()
	if p.web() {
		address += "/mqtt"
	}
	return address
}

func (p place) web() bool { return p.scheme == "ws" || p.scheme == "wss" }

// protocols are those that TLS negotiates: a WebSocket begins in HTTP/1.1.
func (p place) protocols() []string {
	if p.web() {
		return []string{"http/1.1"}
	}
	return nil // a client that names its protocol in TLS at all may call it anything
}

func (t *tester) serve(l place) error {
	if l.web() {
		return t.bench.ServeWebSocket(l.Listener)
	}
	return t.bench.Serve(l.Listener)
}

// credentials makes certificates for the server, and leaves those that a device needs in the report's directory.
func (o deviceOptions) credentials(l place, stdout io.Writer) (*device.TLS, error) {
	ca, err := pki.New("mqttspec device")
	if err != nil {
		return nil, err
	}
	names := o.names
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && len(names) == 0 && !tcp.IP.IsUnspecified() {
		names = []string{"localhost", "127.0.0.1", "::1"}
		if !tcp.IP.IsLoopback() {
			names = append(names, tcp.IP.String())
		}
	} else if len(names) == 0 {
		names = append([]string{"localhost"}, addressesHere()...)
	}
	dir := filepath.Join(o.out, "credentials")
	if err := ca.WriteFiles(dir, names...); err != nil {
		return nil, usagef("certificates: %w", err)
	}
	t, err := device.NewTLS(ca, names...)
	if err != nil {
		return nil, err
	}
	t.Config = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.Pool(), NextProtos: l.protocols()}
	for _, file := range []struct{ what, name string }{{"CA file", pki.CAFile}, {"client certificate", pki.ClientFile}, {"client key", pki.ClientKeyFile}} {
		fmt.Fprintf(stdout, "%-19s %s\n", file.what, filepath.Join(dir, file.name))
	}
	return t, nil
}

// addressesHere returns the addresses of this machine.
func addressesHere() (names []string) {
	addresses, _ := net.InterfaceAddrs() // without them the certificate names localhost only
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}

// wait returns when all devices have been through the plan, with nil, or why the run ends before.
func (t *tester) wait(ctx context.Context, served <-chan error) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, watched...)
	defer signal.Stop(signals)
	after := func(d time.Duration, on bool) <-chan time.Time {
		if !on {
			return nil
		}
		return time.After(d)
	}
	arrival, deadline := after(t.o.arrival, t.o.ci), after(t.o.deadline, t.o.deadline > 0)
	for {
		select {
		case <-t.bench.Done():
			return nil
		case <-signals:
			t.interrupted = true
			return errInterrupted
		case <-ctx.Done():
			t.interrupted = true
			return errInterrupted
		case err := <-served:
			err = usagef("listening: %w", err)
			t.note(err)
			return err
		case <-deadline:
			return errDeadline(t.o.deadline)
		case <-arrival:
			if len(t.bench.Clients()) == 0 {
				return errArrival
			}
		}
	}
}

// row takes a row from the bench: into the file first, then onto the screen.
func (t *tester) row(row reports.Row) {
	row = t.expected.judge(row)
	if err := t.rows.Write(row); err != nil {
		t.note(usagef("the run cannot be recorded: %w", err))
		return
	}
	t.show.row(row, t.bench)
}

func (t *tester) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors = append(t.errors, err)
}

// report makes the outputs, shows the result and returns the failure with its exit code.
func (t *tester) report(targets []reports.TargetInfo, specs []reports.SpecInfo, cause error) error {
	if err := t.rows.Close(); err != nil {
		t.note(usagef("the run cannot be recorded: %w", err))
	}
	rows, err := reports.ReadRows(filepath.Join(t.o.out, rowsFile))
	if err != nil {
		t.note(usagef("%w", err))
	}
	for n := len(targets); n < t.o.expect; n++ {
		targets = append(targets, reports.TargetInfo{Name: fmt.Sprintf("device %d", n+1), Variant: "default", Error: "it did not come"})
	}
	info := reports.RunInfo{
		Arguments: t.o.arguments, Seed: t.o.seed, Start: t.start, Duration: time.Since(t.start), Parallel: t.o.expect, Complete: cause == nil,
		Interrupted: t.interrupted, Strict: t.o.strict, Side: req.Client, Tool: toolVersion(),
	}
	if cause != nil {
		info.Reason = cause.Error()
	}
	result := reports.Assemble(specs, rows, targets, info)
	written, err := reports.Write(t.o.out, result)
	if err != nil {
		t.note(usagef("%w", err))
	}
	t.show.end(result, written)
	codes := []int{result.ExitCode(t.o.strict, t.o.max)}
	if codes[0] == 0 && cause != nil {
		codes = append(codes, exitUndecided)
	}
	for _, err := range t.errors {
		tell(t.show.stderr, err)
		codes = append(codes, codeOf(err))
	}
	if code := gravest(codes...); code != 0 {
		return &exitError{code: code}
	}
	return nil
}
