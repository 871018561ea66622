package target

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mqttspec/mqttspec/harness/webstream"
)

// dialTimeout bounds the opening of a Network Connection, TLS and WebSocket included.
const dialTimeout = 10 * time.Second

// endpoint is where and how to connect.
type endpoint struct {
	transport Transport
	host      string      // with its port
	path      string      // of WebSocket connections
	tls       *tls.Config // for tls and wss
	log       *slog.Logger
}

// String returns the endpoint as an address without credentials.
func (e endpoint) String() string {
	s := string(e.transport) + "://" + e.host
	if e.transport.webSocket() {
		s += e.path
	}
	return s
}

// dial opens a Network Connection. Errors are one sentence that says what to do about it, as far as that can be known.
func (e endpoint) dial(parent context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(parent, dialTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", e.host)
	if err != nil {
		return nil, e.explain(parent, err)
	}
	if e.transport.secure() {
		c, err = e.secure(ctx, c)
	}
	if err == nil && e.transport.webSocket() {
		c, err = e.upgrade(ctx, c)
	}
	if err != nil {
		return nil, e.explain(parent, err)
	}
	return c, nil
}

// secure does the TLS handshake. It owns c and closes it on an error.
func (e endpoint) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	config := e.tls.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(e.host)
	}
	if e.transport.webSocket() {
		config.NextProtos = []string{"http/1.1"}
	}
	s := tls.Client(c, config)
	if err := s.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, tlsError{err}
	}
	return s, nil
}

// upgrade makes a WebSocket of an open connection, which it owns and closes on an error.
func (e endpoint) upgrade(ctx context.Context, raw net.Conn) (net.Conn, error) {
	c, err := webstream.Dial(ctx, raw, e.host, e.path)
	if err != nil {
		return nil, err
	}
	if c.Selected() != webstream.Subprotocol && e.log != nil {
		e.log.Warn("the server does not choose the WebSocket subprotocol mqtt (MQTT-6.0.0-4)", "address", e.String(), "chosen", c.Selected())
	}
	return c, nil
}

// tlsError is what a TLS handshake failed with.
type tlsError struct{ error }

func (e tlsError) Unwrap() error { return e.error }

// dialError is a sentence about why there is no connection.
type dialError struct {
	text  string
	cause error
}

func (e *dialError) Error() string { return e.text }
func (e *dialError) Unwrap() error { return e.cause }

// explain makes a sentence of an error. The context is the caller's: only its end is not the endpoint's fault.
func (e endpoint) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("connecting to %s was given up: %w", e, context.Cause(ctx))
	}
	var text string
	var timeout net.Error
	var handshake tlsError
	var upgrade *webstream.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, new(*net.DNSError)):
		text = fmt.Sprintf("it does not answer within %s", dialTimeout)
	case errors.As(err, &handshake):
		text = e.explainTLS(handshake.error)
	case errors.As(err, &upgrade):
		text = upgrade.Error()
	default:
		text = explainTCP(err)
	}
	return &dialError{fmt.Sprintf("%s: %s", e, text), err}
}

func explainTCP(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host of that name"
	case errors.As(err, &dns):
		return "the name of the host cannot be looked up: " + dns.Err
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "actively refused"):
		return "it refuses connections: nothing listens there, or a firewall is between"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route leads there"
	case errors.Is(err, syscall.EMFILE):
		return "this process may not open more files: raise ulimit -n or run fewer specs at a time"
	}
	return err.Error()
}

// explainTLS says why a TLS handshake failed.
func (e endpoint) explainTLS(err error) string {
	var (
		record    tls.RecordHeaderError
		remote    *net.OpError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		host      x509.HostnameError
	)
	switch {
	case errors.As(err, &record) && string(record.RecordHeader[:4]) == "HTTP":
		return "plain HTTP is spoken there, not TLS"
	case errors.As(err, &record):
		return fmt.Sprintf("what answers does not speak TLS (its first bytes are % x)", record.RecordHeader)
	case errors.As(err, &host):
		return fmt.Sprintf("the server's certificate is for %s, not for %s", certificateNames(host.Certificate), host.Host)
	case errors.As(err, &authority):
		return "the server's certificate is not from an authority that is trusted here: give the CA's certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the server's certificate is valid from %s to %s only",
			invalid.Cert.NotBefore.UTC().Format(time.DateTime), invalid.Cert.NotAfter.UTC().Format(time.DateTime))
	case errors.As(err, &invalid):
		return "the server's certificate cannot be trusted: " + invalid.Error()
	case errors.As(err, &remote) && remote.Op == "remote error":
		text := "the server refuses the TLS handshake: " + strings.TrimPrefix(remote.Err.Error(), "tls: ")
		if len(e.tls.Certificates) == 0 {
			text += "; it may want a client certificate"
		}
		return text
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it closes the connection during the TLS handshake, as a plain MQTT port does; without TLS the address begins with " +
			strings.TrimSuffix(strings.Replace(string(e.transport), "tls", "tcp", 1), "s") + "://"
	}
	return "the TLS handshake fails: " + err.Error()
}

// certificateNames lists for whom a certificate is.
func certificateNames(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "nobody in particular"
	}
	return strings.Join(names, ", ")
}
