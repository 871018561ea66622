package target

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/webstream"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// authority makes a certificate authority and writes its certificate.
func authority(t *testing.T) (ca *pki.CA, file string) {
	t.Helper()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, ca.PEM, 0o644); err != nil {
		t.Fatal(err)
	}
	return ca, file
}

// listen serves connections on loopback until the test ends, and returns the address.
func listen(t *testing.T, config *tls.Config, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// plainMQTT closes as a broker does that reads something else than CONNECT.
func plainMQTT(c net.Conn) {
	_, _ = wire.ReadFrame(c, 16)
}

func issue(t *testing.T, ca *pki.CA, o pki.Options) *tls.Config {
	t.Helper()
	c, err := ca.Issue(o)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

func handshake(c net.Conn) { _ = c.(*tls.Conn).Handshake() }

// TestDialSaysWhatIsWrong holds the sentences for what users get wrong.
func TestDialSaysWhatIsWrong(t *testing.T) {
	ca, caFile := authority(t)
	loopback := []net.IP{net.IPv4(127, 0, 0, 1)}
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	moved := httptest.NewServer(http.RedirectHandler("https://elsewhere.example/", http.StatusMovedPermanently))
	defer moved.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	plain := listen(t, nil, plainMQTT)
	right := issue(t, ca, pki.Options{IPs: loopback})
	right.ClientAuth, right.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	for _, c := range []struct {
		name, address string
		o             Options
		want          string
		cause         error
	}{
		{"nobody listens", "tcp://" + free.Addr().String(), Options{}, "refuses connections", syscall.ECONNREFUSED},
		{"an unknown authority", "tls://" + listen(t, issue(t, ca, pki.Options{IPs: loopback}), handshake), Options{}, "not from an authority that is trusted", nil},
		{"an expired certificate", "tls://" + listen(t, issue(t, ca, pki.Options{IPs: loopback, NotAfter: time.Date(1999, 6, 1, 0, 0, 0, 0, time.UTC)}), handshake),
			Options{CAFile: caFile}, "valid from 1999-01-01 00:00:00 to 1999-06-01 00:00:00 only", nil},
		{"another host", "tls://" + listen(t, issue(t, ca, pki.Options{DNSNames: []string{"broker.example"}}), handshake), Options{CAFile: caFile},
			"is for broker.example, not for 127.0.0.1", nil},
		{"no client certificate", "tls://" + listen(t, right, handshake), Options{CAFile: caFile}, "the server refuses the TLS handshake: handshake failure; it may want a client certificate", nil},
		{"TLS to plain MQTT", "tls://" + plain, Options{CAFile: caFile}, "as a plain MQTT port does; without TLS the address begins with tcp://", nil},
		{"TLS to plain HTTP", "tls://" + web.Listener.Addr().String(), Options{}, "plain HTTP is spoken there", nil},
		{"wss to plain MQTT", "wss://" + plain, Options{}, "without TLS the address begins with ws://", nil},
		{"a WebSocket to plain MQTT", "ws://" + plain, Options{}, "address that begins with tcp://", nil},
		{"a wrong path", "ws://" + web.Listener.Addr().String() + "/x", Options{}, "HTTP 404 Not Found: is it the right path?", nil},
		{"a redirection", "ws://" + moved.Listener.Addr().String(), Options{}, "which points to https://elsewhere.example/", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, err := Open(t.Context(), c.address, c.o)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := target.Dial(t.Context())
			if err == nil {
				conn.Close()
				t.Fatal("it connects")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), c.address) {
				t.Errorf("%v does not say %q", err, c.want)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("%v does not wrap %v", err, c.cause)
			}
			if _, err := harness.Observe(t.Context(), target, "t", time.Second, wire.V5); !errors.Is(err, harness.ErrUnreachable) {
				t.Errorf("observing it gives %v", err)
			}
		})
	}
}

func TestDialGivesUp(t *testing.T) {
	mute := listen(t, nil, func(c net.Conn) { io.Copy(io.Discard, c) })
	for _, address := range []string{"tls://" + mute, "ws://" + mute} {
		target, err := Open(t.Context(), address, Options{Insecure: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("the user has gone")
		time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
		if c, err := target.Dial(ctx); err == nil {
			c.Close()
			t.Errorf("%s: it connects", address)
		} else if !errors.Is(err, reason) {
			t.Errorf("%s: %v", address, err)
		}
	}
	text := endpoint{transport: TransportTCP, host: "h:1"}.explain(t.Context(), context.DeadlineExceeded).Error()
	if text != "tcp://h:1: it does not answer within 10s" {
		t.Error(text)
	}
}

func TestExplainTCP(t *testing.T) {
	for want, err := range map[string]error{
		"there is no host of that name":   &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}},
		"cannot be looked up: server mis": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}},
		"no route":                        &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)},
		"ulimit":                          &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)},
	} {
		text := endpoint{transport: TransportTCP, host: "h:1"}.explain(t.Context(), err).Error()
		if !strings.Contains(text, want) {
			t.Errorf("%v is explained as %q", err, text)
		}
	}
}

func TestHTTPOnAPlainAddress(t *testing.T) {
	// most web servers look at the first byte
	web := listen(t, nil, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<h1>Bad Request</h1>")
	})
	target, err := Open(t.Context(), "tcp://"+web, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := harness.Observe(t.Context(), target, "t", time.Second, wire.V5); !errors.Is(err, harness.ErrNotMQTT) || !strings.Contains(err.Error(), "HTTP") {
		t.Errorf("observing it gives %v", err)
	}
}

// brokers serves the reference broker over each transport and returns the addresses.
func brokers(t *testing.T, ca *pki.CA) map[Transport]string {
	t.Helper()
	b, err := broker.New(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	server, err := ca.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{server}}
	ws, wss := httptest.NewServer(b.Handler()), httptest.NewUnstartedServer(b.Handler())
	wss.TLS = config.Clone()
	wss.StartTLS()
	t.Cleanup(ws.Close)
	t.Cleanup(wss.Close)
	return map[Transport]string{
		TransportTCP: listen(t, nil, b.ServeConn),
		TransportTLS: listen(t, config, b.ServeConn),
		TransportWS:  ws.Listener.Addr().String(),
		TransportWSS: wss.Listener.Addr().String(),
	}
}

func TestEveryTransport(t *testing.T) {
	ca, caFile := authority(t)
	for transport, host := range brokers(t, ca) {
		t.Run(string(transport), func(t *testing.T) {
			o := Options{}
			if transport.secure() {
				o.CAFile = caFile
			}
			target, err := Open(t.Context(), string(transport)+"://"+host, o)
			if err != nil {
				t.Fatal(err)
			}
			accepts(t, target)
			if !target.(harness.Keeper).Keeps() {
				t.Error("an address keeps what specs leave")
			}
			// a packet of more than one read, and back
			c, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.SetDeadline(time.Now().Add(10 * time.Second))
			big := make([]byte, 200_000)
			for _, p := range []wire.Packet{
				wire.Connect{ClientID: "big", CleanStart: true},
				wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a"}}},
				wire.Publish{Topic: "a", Payload: big},
			} {
				if _, err := c.Write(wire.Bytes(p, wire.V5)); err != nil {
					t.Fatal(err)
				}
				b, err := wire.ReadFrame(c, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if _, is := p.(wire.Publish); is && len(b) < len(big) {
					t.Errorf("of %d bytes came %d", len(big), len(b))
				}
			}
			// a deadline is a timeout, not an end
			c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			var timeout net.Error
			if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("a read past its deadline gives %v", err)
			}
			if err := c.Close(); err != nil && !transport.webSocket() {
				t.Error(err)
			}
		})
	}
}

// TestEndsOfAConnection shows what the server sees of an abort and of a close, and the client of the server's end.
func TestEndsOfAConnection(t *testing.T) {
	ca, caFile := authority(t)
	server, err := ca.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{server}}
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			raw := make(chan net.Conn, 1) // the TCP connection below everything
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			b, err := broker.New(broker.Config{})
			if err != nil {
				t.Fatal(err)
			}
			var top net.Listener = spy{l, raw}
			if transport.secure() {
				top = tls.NewListener(top, config)
			}
			if transport.webSocket() {
				s := &http.Server{Handler: b.Handler()}
				go s.Serve(top)
				defer s.Close()
			} else {
				go b.Serve(top)
			}
			defer b.Close()
			o := Options{}
			if transport.secure() {
				o.CAFile = caFile
			}
			target, err := Open(t.Context(), string(transport)+"://"+l.Addr().String(), o)
			if err != nil {
				t.Fatal(err)
			}
			aborted, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := (<-raw).(*spied)
			if err := memnet.Abort(aborted); err != nil {
				t.Error(err)
			}
			if err := s.end(t); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("after an abort the server reads %v", err)
			}
			closed, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s = (<-raw).(*spied)
			closed.Close()
			if err := s.end(t); err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("after a close the server reads %v", err)
			}
			left, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			<-raw
			left.SetDeadline(time.Now().Add(10 * time.Second))
			left.Write(wire.Bytes(wire.Pingreq{}, wire.V5)) // no first packet: the broker closes
			if _, err := io.Copy(io.Discard, left); err != nil {
				t.Errorf("after the server's close the client reads %v", err)
			}
			left.Close()
		})
	}
}

// spy hands over the connections that it accepts, which remember how reading ended.
type spy struct {
	net.Listener
	accepted chan net.Conn
}

func (s spy) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	seen := &spied{Conn: c, ended: make(chan error, 1)}
	s.accepted <- seen
	return seen, nil
}

type spied struct {
	net.Conn
	ended chan error
}

func (s *spied) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // package http interrupts its own reading
		select {
		case s.ended <- err:
		default:
		}
	}
	return n, err
}

// Close counts as the end if reading did not end before: TLS and WebSockets have ends of their own.
func (s *spied) Close() error {
	select {
	case s.ended <- nil:
	default:
	}
	return s.Conn.Close()
}

// end waits for the end and returns the error of reading, if that came first.
func (s *spied) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the server reads no end")
		return nil
	}
}

func TestWebSocketCloseDoesNotWaitForASilentServer(t *testing.T) {
	b, err := broker.New(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	stalled := make(chan struct{})
	defer close(stalled)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// the handshake by hand, and then nothing
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: "+
			acceptKey(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		<-stalled
	}))
	defer s.CloseClientConnections()
	target, err := Open(t.Context(), "ws://"+s.Listener.Addr().String(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c.Close()
	if d := time.Since(start); d > 3*webstream.CloseGrace {
		t.Errorf("Close takes %s", d)
	}
}

// acceptKey is the answer to the key of a WebSocket handshake (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
