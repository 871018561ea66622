package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/target"
	"github.com/mqttspec/mqttspec/reports"
)

// addAccessFlags adds the flags that say how to get into a target.
func addAccessFlags(f *pflag.FlagSet, o *target.Options) {
	f.StringVar(&o.Username, "username", "", "User Name for every CONNECT in which the spec writes none")
	f.StringVar(&o.Password, "password", "", "Password for the same; better given as MQTTSPEC_PASSWORD")
	f.StringVar(&o.CAFile, "ca", "", "authorities to trust instead of the system's (PEM)")
	f.StringVar(&o.CertFile, "cert", "", "client certificate (PEM)")
	f.StringVar(&o.KeyFile, "key", "", "its private key (PEM)")
	f.StringVar(&o.ServerName, "server-name", "", "name that the server's certificate must have (default: the host)")
	f.BoolVar(&o.Insecure, "insecure", false, "trust whatever certificate the server shows")
}

// parseTarget reads a target of the command line, and tries what can be tried without touching a broker: whether the
// files for an address are there and fit.
func parseTarget(spec string, o target.Options) (target.Description, error) {
	d, err := target.Parse(spec)
	if err == nil && d.Address != nil && d.Exec == nil && d.Container == nil {
		var t harness.Target
		if t, err = target.OpenDescription(context.Background(), d, o); err == nil {
			err = t.Close()
		}
	}
	if err != nil {
		return d, &exitError{exitUsage, fmt.Errorf("--target: %w", err)}
	}
	if d.Address == nil {
		d.Spec = spec // two versions of one broker are two targets
	}
	return d, nil
}

// accessTo returns how to get into a target of the command line. The certificates are for those that speak TLS: of
// several targets, others do without.
func (o runOptions) accessTo(spec string) target.Options {
	secure := func(spec string) bool { return strings.HasPrefix(spec, "tls://") || strings.HasPrefix(spec, "wss://") }
	access := o.access
	if !secure(spec) && slices.ContainsFunc(o.targets, secure) {
		access.CAFile, access.CertFile, access.KeyFile = "", "", ""
	}
	return access
}

// targetWords are what a target can begin with, for the shell.
func targetWords() (words []string) {
	words = []string{"reference", "tcp://", "tls://", "ws://", "wss://", "exec:", "docker:"}
	for _, d := range target.Shipped() {
		words = append(words, d.Name)
	}
	return words
}

// openTarget opens a target, looks at what it is and keeps both; or keeps why it could not be tested.
func (r *runner) openTarget(d target.Description) {
	opening := make(chan struct{})
	defer close(opening)
	r.mu.Lock()
	r.opening = opening
	r.mu.Unlock()
	t, info, observed, err := r.reach(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.ctx.Err() != nil {
		return // the run was stopped meanwhile: that is the reason
	}
	if err != nil {
		info.Error = err.Error()
		if !strings.Contains(info.Error, info.Name) {
			err = fmt.Errorf("%s: %w", info.Name, err)
		}
		r.note(&exitError{targetCode(err), err})
	}
	r.target, r.observed = t, observed
	r.targets = append(r.targets, info)
	if err := r.rows.Target(info); err != nil {
		r.note(r.unrecorded(err))
	}
	r.show.opened(info)
}

// targetCode tells a target that cannot be what was asked for from one that does not answer as it should.
func targetCode(err error) int {
	if wrong := (*target.ConfigError)(nil); errors.As(err, &wrong) {
		return exitUsage
	}
	return exitUnreachable
}

// reach opens a target and observes it; on an error nothing is left open.
func (r *runner) reach(d target.Description) (harness.Target, reports.TargetInfo, harness.Capabilities, error) {
	info := reports.TargetInfo{Name: d.Spec, Software: d.Software, Variant: "default", Observed: map[string]string{}}
	access := r.o.accessTo(d.Spec)
	access.Log = slog.New(sayer{r})
	t, err := target.OpenDescription(r.ctx, d, access)
	if err != nil {
		return nil, info, harness.Capabilities{}, err
	}
	info = t.Info()
	observed, err := harness.Observe(r.ctx, prompt{t, r.ctx}, token(r.o.seed, -1), r.o.timing.Reply, r.versions...)
	if errors.Is(err, harness.ErrNotMQTT) && speaksHTTP(r.ctx, t) {
		err = fmt.Errorf("%w: an HTTP server answers there; MQTT over WebSocket is ws:// or wss://", harness.ErrNotMQTT)
	}
	if err != nil {
		return nil, info, observed, errors.Join(err, t.Close())
	}
	info.Observed = observed.Table()
	return t, info, observed, nil
}

// sayer tells the user what a target logs while it starts, such as that an image is being fetched.
type sayer struct{ r *runner }

// Enabled leaves out what is for debugging.
func (sayer) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle tells a record in one line.
func (s sayer) Handle(_ context.Context, record slog.Record) error {
	words := []string{record.Message}
	record.Attrs(func(a slog.Attr) bool {
		words = append(words, a.Key+"="+a.Value.String())
		return true
	})
	s.r.say("%s", printable(strings.Join(words, " ")))
	return nil
}

// WithAttrs is not used by targets; what it would add is left out.
func (s sayer) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup is not used by targets either.
func (s sayer) WithGroup(string) slog.Handler { return s }

// politeness is how long a server that is asked in HTTP may take.
const politeness = 2 * time.Second

// speaksHTTP asks a target that does not answer CONNECT whether it is a web server. Such a server waits for the end of
// a header that never comes, and so says nothing.
func speaksHTTP(ctx context.Context, t harness.Target) bool {
	ctx, cancel := context.WithTimeout(ctx, politeness)
	defer cancel()
	c, err := prompt{t, ctx}.Dial(ctx)
	if err != nil {
		return false
	}
	defer c.Close()
	answer := make([]byte, len("HTTP/"))
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	_, err = io.ReadFull(c, answer)
	return err == nil && string(answer) == "HTTP/"
}

// prompt is a target whose connections end with a context, so that nobody waits for the answer of a target when the run
// has been stopped.
type prompt struct {
	harness.Target
	until context.Context //nolint:containedctx // it is all that this type adds
}

// Dial opens a connection.
func (p prompt) Dial(ctx context.Context) (net.Conn, error) {
	c, err := p.Target.Dial(ctx)
	if err == nil {
		context.AfterFunc(p.until, func() { c.Close() })
	}
	return c, err
}

// Credentials are those of the target.
func (p prompt) Credentials() (username, password string, ok bool) {
	if c, wants := p.Target.(harness.Credentialer); wants {
		return c.Credentials()
	}
	return "", "", false
}

// closeTarget closes the target that is open, if there is one.
func (r *runner) closeTarget() {
	r.mu.Lock()
	t, engine := r.target, r.engine
	r.target = nil
	r.mu.Unlock()
	if t == nil {
		return
	}
	if engine != nil {
		<-engine.Done() // it closes the variants of the target
	}
	if err := t.Close(); err != nil {
		r.say("the target could not be closed: %s", printable(err.Error()))
	}
}

// listTargets lists what --target takes: the forms, then the descriptions that are shipped.
func listTargets(w io.Writer, asJSON bool) error {
	type entry struct {
		Target   string   `json:"target"`
		Text     string   `json:"text"`
		Software string   `json:"software,omitempty"`
		Tags     []string `json:"tags,omitempty"` // of the container's image
	}
	var all []entry
	for _, f := range target.Forms() {
		all = append(all, entry{Target: f[0], Text: f[1]})
	}
	for _, d := range target.Shipped() {
		e := entry{Target: d.Name, Text: d.Notes, Software: d.Software}
		if d.Container != nil {
			e.Tags = d.Container.Tags
		}
		all = append(all, e)
	}
	if asJSON {
		return printJSON(w, all)
	}
	var rows [][]string
	for _, e := range all {
		words := []string{e.Software, e.Text}
		if len(e.Tags) > 0 {
			words = append(words, "tags: "+strings.Join(e.Tags, ", "))
		}
		rows = append(rows, []string{e.Target, strings.Trim(strings.Join(words, "; "), "; ")})
	}
	return printTable(w, rows)
}
