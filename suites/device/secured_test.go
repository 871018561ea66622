package device_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/pki"
)

// secured lets a model connect with TLS, well or badly.
type secured struct {
	model    *model
	listener *memnet.Listener
	ca       *pki.CA
	dialled  int
	failed   bool // the last handshake
}

// smallBuffer is what a device with the defect can hold of a server's certificates, in bytes.
const smallBuffer = 8 << 10

func (s *secured) dial() (net.Conn, error) {
	m := s.model
	plain, err := s.listener.Dial(context.Background())
	if err != nil {
		return nil, err
	}
	s.dialled++
	if m.has("plain-after-failed-handshake") && s.failed {
		return plain, nil
	}
	c := &tls.Config{RootCAs: s.ca.Pool(), ServerName: "localhost", InsecureSkipVerify: m.has("certificate-not-looked-at")}
	switch {
	case m.has("trusts-any-issuer"):
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			leaf := cs.PeerCertificates[0]
			now := time.Now()
			if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
				return errors.New("out of date")
			}
			return leaf.VerifyHostname("localhost")
		}
	case m.has("name-not-looked-at"), m.has("dates-not-looked-at"):
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			o := x509.VerifyOptions{Roots: s.ca.Pool(), Intermediates: x509.NewCertPool()}
			for _, i := range cs.PeerCertificates[1:] {
				o.Intermediates.AddCert(i)
			}
			leaf := cs.PeerCertificates[0]
			if m.has("dates-not-looked-at") {
				o.DNSName, o.CurrentTime = "localhost", leaf.NotBefore.Add(time.Second)
			}
			_, err := leaf.Verify(o)
			return err
		}
	case m.has("small-certificate-buffer"):
		c.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			size := 0
			for _, der := range raw {
				size += len(der)
			}
			if size > smallBuffer {
				return errors.New("no room")
			}
			return nil
		}
	case m.has("old-cipher-suites"):
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}
	case m.has("no-alert"):
		c.MaxVersion = tls.VersionTLS12 // where an alert about a certificate can be told from other records
		plain = withoutAlerts{plain}
	case m.has("tls-1.3-only"):
		c.MinVersion = tls.VersionTLS13
	case m.has("no-second-handshake") && s.dialled > 1:
		plain.Close()
		return nil, errors.New("the device does not know how")
	}
	limit := answerTimeout
	if m.has("waits-for-handshake-for-ever") {
		limit = 24 * time.Hour
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	nc := tls.Client(plain, c)
	if err := nc.HandshakeContext(ctx); err != nil {
		s.failed = true
		plain.Close()
		return nil, err
	}
	s.failed = false
	return nc, nil
}

// withoutAlerts does not send TLS alerts: the connection just ends.
type withoutAlerts struct{ net.Conn }

func (c withoutAlerts) Write(b []byte) (int, error) {
	const alert = 21
	if len(b) > 0 && b[0] == alert {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
