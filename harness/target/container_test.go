package target

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/mqttspec/mqttspec/harness"
)

// requireDocker makes a missing engine or image a failure instead of a skip.
const requireDocker = "MQTTSPEC_REQUIRE_DOCKER"

// missingImages names images that are known to be missing, such as one whose package has moved on.
const missingImages = "MQTTSPEC_MISSING_IMAGES"

// needs skips the test if there is no engine, or no image.
func needs(t *testing.T, images ...string) *engine {
	t.Helper()
	without := t.Skipf
	if os.Getenv(requireDocker) == "1" {
		without = t.Fatalf
	}
	e, err := connectEngine(within(t, engineTimeout))
	if err != nil {
		without("%v (%s=1 makes this a failure)", err, requireDocker)
	}
	for _, i := range images {
		if there, err := e.has(within(t, engineTimeout), i); err != nil || !there {
			if slices.Contains(strings.Fields(os.Getenv(missingImages)), i) {
				t.Skipf("the image %s is known to be missing (%s)", i, missingImages)
			}
			without("the image %s is not there (%v); ci/images/build.sh makes it (%s=1 makes this a failure)", i, err, requireDocker)
		}
	}
	return e
}

// describe parses what stands on the command line.
func describe(t *testing.T, spec string) Description {
	t.Helper()
	d, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ours lists the containers of this process.
func ours(t *testing.T, e *engine) (ids []string) {
	t.Helper()
	list, err := e.labelled(within(t, engineTimeout), ownerLabel+"="+owner(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

func volumes(t *testing.T, e *engine) (names []string) {
	t.Helper()
	list, err := e.client.VolumeList(within(t, engineTimeout), client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list.Items {
		names = append(names, v.Name)
	}
	return names
}

func TestContainersOfEveryImage(t *testing.T) {
	for _, c := range []struct{ spec, image, software, version string }{
		{"docker:mosquitto:2.0.11", "local/mosquitto:2.0.11", "Eclipse Mosquitto", "2.0.11"},
		{"docker:mosquitto:2.0.21", "local/mosquitto:2.0.21", "Eclipse Mosquitto", "2.0.21"},
		{"docker:mosquitto:2.1.2", "local/mosquitto:2.1.2", "Eclipse Mosquitto", "2.1.2"},
		{"docker:mochi", "local/mochi:2.7.9", "mochi-mqtt", "2.7.9"},
		{"docker:local/mosquitto:2.0.21", "local/mosquitto:2.0.21", "", "2.0.21"},
	} {
		t.Run(c.spec, func(t *testing.T) {
			e := needs(t, c.image)
			target, err := OpenDescription(within(t, time.Minute), describe(t, c.spec), Options{Local: true})
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			accepts(t, target)
			i := target.Info()
			if i.Name != c.spec || i.Software != c.software || i.Version != c.version || i.Image != c.image || !strings.HasPrefix(i.Digest, "sha256:") {
				t.Errorf("info is %+v", i)
			}
			if logs := target.(harness.Logger).Logs(); logs == "" || len(logs) > logLimit {
				t.Errorf("the log has %d bytes", len(logs))
			}
			if err := target.Close(); err != nil {
				t.Error(err)
			}
			if left := ours(t, e); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			if err := target.Close(); err != nil {
				t.Errorf("closed twice: %v", err)
			}
		})
	}
}

func TestContainerServesWebSockets(t *testing.T) {
	needs(t, "local/mosquitto:2.0.21")
	accepts(t, open(t, describe(t, "docker:mosquitto:2.0.21"), Options{Local: true, Transport: TransportWS}))
}

func TestContainerControl(t *testing.T) {
	e := needs(t, "local/mosquitto:2.0.21")
	before := volumes(t, e)
	target := open(t, describe(t, "docker:mosquitto:2.0.21"), Options{Local: true})
	c := target.(*contained)
	ctx := within(t, 2*time.Minute)

	if host, _, err := net.SplitHostPort(c.way.host); err != nil || e.loopback() && host != "127.0.0.1" {
		t.Errorf("it is published on %s", c.way.host)
	}
	inspect, err := c.container.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range inspect.NetworkSettings.Ports[c.port] {
		if e.loopback() && !b.HostIP.IsLoopback() {
			t.Errorf("it can be reached from outside: %v", b)
		}
	}

	if err := c.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	paused, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := connack(paused, c.Dial, login{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused broker answers: %v", err)
	}
	if err := c.Unpause(ctx); err != nil {
		t.Fatal(err)
	}
	accepts(t, target)

	for range 2 { // the published port is another one each time
		conn, err := c.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := c.Kill(ctx); err != nil {
			t.Fatal(err)
		}
		if err := connack(ctx, c.Dial, login{}); err == nil {
			t.Error("a killed broker answers")
		}
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		accepts(t, target)
	}

	other, err := c.Instance(ctx)
	if err != nil {
		t.Fatal(err)
	}
	accepts(t, other)
	if other.(*contained).container.GetContainerID() == c.container.GetContainerID() || other.Info().Digest != c.Info().Digest {
		t.Error("an instance is another container of the same image")
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	accepts(t, target)
	// closing a paused one, with all it had
	if err := c.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if left := ours(t, e); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
	for _, v := range volumes(t, e) {
		if !slices.Contains(before, v) && createdBy(t, e, v) {
			t.Errorf("the volume %s is left", v)
		}
	}
}

// createdBy reports whether no container uses a volume: then a container of ours has left it. Others may run meanwhile.
func createdBy(t *testing.T, e *engine, volume string) bool {
	t.Helper()
	users, err := e.client.ContainerList(within(t, engineTimeout), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("volume", volume)})
	return err == nil && len(users.Items) == 0
}

func TestFailedStartOfAContainerLeavesNothing(t *testing.T) {
	e := needs(t, "local/mosquitto:2.0.21")
	bad := describe(t, "docker:mosquitto:2.0.21")
	wrong := "no_such_option true\n"
	container := *bad.Container
	container.Files = []File{{Path: "/mosquitto/config/mosquitto.conf", Content: &wrong}}
	bad.Container = &container
	deaf := describe(t, "docker:mosquitto:2.0.21")
	elsewhere := *deaf.Container
	elsewhere.Ports = Ports{TCP: 1}
	deaf.Container = &elsewhere
	command := describe(t, "docker:mosquitto:2.0.21")
	nothing := *command.Container
	nothing.Command = "/no/such/program"
	command.Container = &nothing
	// What ends by itself is given the time that a busy machine needs to see it end; only who waits in vain waits shortly.
	for _, c := range []struct {
		name    string
		d       Description
		timeout time.Duration
		want    []string
	}{
		{"its configuration is wrong", bad, time.Minute, []string{"local/mosquitto:2.0.21: it ends before it answers CONNECT (exit status", "no_such_option"}},
		{"nobody listens on the port", deaf, time.Second, []string{"not ready within 1s", "the end of its log"}},
		{"the program is missing", command, time.Minute, []string{"/no/such/program"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, err := OpenDescription(within(t, 2*time.Minute), c.d, Options{Local: true, StartTimeout: c.timeout})
			if err == nil {
				target.Close()
				t.Fatal("it starts")
			}
			if !errors.Is(err, harness.ErrUnreachable) {
				t.Errorf("%v is not unreachable", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if left := ours(t, e); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

func TestContainerStartIsGivenUp(t *testing.T) {
	e := needs(t, "local/mosquitto:2.0.21")
	d := describe(t, "docker:mosquitto:2.0.21")
	elsewhere := *d.Container
	elsewhere.Ports = Ports{TCP: 1}
	d.Container = &elsewhere
	reason := errors.New("the user has gone")
	for _, after := range []time.Duration{0, 30 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(after, func() { cancel(reason) })
		if _, err := OpenDescription(ctx, d, Options{Local: true}); !errors.Is(err, reason) {
			t.Errorf("after %s: %v", after, err)
		}
		if left := ours(t, e); len(left) > 0 {
			t.Errorf("after %s: %v is left", after, left)
		}
	}
}

// panicky is a context that panics when it is asked for its end while a container of ours exists.
type panicky struct {
	context.Context
	e *engine
	t *testing.T
}

func (p panicky) Err() error {
	if len(ours(p.t, p.e)) > 0 {
		panic("in the middle of a start")
	}
	return p.Context.Err()
}

func TestPanicInAStartLeavesNothing(t *testing.T) {
	e := needs(t, "local/mosquitto:2.0.21")
	var seen any
	func() {
		defer func() { seen = recover() }()
		_, _ = OpenDescription(panicky{within(t, time.Minute), e, t}, describe(t, "docker:mosquitto:2.0.21"), Options{Local: true})
	}()
	if seen != "in the middle of a start" {
		t.Errorf("recovered %v", seen)
	}
	if left := ours(t, e); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestMissingImage(t *testing.T) {
	needs(t)
	for spec, want := range map[string]string{
		"docker:mochi:0.0.0":             "the image local/mochi:0.0.0 is not on this machine, and no registry has it",
		"docker:127.0.0.1:1/no/image:no": "the image 127.0.0.1:1/no/image:no is not on this machine and cannot be fetched: no registry can be reached",
	} {
		start := time.Now()
		_, err := Open(within(t, 2*time.Minute), spec, Options{})
		if !errors.Is(err, harness.ErrUnreachable) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", spec, err)
		}
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%s: it took %s", spec, d)
		}
	}
}

func TestContainerOfAKilledRunIsRemovedByTheNext(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it takes the ids of processes")
	}
	e := needs(t, "local/mosquitto:2.0.21")
	run := openElsewhere(t, "docker:mosquitto:2.0.21")
	of := func() int {
		list, err := e.labelled(within(t, engineTimeout), ownerLabel)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, c := range list {
			if strings.HasPrefix(c.Labels[ownerLabel], strconv.Itoa(run.Process.Pid)+".") {
				n++
			}
		}
		return n
	}
	if n := of(); n != 1 {
		t.Fatalf("the other run has %d containers", n)
	}
	// it lives: nobody takes its container away
	open(t, describe(t, "docker:mosquitto:2.0.21"), Options{Local: true})
	if n := of(); n != 1 {
		t.Fatalf("the container of a run that lives is gone: %d", n)
	}
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	run.Wait()
	names, err := Leftovers(within(t, engineTimeout))
	if err != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "local/mosquitto:2.0.21") }) {
		t.Errorf("left is %v, %v", names, err)
	}
	open(t, describe(t, "docker:mosquitto:2.0.21"), Options{Local: true})
	if n := of(); n != 0 {
		t.Errorf("%d containers of the killed run are left", n)
	}
	if removed, err := Clean(within(t, engineTimeout)); err != nil {
		t.Errorf("%v, %v", removed, err)
	}
}

func TestNoReaper(t *testing.T) {
	err := explainCreate("x", errors.New("reaper: new reaper: run container: no such host"))
	if !errors.Is(err, harness.ErrUnreachable) || !strings.Contains(err.Error(), "TESTCONTAINERS_RYUK_DISABLED=true") {
		t.Error(err)
	}
	if err := explainCreate("x", errors.New("no space")); strings.Contains(err.Error(), "RYUK") || !strings.Contains(err.Error(), "of x cannot be made: no space") {
		t.Error(err)
	}
}

// TestNoEngine hides the engine from a process of its own, where that is possible.
func TestNoEngine(t *testing.T) {
	for cause, want := range map[string]string{
		"dial unix /var/run/docker.sock: connect: permission denied":         "the target cannot be reached: no container engine answers; this user may not use its socket; membership in the group docker would allow it",
		"Cannot connect to the Docker daemon\nIs the docker daemon running?": "the target cannot be reached: no container engine answers; start Docker or Podman, or let DOCKER_HOST name one that runs",
	} {
		err := noDocker(errors.New(cause))
		if err.Error() != want || !errors.Is(err, ErrNoDocker) || !errors.Is(err, harness.ErrUnreachable) {
			t.Errorf("%v", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hidden := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /run && exec "$0" docker:mosquitto`, self)
	hidden.Env = append(os.Environ(), actAs+"=open", "HOME="+t.TempDir(), "DOCKER_HOST=unix:///run/docker.sock")
	out, err := hidden.CombinedOutput()
	if strings.Contains(string(out), "unshare") || strings.Contains(string(out), "mount:") || errors.Is(err, exec.ErrNotFound) {
		t.Skipf("the engine cannot be hidden here: %v: %s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "the target cannot be reached: no container engine answers; start Docker or Podman, or let DOCKER_HOST name one that runs" {
		t.Errorf("%v:\n%s", err, got)
	}
}
