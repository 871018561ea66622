package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/pki"
)

func newCA(t *testing.T, name string) *pki.CA {
	t.Helper()
	ca, err := pki.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *pki.CA, o pki.Options) tls.Certificate {
	t.Helper()
	c, err := ca.Issue(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// talk lets a server echo what a client sends, and returns how that went for
// each. Both ends of the connection are closed when it returns.
func talk(server, client *tls.Config) (serverErr, clientErr error) {
	a, b := memnet.Pipe(0)
	served := make(chan error, 1)
	go func() {
		defer b.Close()
		c := tls.Server(b, server)
		_, err := io.Copy(c, c)
		served <- err
	}()
	clientErr = func() error {
		defer a.Close()
		c := tls.Client(a, client)
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		p := make([]byte, 5)
		if _, err := io.ReadFull(c, p); err != nil {
			return err
		}
		if string(p) != "hello" {
			return errors.New("echo of hello is " + string(p))
		}
		return c.Close()
	}()
	return <-served, clientErr
}

func TestHandshake(t *testing.T) {
	ca, other := newCA(t, "tests"), newCA(t, "tests")
	server := pki.Options{DNSNames: []string{"broker.test"}}
	client := pki.Options{CommonName: "client"}
	with := func(o pki.Options, change func(*pki.Options)) pki.Options { change(&o); return o }
	expired := func(o *pki.Options) { o.NotAfter = time.Date(1999, time.June, 1, 0, 0, 0, 0, time.UTC) }
	future := func(o *pki.Options) { o.NotBefore = time.Date(2099, time.June, 1, 0, 0, 0, 0, time.UTC) }

	tests := []struct {
		name           string
		server, client tls.Certificate
		refuses        string // the end that verifies in vain
		why            func(error) bool
	}{
		{name: "valid", server: issue(t, ca, server), client: issue(t, ca, client)},
		{name: "large",
			server: issue(t, ca, with(server, func(o *pki.Options) { o.ExtraBytes = 40_000 })),
			client: issue(t, ca, with(client, func(o *pki.Options) { o.ExtraBytes = 40_000 }))},
		{name: "server of another authority", server: issue(t, other, server), client: issue(t, ca, client),
			refuses: "client", why: is[x509.UnknownAuthorityError]},
		{name: "server expired", server: issue(t, ca, with(server, expired)), client: issue(t, ca, client),
			refuses: "client", why: invalid(x509.Expired)},
		{name: "server not valid yet", server: issue(t, ca, with(server, future)), client: issue(t, ca, client),
			refuses: "client", why: invalid(x509.Expired)},
		{name: "server of another name",
			server: issue(t, ca, with(server, func(o *pki.Options) { o.DNSNames = []string{"elsewhere.test"} })),
			client: issue(t, ca, client), refuses: "client", why: is[x509.HostnameError]},
		{name: "server named by its common name only", server: issue(t, ca, pki.Options{CommonName: "broker.test"}),
			client: issue(t, ca, client), refuses: "client", why: is[x509.HostnameError]},
		{name: "client of another authority", server: issue(t, ca, server), client: issue(t, other, client),
			refuses: "server", why: is[x509.UnknownAuthorityError]},
		{name: "client expired", server: issue(t, ca, server), client: issue(t, ca, with(client, expired)),
			refuses: "server", why: invalid(x509.Expired)},
		{name: "client not valid yet", server: issue(t, ca, server), client: issue(t, ca, with(client, future)),
			refuses: "server", why: invalid(x509.Expired)},
	}
	for _, tt := range tests {
		serverConfig := &tls.Config{
			Certificates: []tls.Certificate{tt.server},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    ca.Pool(),
		}
		clientConfig := &tls.Config{
			// Whatever authorities the server asks for, this is what it gets.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tt.client, nil },
			RootCAs:              ca.Pool(),
			ServerName:           "broker.test",
		}
		check := func(t *testing.T) {
			serverErr, clientErr := talk(serverConfig, clientConfig)
			verifier, verified := clientErr, serverErr
			if tt.refuses == "server" {
				verifier, verified = serverErr, clientErr
			}
			if tt.refuses == "" {
				if serverErr != nil || clientErr != nil {
					t.Errorf("server: %v, client: %v", serverErr, clientErr)
				}
				return
			}
			if verifier == nil || !tt.why(verifier) {
				t.Errorf("the %s says: %v", tt.refuses, verifier)
			}
			var alert *net.OpError
			if !errors.As(verified, &alert) || alert.Op != "remote error" {
				t.Errorf("the other end got no alert: %v", verified)
			}
		}
		t.Run(tt.name+" on the real clock", check)
		t.Run(tt.name+" in virtual time", func(t *testing.T) { synctest.Test(t, check) })
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func invalid(reason x509.InvalidReason) func(error) bool {
	return func(err error) bool {
		var e x509.CertificateInvalidError
		return errors.As(err, &e) && e.Reason == reason
	}
}

func TestServerNames(t *testing.T) {
	ca := newCA(t, "tests")
	tests := []struct {
		names       []string
		good, wrong []string
	}{
		{nil, []string{"localhost", "127.0.0.1", "::1"}, []string{"broker.test", "127.0.0.2"}},
		{[]string{"broker.test", "192.0.2.1"}, []string{"broker.test", "192.0.2.1"}, []string{"localhost", "192.0.2.2"}},
		{[]string{"*.broker.test"}, []string{"a.broker.test"}, []string{"broker.test"}},
	}
	for _, tt := range tests {
		c, err := ca.Server(tt.names...)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(name string) error {
			_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: name})
			return err
		}
		for _, name := range tt.good {
			if err := verify(name); err != nil {
				t.Errorf("%v reached as %s: %v", tt.names, name, err)
			}
		}
		for _, name := range tt.wrong {
			if err := verify(name); !is[x509.HostnameError](err) {
				t.Errorf("%v reached as %s: %v", tt.names, name, err)
			}
		}
	}
}

func TestIssueHoldsToItsOptions(t *testing.T) {
	ca := newCA(t, "tests")
	from := time.Date(2010, time.March, 4, 5, 6, 7, 0, time.UTC)
	c := issue(t, ca, pki.Options{NotBefore: from, NotAfter: from.Add(time.Hour), CommonName: "somebody", ExtraBytes: 5000})
	if leaf := c.Leaf; !leaf.NotBefore.Equal(from) || !leaf.NotAfter.Equal(from.Add(time.Hour)) {
		t.Errorf("valid from %v to %v", leaf.NotBefore, leaf.NotAfter)
	}
	if got := c.Leaf.Subject.CommonName; got != "somebody" {
		t.Errorf("common name %q", got)
	}
	plain := issue(t, ca, pki.Options{NotBefore: from, NotAfter: from.Add(time.Hour), CommonName: "somebody"})
	if more := len(c.Certificate[0]) - len(plain.Certificate[0]); more < 5000 || more > 5050 {
		t.Errorf("5000 extra bytes made the certificate %d larger", more)
	}
	if c.Leaf.SerialNumber.Cmp(plain.Leaf.SerialNumber) == 0 {
		t.Error("two certificates have one serial number")
	}
	if _, err := ca.Issue(pki.Options{DNSNames: []string{"bröker.test"}}); err == nil {
		t.Error("a DNS name outside ASCII was accepted")
	}
}

func TestWriteFiles(t *testing.T) {
	ca := newCA(t, "tests")
	dir := filepath.Join(t.TempDir(), "certificates")
	if err := ca.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	// What an older call left is replaced, with its mode.
	if err := os.Chmod(filepath.Join(dir, pki.ServerKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ca.WriteFiles(dir, "broker.test"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 5 {
		t.Errorf("%d files, want 5", len(entries))
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if secret := strings.HasSuffix(e.Name(), "-key.pem"); secret && info.Mode() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}

	roots := x509.NewCertPool()
	trusted, err := os.ReadFile(filepath.Join(dir, pki.CAFile))
	if err != nil || !roots.AppendCertsFromPEM(trusted) {
		t.Fatalf("%s: %v", pki.CAFile, err)
	}
	server, err := tls.LoadX509KeyPair(filepath.Join(dir, pki.ServerFile), filepath.Join(dir, pki.ServerKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	client, err := tls.LoadX509KeyPair(filepath.Join(dir, pki.ClientFile), filepath.Join(dir, pki.ClientKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	serverErr, clientErr := talk(
		&tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots},
		&tls.Config{Certificates: []tls.Certificate{client}, RootCAs: roots, ServerName: "broker.test"})
	if serverErr != nil || clientErr != nil {
		t.Errorf("server: %v, client: %v", serverErr, clientErr)
	}

	if err := ca.WriteFiles(filepath.Join(dir, pki.CAFile)); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// TestIntermediate has a client take a long chain, and refuse what nobody stands for.
func TestIntermediate(t *testing.T) {
	root := newCA(t, "root")
	first, err := root.Intermediate("first", 5000)
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.Intermediate("second", 5000)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := second.Server()
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, der := range certificate.Certificate {
		size += len(der)
	}
	if len(certificate.Certificate) != 3 || size < 10_000 {
		t.Errorf("%d certificates of %d bytes", len(certificate.Certificate), size)
	}
	client := &tls.Config{RootCAs: root.Pool(), ServerName: "localhost"}
	if serverErr, clientErr := talk(&tls.Config{Certificates: []tls.Certificate{certificate}}, client); serverErr != nil || clientErr != nil {
		t.Errorf("a chain of three: %v, %v", serverErr, clientErr)
	}
	alone, err := pki.SelfSigned(pki.Options{CommonName: "localhost", DNSNames: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	_, clientErr := talk(&tls.Config{Certificates: []tls.Certificate{alone}}, client)
	if !is[x509.UnknownAuthorityError](clientErr) {
		t.Errorf("self-signed: %v", clientErr)
	}
}
