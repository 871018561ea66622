package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// speak sends a CONNECT and a PINGREQ over a real connection and expects both answers.
func speak(t *testing.T, nc io.ReadWriter, v wire.Version) {
	t.Helper()
	bytes := wire.Bytes(clean("a"), v)
	bytes = append(bytes, wire.Bytes(wire.Pingreq{}, v)...)
	if _, err := nc.Write(bytes); err != nil {
		t.Fatal(err)
	}
	for _, want := range []wire.Type{wire.CONNACK, wire.PINGRESP} {
		frame, err := wire.ReadFrame(nc, 0)
		if err != nil || wire.TypeOf(frame[0]) != want {
			t.Fatalf("got % X, %v, want %v", frame, err, want)
		}
	}
}

// newBroker is a broker that is closed at the end of the test.
func newBroker(t *testing.T, c Config) *Broker {
	t.Helper()
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestServe(t *testing.T) {
	b := newBroker(t, Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	speak(t, nc, wire.V5)
	b.Close()
	if err := <-served; !errors.Is(err, ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if rest, err := io.ReadAll(nc); err != nil || len(rest) == 0 || wire.TypeOf(rest[0]) != wire.DISCONNECT {
		t.Errorf("the end was % X, %v, want DISCONNECT and FIN", rest, err)
	}
	if err := b.Serve(l); !errors.Is(err, ErrClosed) {
		t.Errorf("Serve after Close returned %v", err)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate
	defer server.Close()
	b := newBroker(t, Config{})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	go b.Serve(l)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	nc, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	speak(t, nc, wire.V311)
	nc.Write(wire.Bytes(wire.Connect{}, wire.V311))
	if _, err := io.ReadAll(nc); err != nil {
		t.Errorf("the end was %v, want close_notify", err)
	}
}

// dialWebSocket connects to a broker that serves WebSocket.
func dialWebSocket(t *testing.T, c Config, subprotocols ...string) (*websocket.Conn, error) {
	t.Helper()
	server := httptest.NewServer(newBroker(t, c).Handler())
	t.Cleanup(server.Close)
	ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), &websocket.DialOptions{Subprotocols: subprotocols})
	if err == nil {
		t.Cleanup(func() { ws.CloseNow() })
	}
	return ws, err
}

func TestWebSocket(t *testing.T) {
	for _, v := range both {
		ws, err := dialWebSocket(t, Config{}, "other", "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		if ws.Subprotocol() != "mqtt" {
			t.Errorf("the subprotocol is %q", ws.Subprotocol())
		}
		speak(t, websocket.NetConn(t.Context(), ws, websocket.MessageBinary), v)
		// a packet in two frames, then two packets in one
		ping := wire.Bytes(wire.Pingreq{}, v)
		for _, frame := range [][]byte{ping[:1], append(ping[1:2:2], ping...)} {
			if err := ws.Write(t.Context(), websocket.MessageBinary, frame); err != nil {
				t.Fatal(err)
			}
		}
		for got := 0; got < 4; {
			kind, bytes, err := ws.Read(t.Context())
			if err != nil || kind != websocket.MessageBinary {
				t.Fatalf("%v % X %v", kind, bytes, err)
			}
			got += len(bytes)
		}
		if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("the closing handshake failed: %v", err)
		}
	}
}

func TestWebSocketErrorClosesInOrder(t *testing.T) {
	ws, err := dialWebSocket(t, Config{}, "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	nc := websocket.NetConn(t.Context(), ws, websocket.MessageBinary)
	speak(t, nc, wire.V5)
	nc.Write(wire.Bytes(wire.Connect{}, wire.V5))
	if rest, err := io.ReadAll(nc); err != nil || wire.TypeOf(rest[0]) != wire.DISCONNECT {
		t.Errorf("the end was % X, %v, want DISCONNECT and a normal close", rest, err)
	}
}

// textCloses reports whether a text frame ends the connection.
func textCloses(t *testing.T, c Config) bool {
	t.Helper()
	ws, err := dialWebSocket(t, c, "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(t.Context(), websocket.MessageText, wire.Bytes(clean("a"), wire.V5)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, _, err = ws.Read(ctx)
	return err != nil && ctx.Err() == nil
}

func TestWebSocketText(t *testing.T) {
	if !textCloses(t, Config{}) {
		t.Error("a text frame does not end the connection")
	}
	if textCloses(t, Config{Defects: []string{string(webSocketTextAccepted)}}) {
		t.Error("with its defect the broker still closes at a text frame")
	}
}

// halfCloses reports whether a message with half a packet ends the connection.
func halfCloses(t *testing.T, c Config) bool {
	t.Helper()
	ws, err := dialWebSocket(t, c, "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	b := wire.Bytes(clean("a"), wire.V5)
	for _, half := range [][]byte{b[:5], b[5:]} {
		if err := ws.Write(t.Context(), websocket.MessageBinary, half); err != nil {
			return true
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, _, err = ws.Read(ctx)
	return err != nil && ctx.Err() == nil
}

func TestWebSocketAligned(t *testing.T) {
	if halfCloses(t, Config{}) {
		t.Error("half a packet in a message ends the connection")
	}
	if !halfCloses(t, Config{Defects: []string{string(webSocketAligned)}}) {
		t.Error("with its defect the broker takes half a packet in a message")
	}
}

func TestWebSocketSubprotocol(t *testing.T) {
	if _, err := dialWebSocket(t, Config{}); err == nil {
		t.Error("a client without subprotocol is served")
	}
	ws, err := dialWebSocket(t, Config{Defects: []string{string(webSocketNoSubprotocol)}}, "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != "" {
		t.Error("with its defect the broker still selects the subprotocol")
	}
}

func TestHandlerRefusesPlainHTTP(t *testing.T) {
	r := httptest.NewRecorder()
	newBroker(t, Config{}).Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/mqtt", nil))
	if r.Code != http.StatusBadRequest {
		t.Errorf("status %d", r.Code)
	}
}
