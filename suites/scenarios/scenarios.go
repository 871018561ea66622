// Package scenarios holds the specs of what applications rely on: sessions, expiry, retained messages, wills and keep
// alive, also while the link drops. Their ids are those of the project's list of scenarios.
package scenarios

import (
	"context"
	"slices"
	"time"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// The Quality of Service levels, for short.
const (
	q0 = wire.QoS0
	q1 = wire.QoS1
	q2 = wire.QoS2
)

// grace is how long after an expiry a target may take to act on it before that is called late.
const grace = 3 * time.Second

// second is for waits, in the way of the standard's own unit.
const second = time.Second

// keepAliveLimit is the longest Keep Alive that specs of the default run can wait for.
const keepAliveLimit = 4 * time.Second

// closedBy is by when a silent link with the given Keep Alive must be closed. The standard has no bound beyond one and a
// half times the Keep Alive; targets that look round every few seconds are given time for that.
func closedBy(keepAlive time.Duration) time.Duration {
	return max(3*keepAlive, keepAlive*3/2+8*second)
}

// inTime ends the spec without a verdict if an interval that began at a moment may be over: what should have happened
// within it came too late to prove anything, be it by our own machine or by slow answers.
func inTime(ctx context.Context, began time.Time, interval time.Duration, what string) {
	if passed := time.Since(began); passed >= interval {
		Undecided(ctx, "too slow: %s only %s after the beginning of %s", what, passed.Round(time.Millisecond), interval)
	}
}

// pairsOf returns the User Properties of p that are among those published, in the order of p. A target may add some of
// its own.
func pairsOf(p wire.Properties, published wire.Properties) (pairs wire.Properties) {
	for _, one := range p.All(wire.PropUserProperty) {
		if slices.Contains(published, one) {
			pairs = append(pairs, one)
		}
	}
	return pairs
}
