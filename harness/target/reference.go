package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/mqttspec/mqttspec/harness"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
)

// reference is the reference broker with what is switched on in it.
type reference struct {
	defects, tolerances []string
	variant             harness.Variant
}

func parseReference(query string) (Description, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return Description{}, configErrorf("reference?%s: %w", query, err)
	}
	for key := range values {
		if key != "defect" && key != "tolerance" {
			return Description{}, configErrorf("reference?%s: %q is neither defect nor tolerance", query, key)
		}
	}
	r := &reference{defects: values["defect"], tolerances: values["tolerance"]}
	if err := r.check(); err != nil {
		return Description{}, &ConfigError{err}
	}
	return Description{Name: "reference", Software: "mqttspec reference broker", reference: r}, nil
}

// check lets the broker say whether it knows the names.
func (r reference) check() error {
	b, err := broker.New(broker.Config{Defects: r.defects, Tolerances: r.tolerances})
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "broker: "))
	}
	return b.Close()
}

// embedded is a reference broker in this process, served over loopback TCP.
type embedded struct {
	login
	witness     login
	description Description
	options     Options
	broker      *broker.Broker
	listener    net.Listener
	way         endpoint
	log         *tail
	serving     sync.WaitGroup

	mu    sync.Mutex
	crash error
}

func openReference(d Description, o Options) (*embedded, error) {
	r := reference{append(d.reference.defects, o.Defects...), append(d.reference.tolerances, o.Tolerances...), d.reference.variant}
	if err := r.check(); err != nil {
		return nil, &ConfigError{err}
	}
	if t := cmp.Or(o.Transport, TransportTCP); t != TransportTCP {
		return nil, configErrorf("the reference broker as a target is served over tcp only, not over %s", t)
	}
	log := newTail()
	config := broker.Config{
		Defects: r.defects, Tolerances: r.tolerances,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if r.variant != "" {
		var known bool
		if config, known = config.Variant(string(r.variant)); !known {
			return nil, harness.ErrNoVariant
		}
	}
	b, err := broker.New(config)
	if err != nil {
		return nil, &ConfigError{err}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("%w: the reference broker cannot listen: %w", harness.ErrUnreachable, errors.Join(err, b.Close()))
	}
	e := &embedded{description: d, options: o, broker: b, listener: l, log: log,
		way: endpoint{transport: TransportTCP, host: l.Addr().String()}}
	if r.variant == harness.OverWebSocket {
		e.way.transport, e.way.path, e.way.log = TransportWS, defaultPath, o.Log
		server := &http.Server{Handler: b.Handler(), ReadHeaderTimeout: dialTimeout, ErrorLog: stdlog.New(log, "", 0)}
		e.serving.Go(func() { server.Serve(l) }) // the end of the listener ends it
	} else {
		e.serving.Go(e.serve)
	}
	return e, nil
}

// serve accepts until the listener is closed. The broker serves each connection in a goroutine of ours, so that a panic
// in it is a finding and not the end of the process.
func (e *embedded) serve() {
	for {
		c, err := e.listener.Accept()
		if err != nil {
			return
		}
		e.serving.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					c.Close()
					e.mu.Lock()
					defer e.mu.Unlock()
					e.crash = cmp.Or(e.crash, fmt.Errorf("the reference broker panics: %v\n%s", p, debug.Stack()))
				}
			}()
			e.broker.ServeConn(c)
		})
	}
}

// Dial connects over loopback TCP.
func (e *embedded) Dial(ctx context.Context) (net.Conn, error) { return e.way.dial(ctx) }

// Instance starts another reference broker.
func (e *embedded) Instance(context.Context) (harness.Target, error) {
	return openReference(e.description, e.options)
}

// Variant starts another reference broker in the given configuration.
func (e *embedded) Variant(_ context.Context, v harness.Variant) (harness.Target, error) {
	d := e.description.vary(v)
	r := *d.reference
	r.variant = v
	d.reference = &r
	t, err := openReference(d, e.options)
	if err != nil {
		return nil, err
	}
	if v == harness.Auth {
		t.login = login{broker.UserName, broker.UserPassword}
		t.witness = login{broker.WitnessName, broker.WitnessPassword}
	}
	return t, nil
}

// Keeps is false: the broker ends with the run.
func (e *embedded) Keeps() bool { return false }

// WitnessCredentials are those of the second user in the variant auth.
func (e *embedded) WitnessCredentials() (username, password string, ok bool) {
	return e.witness.Credentials()
}

// Logs returns what the broker has said of connections that ended in an error.
func (e *embedded) Logs() string { return e.log.String() }

// Info describes the broker; its version is that of this program.
func (e *embedded) Info() reports.TargetInfo {
	info := e.description.info()
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "(devel)" {
		info.Version = build.Main.Version
	}
	return info
}

// Close ends the broker. It returns a panic of the broker as an error.
func (e *embedded) Close() error {
	err := errors.Join(e.listener.Close(), e.broker.Close())
	e.serving.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return cmp.Or(e.crash, err)
}

// programName is what to call a command.
func programName(program string) string {
	base := path.Base(filepath.ToSlash(program))
	return strings.TrimSuffix(base, ".exe")
}
