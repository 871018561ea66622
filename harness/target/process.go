package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/reports"
)

const (
	// stopGrace is how long a program may take to end by itself when it is asked to.
	stopGrace = 3 * time.Second
	// outputGrace is how long to read on from the output of a program that has ended: a child of it may hold it open.
	outputGrace = time.Second
)

// process is a broker that a local command runs. Its data are in a directory of its own.
type process struct {
	login
	description Description
	options     Options
	way         endpoint
	port        int
	home        home
	log         *tail

	mu     sync.Mutex
	run    *running // nil before the first start
	paused bool
	closed bool
}

var (
	_ harness.Controller   = (*process)(nil)
	_ harness.Instancer    = (*process)(nil)
	_ harness.Logger       = (*process)(nil)
	_ harness.Credentialer = (*process)(nil)
)

// running is one life of a program.
type running struct {
	command *exec.Cmd
	ended   chan struct{}
	err     error // why it ended; may be read when ended is closed
}

// errPortTaken is a program that ends because somebody else took its port first.
var errPortTaken = errors.New("the port was taken by another program meanwhile")

func openProcess(ctx context.Context, d Description, o Options) (*process, error) {
	transport := cmp.Or(d.Exec.Transport, TransportTCP)
	if o.Transport != "" && o.Transport != transport {
		return nil, configErrorf("%s serves %s, not %s", d.Spec, transport, o.Transport)
	}
	config, err := tlsConfig(d, o, transport)
	if err != nil {
		return nil, err
	}
	if removed, err := CleanHomes(); err != nil {
		o.Log.Warn("programs of earlier runs are left", "error", err)
	} else if len(removed) > 0 {
		o.Log.Info("removed what earlier runs left", "directories", removed)
	}
	for attempt := 1; ; attempt++ {
		p := &process{description: d, options: o, login: loginFor(d, o), log: newTail()}
		p.way = endpoint{transport: transport, path: cmp.Or(d.Exec.Path, defaultPath), tls: config, log: o.Log}
		err := p.prepare()
		if err == nil {
			err = p.Start(ctx)
		}
		if err == nil {
			return p, nil
		}
		_ = p.Close() // the error that led here is the one to tell
		if !errors.Is(err, errPortTaken) || attempt == 3 {
			return nil, err
		}
	}
}

// prepare chooses a port and makes the directory with its files.
func (p *process) prepare() (err error) {
	if p.port, err = freePort(); err != nil {
		return fmt.Errorf("%w: %w", harness.ErrUnreachable, err)
	}
	p.way.host = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
	if p.home, err = newHome(p.description.Name); err != nil {
		return fmt.Errorf("%w: no directory for the broker: %w", harness.ErrUnreachable, err)
	}
	for _, f := range p.description.Exec.Files {
		content, err := p.description.content(f)
		if err != nil {
			return err
		}
		name := filepath.Join(p.home.data(), f.Path)
		err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(p.fill(string(content))), 0o644))
		if err != nil {
			return fmt.Errorf("%w: a file of the broker: %w", harness.ErrUnreachable, err)
		}
	}
	return nil
}

// fill puts port and directory where the description leaves them open.
func (p *process) fill(s string) string {
	return strings.NewReplacer("{port}", strconv.Itoa(p.port), "{dir}", p.home.data()).Replace(s)
}

// Start starts the program, on the data that an earlier life left, and returns when it answers CONNECT. It does nothing
// if the program runs.
func (p *process) Start(ctx context.Context) error {
	run, err := p.launch()
	if err != nil {
		return err
	}
	limit := startTimeout(p.description, p.options)
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = awaitConnack(wait, p.way.dial, p.login, run.ended)
	if err == nil {
		return nil
	}
	select {
	case <-run.ended:
		log := p.Logs()
		if inUse(log) {
			err = errPortTaken
		} else {
			err = errors.New("it ends before it answers CONNECT (" + describeEnd(run.err) + ")")
		}
		return fmt.Errorf("%w: %s: %w%s", harness.ErrUnreachable, p.description.Exec.Command, err, lastLines(log, 10))
	default:
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the start of %s was given up: %w", p.description.Spec, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %s: not ready within %s: %w%s", harness.ErrUnreachable, p.description.Exec.Command, limit, err, lastLines(p.Logs(), 10))
}

// inUse reports whether a log complains about a port that is taken.
func inUse(log string) bool {
	log = strings.ToLower(log)
	return strings.Contains(log, "address already in use") || strings.Contains(log, "eaddrinuse") ||
		strings.Contains(log, "only one usage of each socket address")
}

func describeEnd(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// launch starts the program unless it runs.
func (p *process) launch() (*running, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("%w: %s is closed", harness.ErrUnreachable, p.description.Spec)
	}
	if p.run != nil {
		select {
		case <-p.run.ended:
		default:
			return p.run, nil
		}
	}
	words, err := splitCommand(p.description.Exec.Command)
	if err != nil {
		return nil, &ConfigError{err}
	}
	for i := range words {
		words[i] = p.fill(words[i])
	}
	c := exec.Command(words[0], words[1:]...)
	c.Stdout, c.Stderr, c.WaitDelay = p.log, p.log, outputGrace
	c.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(p.description.Exec.Env)) {
		c.Env = append(c.Env, name+"="+p.fill(p.description.Exec.Env[name]))
	}
	c.Env = append(c.Env, tokenVariable+"="+p.home.token)
	setGroup(c)
	r := &running{command: c, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// the program may be bound to the life of the thread that starts it; see setGroup
		runtime.LockOSThread()
		err := c.Start()
		started <- err
		if err == nil {
			r.err = c.Wait()
			_ = signalGroup(c, kill) // what it has left behind
			close(r.ended)
		}
	}()
	if err := <-started; err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, configErrorf("exec: %w", err)
		}
		return nil, fmt.Errorf("%w: %w", harness.ErrUnreachable, err)
	}
	p.run, p.paused = r, false
	if err := p.home.note(c.Process.Pid); err != nil {
		p.options.Log.Warn("the program could not be written down", "error", err)
	}
	return r, nil
}

// alive returns the program if it runs.
func (p *process) alive() (*running, error) {
	if p.run != nil {
		select {
		case <-p.run.ended:
			return nil, fmt.Errorf("%s has ended (%s)", p.description.Exec.Command, describeEnd(p.run.err))
		default:
			return p.run, nil
		}
	}
	return nil, errors.New(p.description.Exec.Command + " was not started")
}

// Kill ends the program and its children without warning, and returns when it has ended.
func (p *process) Kill(ctx context.Context) error {
	p.mu.Lock()
	r, err := p.alive()
	p.paused = false
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err := signalGroup(r.command, kill); err != nil {
		return err
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Pause lets the program stand still.
func (p *process) Pause(context.Context) error { return p.halt(pause, true) }

// Unpause lets it go on.
func (p *process) Unpause(context.Context) error { return p.halt(resume, false) }

func (p *process) halt(s groupSignal, paused bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.alive()
	if err != nil {
		return err
	}
	if err := signalGroup(r.command, s); err != nil {
		return err
	}
	p.paused = paused
	if paused {
		return awaitStop(r.command)
	}
	return nil
}

// Dial connects to the port of the program.
func (p *process) Dial(ctx context.Context) (net.Conn, error) { return p.way.dial(ctx) }

// Instance starts the command once more, with another port and directory.
func (p *process) Instance(ctx context.Context) (harness.Target, error) {
	i, err := openProcess(ctx, p.description, p.options)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Keeps is false: the program ends with the run.
func (p *process) Keeps() bool { return false }

// Info describes the command.
func (p *process) Info() reports.TargetInfo { return p.description.info() }

// Logs returns the end of what the program has written to its standard output and error.
func (p *process) Logs() string { return p.log.String() }

// Close ends the program, kindly first, and removes its directory.
func (p *process) Close() error {
	p.mu.Lock()
	r, err := p.alive()
	paused := p.paused
	p.closed = true
	p.mu.Unlock()
	if err == nil {
		if paused {
			_ = signalGroup(r.command, resume) // a stopped process hears nothing else
		}
		_ = signalGroup(r.command, terminate) // what does not hear it is killed below
		t := time.NewTimer(stopGrace)
		select {
		case <-r.ended:
			t.Stop()
		case <-t.C:
			_ = signalGroup(r.command, kill)
			<-r.ended
		}
	}
	return p.home.remove()
}

// Ports are chosen below those that systems give to outgoing connections, which would take them away again.
const firstPort, pastPorts = 20_000, 32_768

// freePort returns a port of 127.0.0.1 on which nobody listens, at random, so that two callers hardly get the same.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + rand.IntN(pastPorts-firstPort)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1: %w", err)
}
