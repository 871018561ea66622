package harness

import (
	"context"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// leave notes a retained message or a session that the spec may leave on the target.
func (e *environment) leave(topic, clientID string, v wire.Version) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if topic != "" {
		if e.leavings.retained == nil {
			e.leavings.retained = map[string]bool{}
		}
		e.leavings.retained[topic] = true
	}
	if clientID != "" {
		if e.leavings.sessions == nil {
			e.leavings.sessions = map[string]wire.Version{}
		}
		e.leavings.sessions[clientID] = v
	}
}

// tidy takes away what the spec left on a target that others share. It does its best and judges nothing: a target on
// which it fails has been reported by the spec already.
func (e *environment) tidy(parent context.Context, within time.Duration) {
	e.mu.Lock()
	left := e.leavings
	e.mu.Unlock()
	if len(left.retained)+len(left.sessions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), 3*within)
	defer cancel()
	for id, v := range left.sessions {
		e.visit(ctx, wire.Connect{ClientID: id, ProtocolVersion: v, CleanStart: true}, nil)
	}
	if len(left.retained) > 0 {
		e.visit(ctx, wire.Connect{ClientID: e.token + "tidy", ProtocolVersion: e.item.Version, CleanStart: true}, left.retained)
	}
}

// visit connects, clears retained messages and leaves in order. It has a log of its own: judges read only the spec's.
func (e *environment) visit(ctx context.Context, p wire.Connect, retained map[string]bool) {
	visitor := &environment{item: e.item, target: e.target, timing: e.timing, log: &trace.Log{}, start: e.start, names: map[string]int{}, token: e.token}
	defer visitor.close()
	ctx = context.WithValue(ctx, environmentKey{}, visitor)
	defer func() {
		if p := recover(); p != nil {
			if _, is := p.(stop); !is {
				panic(p)
			}
		}
	}()
	c := Connect(ctx, p)
	for topic := range retained {
		c.Send(ctx, wire.Publish{Topic: topic, Retain: true})
	}
	c.Ping(ctx)
	c.Disconnect(ctx)
}
