package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	testcontainers "github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/mqttspec/mqttspec/harness"
)

// ErrNoDocker is wrapped by errors of what needs a container engine where none answers.
var ErrNoDocker = errors.New("no container engine answers")

const (
	engineTimeout = 15 * time.Second // for an engine's first answer
	pullTimeout   = 10 * time.Minute // for fetching an image
	removeTimeout = 30 * time.Second // for removing containers
	createGrace   = 10 * time.Second // for an engine to finish a creation that nobody wants any more
)

// engine is a container engine, found as testcontainers-go finds it: ~/.testcontainers.properties, DOCKER_HOST, the
// usual sockets.
type engine struct {
	provider *testcontainers.DockerProvider
	client   client.APIClient
	host     string // under which published ports are reached
}

// silence takes testcontainers-go its voice: what is worth telling is in our errors and logs.
var silence = sync.OnceFunc(func() { tclog.SetDefault(tclog.NewNoopLogger()) })

// connectEngine returns the engine if it answers.
func connectEngine(ctx context.Context) (*engine, error) {
	silence()
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	type result struct {
		e   *engine
		err error
	}
	// looking for an engine takes no context
	found := make(chan result, 1)
	go func() {
		e, err := findEngine(ctx)
		found <- result{e, err}
	}()
	select {
	case r := <-found:
		if r.err != nil && ctx.Err() == nil {
			return nil, noDocker(r.err)
		}
		return r.e, cmp.Or(r.err, context.Cause(ctx))
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return nil, noDocker(fmt.Errorf("nothing comes within %s", engineTimeout))
		}
		return nil, context.Cause(ctx)
	}
}

// findEngine asks testcontainers-go, which panics if the engine goes away while it looks.
func findEngine(ctx context.Context) (e *engine, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	provider, err := testcontainers.ProviderDefault.GetProvider(testcontainers.WithLogger(tclog.NewNoopLogger()))
	if err != nil {
		return nil, err
	}
	docker, ok := provider.(*testcontainers.DockerProvider)
	if !ok {
		return nil, fmt.Errorf("an engine of an unknown kind: %T", provider)
	}
	e = &engine{provider: docker, client: docker.Client()}
	// testcontainers-go goes on to the usual sockets where nothing answers at DOCKER_HOST, and so to another engine than
	// the one that was asked for
	asked, found := os.Getenv("DOCKER_HOST"), e.client.DaemonHost()
	if asked != "" && found != asked && docker.Config().Config.TestcontainersHost == "" {
		return nil, fmt.Errorf("nothing answers at DOCKER_HOST %s", asked)
	}
	if _, err = e.client.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, err
	}
	if e.host, err = docker.DaemonHost(ctx); err != nil {
		return nil, err
	}
	if e.host == "localhost" {
		e.host = "127.0.0.1" // where published ports are bound
	}
	return e, nil
}

// noDocker says in one sentence that there is no engine, and what can be done.
func noDocker(err error) error {
	advice := "start Docker or Podman, or let DOCKER_HOST name one that runs"
	if strings.Contains(err.Error(), "permission denied") {
		advice = "this user may not use its socket; membership in the group docker would allow it"
	}
	return fmt.Errorf("%w: %w; %s", harness.ErrUnreachable, ErrNoDocker, advice)
}

// loopback reports whether published ports are reached on this machine's loopback interface.
func (e *engine) loopback() bool { return e.host == "127.0.0.1" || e.host == "::1" }

// has reports whether the engine has the image already.
func (e *engine) has(ctx context.Context, image string) (bool, error) {
	_, err := e.client.ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// image returns the first of the images that the engine has. If it has none it fetches the last one, unless that is
// from this machine alone.
func (e *engine) image(ctx context.Context, o Options, images []string, localOnly bool) (string, error) {
	for _, i := range images {
		if there, err := e.has(ctx, i); err != nil || there {
			return i, err
		}
	}
	last := images[len(images)-1]
	if localOnly {
		return "", fmt.Errorf("%w: the image %s is not on this machine, and no registry has it; ci/images/build.sh builds such images",
			harness.ErrUnreachable, last)
	}
	if e.provider.Config().Config.HubImageNamePrefix != "" {
		return last, nil // testcontainers-go fetches it under another name
	}
	o.Log.Info("fetching an image", "image", last)
	pull, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	err := e.provider.PullImage(pull, last)
	if ctx.Err() != nil {
		return "", fmt.Errorf("fetching the image %s was given up: %w", last, context.Cause(ctx))
	}
	there, _ := e.has(ctx, last)
	if there {
		return last, nil
	}
	return "", fmt.Errorf("%w: the image %s is not on this machine and cannot be fetched: %s", harness.ErrUnreachable, last, explainPull(err))
}

// explainPull makes a sentence of an engine's answer.
func explainPull(err error) string {
	if err == nil {
		return "the registry broke off"
	}
	text := err.Error()
	switch {
	case errdefs.IsNotFound(err), strings.Contains(text, "manifest unknown"), strings.Contains(text, "access denied"):
		return "the registry has no such image, or does not show it to this user"
	case strings.Contains(text, "no such host"), strings.Contains(text, "dial tcp"), strings.Contains(text, "i/o timeout"),
		strings.Contains(text, "connection refused"), strings.Contains(text, "deadline exceeded"):
		return "no registry can be reached from here"
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}
