package device

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/trace"
)

// TLS is what a bench shows to devices that connect with TLS.
type TLS struct {
	Certificates map[string]tls.Certificate // by kind; those of [NewTLS]
	// ClientCAs, if set, demands a certificate of the device.
	Config *tls.Config // its Certificates are not used

	mu    sync.Mutex
	shown map[string]string // by address: the kind that is shown there; absent is good
}

// The kinds of certificates.
const (
	certificateGood    = "good"
	certificateExpired = "expired"
	certificateEarly   = "not-yet-valid"
	certificateName    = "wrong-name"
	certificateCA      = "unknown-ca"
	certificateLarge   = "large"
)

// CertificateKinds names the certificates that a plan can show: one that a device accepts, one that has expired, is not
// valid yet, names another host, or comes from an authority that the device does not know, and one that is valid and
// large.
func CertificateKinds() []string {
	return []string{certificateGood, certificateExpired, certificateEarly, certificateName, certificateCA, certificateLarge}
}

// NewTLS makes certificates of every kind. Devices trust ca and reach us under the given names.
func NewTLS(ca *pki.CA, names ...string) (*TLS, error) {
	t := &TLS{Certificates: map[string]tls.Certificate{}, shown: map[string]string{}, Config: &tls.Config{}}
	stranger, err := pki.New("an authority that no device knows")
	if err != nil {
		return nil, err
	}
	good, err := ca.Server(names...)
	if err != nil {
		return nil, err
	}
	of := pki.Options{CommonName: good.Leaf.Subject.CommonName, DNSNames: good.Leaf.DNSNames, IPs: good.Leaf.IPAddresses}
	issue := func(kind string, from *pki.CA, change func(*pki.Options)) {
		o := of
		change(&o)
		c, failed := from.Issue(o)
		t.Certificates[kind], err = c, errors.Join(err, failed)
	}
	issue(certificateGood, ca, func(*pki.Options) {})
	issue(certificateCA, stranger, func(*pki.Options) {})
	issue(certificateExpired, ca, func(o *pki.Options) { o.NotAfter = time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC) })
	issue(certificateEarly, ca, func(o *pki.Options) { o.NotBefore = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) })
	issue(certificateName, ca, func(o *pki.Options) {
		o.DNSNames, o.IPs, o.CommonName = []string{"elsewhere.invalid"}, nil, "elsewhere.invalid"
	})
	issue(certificateLarge, ca, func(o *pki.Options) { o.ExtraBytes = 12 << 10 })
	return t, err
}

// show chooses the kind of certificate for the handshakes to come from an address.
func (t *TLS) show(address, kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown[address] = kind
}

func (t *TLS) kind(address string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.shown[address]; k != "" {
		return k
	}
	return certificateGood
}

// handshakeTimeout bounds a TLS handshake.
const handshakeTimeout = 30 * time.Second

// secure makes the TLS handshake if there is to be one. It is false if there is no connection any more.
func (b *Bench) secure(nc net.Conn) (net.Conn, []trace.Event, bool) {
	t := b.config.TLS
	if t == nil {
		return nc, nil, true
	}
	b.mu.Lock()
	closed := b.closed
	b.conns[nc] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.conns, nc)
		b.mu.Unlock()
	}()
	if closed {
		nc.Close()
		return nil, nil, false
	}
	address := host(nc.RemoteAddr())
	kind := t.kind(address)
	var suites []uint16
	config := t.Config.Clone()
	config.DynamicRecordSizingDisabled = true // records of full size test a device's buffers
	config.Certificates = []tls.Certificate{t.Certificates[kind]}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		suites = hello.CipherSuites
		return nil, nil
	}
	secured := tls.Server(nc, config)
	ctx, cancel := context.WithTimeout(b.ctx, handshakeTimeout)
	defer cancel()
	err := secured.HandshakeContext(ctx)
	b.mu.Lock()
	c := b.from(address)
	b.mu.Unlock()
	if err != nil {
		nc.Close()
		if c != nil {
			c.refusedTLS(kind, err)
		}
		return nil, nil, false
	}
	state := secured.ConnectionState()
	text := fmt.Sprintf("TLS: %s, %s, certificate %s; the device offers %s",
		tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), kind, strings.Join(suiteNames(suites), " "))
	if c != nil {
		c.securedTLS(kind, suites)
	}
	return secured, []trace.Event{{Kind: trace.Note, Text: text}}, true
}

func suiteNames(ids []uint16) (names []string) {
	for _, id := range ids {
		if name := tls.CipherSuiteName(id); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// refusedTLS notes that the device has not finished a handshake. An alert tells why.
func (c *Client) refusedTLS(kind string, err error) {
	text := "without an alert: " + err.Error()
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" {
		text = "alert: " + alert.Err.Error()
	}
	c.log.Note(fmt.Sprintf("certificate %s: handshake failed, %s", kind, text))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened(Event{Kind: eventRejected, Text: text})
}

// securedTLS notes that the device has finished a handshake.
func (c *Client) securedTLS(kind string, suites []uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened(Event{Kind: eventHandshake, Text: kind, Offers: suiteNames(suites)})
}
