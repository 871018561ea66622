package main

import (
	"context"
	"errors"
	"strings"

	"github.com/mqttspec/mqttspec/harness/target"
)

// lookAtEngine asks the container engine, and for what earlier runs left on it. Both are mild: other targets need none.
func lookAtEngine(ctx context.Context, clean bool) []finding {
	engine := finding{what: "containers", mild: true, remedy: "targets of the kind docker: do not work; start Docker or Podman, or let DOCKER_HOST name one that runs"}
	left := finding{what: "leftovers", mild: true, remedy: "remove them with: mqttspec doctor --clean"}
	names, err := target.Leftovers(ctx)
	if errors.Is(err, target.ErrNoDocker) {
		engine.is = target.ErrNoDocker.Error()
		return []finding{engine}
	}
	if err != nil {
		engine.is = err.Error()
		return []finding{engine}
	}
	engine.ok, engine.is = true, "an engine answers"
	if clean && len(names) > 0 {
		names, err = target.Clean(ctx)
		left.ok, left.is = err == nil, "removed "+strings.Join(names, ", ")
		if err != nil {
			left.is, left.remedy = err.Error(), "remove them by hand"
		}
		return []finding{engine, left}
	}
	left.ok, left.is = len(names) == 0, "earlier runs have left no containers"
	if !left.ok {
		left.is = counted(len(names), "container") + ": " + strings.Join(names, ", ")
	}
	return []finding{engine, left}
}
