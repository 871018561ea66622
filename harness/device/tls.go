package device

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	shown map[string]Certificate // by address: what is shown there; absent is good
}

// The kinds of certificates.
const (
	certificateGood    = "good"
	certificateExpired = "expired"
	certificateEarly   = "not-yet-valid"
	certificateName    = "wrong-name"
	certificateCA      = "unknown-ca"
	certificateLarge   = "large"
	certificateChain   = "chain"
	certificateOwn     = "self-signed"
	certificateNone    = "none"
)

// CertificateKinds names the certificates that a plan can show: one that a device accepts, one that has expired, is not
// valid yet, names another host, comes from an authority that the device does not know, or is signed by itself; one that
// is valid and large, and one with a chain that is valid and longer than a TLS record; none is a handshake that is not
// answered at all.
func CertificateKinds() []string {
	return []string{certificateGood, certificateExpired, certificateEarly, certificateName, certificateCA, certificateOwn, certificateLarge, certificateChain, certificateNone}
}

// NewTLS makes certificates of every kind. Devices trust ca and reach us under the given names.
func NewTLS(ca *pki.CA, names ...string) (*TLS, error) {
	t := &TLS{Certificates: map[string]tls.Certificate{}, shown: map[string]Certificate{}, Config: &tls.Config{}}
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
	first, failed := ca.Intermediate("mqttspec device, first intermediate", chainBytes)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	second, failed := first.Intermediate("mqttspec device, second intermediate", chainBytes)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	issue(certificateChain, second, func(o *pki.Options) { o.ExtraBytes = chainBytes })
	own, failed := pki.SelfSigned(of)
	t.Certificates[certificateOwn] = own
	return t, errors.Join(err, failed)
}

// chainBytes makes each of three certificates larger: together they need more than one TLS record.
const chainBytes = 6 << 10

// show chooses what is shown in the handshakes to come from an address.
func (t *TLS) show(address string, c Certificate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown[address] = c
}

func (t *TLS) of(address string) Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.shown[address]; c.Kind != "" {
		return c
	}
	return Certificate{Kind: certificateGood}
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
	shown := t.of(address)
	kind := shown.Kind
	if kind == certificateNone {
		b.ignoreHandshake(nc, address)
		return nil, nil, false
	}
	var suites []uint16
	config := t.Config.Clone()
	switch shown.Version {
	case "1.2":
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	case "1.3":
		config.MinVersion = tls.VersionTLS13
	}
	config.DynamicRecordSizingDisabled = true // records of full size test a device's buffers
	config.Certificates = []tls.Certificate{t.Certificates[kind]}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		suites = hello.CipherSuites
		return nil, nil
	}
	ear := &hearing{Conn: nc}
	secured := tls.Server(ear, config)
	ctx, cancel := context.WithTimeout(b.ctx, handshakeTimeout)
	defer cancel()
	err := secured.HandshakeContext(ctx)
	b.mu.Lock()
	c := b.from(address)
	b.mu.Unlock()
	ear.over = true
	if err != nil {
		err = ear.heard(err)
		nc.Close()
		var plain tls.RecordHeaderError
		switch {
		case c == nil && context.Cause(b.ctx) == nil:
			about := unsecured(kind, err)
			about.Address = address
			b.notice(about)
		case c == nil: // the run is over
		case errors.As(err, &plain):
			c.spokePlainly(kind)
		default:
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
	return secured, early("%s", text), true
}

func suiteNames(ids []uint16) (names []string) {
	for _, id := range ids {
		if name := tls.CipherSuiteName(id); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// ignoreHandshake reads and says nothing until the device gives up, or the bench ends.
func (b *Bench) ignoreHandshake(nc net.Conn, address string) {
	b.mu.Lock()
	c := b.from(address)
	b.mu.Unlock()
	begin := time.Now()
	if c != nil {
		c.log.Note("a TLS handshake begins that we do not answer")
		c.mu.Lock()
		c.happened(Event{Kind: eventOpen})
		c.mu.Unlock()
	}
	stop := context.AfterFunc(b.ctx, func() { nc.Close() })
	defer stop()
	nc.SetReadDeadline(begin.Add(unansweredTimeout))
	_, err := io.Copy(io.Discard, nc)
	nc.Close()
	if c != nil && !isTimeout(err) && b.ctx.Err() == nil {
		c.refusedTLS(certificateNone, fmt.Errorf("it gave up after %s", time.Since(begin).Round(time.Second)))
	}
}

// unansweredTimeout bounds how long a handshake stays unanswered, so that a device which waits for ever comes back.
const unansweredTimeout = 10 * time.Minute

// spokePlainly notes that the device has talked without TLS.
func (c *Client) spokePlainly(kind string) {
	c.log.Note("certificate " + kind + ": what the device sends is not TLS")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened(Event{Kind: eventPlain, Text: kind})
}

// refusedTLS notes that the device has not finished a handshake. An alert tells why.
func (c *Client) refusedTLS(kind string, err error) {
	text := whyTLS(err)
	c.tell(fmt.Sprintf("certificate %s: handshake failed, %s", kind, text))
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
