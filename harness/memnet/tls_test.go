package memnet

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/mqttspec/mqttspec/harness/pki"
)

// secured returns the two ends of a TLS connection whose handshake is complete.
func secured(t *testing.T, a, b net.Conn) (client, server *tls.Conn) {
	t.Helper()
	ca, err := pki.New("tests")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Server("broker.test")
	if err != nil {
		t.Fatal(err)
	}
	client = tls.Client(a, &tls.Config{RootCAs: ca.Pool(), ServerName: "broker.test"})
	server = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{certificate}})
	served := make(chan error, 1)
	go func() { served <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-served); err != nil {
		t.Fatal(err)
	}
	// The client reads the session tickets, so that no byte is left unread.
	go server.Write([]byte("x"))
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// onBoth runs a test over memory in a bubble, and over TCP.
func onBoth(t *testing.T, test func(t *testing.T, a, b net.Conn)) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := Pipe(0)
			test(t, a, b)
		})
	})
	t.Run("TCP", func(t *testing.T) {
		a, b := loopback(t)
		test(t, a, b)
	})
}

func TestAbortOfTLS(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		client, server := secured(t, a, b)
		defer server.Close()
		if err := Abort(client); err != nil {
			t.Errorf("abort: %v", err)
		}
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer reads %v, want a reset", err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after abort: %v", err)
		}
	})
}

func TestCloseWriteOfTLS(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		client, server := secured(t, a, b)
		defer client.Close()
		defer server.Close()
		if err := CloseWrite(client); err != nil {
			t.Errorf("half-close: %v", err)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer reads %v, want EOF", err)
		}
		// Below TLS the direction has ended as well.
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer's connection reads %v, want EOF", err)
		}
		if _, err := server.Write([]byte("back")); err != nil {
			t.Errorf("write back: %v", err)
		}
		p := make([]byte, 4)
		if _, err := io.ReadFull(client, p); err != nil || string(p) != "back" {
			t.Errorf("read back: %q, %v", p, err)
		}
	})
}

func TestCloseWriteOfTLSBeforeItsHandshake(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b net.Conn) {
		defer a.Close()
		defer b.Close()
		if err := CloseWrite(tls.Client(a, &tls.Config{ServerName: "broker.test"})); err == nil {
			t.Error("there is no close_notify to send yet, and no error")
		}
		if _, err := a.Write([]byte("x")); err != nil {
			t.Errorf("the connection below was touched: %v", err)
		}
	})
}
