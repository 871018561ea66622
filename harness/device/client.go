package device

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

const (
	// maxTraceBytes bounds what the trace of one device keeps in memory. See [trace.Log.Limit].
	maxTraceBytes = 32 << 20
	// maxEvents bounds how much of what one device does in a step the plan can look at.
	maxEvents = 150_000
	// maxEventBytes bounds what these events keep of packets.
	maxEventBytes = 64 << 20
	// maxPayload is how much of a payload conditions can look at.
	maxPayload = 4 << 10
)

// Client is one device under test, told from others by its Client Identifier.
type Client struct {
	// ID is the Client Identifier, or the address of a device that has not given any.
	ID string

	bench *Bench
	ctx   context.Context // ends with the bench, or when there is no point in going on with the device
	end   context.CancelCauseFunc
	log   *trace.Log
	ready chan struct{} // closed when the plan waits for the device for the first time
	begin sync.Once

	mu        sync.Mutex // guards all that follows, and the output of the client's connections
	version   wire.Version
	assigned  string        // the Client Identifier that the broker has given it, "" if it has one of its own
	address   string        // where it came from last, without the port
	conns     []*conn       // that are open, the newest last
	count     int           // of all connections
	events    []Event       // of the step that runs
	before    int           // how many there were in the steps before
	past      []Event       // of the steps before, without payloads
	flooded   bool          // nothing more is kept
	size      int           // about what the events keep of packets, in bytes
	changed   chan struct{} // closed and renewed when something happens
	rules     []*rule
	collected []collected // in their order
	stalled   bool
	slice     Slice
	shown     string                   // the kind of certificate that was chosen, "" for a good one
	disturbed bool                     // a rule has acted since the last clean connection
	injected  map[uint16]time.Duration // how long the PUBREL waits
	lastID    uint16
	aliases   map[uint16]string
	filters   []string            // that it has subscribed to, in their order
	pending   map[uint16][]string // filters whose SUBACK has not come, by Packet Identifier
	observed  map[string]string   // what it said of itself
	connect   wire.Connect        // the last one
	connack   wire.Connack        // the last one that accepted it
	once      bool                // it has subscribed to something at some time
	thing     string              // that it speaks of, "" if none
	retained  []string            // topics of what the step has published to be retained
	shadow    string              // what the topics of its shadow begin with
	witnesses []net.Conn          // of the step, see Watch
	held      chan struct{}       // closed when a CONNECT may be handled again; nil: at once
	progress  Progress
}

func newClient(b *Bench, id string) *Client {
	c := &Client{ID: id, bench: b, log: &trace.Log{}, ready: make(chan struct{}), changed: make(chan struct{}), injected: map[uint16]time.Duration{}, lastID: firstInjected,
		aliases: map[uint16]string{}, pending: map[uint16][]string{}, observed: map[string]string{}}
	c.ctx, c.end = context.WithCancelCause(b.ctx)
	c.log.Limit(maxTraceBytes)
	return c
}

// tell notes in the trace what is done to the device, or found, and shows it to who looks on.
func (c *Client) tell(text string) {
	e := trace.Event{Kind: trace.Note, Text: text, At: time.Now()}
	c.log.Add(e)
	if c.bench.config.OnEvent != nil {
		c.bench.config.OnEvent(c.ID, e)
	}
}

// Version returns the version of MQTT that the device spoke last.
func (c *Client) Version() wire.Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Trace returns what has passed next to the device so far.
func (c *Client) Trace() []trace.Event { return c.log.Events() }

// sessionID returns the Client Identifier under which the broker knows the device.
func (c *Client) sessionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.assigned, c.ID)
}

// Connected reports whether the device has a connection on which it was accepted.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current() != nil
}

// presence reports whether the device is connected, how much had happened by then since it came, and what is closed when
// more happens.
func (c *Client) presence() (connected bool, happened int, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current() != nil, c.before + len(c.events), c.changed
}

// current returns the newest connection on which the device was accepted, or nil. The caller holds mu.
func (c *Client) current() *conn {
	for i := len(c.conns) - 1; i >= 0; i-- {
		if c.conns[i].online && !c.conns[i].ending {
			return c.conns[i]
		}
	}
	return nil
}

// happened tells the plan of something. The caller holds mu.
func (c *Client) happened(e Event) {
	if len(c.events) >= maxEvents || c.size > maxEventBytes {
		if !c.flooded {
			c.flooded = true
			c.end(fmt.Errorf("the device floods: it has sent more than %d packets, or %d MB of what is kept", maxEvents, maxEventBytes>>20))
		}
		return // from here on nothing could be judged
	}
	e.At = time.Now()
	c.size += min(e.Size, maxPayload)
	if p, ok := e.Packet.(wire.Publish); ok && len(p.Payload) > maxPayload {
		p.Payload = bytes.Clone(p.Payload[:maxPayload]) // lets go of the packet
		e.Packet = p
	}
	c.events = append(c.events, e)
	close(c.changed)
	c.changed = make(chan struct{})
}

// tellEvent tells the plan of something.
func (c *Client) tellEvent(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened(e)
}

// since returns what happened after the first n events, and what is closed when more happens.
func (c *Client) since(n int) ([]Event, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events[n-c.before : len(c.events) : len(c.events)], c.changed
}

// changes returns what is closed when more happens.
func (c *Client) changes() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// turn leaves what happened so far, at the end of a step, to those who ask whether the device ever did something, and
// returns how much that was since the device came. Payloads are let go of.
func (c *Client) turn() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before += len(c.events)
	for _, e := range c.events {
		if p, is := e.Packet.(wire.Publish); is {
			p.Payload = nil
			e.Packet = p
		}
		if len(c.past) < maxEvents {
			c.past = append(c.past, e)
		}
	}
	c.events, c.size = nil, 0
	return c.before
}

// all returns what happened since the device came, and how much that was.
func (c *Client) all() (events []Event, happened int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.past, c.events), c.before + len(c.events)
}

// note keeps what later instructions need to know of what the device sent. The caller holds mu.
func (c *Client) note(p wire.Packet) (topic string) {
	switch p := p.(type) {
	case wire.Connect:
		if p.ProtocolVersion == wire.V5 || p.ProtocolVersion == wire.V311 {
			c.version = p.ProtocolVersion
		}
		c.aliases, c.pending = map[uint16]string{}, map[uint16][]string{}
		c.connect = p
		c.introduce(p)
	case wire.Subscribe:
		c.pending[p.PacketID] = nil
		for _, s := range p.Subscriptions {
			c.pending[p.PacketID] = append(c.pending[p.PacketID], s.Filter)
			c.mention(s.Filter)
		}
	case wire.Unsubscribe:
		for _, f := range p.Filters {
			c.filters = without(c.filters, f)
		}
	case wire.Publish:
		c.mention(p.Topic)
		alias := uint16(p.Properties.Int(wire.PropTopicAlias, 0))
		switch {
		case p.Topic == "" && alias > 0:
			return c.aliases[alias]
		case alias > 0:
			c.aliases[alias] = p.Topic
		}
		return p.Topic
	}
	return ""
}

func without(list []string, s string) (rest []string) {
	for _, l := range list {
		if l != s {
			rest = append(rest, l)
		}
	}
	return rest
}

// subscribedTopic returns a Topic Name that a filter of the device matches, or "".
func (c *Client) subscribedTopic() string {
	if f := c.subscribedFilter(); f != "" {
		return topicFor(f, "mqttspec")
	}
	return ""
}

// subscribedFilter returns a Topic Filter of the device, without the share of a Shared Subscription, or "".
func (c *Client) subscribedFilter() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range slices.Backward(c.filters) {
		if _, inner, shared := wire.SharedFilter(f); shared {
			f = inner
		}
		if f != "" && f[0] != '$' {
			return f
		}
	}
	return ""
}

// unsubscribed says that the device has no Topic Filter that is of use. What begins with $ is for a service: what its
// topics take is not ours to make up.
func (c *Client) unsubscribed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.filters) > 0 {
		return "the device has subscribed to nothing but topics that begin with $"
	}
	return "the device has subscribed to nothing"
}

// everSubscribed reports whether the device has subscribed to something at some time.
func (c *Client) everSubscribed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.once
}

// topicFor returns a Topic Name that a Topic Filter matches, with level in the place of wildcards.
func topicFor(filter, level string) string {
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		if l == "+" || l == "#" {
			levels[i] = level
		}
	}
	return strings.Join(levels, "/")
}

// keepAlive returns the Keep Alive in force.
func (c *Client) keepAlive() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	seconds := c.connack.Properties.Int(wire.PropServerKeepAlive, uint32(c.connect.KeepAlive))
	return time.Duration(seconds) * time.Second
}

// hold keeps every CONNECT waiting until unhold.
func (c *Client) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = make(chan struct{})
	}
}

// holding returns what is closed when a CONNECT may be handled again; nil: at once.
func (c *Client) holding() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// unhold ends hold.
func (c *Client) unhold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		close(c.held)
		c.held = nil
	}
}

// wakeAll lets the writers of the client's connections look again. The caller holds mu.
func (c *Client) wakeAll() {
	for _, n := range c.conns {
		n.wake.Broadcast()
	}
}

// reached tells that the plan waits for the device: what it sent may be handled now.
func (c *Client) reached() { c.begin.Do(func() { close(c.ready) }) }
