package suites_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites"
)

// front is what stands before the reference broker and makes it behave as another make does. Each field is a choice that
// the standard leaves to a server or to the network.
type front struct {
	answer   time.Duration                                   // how long every packet to the client takes
	publish  time.Duration                                   // how much longer a PUBLISH takes than other packets
	retained time.Duration                                   // how much longer a retained message takes than live ones
	read     time.Duration                                   // how long every packet from the client takes, its close included
	gather   time.Duration                                   // how long bytes to the client wait for more of them
	edit     func(p wire.Packet, c wire.Connect) wire.Packet // changes a packet to the client
	early    func(p wire.Packet) wire.Packet                 // answers a packet before the broker has it, or not: nil
	swallow  func(p wire.Packet) bool                        // takes away what was answered early
}

// start puts the front before a reference broker.
func (f front) start(config broker.Config) suites.Start {
	return func(t *testing.T) (func(net.Conn), func()) {
		b, err := broker.New(config)
		if err != nil {
			t.Fatal(err)
		}
		return func(client net.Conn) { f.serve(client, b.ServeConn) }, func() { b.Close() }
	}
}

// late is bytes, or the end of a direction, that are due at a time.
type late struct {
	due time.Time
	raw []byte
	end func()
}

// way forwards what it is given, each at its time, and what is due at the same time in order. It ends with an end.
type way chan late

func (w way) run(write func([]byte)) {
	var waiting []late
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case x := <-w:
			i := len(waiting)
			for i > 0 && waiting[i-1].due.After(x.due) {
				i--
			}
			waiting = slices.Insert(waiting, i, x)
		case <-t.C:
		}
		for len(waiting) > 0 && !waiting[0].due.After(time.Now()) {
			x := waiting[0]
			waiting = waiting[1:]
			if x.end != nil {
				x.end()
				return
			}
			write(x.raw)
		}
		if len(waiting) > 0 {
			t.Reset(time.Until(waiting[0].due))
		}
	}
}

// waySize is more than any spec leaves on the way.
const waySize = 4096

func (f front) serve(client net.Conn, serve func(net.Conn)) {
	near, far := memnet.Pipe(0)
	var all sync.WaitGroup
	all.Go(func() {
		serve(far)
		far.Close()
	})
	answers, requests := make(way, waySize), make(way, waySize)
	all.Go(func() { answers.run(func(b []byte) { client.Write(b) }) })
	all.Go(func() { requests.run(func(b []byte) { near.Write(b) }) })
	var hello atomic.Pointer[wire.Connect]
	hello.Store(&wire.Connect{ProtocolVersion: wire.V5})
	greeted := make(chan struct{})
	greet := sync.OnceFunc(func() { close(greeted) })
	all.Go(func() { // from the client
		r := bufio.NewReader(client)
		for {
			b, err := wire.ReadFrame(r, 1<<20)
			due := time.Now().Add(f.read)
			if err != nil {
				requests <- late{due: due, raw: b}
				requests <- late{due: due, end: func() { endAs(err, near) }}
				return
			}
			p, wrong := wire.Decoder{Version: hello.Load().ProtocolVersion, Sender: wire.FromClient}.Decode(b)
			if c, is := p.(wire.Connect); is && (c.ProtocolVersion == wire.V5 || c.ProtocolVersion == wire.V311) {
				hello.Store(&c)
			}
			if f.early != nil && wrong == nil {
				if a := f.early(p); a != nil {
					<-greeted // CONNACK comes before all else
					answers <- late{due: time.Now(), raw: wire.Bytes(a, hello.Load().ProtocolVersion)}
				}
			}
			requests <- late{due: due, raw: b}
		}
	})
	r := bufio.NewReader(near)
	var last time.Time // when the latest packet is due
	for {              // to the client
		b, err := wire.ReadFrame(r, 1<<20)
		due := time.Now().Add(f.answer)
		if f.gather > 0 {
			due = due.Truncate(f.gather).Add(f.gather)
		}
		if err != nil {
			answers <- late{due: latest(last, due), end: func() {
				if errors.Is(err, syscall.ECONNRESET) {
					memnet.Abort(client)
				} else {
					client.Close()
				}
			}}
			break
		}
		v := hello.Load().ProtocolVersion
		p, _ := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(b)
		if f.swallow != nil && f.swallow(p) {
			continue
		}
		if f.edit != nil && p != nil {
			b = wire.Bytes(f.edit(p, *hello.Load()), v)
		}
		switch p := p.(type) {
		case wire.Publish:
			due = due.Add(f.publish)
			if p.Retain {
				due = due.Add(f.retained)
			}
		case wire.Disconnect: // the last of all
			due = latest(last, due)
		}
		last = latest(last, due)
		answers <- late{due: due, raw: b}
		greet() // the first packet is the CONNACK
	}
	greet()
	all.Wait()
	near.Close()
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// endAs ends a direction in the way that another one ended.
func endAs(err error, to *memnet.Conn) {
	if errors.Is(err, syscall.ECONNRESET) {
		to.Abort()
	} else {
		to.CloseWrite()
	}
}

// made is a conforming broker of another make: the reference broker as it is configured, with choices of its own,
// behind a front.
type made struct {
	name        string
	config      broker.Config
	front       front
	noHalfClose bool         // the transport has none, as a WebSocket
	only        wire.Version // the version in which it conforms, 0 for both
}

func qos(q wire.QoS) *wire.QoS { return &q }

// makes combines what tests of single choices leave apart.
var makes = []made{
	{name: "terse", config: broker.Config{NoEmptyClientID: true, NoTopicAliases: true, Tolerances: []string{
		"close-without-disconnect", "close-without-connack", "close-with-reset", "other-reason-codes", "high-packet-ids",
		"dollar-topics-refused", "one-byte-writes", "expiry-rounded-down"}}},
	{name: "talkative", config: broker.Config{Tolerances: []string{"reason-strings", "long-form-acks", "everything-announced",
		"no-matching-subscribers-code", "server-keep-alive-announced", "pubcomp-success-for-unknown", "high-packet-ids"}}},
	{name: "generous", config: broker.Config{Tolerances: []string{"copy-per-subscription", "qos-0-queued-offline",
		"qos-2-forward-at-pubrel", "publish-before-suback", "unsubscribe-drops-queued", "late-session-deletion",
		"keep-alive-close-late", "expiry-rounded-down"}}},
	{name: "thrifty", config: broker.Config{Tolerances: []string{"grants-qos-1", "keep-alive-close-early", "resend-on-live-link-311",
		"retained-qos-0-not-stored", "qos-0-waits-for-quota", "session-expiry-capped", "close-with-reset"}}},
	{name: "narrow", config: broker.Config{ReceiveMaximum: 1, MaximumPacketSize: 200, TopicAliasMaximum: 1}},
	{name: "without QoS 2", config: broker.Config{MaximumQoS: qos(1), MaximumKeepAlive: 60}},
	{name: "without QoS 1", config: broker.Config{MaximumQoS: qos(0), MaximumKeepAlive: 15}},
	{name: "without options", config: broker.Config{NoRetain: true, NoWildcardSubscriptions: true, NoSharedSubscriptions: true,
		NoSubscriptionIdentifiers: true, NoTopicAliases: true}},
	{name: "without wildcards", config: broker.Config{NoWildcardSubscriptions: true, NoSharedSubscriptions: true,
		MaximumSessionExpiry: 8}},
	{name: "slow", front: front{answer: 1900 * time.Millisecond}},
	{name: "slow to deliver", front: front{publish: 1500 * time.Millisecond}},
	{name: "slow to deliver what is retained", front: front{retained: 400 * time.Millisecond}},
	{name: "slow to read", front: front{read: 900 * time.Millisecond}},
	{name: "gathering", front: front{gather: 200 * time.Millisecond}, config: broker.Config{Tolerances: []string{"close-with-reset"}}},
	{name: "acknowledging first", front: acknowledgingFirst},
	{name: "adding properties", front: front{edit: addProperties}},
	{name: "without half-close", noHalfClose: true},
	{name: "trusting", only: wire.V5, config: broker.Config{Defects: overlooked}},
	{name: "discreet", only: wire.V5, config: broker.Config{Defects: []string{"takeover-without-will"}, Tolerances: []string{"delayed-will-dropped"}}},
}

// overlooked are errors of a client that a server of 5.0 need not find (4.13.1), as defects. It is no defect there, only
// nothing that one would wish for.
var overlooked = []string{
	"fixed-header-flags-ignored", "padded-length-accepted", "dup-qos-0-accepted", "packet-id-0-accepted",
	"subscribe-qos-3-accepted", "retain-handling-3-accepted", "no-local-shared-accepted", "malformed-filter-accepted",
	"client-subscription-id-accepted", "repeated-publish-property-accepted", "reason-code-accepted",
}

// acknowledgingFirst accepts messages of QoS 1 before it looks for subscribers, for whom they come a little later.
var acknowledgingFirst = front{
	read: 100 * time.Millisecond,
	early: func(p wire.Packet) wire.Packet {
		if p, is := p.(wire.Publish); is && p.QoS == wire.QoS1 {
			return wire.Puback{PacketID: p.PacketID}
		}
		return nil
	},
	swallow: func(p wire.Packet) bool {
		_, is := p.(wire.Puback)
		return is
	},
}

// addProperties adds what a server may say of its own, unless the client limits it: a User Property, and the Message
// Expiry Interval that its configuration gives to messages without one.
func addProperties(p wire.Packet, c wire.Connect) wire.Packet {
	if c.ProtocolVersion != wire.V5 || c.Properties.Has(wire.PropMaximumPacketSize) || c.Properties.Has(wire.PropRequestProblemInformation) {
		return p
	}
	own := wire.UserProperty("broker", "of another make")
	switch p := p.(type) {
	case wire.Connack:
		p.Properties = p.Properties.With(own)
		return p
	case wire.Suback:
		p.Properties = p.Properties.With(own)
		return p
	case wire.Publish:
		p.Properties = p.Properties.With(own)
		if !p.Properties.Has(wire.PropMessageExpiryInterval) {
			p.Properties = p.Properties.With(wire.MessageExpiryInterval(86400))
		}
		return p
	}
	return p
}

// unjust lists the specs that are known to wrong a broker of a make, or not to decide there. It may only get shorter.
var unjust = map[string][]string{}

// TestConforming runs every spec against brokers that conform in ways of their own. None fails, no monitor reports
// anything, and what cannot be carried out is skipped.
func TestConforming(t *testing.T) {
	all := items(t)
	for _, m := range makes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			known := map[string]bool{}
			for n, i := range all {
				if m.only != 0 && i.Version != m.only {
					continue
				}
				row := m.run(t, i, n)
				wrong := row.Verdict == reports.Fail || row.Verdict == reports.Inconclusive || row.OwnDefect || len(row.Findings) > 0
				switch {
				case wrong && slices.Contains(unjust[m.name], i.ID):
					known[i.ID] = true
				case wrong:
					t.Errorf("%s: %s: %s\nmonitors: %v\n%s", i.Key(), row.Verdict, row.Reason, row.Findings, suites.Timeline(row))
				}
			}
			for _, id := range unjust[m.name] {
				if !known[id] {
					t.Errorf("%s is just to this make now: take it from the list", id)
				}
			}
		})
	}
}

// run runs one spec as the engine does: what the broker lacks is observed first.
func (m made) run(t *testing.T, i harness.Item, n int) (row reports.Row) {
	if i.Variant == harness.OverWebSocket {
		return onReference(t, i, n, m.config) // the front stands before MQTT, not before HTTP
	}
	var users []suites.User
	m.config, users = variant(t, i, m.config)
	synctest.Test(t, func(t *testing.T) {
		target := &makeTarget{made: m, users: users}
		target.serve, target.stop = m.front.start(m.config)(t)
		timing := harness.Timing{Reply: 2 * time.Second, Slack: 3 * time.Second, Quiet: 500 * time.Millisecond}
		ctx := context.Background()
		seen, err := harness.Observe(ctx, target, "v", timing.Reply, wire.V5, wire.V311)
		if err != nil {
			t.Fatal(err)
		}
		if lack := seen.Lacks(i); lack != "" {
			row = reports.Row{ID: i.ID, Verdict: reports.Skip, Reason: lack}
		} else {
			row = harness.Run(ctx, i, n, harness.Config{Target: target, Timing: timing, Token: "v", Deadline: time.Hour, Observed: seen})
		}
		target.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return row
}

// makeTarget is a broker of another make, reached over in-memory connections.
type makeTarget struct {
	made
	users   []suites.User // none, or who all specs are and the witness
	serve   func(net.Conn)
	stop    func()
	mu      sync.Mutex
	conns   []net.Conn
	serving sync.WaitGroup
}

func (m *makeTarget) Dial(context.Context) (net.Conn, error) {
	client, server := memnet.Pipe(0)
	m.mu.Lock()
	m.conns = append(m.conns, server)
	m.mu.Unlock()
	m.serving.Go(func() {
		m.serve(server)
		server.Close()
	})
	if m.noHalfClose {
		return whole{client}, nil
	}
	return client, nil
}

func (m *makeTarget) Credentials() (username, password string, ok bool) {
	if len(m.users) == 0 {
		return "", "", false
	}
	return m.users[0].Name, m.users[0].Password, true
}

func (m *makeTarget) WitnessCredentials() (username, password string, ok bool) {
	if len(m.users) == 0 {
		return "", "", false
	}
	return m.users[1].Name, m.users[1].Password, true
}

func (m *makeTarget) Info() reports.TargetInfo { return reports.TargetInfo{Name: m.name} }

func (m *makeTarget) Close() error {
	m.mu.Lock()
	conns := m.conns
	m.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	m.serving.Wait()
	m.stop()
	return nil
}

// whole is a connection that can only be closed as a whole.
type whole struct{ conn *memnet.Conn }

func (w whole) Read(b []byte) (int, error)         { return w.conn.Read(b) }
func (w whole) Write(b []byte) (int, error)        { return w.conn.Write(b) }
func (w whole) Close() error                       { return w.conn.Close() }
func (w whole) Abort() error                       { return w.conn.Abort() }
func (w whole) LocalAddr() net.Addr                { return w.conn.LocalAddr() }
func (w whole) RemoteAddr() net.Addr               { return w.conn.RemoteAddr() }
func (w whole) SetDeadline(t time.Time) error      { return w.conn.SetDeadline(t) }
func (w whole) SetReadDeadline(t time.Time) error  { return w.conn.SetReadDeadline(t) }
func (w whole) SetWriteDeadline(t time.Time) error { return w.conn.SetWriteDeadline(t) }
