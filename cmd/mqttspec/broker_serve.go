package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/pki"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

// defaultPorts are those that people expect behind each scheme.
var defaultPorts = map[string]string{"tcp": "1883", "tls": "8883", "ws": "8080", "wss": "8443"}

// runBroker serves until ctx ends.
func runBroker(ctx context.Context, o brokerOptions, stdout, stderr io.Writer) error {
	config, err := o.brokerConfig()
	if err != nil {
		return err
	}
	config.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: o.level()}))
	services, err := o.profile.services(&config)
	if err != nil {
		return err
	}
	if services != nil {
		defer services.Close()
	}
	b, err := broker.New(config)
	if err != nil {
		return usagef("%s", strings.TrimPrefix(err.Error(), "broker: "))
	}
	defer b.Close()
	var listeners []listener
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	for _, address := range o.addresses() {
		l, err := o.profile.listen(address)
		if err != nil {
			return err
		}
		listeners = append(listeners, l)
	}
	if err := o.endpoints(listeners, stdout); err != nil {
		return err
	}
	if slices.ContainsFunc(listeners, listener.secure) {
		identity, err := o.identity(stdout)
		if err != nil {
			return err
		}
		for i, l := range listeners {
			if l.secure() {
				listeners[i].Listener = tls.NewListener(l.Listener, &tls.Config{Certificates: []tls.Certificate{identity}, NextProtos: l.protocols()})
			}
		}
	}
	for _, l := range listeners {
		fmt.Fprintf(stdout, "listening on %s\n", l)
	}
	return serve(ctx, b, listeners)
}

// serve serves on all listeners until ctx ends or one of them fails.
func serve(ctx context.Context, b *broker.Broker, listeners []listener) error {
	failed := make(chan error, len(listeners))
	var serving sync.WaitGroup
	for _, l := range listeners {
		serving.Go(func() {
			if err := l.serve(b); err != nil && !errors.Is(err, broker.ErrClosed) && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				failed <- usagef("%s: %w", l, err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, l := range listeners {
		l.Close()
	}
	b.Close()
	serving.Wait()
	return err
}

// listener is one place where the broker listens.
type listener struct {
	net.Listener
	scheme   string
	endpoint *awsiot.Endpoint // of a profile; nil for other listeners
}

// listen opens a listener for an address such as "tls://127.0.0.1:8883", or of a scheme of a profile. Without a host it
// is on loopback.
func (o profileOptions) listen(address string) (listener, error) {
	if !strings.Contains(address, "://") {
		address = "tcp://" + address
	}
	u, err := url.Parse(address)
	if err != nil || o.port(u.Scheme) == "" || u.Path != "" && u.Path != "/" {
		return listener{}, usagef("--listen: %q is no address such as tcp://127.0.0.1:1883; there are tcp, tls, ws, wss and the listeners of a profile", address)
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = o.port(u.Scheme)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return listener{}, usagef("--listen %s: %w", address, reasonOf(err))
	}
	return listener{Listener: l, scheme: u.Scheme}, nil
}

// reasonOf takes from an error of the network what the address beside it says already.
func reasonOf(err error) error {
	var operation *net.OpError
	if errors.As(err, &operation) {
		return operation.Err
	}
	return err
}

// secure reports whether TLS is wanted that no endpoint brings.
func (l listener) secure() bool {
	return l.endpoint == nil && (l.scheme == "tls" || l.scheme == "wss")
}

func (l listener) web() bool { return l.scheme == "ws" || l.scheme == "wss" }

// protocols are those that TLS negotiates: a WebSocket begins in HTTP/1.1.
func (l listener) protocols() []string {
	if l.web() {
		return []string{"http/1.1"}
	}
	return nil // a client that names its protocol in TLS at all may call it anything
}

// String returns the address in the form that a client or --target takes.
func (l listener) String() string {
	address := l.scheme + "://" + l.Addr().String()
	if l.web() {
		address += "/mqtt"
	}
	return address
}

func (l listener) serve(b *broker.Broker) error {
	if l.endpoint != nil {
		return l.endpoint.Serve(l.Listener, b)
	}
	if !l.web() {
		return b.Serve(l.Listener)
	}
	server := &http.Server{Handler: b.Handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	return server.Serve(l.Listener)
}

// identity is the certificate of the flags, or one of an authority that is made for this run and left in a directory.
func (o brokerOptions) identity(stdout io.Writer) (tls.Certificate, error) {
	if o.cert != "" || o.key != "" {
		identity, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return identity, usagef("--cert and --key: %w", err)
		}
		return identity, nil
	}
	dir, err := testCertificates(stdout)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(filepath.Join(dir, pki.ServerFile), filepath.Join(dir, pki.ServerKeyFile))
}

// testCertificates makes an authority for this run and leaves its files in a directory, which it tells.
func testCertificates(stdout io.Writer) (dir string, err error) {
	ca, err := pki.New("mqttspec broker")
	if err != nil {
		return "", fmt.Errorf("test certificates: %w", err)
	}
	if dir, err = os.MkdirTemp("", "mqttspec-certificates-"); err != nil {
		return "", usagef("test certificates: %w", err)
	}
	if err := ca.WriteFiles(dir); err != nil {
		return "", usagef("test certificates: %w", err)
	}
	fmt.Fprintf(stdout, "test certificates are in %s; clients trust %s\n", dir, filepath.Join(dir, pki.CAFile))
	return dir, nil
}
