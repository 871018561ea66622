package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coder/websocket"
)

// join lets a device that keeps every rule come over the transport of the flags.
func (b *bench) join(id string, flags []string) {
	b.t.Helper()
	var config *tls.Config
	if slices.Contains(flags, "--tls") {
		dir := filepath.Join(b.dir, "credentials")
		own, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client-key.pem"))
		if err != nil {
			b.t.Fatal(err)
		}
		config = &tls.Config{RootCAs: b.ca(), Certificates: []tls.Certificate{own}}
	}
	switch {
	case slices.Contains(flags, "--ws"):
		go serveDevice(b.webSocket(config), id)
	case config != nil:
		nc, err := tls.Dial("tcp", b.address(), config)
		if err != nil {
			b.t.Fatal(err)
		}
		go serveDevice(nc, id)
	default:
		b.device(id)
	}
}

// webSocket opens a WebSocket, over TLS if there is a configuration.
func (b *bench) webSocket(config *tls.Config) net.Conn {
	b.t.Helper()
	scheme := "ws"
	if config != nil {
		scheme = "wss"
	}
	ws, _, err := websocket.Dial(context.Background(), scheme+"://"+b.address()+"/mqtt", &websocket.DialOptions{
		Subprotocols: []string{"mqtt"}, HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: config}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if ws.Subprotocol() != "mqtt" {
		b.t.Errorf("the subprotocol is %q", ws.Subprotocol())
	}
	return inPieces{websocket.NetConn(context.Background(), ws, websocket.MessageBinary)}
}

// inPieces writes each byte as a message of its own: where a packet begins has nothing to do with where a message does.
type inPieces struct{ net.Conn }

func (p inPieces) Write(b []byte) (n int, err error) {
	for i := range b {
		if _, err := p.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// TestDeviceTransports judges a device over each transport.
func TestDeviceTransports(t *testing.T) {
	for _, flags := range [][]string{{}, {"--tls"}, {"--tls", "--client-cert"}, {"--ws"}, {"--tls", "--ws"}} {
		t.Run(slices.Concat(flags, []string{"x"})[0]+string(rune('0'+len(flags))), func(t *testing.T) {
			t.Parallel()
			b := startBench(t, flags...)
			b.address()
			if slices.Contains(flags, "--tls") {
				b.until("client key")
			}
			b.join("tiny", flags)
			b.ends(0)
			if r := b.result(); r.Counts["pass"] != 1 {
				t.Errorf("counts %v", r.Counts)
			}
		})
	}
}

// TestDeviceSilentHandshake has somebody connect and not begin TLS: that must not keep a device from being served.
func TestDeviceSilentHandshake(t *testing.T) {
	for _, flags := range [][]string{{"--tls"}, {"--tls", "--ws"}, {"--ws"}} {
		b := startBench(t, flags...)
		silent, err := net.Dial("tcp", b.address())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		b.join("tiny", flags)
		b.ends(0)
	}
}
