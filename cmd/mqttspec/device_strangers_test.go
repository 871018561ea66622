package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/pki"
)

// clientHello is how TLS begins; the rest does not matter.
var clientHello = []byte("\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03")

const upgradeRequest = "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// TestDeviceStrangers lets what is no device come, once each. It is told in a line, and the device that comes afterwards
// is judged as if nothing had been.
func TestDeviceStrangers(t *testing.T) {
	connect := "\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x02me"
	for _, c := range []struct {
		name    string
		flags   []string
		content string
		says    string
	}{
		{"http", nil, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n", "! 127.0.0.1 speaks HTTP (GET /status HTTP/1.1), and this port is for MQTT"},
		{"http connect", nil, "CONNECT example:443 HTTP/1.1\r\n\r\n", "! 127.0.0.1 speaks HTTP (CONNECT example:443"},
		{"websocket", nil, upgradeRequest, "! 127.0.0.1 asks for a WebSocket (GET /mqtt HTTP/1.1), and this port is for MQTT without one; --ws takes it"},
		{"tls", nil, string(clientHello), "! 127.0.0.1 begins with TLS, and this port is for MQTT without it; --tls takes it"},
		{"huge", nil, "\x10\xff\xff\xff\x7f\x00\x04MQTT", "! 127.0.0.1 announces a CONNECT of 268435455 bytes; at most 16777216 are taken"},
		{"length", nil, "\x10\xff\xff\xff\xff\xff\xff", "! 127.0.0.1 sends what is no packet of MQTT: 10 ff ff ff ff"},
		{"zeros", nil, strings.Repeat("\x00", 1<<20), "! 127.0.0.1 sends what is no packet of MQTT: 00 00"},
		{"plain on tls", []string{"--tls"}, connect, "! 127.0.0.1 sends CONNECT without TLS, and this port is for TLS"},
		{"http on tls", []string{"--tls"}, "GET / HTTP/1.1\r\n\r\n", "! 127.0.0.1 speaks HTTP without TLS"},
		{"plain on ws", []string{"--ws"}, connect, "! 127.0.0.1 sends CONNECT without a WebSocket, and this port is for MQTT over WebSocket; without --ws"},
		{"tls on ws", []string{"--ws"}, string(clientHello), "! 127.0.0.1 begins with TLS, and this port is for MQTT over WebSocket without it; --tls takes it"},
		{"page on ws", []string{"--ws"}, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "! 127.0.0.1 asks for no WebSocket that can be given (GET /)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := startBench(t, c.flags...)
			address := b.address()
			sends(t, address, []byte(c.content))
			b.until(c.says)
			b.join("tiny", c.flags)
			b.ends(0)
			if r := b.result(); len(r.Targets) != 1 || r.Targets[0].Name != "tiny" || r.Counts["pass"] != 1 {
				t.Errorf("targets %v, counts %v", r.Targets, r.Counts)
			}
		})
	}
}

// TestDeviceHalfConnect closes in the middle of a CONNECT, and before anything.
func TestDeviceHalfConnect(t *testing.T) {
	b := startBench(t)
	for _, content := range []string{"\x10\x10\x00\x04MQ", ""} {
		nc, err := net.Dial("tcp", b.address())
		if err != nil {
			t.Fatal(err)
		}
		nc.Write([]byte(content))
		nc.Close()
	}
	b.until("! 127.0.0.1 sends 6 bytes of a CONNECT that is longer, and then closes")
	b.device("tiny")
	b.ends(0)
}

// TestDeviceOnlyStrangers has nobody come who speaks MQTT: the exit code says so, and the report why.
func TestDeviceOnlyStrangers(t *testing.T) {
	b := startBench(t, "--ci", "--arrival", "500ms")
	sends(t, b.address(), []byte("GET / HTTP/1.1\r\n\r\n"))
	b.ends(exitUnreachable)
	b.until("it did not come; instead 127.0.0.1 speaks HTTP (GET / HTTP/1.1)")
}

// TestDeviceCertificates has devices that do not know the CA, or show no certificate where one is asked for.
func TestDeviceCertificates(t *testing.T) {
	b := startBench(t, "--tls", "--client-cert")
	address := b.address()
	b.until("client key")
	handshake := func(c *tls.Config) error {
		nc, err := tls.Dial("tcp", address, c)
		if err != nil {
			return err
		}
		defer nc.Close()
		nc.SetReadDeadline(time.Now().Add(patience))
		_, err = nc.Read(make([]byte, 1)) // in TLS 1.3 the server looks at the certificate later
		return err
	}
	if handshake(&tls.Config{}) == nil {
		t.Error("the certificate of an unknown CA is taken")
	}
	b.until("! 127.0.0.1 fails the TLS handshake, with the good certificate: alert: tls: bad certificate; does the device know the CA file?")
	if handshake(&tls.Config{RootCAs: b.ca()}) == nil {
		t.Error("a device without a certificate is taken")
	}
	b.until("! 127.0.0.1 shows no client certificate that we know: tls: client didn't provide a certificate")
	stranger, err := pki.New("stranger")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := stranger.Client("device")
	if err != nil {
		t.Fatal(err)
	}
	if handshake(&tls.Config{RootCAs: b.ca(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &theirs, nil }}) == nil {
		t.Error("a certificate of an unknown CA is taken from a device")
	}
	b.join("tiny", []string{"--tls"})
	b.ends(0)
}

// ca reads the CA file of the run.
func (b *bench) ca() *x509.CertPool {
	b.t.Helper()
	pem, err := os.ReadFile(filepath.Join(b.dir, "credentials", "ca.pem"))
	if err != nil {
		b.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}
