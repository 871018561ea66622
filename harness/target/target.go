// Package target starts, reaches and controls brokers under test: the reference broker in this process, an address, a
// local command, a container. It is the only package that knows of containers.
//
// What is started serves the loopback interface. It ends with Close; what a killed run left behind is removed by the
// next one that starts a target of the same kind, or by [Clean] and [CleanHomes].
package target

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/reports"
)

// Options are what a user says beside the target itself. They take precedence over a description.
type Options struct {
	Username, Password        string        // given in CONNECT where a spec does not write its own
	CAFile, CertFile, KeyFile string        // PEM files for tls and wss
	ServerName                string        // that the server's certificate must have
	Insecure                  bool          // trust whatever the server shows
	Transport                 Transport     // for a description that offers several
	StartTimeout              time.Duration // from the start to the first CONNACK; 0 leaves it to the description
	Local                     bool          // prefer local images where a description names them; also with MQTTSPEC_LOCAL_IMAGES=1
	Defects, Tolerances       []string      // of the reference broker, besides those in its name
	Log                       *slog.Logger  // told what takes long and what is remarkable; nil is silence
}

// DefaultStartTimeout is how long a broker may take from its start to its first CONNACK.
const DefaultStartTimeout = 60 * time.Second

// localImages is the environment variable that means [Options.Local].
const localImages = "MQTTSPEC_LOCAL_IMAGES"

// Open starts what must be started for the target that the user gave (see [Forms]) and returns when it accepts a
// CONNECT. An address is not tried: [harness.Observe] does that.
//
// The target may also be a [harness.Instancer], [harness.Controller], [harness.Logger], [harness.Keeper] and
// [harness.Credentialer]. The error is a [ConfigError] if it can never succeed; otherwise it wraps
// [harness.ErrUnreachable], and [ErrNoDocker] too if that is why. Nothing is left behind by a failure.
func Open(ctx context.Context, spec string, o Options) (harness.Target, error) {
	d, err := Parse(spec)
	if err != nil {
		return nil, err
	}
	return OpenDescription(ctx, d, o)
}

// OpenDescription is [Open] for what was parsed already.
func OpenDescription(ctx context.Context, d Description, o Options) (harness.Target, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Local = o.Local || os.Getenv(localImages) == "1"
	if d.reference == nil && len(o.Defects)+len(o.Tolerances) > 0 {
		return nil, configErrorf("%s: only the reference broker has defects and tolerances to switch on", d.Spec)
	}
	if l := loginFor(d, o); l.username == "" && l.password != "" {
		return nil, configErrorf("%s: a password is given without a user name", d.Spec)
	}
	// assigned one by one: a nil pointer must not become an interface that is not nil
	switch {
	case d.reference != nil:
		if t, err := openReference(d, o); err == nil {
			return t, nil
		} else {
			return nil, err
		}
	case d.Exec != nil:
		if t, err := openProcess(ctx, d, o); err == nil {
			return t, nil
		} else {
			return nil, err
		}
	case d.Container != nil:
		if t, err := openContainer(ctx, d, o); err == nil {
			return t, nil
		} else {
			return nil, err
		}
	case d.Address != nil:
		if t, err := openAddress(d, o); err == nil {
			return t, nil
		} else {
			return nil, err
		}
	}
	return nil, configErrorf("%s: no way to the broker is described", d.Spec)
}

// startTimeout is the one that holds.
func startTimeout(d Description, o Options) time.Duration {
	return cmp.Or(o.StartTimeout, time.Duration(d.StartTimeout), DefaultStartTimeout)
}

// info is what is known of the target without looking at it.
func (d Description) info() reports.TargetInfo {
	return reports.TargetInfo{Name: d.Spec, Software: d.Software, Variant: cmp.Or(string(d.variant), "default"), Declared: d.Claims.table()}
}

// login is a User Name and a Password for CONNECT. The zero value is none.
type login struct{ username, password string }

// Credentials implements [harness.Credentialer].
func (l login) Credentials() (username, password string, ok bool) {
	return l.username, l.password, l.username != ""
}

// loginFor returns the credentials that hold: the user's, or those of the description or in its address.
func loginFor(d Description, o Options) login {
	if o.Username != "" || o.Password != "" {
		return login{o.Username, o.Password}
	}
	if d.Credentials != nil {
		return login{d.Credentials.Username, d.Credentials.Password}
	}
	if d.Address != nil {
		if a, err := parseAddress(d.Address.URL); err == nil && a.url.User != nil {
			password, _ := a.url.User.Password()
			return login{a.url.User.Username(), password}
		}
	}
	return login{}
}

// tlsConfig returns how to speak TLS to the target; nil if the transport does not.
func tlsConfig(d Description, o Options, t Transport) (*tls.Config, error) {
	ca := cmp.Or(o.CAFile, d.beside(d.TLS.CA))
	certificate, key := o.CertFile, o.KeyFile
	if certificate == "" && key == "" {
		certificate, key = d.beside(d.TLS.Certificate), d.beside(d.TLS.Key)
	}
	if !t.secure() {
		if o.CAFile != "" || o.CertFile != "" || o.KeyFile != "" {
			return nil, configErrorf("%s: certificates are given, but %s does without TLS", d.Spec, t)
		}
		return nil, nil
	}
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         cmp.Or(o.ServerName, d.TLS.ServerName),
		InsecureSkipVerify: o.Insecure || d.TLS.Insecure,
	}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, configErrorf("CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, configErrorf("CA: %s has no certificate in PEM", ca)
		}
	}
	if certificate == "" && key == "" {
		return c, nil
	}
	if certificate == "" || key == "" {
		return nil, configErrorf("a client needs both a certificate and its key")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("client certificate: %w", err)}
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
