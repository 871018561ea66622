package target

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	testcontainers "github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/reports"
)

// contained is a broker in a container of its own.
type contained struct {
	login
	description Description
	options     Options
	engine      *engine
	image       string
	port        network.Port // inside the container
	token       string       // of this container: the value of runLabel
	container   testcontainers.Container
	about       reports.TargetInfo

	mu     sync.Mutex
	way    endpoint // the published port is another one after each start
	closed bool
}

var (
	_ harness.Controller   = (*contained)(nil)
	_ harness.Instancer    = (*contained)(nil)
	_ harness.Logger       = (*contained)(nil)
	_ harness.Credentialer = (*contained)(nil)
)

func openContainer(ctx context.Context, d Description, o Options) (*contained, error) {
	t, err := d.Container.transport(o.Transport)
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("%s: %w", d.Spec, err)}
	}
	config, err := tlsConfig(d, o, t)
	if err != nil {
		return nil, err
	}
	images, localOnly, err := d.images(o.Local)
	if err != nil {
		return nil, err
	}
	e, err := connectEngine(ctx)
	if err != nil {
		return nil, err
	}
	if removed, err := e.sweep(ctx); err != nil {
		o.Log.Warn("containers of earlier runs are left", "error", err)
	} else if len(removed) > 0 {
		o.Log.Info("removed containers that earlier runs left", "containers", removed)
	}
	image, err := e.image(ctx, o, images, localOnly)
	if err != nil {
		return nil, err
	}
	c := &contained{description: d, options: o, login: loginFor(d, o), engine: e, image: image}
	c.port = network.MustParsePort(strconv.Itoa(d.Container.Ports.of(t)) + "/tcp")
	c.way = endpoint{transport: t, path: cmp.Or(d.Container.Path, defaultPath), tls: config, log: o.Log}
	return c, c.create(ctx)
}

// transport returns the one that is wanted, or the first one that the container serves.
func (c Container) transport(wanted Transport) (Transport, error) {
	var served []string
	for _, t := range transports {
		if c.Ports.of(t) == 0 {
			continue
		}
		if wanted == "" || wanted == t {
			return t, nil
		}
		served = append(served, string(t))
	}
	return "", fmt.Errorf("%s is not served, only %s", wanted, strings.Join(served, ", "))
}

// images returns the images that may be started, the preferred one first, and whether none of them is public.
func (d Description) images(local bool) (images []string, localOnly bool, err error) {
	c := d.Container
	tag := d.tag
	if tag == "" && len(c.Tags) > 0 {
		tag = c.Tags[0]
	}
	if d.tag != "" && !strings.Contains(c.Image+c.LocalImage, "{tag}") {
		return nil, false, configErrorf("%s: the description of %s leaves no tag open", d.Spec, d.Name)
	}
	if c.LocalImage != "" && (local || c.Image == "") {
		images = append(images, strings.ReplaceAll(c.LocalImage, "{tag}", tag))
	}
	if c.Image != "" {
		images = append(images, strings.ReplaceAll(c.Image, "{tag}", cmp.Or(c.PublicTags[tag], tag)))
	}
	return images, c.Image == "", nil
}

// create makes and starts the container, and returns when the broker answers CONNECT. Whatever happens, nothing stays
// behind if it fails.
func (c *contained) create(ctx context.Context) (err error) {
	c.token = runToken()
	done := false
	defer func() {
		if !done { // failed or panicking
			err = errors.Join(err, c.engine.removeRun(c.token))
		}
	}()
	request, err := c.request()
	if err != nil {
		return err
	}
	// a request that is broken off may still be carried out, behind our back
	creating, cancel := outlive(ctx, createGrace)
	defer cancel()
	c.container, err = c.engine.provider.CreateContainer(creating, request)
	if err == nil {
		err = c.Start(ctx)
	} else if ctx.Err() == nil {
		err = explainCreate(c.image, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the start of %s was given up: %w", c.description.Spec, context.Cause(ctx))
	}
	if err != nil {
		return err
	}
	c.about = c.describe(ctx)
	done = true
	return nil
}

// explainCreate makes a sentence of why there is no container.
func explainCreate(image string, err error) error {
	if strings.Contains(err.Error(), "reaper: ") {
		return fmt.Errorf("%w: Ryuk, the container that removes what killed runs leave, cannot be started: %w; "+
			"TESTCONTAINERS_RYUK_DISABLED=true does without it, and the next run then removes it", harness.ErrUnreachable, err)
	}
	return fmt.Errorf("%w: the container of %s cannot be made: %w", harness.ErrUnreachable, image, err)
}

// outlive returns a context that ends some time after another one, so that what was begun can be finished.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// request says what container is wanted.
func (c *contained) request() (testcontainers.ContainerRequest, error) {
	d := c.description
	r := testcontainers.ContainerRequest{
		Image:        c.image,
		Env:          d.Container.Env,
		ExposedPorts: []string{c.port.String()},
		Labels:       map[string]string{ownerLabel: owner(os.Getpid()), runLabel: c.token},
		WaitingFor:   connackStrategy{c},
		HostConfigModifier: func(h *container.HostConfig) {
			if c.engine.loopback() {
				h.PortBindings = network.PortMap{c.port: {{HostIP: netip.MustParseAddr(c.engine.host)}}}
			}
		},
	}
	if d.Container.Command != "" {
		words, err := splitCommand(d.Container.Command)
		if err != nil {
			return r, &ConfigError{err}
		}
		r.Cmd = words
	}
	for _, f := range d.Container.Files {
		content, err := d.content(f)
		if err != nil {
			return r, err
		}
		r.Files = append(r.Files, testcontainers.ContainerFile{Reader: bytes.NewReader(content), ContainerFilePath: f.Path, FileMode: 0o644})
	}
	return r, nil
}

// connackStrategy waits until the broker in a container answers CONNECT.
type connackStrategy struct{ c *contained }

// String is what testcontainers-go would say of it.
func (connackStrategy) String() string { return "CONNACK" }

// WaitUntilReady implements wait.Strategy. It learns on which port the broker is published this time.
func (s connackStrategy) WaitUntilReady(ctx context.Context, target wait.StrategyTarget) error {
	ended := make(chan struct{})
	dial := func(ctx context.Context) (net.Conn, error) {
		state, err := target.State(ctx)
		if err != nil {
			return nil, err
		}
		if !state.Running {
			close(ended)
			return nil, fmt.Errorf("%w (exit status %d)", errEnded, state.ExitCode)
		}
		port, err := target.MappedPort(ctx, s.c.port.String())
		if err != nil {
			return nil, err
		}
		s.c.mu.Lock()
		s.c.way.host = net.JoinHostPort(s.c.engine.host, port.Port())
		way := s.c.way
		s.c.mu.Unlock()
		return way.dial(ctx)
	}
	return awaitConnack(ctx, dial, s.c.login, ended)
}

// errEnded is a container that ends before its broker answers.
var errEnded = errors.New("it ends before it answers CONNECT")

// Start starts the container on the data that it has, and returns when the broker answers CONNECT.
func (c *contained) Start(ctx context.Context) error {
	limit := startTimeout(c.description, c.options)
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := c.container.Start(wait)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("the start of %s was given up: %w", c.description.Spec, context.Cause(ctx))
	case errors.Is(err, errEnded):
		err = innermost(err)
	case wait.Err() != nil:
		err = fmt.Errorf("not ready within %s: %w", limit, innermost(err))
		if !c.engine.loopback() {
			err = fmt.Errorf("%w (published ports are looked for on %s; TESTCONTAINERS_HOST_OVERRIDE can name another host)", err, c.engine.host)
		}
	}
	return fmt.Errorf("%w: %s: %w%s", harness.ErrUnreachable, c.image, err, lastLines(c.Logs(), 10))
}

// innermost takes away what testcontainers-go wraps around the error of a wait strategy.
func innermost(err error) error {
	for {
		_, after, found := strings.Cut(err.Error(), "wait until ready: ")
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // one layer at a time
			inner = joined.Unwrap()[0]
		}
		if !found || inner == nil {
			return err
		}
		if inner.Error() == after {
			return inner
		}
		err = inner
	}
}

// Kill ends the broker as kill -9 does. Its data stay.
func (c *contained) Kill(ctx context.Context) error {
	_, err := c.engine.client.ContainerKill(ctx, c.container.GetContainerID(), client.ContainerKillOptions{Signal: "SIGKILL"})
	return err
}

// Pause lets all processes of the container stand still.
func (c *contained) Pause(ctx context.Context) error {
	_, err := c.engine.client.ContainerPause(ctx, c.container.GetContainerID(), client.ContainerPauseOptions{})
	return err
}

// Unpause lets them go on.
func (c *contained) Unpause(ctx context.Context) error {
	_, err := c.engine.client.ContainerUnpause(ctx, c.container.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

// Dial connects to the published port.
func (c *contained) Dial(ctx context.Context) (net.Conn, error) {
	c.mu.Lock()
	way := c.way
	c.mu.Unlock()
	return way.dial(ctx)
}

// Instance starts another container of the same image.
func (c *contained) Instance(ctx context.Context) (harness.Target, error) {
	i := &contained{description: c.description, options: c.options, login: c.login, engine: c.engine, image: c.image, port: c.port}
	c.mu.Lock()
	i.way = c.way
	c.mu.Unlock()
	if err := i.create(ctx); err != nil {
		return nil, err
	}
	return i, nil
}

// Keeps is false: the container ends with the run.
func (c *contained) Keeps() bool { return false }

// logsTimeout bounds the reading of a log.
const logsTimeout = 5 * time.Second

// Logs returns the end of what the container has written, "" when it is removed.
func (c *contained) Logs() string {
	if c.container == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), logsTimeout)
	defer cancel()
	r, err := c.engine.client.ContainerLogs(ctx, c.container.GetContainerID(),
		client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "2000"})
	if err != nil {
		return ""
	}
	defer r.Close()
	t := newTail()
	_, _ = stdcopy.StdCopy(t, t, r) // what was read before an error is what there is
	return t.String()
}

// describe looks at what was started.
func (c *contained) describe(ctx context.Context) reports.TargetInfo {
	info := c.description.info()
	info.Image = c.image
	_, tag, _ := strings.Cut(c.image[strings.LastIndex(c.image, "/")+1:], ":")
	inside, err := c.container.Inspect(ctx)
	if err != nil {
		info.Version = tag
		return info
	}
	info.Digest = inside.Image // the id, for an image that never was in a registry
	image, err := c.engine.client.ImageInspect(ctx, inside.Image)
	if err == nil && len(image.RepoDigests) > 0 {
		_, info.Digest, _ = strings.Cut(image.RepoDigests[0], "@")
	}
	info.Version = cmp.Or(c.description.tag, inside.Config.Labels["org.opencontainers.image.version"], tag)
	return info
}

// Info describes the image that was started.
func (c *contained) Info() reports.TargetInfo { return c.about }

// Close removes the container and its anonymous volumes.
func (c *contained) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	err := c.container.Terminate(ctx, testcontainers.StopTimeout(0))
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return c.engine.removeRun(c.token) // once more, without regard to what testcontainers-go wants to do before
}
