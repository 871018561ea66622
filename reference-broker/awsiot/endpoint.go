package awsiot

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// Protocol is one that an [Endpoint] speaks. TLS chooses between them by ALPN.
type Protocol struct {
	// ALPN is the protocol's name. "" is for clients that name none.
	ALPN string
	// Certificate: the client must show one.
	Certificate bool
	// WebSocket: MQTT comes over a WebSocket on Path, otherwise at once.
	WebSocket bool
	Path      string
}

// Endpoint is a TLS port that several protocols share.
type Endpoint struct {
	Protocols []Protocol
	Identity  tls.Certificate
	// Clients has issued the certificates of clients. nil: any certificate will do, as it does for a service that
	// keeps a list of certificates instead.
	Clients *x509.CertPool
	// HandshakeTimeout is how long TLS may take.
	HandshakeTimeout time.Duration
}

// Config is the endpoint's side of TLS.
func (e Endpoint) Config() *tls.Config {
	return &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			p, ok := e.choose(hello.SupportedProtos)
			if !ok {
				return nil, errors.New("the client speaks no protocol of this port")
			}
			c := &tls.Config{Certificates: []tls.Certificate{e.Identity}, MinVersion: tls.VersionTLS12}
			if p.ALPN != "" {
				c.NextProtos = []string{p.ALPN}
			}
			switch {
			case p.Certificate && e.Clients != nil:
				c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, e.Clients
			case p.Certificate:
				c.ClientAuth = tls.RequireAnyClientCert
			}
			return c, nil
		},
	}
}

// choose returns the protocol for what a client offers: the first of its own that the endpoint knows, and the one
// without a name for a client that offers none.
func (e Endpoint) choose(offered []string) (Protocol, bool) {
	if len(offered) == 0 {
		offered = []string{""}
	}
	for _, name := range offered {
		if i := slices.IndexFunc(e.Protocols, func(p Protocol) bool { return p.ALPN == name }); i >= 0 {
			return e.Protocols[i], true
		}
	}
	return Protocol{}, false
}

// Serve accepts connections from l and hands them to the broker until l fails or is closed, and returns that error
// when all that it has started has ended, but for connections that the broker owns.
func (e Endpoint) Serve(l net.Listener, b *broker.Broker) error {
	ctx, cancel := context.WithCancel(context.Background())
	web := &handedOver{conns: make(chan net.Conn), closed: ctx, address: l.Addr()}
	server := &http.Server{Handler: e.handler(b), ReadHeaderTimeout: e.HandshakeTimeout, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(web) })
	config := e.Config()
	for {
		nc, err := l.Accept()
		if err != nil {
			cancel()
			server.Close()
			serving.Wait()
			return err
		}
		serving.Go(func() { e.open(ctx, tls.Server(nc, config), web, b) })
	}
}

// open does the TLS handshake and hands the connection to whom it is for.
func (e Endpoint) open(ctx context.Context, nc *tls.Conn, web *handedOver, b *broker.Broker) {
	handshake, done := ctx, func() {}
	if e.HandshakeTimeout > 0 {
		handshake, done = context.WithTimeout(ctx, e.HandshakeTimeout)
	}
	err := nc.HandshakeContext(handshake)
	done()
	if err != nil {
		nc.Close()
		return
	}
	p, _ := e.choose(alpn(nc.ConnectionState().NegotiatedProtocol))
	if !p.WebSocket {
		go b.ServeConn(nc)
		return
	}
	select {
	case web.conns <- nc:
	case <-ctx.Done():
		nc.Close()
	}
}

func alpn(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// handler serves WebSockets on the paths of the protocols.
func (e Endpoint) handler(b *broker.Broker) http.Handler {
	mux := http.NewServeMux()
	known := map[string]bool{}
	for _, p := range e.Protocols {
		if p.WebSocket && !known[p.Path] {
			known[p.Path] = true
			mux.Handle(p.Path, admitSDK(b.Handler()))
		}
	}
	return mux
}

// handedOver is a listener whose connections somebody else has accepted.
type handedOver struct {
	conns   chan net.Conn
	closed  context.Context
	address net.Addr
}

func (l *handedOver) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed.Done():
		return nil, net.ErrClosed
	}
}

func (l *handedOver) Close() error   { return nil }
func (l *handedOver) Addr() net.Addr { return l.address }

// Authenticate returns who is let in: clients with a certificate, which TLS has verified; WebSocket clients with a
// request that is signed, though the signature is not verified; all others by User Name and password, or without
// them if users is nil.
func Authenticate(users map[string]string) func(broker.Credentials) wire.ReasonCode {
	return func(c broker.Credentials) wire.ReasonCode {
		switch {
		case c.TLS != nil && len(c.TLS.PeerCertificates) > 0,
			c.Request != nil && c.Request.URL.Query().Has("X-Amz-Signature"),
			users == nil:
			return wire.Success
		case c.Username == nil:
			return wire.NotAuthorized
		}
		if password, known := users[*c.Username]; !known || subtle.ConstantTimeCompare([]byte(password), c.Password) != 1 {
			return wire.NotAuthorized
		}
		return wire.Success
	}
}
