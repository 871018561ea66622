package netfault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
)

// Proxy listens on TCP and carries each connection that it accepts over a [Link] of its own to a server.
type Proxy struct {
	// Addr is where the proxy listens, as host:port. Set it before Start to choose; empty is a free port of 127.0.0.1.
	// Start replaces it by the address with the real port.
	Addr string
	// Dial opens the connection to the server.
	Dial func(context.Context) (net.Conn, error)
	// Faults are armed on each connection before its first byte.
	Faults []Fault
	// OnLink, if set, is called with each new link before Faults are armed; n counts from 1. It may arm rules.
	OnLink func(n int, l *Link)
	// Trace, if set, records what passes. The connections are called client-1, client-2 and so on.
	Trace *trace.Log

	listener net.Listener
	stop     context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	links    []*Link // that have an open connection, or are about to
	accepted int
	faults   []*proxyFault
}

// proxyFault is a fault on a proxy's connections. It is guarded by the proxy's mu.
type proxyFault struct {
	Fault
	coming bool            // armed on connections to come
	rules  map[*Link]*Rule // of the links that are open
	fired  int             // on links that are gone
}

// dialTimeout bounds how long a client waits for the connection to the server.
const dialTimeout = 10 * time.Second

// NewProxy starts a proxy on a free port of 127.0.0.1 that carries to the TCP address upstream. It panics if it cannot
// listen. Close it in the end.
func NewProxy(upstream string) *Proxy {
	p := NewUnstartedProxy(upstream)
	if err := p.Start(); err != nil {
		panic("netfault: " + err.Error())
	}
	return p
}

// NewUnstartedProxy returns a proxy to the TCP address upstream whose fields can still be set, before Start.
func NewUnstartedProxy(upstream string) *Proxy {
	dialer := net.Dialer{Timeout: dialTimeout}
	return &Proxy{Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", upstream) }}
}

// Start begins to listen and sets Addr.
func (p *Proxy) Start() error {
	if p.Addr == "" {
		p.Addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return err
	}
	p.listener = l
	p.Addr = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	for _, f := range p.Faults {
		p.faults = append(p.faults, newProxyFault(f, true))
	}
	p.wg.Go(func() { p.accept(ctx) })
	return nil
}

// Close stops listening, closes the open connections, and waits until all is idle.
func (p *Proxy) Close() {
	if p.listener == nil {
		return
	}
	p.listener.Close()
	p.stop()
	for _, l := range p.Links() {
		l.Shut()
	}
	p.wg.Wait()
}

// Links returns the links whose connections are open, oldest first.
func (p *Proxy) Links() []*Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Link(nil), p.links...)
}

func (p *Proxy) accept(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // such as too many open files: let others go first
			p.Trace.Add(trace.Event{Kind: trace.Note, Text: "accept: " + err.Error()})
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		p.wg.Go(func() { p.serve(ctx, client) })
	}
}

// serve carries one client until it is gone.
func (p *Proxy) serve(ctx context.Context, client net.Conn) {
	p.mu.Lock()
	p.accepted++
	n := p.accepted
	l := NewLink(p.Dial, p.Trace, linkName(n))
	p.links = append(p.links, l)
	p.mu.Unlock()
	defer p.forget(l)

	if p.OnLink != nil {
		p.OnLink(n, l)
	}
	for _, f := range p.coming() {
		p.arm(f, l)
	}
	if ctx.Err() != nil {
		memnet.Abort(client)
		return
	}
	if l.carry(ctx, "", client) == nil {
		l.wait()
	}
}

func linkName(n int) string { return fmt.Sprintf("client-%d", n) }

// forget takes a link that is over out of the list, and remembers which faults fired on it.
func (p *Proxy) forget(l *Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links = slices.DeleteFunc(p.links, func(other *Link) bool { return other == l })
	for _, f := range p.faults {
		if r := f.rules[l]; r != nil && r.HasFired() {
			f.fired++
		}
		delete(f.rules, l)
	}
}

func newProxyFault(f Fault, coming bool) *proxyFault {
	return &proxyFault{Fault: f, coming: coming, rules: map[*Link]*Rule{}}
}

// coming returns the faults for connections to come.
func (p *Proxy) coming() (faults []*proxyFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		if f.coming {
			faults = append(faults, f)
		}
	}
	return faults
}

// arm arms f on l if it is meant for that connection.
func (p *Proxy) arm(f *proxyFault, l *Link) {
	if f.Conn > 0 && linkName(f.Conn) != l.name {
		return
	}
	r := f.Arm(l)
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.links, l) {
		f.rules[l] = r
	}
}
