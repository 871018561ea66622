// Package pki makes certificates for tests: an authority that exists in memory,
// and whatever it is asked to sign, right or wrong.
//
// All keys are ECDSA P-256. Unless told otherwise all certificates are valid from
// 1999 to 2099, and so also in a bubble of testing/synctest, whose clock starts
// on 2000-01-01. Nothing made here protects anything.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var (
	notBefore = time.Date(1999, time.January, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2099, time.December, 31, 23, 59, 59, 0, time.UTC)
)

// CA is a certificate authority. Its methods may be called from several
// goroutines at once.
type CA struct {
	// PEM is the authority's own certificate.
	PEM []byte

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	chain       [][]byte // of an intermediate: its certificate and those above, without the root
}

// New makes an authority with a new key. The name becomes the issuer's common
// name; two authorities of the same name do not trust each other.
func New(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: authority %q: %w", name, err)
	}
	template := authority(name)
	certificate, err := sign(template, template, key, key)
	if err != nil {
		return nil, fmt.Errorf("pki: authority %q: %w", name, err)
	}
	return &CA{PEM: certificatePEM(certificate.Raw), certificate: certificate, key: key}, nil
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

// Intermediate makes an authority below this one. What it issues carries the chain up to the root, and each
// certificate of an intermediate is larger by extra bytes and a few, as ExtraBytes in [Options].
func (ca *CA) Intermediate(name string, extra int) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: authority %q: %w", name, err)
	}
	template := authority(name)
	if extra > 0 {
		extension, err := comment(extra)
		if err != nil {
			return nil, fmt.Errorf("pki: authority %q: %w", name, err)
		}
		template.ExtraExtensions = []pkix.Extension{extension}
	}
	certificate, err := sign(template, ca.certificate, key, ca.key)
	if err != nil {
		return nil, fmt.Errorf("pki: authority %q: %w", name, err)
	}
	chain := append([][]byte{certificate.Raw}, ca.chain...)
	return &CA{PEM: certificatePEM(certificate.Raw), certificate: certificate, key: key, chain: chain}, nil
}

// Pool returns a new pool that trusts this authority only.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return pool
}

// Server issues a certificate for a server that is reached under the given names,
// which are DNS names or IP addresses. No names mean localhost by name and by
// both of its addresses.
func (ca *CA) Server(names ...string) (tls.Certificate, error) {
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1", "::1"}
	}
	o := Options{CommonName: names[0]}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			o.IPs = append(o.IPs, ip)
		} else {
			o.DNSNames = append(o.DNSNames, name)
		}
	}
	return ca.Issue(o)
}

// Client issues a certificate for a client.
func (ca *CA) Client(commonName string) (tls.Certificate, error) {
	return ca.Issue(Options{CommonName: commonName})
}

// Options say what a certificate contains. The zero value is a valid one that
// names nobody. For a certificate that has expired, or is not valid yet, on the
// real clock as in a bubble, choose a NotAfter in 1999 or a NotBefore in 2099.
type Options struct {
	// NotBefore and NotAfter bound the validity, to the second, both inclusive.
	// Zero means the authority's own bound.
	NotBefore, NotAfter time.Time
	// DNSNames and IPs are the names under which a server is reached.
	DNSNames []string
	IPs      []net.IP
	// CommonName is the subject. Verifiers ignore it in a server's certificate.
	CommonName string
	// ExtraBytes makes the certificate larger by that many bytes and a few, in a
	// comment that verifiers ignore. TLS allows a certificate of 16 MiB; peers set
	// lower limits of their own.
	ExtraBytes int
}

// Issue signs a certificate with a new key, good for servers and for clients. The
// result's Leaf is set, and its chain does not repeat the root. An error means
// options that no certificate can hold.
func (ca *CA) Issue(o Options) (tls.Certificate, error) { return issue(o, ca) }

// SelfSigned makes a certificate that no authority stands for: its own key has
// signed it.
func SelfSigned(o Options) (tls.Certificate, error) { return issue(o, nil) }

// issue makes a certificate, signed by ca or, if that is nil, by itself.
func issue(o Options, ca *CA) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: o.CommonName},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              o.DNSNames,
		IPAddresses:           o.IPs,
	}
	if !o.NotBefore.IsZero() {
		template.NotBefore = o.NotBefore
	}
	if !o.NotAfter.IsZero() {
		template.NotAfter = o.NotAfter
	}
	if o.ExtraBytes > 0 {
		extension, err := comment(o.ExtraBytes)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("pki: certificate of %q: %w", o.CommonName, err)
		}
		template.ExtraExtensions = []pkix.Extension{extension}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pki: certificate of %q: %w", o.CommonName, err)
	}
	parent, signer := template, key
	var chain [][]byte
	if ca != nil {
		parent, signer, chain = ca.certificate, ca.key, ca.chain
	}
	leaf, err := sign(template, parent, key, signer)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pki: certificate of %q: %w", o.CommonName, err)
	}
	return tls.Certificate{Certificate: append([][]byte{leaf.Raw}, chain...), PrivateKey: key, Leaf: leaf}, nil
}

// sign makes a certificate for key's public half. The serial number is random.
func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// comment is a non-critical extension that holds text, by Netscape's old number.
func comment(length int) (pkix.Extension, error) {
	value, err := asn1.MarshalWithParams(strings.Repeat("x", length), "ia5")
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 13}, Value: value}, err
}

// CertificatePEM returns the certificate and, if there is one, the chain above it.
func CertificatePEM(c tls.Certificate) []byte { return certificatePEM(c.Certificate...) }

func certificatePEM(chain ...[]byte) (text []byte) {
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// KeyPEM returns the private key of a certificate in PKCS #8.
func KeyPEM(c tls.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("pki: private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// The files that WriteFiles leaves.
const (
	CAFile        = "ca.pem"
	ServerFile    = "server.pem"
	ServerKeyFile = "server-key.pem"
	ClientFile    = "client.pem"
	ClientKeyFile = "client-key.pem"
)

// WriteFiles makes dir if need be and writes the authority's certificate, a
// server's for the given names (as Server takes them) and a client's with the
// common name "client", replacing what older calls left. Only the owner may read
// the keys: who runs a server as another user has to hand them over.
func (ca *CA) WriteFiles(dir string, serverNames ...string) error {
	server, err := ca.Server(serverNames...)
	if err != nil {
		return err
	}
	client, err := ca.Client("client")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	return errors.Join(
		writeFile(filepath.Join(dir, CAFile), ca.PEM, 0o644),
		writePair(filepath.Join(dir, ServerFile), filepath.Join(dir, ServerKeyFile), server),
		writePair(filepath.Join(dir, ClientFile), filepath.Join(dir, ClientKeyFile), client),
	)
}

func writePair(certificateFile, keyFile string, c tls.Certificate) error {
	key, err := KeyPEM(c)
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(certificateFile, CertificatePEM(c), 0o644),
		writeFile(keyFile, key, 0o600),
	)
}

// writeFile replaces a file rather than its content: an older file could be
// readable by others.
func writeFile(name string, content []byte, mode os.FileMode) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("pki: %w", err)
	}
	if err := os.WriteFile(name, content, mode); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	return nil
}
