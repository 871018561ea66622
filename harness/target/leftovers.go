package target

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Labels of every container that is started here.
const (
	ownerLabel = "org.mqttspec.owner" // the process that started it: see owner
	runLabel   = "org.mqttspec.run"   // another one for each container
)

// owner names a process so that a later one can tell whether it is alive: its id, when it started if that can be known,
// and where ids mean the same: PID.START@PLACE.
func owner(pid int) string {
	return fmt.Sprintf("%d.%s@%s", pid, processStart(pid), place())
}

// gone reports whether the process that owns something is certainly not alive. Of a process of another place nothing
// is known; what it owns counts as left when it stands still and is a day old, as after a restart of the machine.
func gone(owner string, running bool, age time.Duration) bool {
	process, where, ok := strings.Cut(owner, "@")
	id, start, _ := strings.Cut(process, ".")
	pid, err := strconv.Atoi(id)
	if !ok || err != nil || where != place() {
		return !running && age > 24*time.Hour
	}
	return !pidAlive(pid) || processStart(pid) != start
}

// runToken returns a new value for runLabel.
func runToken() string { return strings.ToLower(rand.Text()) }

// Clean removes the containers that runs which are over have left behind, and returns their names. It needs a container
// engine; see [ErrNoDocker].
func Clean(ctx context.Context) (removed []string, err error) {
	e, err := connectEngine(ctx)
	if err != nil {
		return nil, err
	}
	return e.sweep(ctx)
}

// Abandon removes every container that this process has started, closed or not, for a program that is about to end at
// once. Targets that still use them fail.
func Abandon(ctx context.Context) error {
	e, err := connectEngine(ctx)
	if err != nil {
		return err
	}
	mine, err := e.labelled(ctx, ownerLabel+"="+owner(os.Getpid()))
	for _, c := range mine {
		err = errors.Join(err, e.remove(ctx, c.ID))
	}
	return err
}

// Leftovers returns the names of the containers that [Clean] would remove.
func Leftovers(ctx context.Context) (names []string, err error) {
	e, err := connectEngine(ctx)
	if err != nil {
		return nil, err
	}
	left, err := e.leftovers(ctx)
	for _, c := range left {
		names = append(names, containerName(c))
	}
	return names, err
}

func containerName(c container.Summary) string {
	name := c.ID[:min(12, len(c.ID))]
	if len(c.Names) > 0 {
		name = strings.TrimPrefix(c.Names[0], "/")
	}
	return name + " (" + c.Image + ")"
}

// leftovers lists the containers whose owner is gone.
func (e *engine) leftovers(ctx context.Context) (left []container.Summary, err error) {
	all, err := e.labelled(ctx, ownerLabel)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		running := c.State == container.StateRunning || c.State == container.StatePaused || c.State == container.StateRestarting
		if gone(c.Labels[ownerLabel], running, time.Since(time.Unix(c.Created, 0))) {
			left = append(left, c)
		}
	}
	return left, nil
}

// sweep removes them.
func (e *engine) sweep(ctx context.Context) (removed []string, err error) {
	left, err := e.leftovers(ctx)
	for _, c := range left {
		if e := e.remove(ctx, c.ID); e != nil {
			err = errors.Join(err, e)
			continue
		}
		removed = append(removed, containerName(c))
	}
	return removed, err
}

// labelled lists the containers, running or not, that have a label.
func (e *engine) labelled(ctx context.Context, label string) ([]container.Summary, error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", label)})
	if err != nil {
		return nil, fmt.Errorf("the containers cannot be listed: %w", err)
	}
	return list.Items, nil
}

// remove ends and removes a container with its anonymous volumes. One that is gone, or about to go, is no error.
func (e *engine) remove(ctx context.Context, id string) error {
	_, err := e.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
		return nil
	}
	return fmt.Errorf("container %s cannot be removed: %w", id[:min(12, len(id))], err)
}

// removeRun removes what a start has made, whether or not the engine had told us its id.
func (e *engine) removeRun(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	made, err := e.labelled(ctx, runLabel+"="+token)
	for _, c := range made {
		err = errors.Join(err, e.remove(ctx, c.ID))
	}
	return err
}
