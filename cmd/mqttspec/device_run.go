package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites"
	plans "github.com/mqttspec/mqttspec/suites/device"
)

// readPlan returns the plan of --plan: one that comes with mqttspec, otherwise a file.
func readPlan(name string, set map[string]string) (device.Plan, error) {
	for _, shipped := range plans.Names() {
		if shipped == name {
			p, err := plans.PlanWith(name, set)
			if err != nil {
				return p, usagef("--set: %w", err)
			}
			return p, known(p, set)
		}
	}
	source, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return device.Plan{}, usagef("--plan: there is no file %s, and no plan is called so%s", name, nearMisses(nearest(name, plans.Names())))
	}
	if err != nil {
		return device.Plan{}, usagef("--plan: %w", err)
	}
	p, err := plans.ParseWith(source, set)
	if err != nil {
		return p, usagef("%s: %w", name, err)
	}
	return p, known(p, set)
}

// known finds a parameter of --set that a plan does not have.
func known(p device.Plan, set map[string]string) error {
	names := slices.Sorted(maps.Keys(p.Parameters))
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(names, name) {
			return usagef("--set: plan %s has no parameter %q%s", p.Name, name, nearMisses(nearest(name, names)))
		}
	}
	return nil
}

// longest says how long a plan takes at most, whatever version a device speaks.
func longest(p device.Plan) string {
	d := max(p.AtMost(wire.V5), p.AtMost(wire.V311)).Round(time.Minute)
	return strings.TrimSuffix(max(d, time.Minute).String(), "0s")
}

// errArrival ends a run to which not all devices came.
var errArrival = errors.New("not all devices came in time")

// tester carries a run of device.
type tester struct {
	o     deviceOptions
	out   io.Writer
	err   io.Writer
	show  deviceShower
	queue *showQueue // for all that show does
	bench *device.Bench
	start time.Time
	rows  *reports.RowWriter

	expected expectation // of --profile

	mu          sync.Mutex
	errors      []error
	interrupted bool
	failed      chan struct{} // closed by the first error that ends the run
}

// runDevice carries out a run and returns its failure, which has the exit code.
func runDevice(ctx context.Context, o deviceOptions, stdout, stderr io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	plan, err := readPlan(o.plan, o.set)
	if err != nil {
		return err
	}
	if plan, err = onlySteps(plan, o.only); err != nil {
		return err
	}
	lasting := plan.Lasting()
	if o.duration > 0 && lasting == 0 {
		return usagef("--duration: plan %s repeats nothing for a time; soak does", plan.Name)
	}
	t := &tester{o: o, start: time.Now(), out: stdout, err: stderr, failed: make(chan struct{})}
	if t.expected, err = expect(o.profile, "device"); err != nil {
		return err
	}
	config := device.Config{
		Plan: plan, Checks: plans.Checks(), Expect: o.expect, Seed: o.seed, Duration: o.duration, OnRow: t.row, OnEvent: t.event, OnNotice: t.notice, OnCrash: t.crash,
	}
	if config.Hook, err = hookOf(o.hook); err != nil {
		return err
	}
	l, err := o.open()
	if err != nil {
		return err
	}
	if t.rows, err = openReport(o.out); err != nil {
		l.Close()
		return err
	}
	start := deviceStart{address: l.String(), plan: plan, expect: o.expect, lasting: cmp.Or(o.duration, lasting), seed: o.seed, differs: t.expected.tell()}
	if lasting == 0 {
		start.lasting = 0
	}
	if o.tls {
		if config.TLS, start.files, err = o.credentials(l); err != nil {
			l.Close()
			return err
		}
	}
	config.Jitter = harness.MeasureJitter()
	defer config.Jitter.Stop()
	if t.bench, err = device.New(config); err != nil {
		l.Close()
		return err
	}
	if err := t.rows.Begin(reports.Head{Run: t.info(nil, nil), Specs: t.bench.SpecsIn(suites.Versions...)}); err != nil {
		l.Close()
		t.bench.Close()
		_ = t.rows.Close() // it would say the same again
		return usagef("the run cannot be recorded: %w", err)
	}
	start.bench = t.bench
	outlivePipes()
	t.queue = newShowQueue()
	t.show = newDeviceShow(o.format, o.quiet, t.out, stderr, &t.queue.screen)
	t.queue.put(func() { t.show.begin(start) })
	served := make(chan error, 1)
	go func() { served <- t.serve(l) }()
	stop, err := t.control()
	if err != nil {
		stop()
		t.bench.Close()
		t.queue.close()
		return err
	}
	cause := t.wait(ctx, served, stop)
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
func (o deviceOptions) credentials(l place) (*device.TLS, []deviceFile, error) {
	ca, err := pki.New("mqttspec device")
	if err != nil {
		return nil, nil, err
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
		return nil, nil, usagef("certificates: %w", err)
	}
	t, err := device.NewTLS(ca, names...)
	if err != nil {
		return nil, nil, err
	}
	t.Config = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.Pool(), NextProtos: l.protocols()}
	if o.clientCert {
		t.Config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	files := []deviceFile{{"CA file", pki.CAFile}, {"client certificate", pki.ClientFile}, {"client key", pki.ClientKeyFile}}
	for i := range files {
		files[i].path = filepath.Join(dir, files[i].path)
	}
	return t, files, nil
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
