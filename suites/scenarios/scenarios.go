// Package scenarios holds the specs of what applications rely on: sessions, expiry, retained messages, wills and keep
// alive, also while the link drops. Their ids are those of the project's list of scenarios.
package scenarios

import (
	"time"

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
