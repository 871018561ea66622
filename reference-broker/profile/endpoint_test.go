package profile

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

// cloud is the broker behind the profile's ports, on real sockets.
type cloud struct {
	ports     map[string]string // address by listener
	ca, other *pki.CA
}

func startCloud(t *testing.T) *cloud {
	t.Helper()
	p := load(t, "aws-iot-core")
	services, err := awsiot.New(p.Services())
	if err != nil {
		t.Fatal(err)
	}
	config := p.Config()
	config.Hook = services
	config.Authenticate = awsiot.Authenticate(map[string]string{"me": "secret"})
	b, err := broker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{ports: map[string]string{}}
	if c.ca, err = pki.New("cloud"); err != nil {
		t.Fatal(err)
	}
	if c.other, err = pki.New("stranger"); err != nil {
		t.Fatal(err)
	}
	identity, err := c.ca.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	var listeners []net.Listener
	for _, l := range p.Listeners {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, listener)
		c.ports[l.Name] = listener.Addr().String()
		endpoint := p.Endpoint(l, identity, c.ca.Pool())
		serving.Go(func() {
			if err := endpoint.Serve(listener, b); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range listeners {
			l.Close()
		}
		b.Close()
		serving.Wait()
		services.Close()
	})
	return c
}

// config is a client's side of TLS, with a certificate if issuer is not nil.
func (c *cloud) config(t *testing.T, issuer *pki.CA, protocols ...string) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: c.ca.Pool(), NextProtos: protocols}
	if issuer != nil {
		certificate, err := issuer.Client("device")
		if err != nil {
			t.Fatal(err)
		}
		// sent also if the server names other issuers
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
	}
	return config
}

// connect sends CONNECT over a connection and returns how it is answered: "connected", "refused" or "closed".
func connect(nc net.Conn, p wire.Connect) string {
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := nc.Write(p.Append(nil, wire.V311)); err != nil {
		return "closed"
	}
	frame, err := wire.ReadFrame(nc, 0)
	if err != nil {
		return "closed"
	}
	if answer, err := (wire.Decoder{Version: wire.V311, Sender: wire.FromServer}).Decode(frame); err != nil || answer.(wire.Connack).ReasonCode != 0 {
		return "refused"
	}
	return "connected"
}

func TestEndpoints(t *testing.T) {
	c := startCloud(t)
	plain, user := clean("c"), clean("c")
	name := "me"
	user.Username, user.Password = &name, []byte("secret")
	for _, x := range []struct {
		what     string
		listener string
		issuer   *pki.CA
		alpn     []string
		connect  wire.Connect
		want     string
	}{
		{"a certificate on 8883", "tls", c.ca, nil, plain, "connected"},
		{"with ALPN", "tls", c.ca, []string{"x-amzn-mqtt-ca"}, plain, "connected"},
		{"no certificate", "tls", nil, nil, user, "closed"},
		{"somebody else's certificate", "tls", c.other, nil, plain, "closed"},
		{"a certificate on 443 by ALPN", "alpn", c.ca, []string{"x-amzn-mqtt-ca"}, plain, "connected"},
		{"ALPN that wants a certificate", "alpn", nil, []string{"x-amzn-mqtt-ca"}, user, "closed"},
		{"a password by ALPN", "alpn", nil, []string{"mqtt"}, user, "connected"},
		{"no password by ALPN", "alpn", nil, []string{"mqtt"}, plain, "refused"},
		{"unknown ALPN", "alpn", c.ca, []string{"h2"}, plain, "closed"},
	} {
		nc, err := tls.Dial("tcp", c.ports[x.listener], c.config(t, x.issuer, x.alpn...))
		got := "closed"
		if err == nil {
			got = connect(nc, x.connect)
			nc.Close()
		}
		if got != x.want {
			t.Errorf("%s: %s (%v), want %s", x.what, got, err, x.want)
		}
	}
}

// TestWebSocket connects on the port that ALPN shares.
func TestWebSocket(t *testing.T) {
	c := startCloud(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	name := "me"
	user := clean("c")
	user.Username, user.Password = &name, []byte("secret")
	for _, x := range []struct {
		what, path, subprotocol string
		connect                 wire.Connect
		want                    string
	}{
		{"a password", "/mqtt", "mqtt", user, "connected"},
		{"no password", "/mqtt", "mqtt", clean("c"), "refused"},
		{"a signed request", "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00", "mqtt", clean("c"), "connected"},
		{"another path", "/", "mqtt", user, "no WebSocket"},
		{"no subprotocol", "/mqtt", "", user, "no WebSocket"},
	} {
		for _, alpn := range [][]string{nil, {"http/1.1"}} {
			options := &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: c.config(t, nil, alpn...)}}}
			if x.subprotocol != "" {
				options.Subprotocols = []string{x.subprotocol}
			}
			ws, _, err := websocket.Dial(ctx, "wss://"+c.ports["alpn"]+x.path, options)
			got := "no WebSocket"
			if err == nil {
				got = connect(websocket.NetConn(ctx, ws, websocket.MessageBinary), x.connect)
				ws.CloseNow()
			}
			if got != x.want {
				t.Errorf("%s with ALPN %v: %s (%v), want %s", x.what, alpn, got, err, x.want)
			}
		}
	}
}

// TestPrincipal finds the fingerprint of a client's certificate in its event, and the reason for the closing frame of
// a WebSocket.
func TestPrincipal(t *testing.T) {
	c := startCloud(t)
	witness, err := tls.Dial("tcp", c.ports["tls"], c.config(t, c.ca))
	if err != nil {
		t.Fatal(err)
	}
	defer witness.Close()
	if got := connect(witness, clean("w")); got != "connected" {
		t.Fatal(got)
	}
	subscribe := wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "$aws/events/presence/+/device"}}}
	witness.Write(subscribe.Append(nil, wire.V311))
	if _, err := wire.ReadFrame(witness, 0); err != nil {
		t.Fatal(err)
	}
	event := func() string {
		t.Helper()
		frame, err := wire.ReadFrame(witness, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := wire.Decoder{Version: wire.V311, Sender: wire.FromServer}.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		return string(p.(wire.Publish).Payload)
	}

	config := c.config(t, c.ca)
	certificate, _ := config.GetClientCertificate(nil)
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.Raw)
	nc, err := tls.Dial("tcp", c.ports["tls"], config)
	if err != nil {
		t.Fatal(err)
	}
	if got := connect(nc, clean("device")); got != "connected" {
		t.Fatal(got)
	}
	connected := event()
	for _, want := range []string{`"eventType":"connected"`, `"principalIdentifier":"` + hex.EncodeToString(sum[:]) + `"`, `"ipAddress":"127.0.0.1"`} {
		if !strings.Contains(connected, want) {
			t.Errorf("got %s, want %s", connected, want)
		}
	}
	nc.Close()
	if got := event(); !strings.Contains(got, `"disconnectReason":"CONNECTION_LOST"`) {
		t.Errorf("got %s", got)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss://"+c.ports["alpn"]+"/mqtt?X-Amz-Signature=0", &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: c.config(t, nil)}},
		Subprotocols: []string{"mqtt"},
	})
	if err != nil {
		t.Fatal(err)
	}
	stream := websocket.NetConn(ctx, ws, websocket.MessageBinary)
	if got := connect(stream, clean("device")); got != "connected" {
		t.Fatal(got)
	}
	event()
	go io.Copy(io.Discard, stream)
	ws.Close(websocket.StatusNormalClosure, "")
	if got := event(); !strings.Contains(got, `"disconnectReason":"CLIENT_INITIATED_DISCONNECT"`) {
		t.Errorf("closing frame: got %s", got)
	}
}
