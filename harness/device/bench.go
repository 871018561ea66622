// Package device judges devices and client libraries: they connect to the reference broker, a [Plan] does things to
// them, and its steps and the monitors of clients judge what they answer.
//
// A [Bench] takes Network Connections. Between each of them and the broker stands a layer that knows packets and
// withholds, delays, changes, cuts and adds as the plan says, so the broker stays correct and every fault is ours.
// Devices are told apart by their Client Identifiers; each goes through the plan on its own. Nothing polls and nothing
// needs a socket, so all of it runs in virtual time as well.
package device

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
)

// Config is what a bench depends on.
type Config struct {
	Plan   Plan
	Checks map[string]Check // that the plan calls, by name
	Broker broker.Config    // limits that the broker really has; Trace is not used
	TLS    *TLS             // for connections to [Bench.Serve]; nil is plain TCP
	Hook   Hook             // makes a device do something; nil: nothing does
	Jitter *harness.Jitter  // nil in virtual time
	Expect int              // how many devices go through the plan before the bench is done; 0 means 1
	// Seed decides what chance chooses in the plan. The same seed chooses the same for a device of the same name.
	Seed int64
	// Duration is how long all that the plan repeats for a time takes together; 0: as long as the plan says. A plan that
	// repeats nothing so cannot be given one.
	Duration time.Duration
	// OnRow is told when a step begins and when it ends, OnEvent of everything that passes. They may be called from
	// several goroutines.
	OnRow   func(reports.Row)
	OnEvent func(client string, e trace.Event)
	// OnNotice is told of what belongs to no device.
	OnNotice func(Notice)
	// OnCrash is told of every panic in a goroutine of the bench. The row of the step that it ended has it too; one that
	// served no device ends the plans of all.
	OnCrash func(*Crash)
}

// Hook makes a device do something, such as "act" or "reboot".
type Hook func(ctx context.Context, client, what string) error

// Bench is where devices are tested. Its methods may be called from several goroutines.
type Bench struct {
	config   Config
	broker   *broker.Broker
	services *services
	ctx      context.Context
	cancel   context.CancelCauseFunc
	done     chan struct{}

	mu        sync.Mutex
	clients   []*Client // in the order of their coming
	conns     map[net.Conn]struct{}
	listeners []net.Listener
	finished  int
	complete  bool
	closed    bool
	notices   []Notice

	serving sync.WaitGroup
	crashed sync.Once
	wrecked chan struct{} // closed by the first crash
}

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("device: the bench is closed")

// New returns a bench that waits for devices. Close it in the end.
func New(c Config) (*Bench, error) {
	if c.Plan.Patience == 0 {
		c.Plan.Patience = defaultPatience
	}
	c.Expect = max(c.Expect, 1)
	if c.Duration > 0 && c.Plan.Lasting() == 0 {
		return nil, fmt.Errorf("device: the plan %s repeats nothing for a time", c.Plan.Name)
	}
	if c.OnRow == nil {
		c.OnRow = func(reports.Row) {}
	}
	services, err := newServices()
	if err != nil {
		return nil, err
	}
	if c.Broker.Hook == nil {
		c.Broker.Hook = services
	}
	b, err := broker.New(c.Broker)
	if err != nil {
		return nil, err
	}
	bench := &Bench{config: c, broker: b, services: services, done: make(chan struct{}), wrecked: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	bench.ctx, bench.cancel = context.WithCancelCause(context.Background())
	return bench, nil
}

// Done is closed when as many devices as were expected have been through the plan.
func (b *Bench) Done() <-chan struct{} { return b.done }

// Clients returns the devices that have come so far, in that order.
func (b *Bench) Clients() []*Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.clients)
}

// client returns the device with an identifier, or nil.
func (b *Bench) client(id string) *Client {
	for _, c := range b.clients {
		if c.ID == id {
			return c
		}
		c.mu.Lock()
		assigned := c.assigned
		c.mu.Unlock()
		if assigned == id {
			return c
		}
	}
	return nil
}

// ServeConn serves a Network Connection of a device, which the bench owns from now on, and returns when it is over. TLS
// is up to the caller.
func (b *Bench) ServeConn(nc net.Conn) { b.carry(nc, nil) }

// carry serves a connection on which something has happened already.
func (b *Bench) carry(nc net.Conn, early []trace.Event) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		nc.Close()
		return
	}
	b.conns[nc] = struct{}{}
	b.serving.Add(1)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.conns, nc)
		b.mu.Unlock()
		b.serving.Done()
	}()
	n := &conn{bench: b, nc: nc, early: early}
	defer func() {
		if p := recover(); p != nil {
			b.crash(n.client, p)
			n.abandon()
		}
	}()
	n.serve()
}

// Serve accepts connections from l until Close, or until l fails.
func (b *Bench) Serve(l net.Listener) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		l.Close()
		return ErrClosed
	}
	b.listeners = append(b.listeners, l)
	b.mu.Unlock()
	for {
		nc, err := patient{l, b}.Accept()
		if err != nil {
			if context.Cause(b.ctx) != nil {
				return ErrClosed
			}
			return err
		}
		b.goes(nil, func() {
			if secured, early, ok := b.secure(nc); ok {
				b.carry(secured, early)
			}
		})
	}
}

// Stop ends the plans of all devices: the step that runs stays undecided, and what is left is not started.
func (b *Bench) Stop(cause error) { b.cancel(cause) }

// Close ends the bench and waits for its goroutines; after a crash, which may have left some of them blocked, for five
// seconds.
func (b *Bench) Close() error {
	b.cancel(ErrClosed)
	b.mu.Lock()
	b.closed = true
	listeners := b.listeners
	for nc := range b.conns {
		nc.Close()
	}
	b.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	ended := make(chan error, 1)
	go func() {
		err := b.broker.Close()
		b.serving.Wait()
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-b.wrecked:
	}
	t := time.NewTimer(closeAfterCrash)
	defer t.Stop()
	select {
	case err := <-ended:
		return err
	case <-t.C:
		return errors.New("device: a crash keeps the bench from closing")
	}
}

// clientOf returns the device that a connection belongs to, by its first packet; a device that is new begins the plan.
// A first packet that names nobody is attributed to the device that came from the same address last.
func (b *Bench) clientOf(n *conn, frame []byte) *Client {
	address := host(n.nc.RemoteAddr())
	p, _ := wire.Decoder{Sender: wire.FromClient}.Decode(frame)
	connect, _ := p.(wire.Connect)
	id := connect.ClientID
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	if id == "" {
		if c := b.from(address); c != nil {
			return c
		}
		if len(frame) == 0 {
			return nil
		}
		id = "device at " + address
	}
	if c := b.client(id); c != nil {
		return c
	}
	if len(b.clients) >= b.maxClients() {
		return nil
	}
	c := newClient(b, id)
	c.address, c.version = address, connect.ProtocolVersion
	if c.version != wire.V311 {
		c.version = wire.V5
	}
	b.clients = append(b.clients, c)
	b.goes(c, func() { b.examine(c) })
	return c
}

// from returns the device that came from an address last, or nil. The caller holds mu.
func (b *Bench) from(address string) *Client {
	for _, c := range slices.Backward(b.clients) {
		c.mu.Lock()
		same := c.address == address
		c.mu.Unlock()
		if same {
			return c
		}
	}
	return nil
}

// returned waits until a device is connected again.
func (b *Bench) returned(ctx context.Context, c *Client, within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	for {
		changed := c.changes()
		if c.Connected() {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-t.C:
			return false
		}
	}
}

// examined counts a device that has been through the plan.
func (b *Bench) examined() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished++
	b.finish()
}

// Do lets an instruction act on a device at once, from outside of its plan. What stays in force does so until the step
// that runs now ends. An empty client means all devices.
func (b *Bench) Do(client string, in Instruction) error {
	if len(in.members()) != 1 {
		return errors.New("an instruction has exactly one name")
	}
	some := false
	for _, c := range b.Clients() {
		if client == "" || c.ID == client {
			some = true
			err := errors.New("this is a defect of mqttspec")
			b.guard(c, func() { err = c.act(b.ctx, in) })
			if err != nil {
				return fmt.Errorf("%s: %w", c.ID, err)
			}
		}
	}
	if !some {
		return fmt.Errorf("no device is called %q", client)
	}
	return nil
}

// Targets describes the devices for a report.
func (b *Bench) Targets() (targets []reports.TargetInfo) {
	for _, c := range b.Clients() {
		targets = append(targets, c.info())
	}
	return targets
}

// Specs describes the steps for a report: those that make sense in a version that some device speaks.
func (b *Bench) Specs() (specs []reports.SpecInfo) {
	var versions []wire.Version
	for _, c := range b.Clients() {
		if v := c.Version(); v != 0 && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return b.SpecsIn(versions...)
}

// SpecsIn is [Bench.Specs] for versions that may come.
func (b *Bench) SpecsIn(versions ...wire.Version) (specs []reports.SpecInfo) {
	for _, v := range slices.Backward(slices.Sorted(slices.Values(versions))) {
		for _, s := range b.config.Plan.Steps {
			if s.In(v) {
				specs = append(specs, b.config.Plan.describe(s, v))
			}
		}
	}
	return specs
}

// describe describes a step for a report.
func (p Plan) describe(s Step, v wire.Version) reports.SpecInfo {
	section := s.Section
	if section == "" {
		section = "Plan " + p.Name
	}
	return reports.SpecInfo{ID: s.ID, Text: s.Text, Section: section, Version: v, Claims: s.Claims(v), Placement: "own"}
}
