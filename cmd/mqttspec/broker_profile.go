package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/mqttspec/mqttspec/harness/pki"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
	"github.com/mqttspec/mqttspec/reference-broker/profile"
)

// profileOptions is what the flags of broker say of the service to imitate.
type profileOptions struct {
	name     string
	rules    []string
	clientCA string
	profile  *profile.Profile // after load; nil if no --profile was given
	listed   []awsiot.Rule    // those of the file of --config
}

// load reads the profile.
func (o *profileOptions) load() error {
	if o.name == "" {
		if o.clientCA != "" {
			return usagef("--client-ca needs --profile")
		}
		return nil
	}
	p, err := profile.Load(o.name)
	if err != nil {
		return usagef("--profile: %s", strings.TrimPrefix(err.Error(), "profile: "))
	}
	o.profile = p
	return nil
}

// limits says what a configuration file may not say beside a profile.
func (o profileOptions) limits(f brokerFile) error {
	f.Users, f.Access, f.Defects, f.Tolerances, f.Rules = nil, nil, nil, nil, nil
	if o.profile != nil && !reflect.ValueOf(f).IsZero() {
		return fmt.Errorf("limits come from the profile: beside it there may be users, access, defects, tolerances and rules")
	}
	return nil
}

// services makes what hooks into the broker, and completes its configuration. The result must be closed after the
// broker; it is nil if there is nothing.
func (o profileOptions) services(c *broker.Config) (*awsiot.Service, error) {
	options := awsiot.Options{}
	if o.profile != nil {
		options = o.profile.Services()
		c.Authenticate, c.Users = awsiot.Authenticate(c.Users), nil
	}
	options.Log = c.Log
	options.Rules = o.listed
	for _, text := range o.rules {
		rule, err := awsiot.ParseRule(text)
		if err != nil {
			return nil, usagef("--rule %q: %w", text, err)
		}
		options.Rules = append(options.Rules, rule)
	}
	if o.profile == nil && len(options.Rules) == 0 {
		return nil, nil
	}
	s, err := awsiot.New(options)
	if err != nil {
		return nil, usagef("%s", strings.TrimPrefix(err.Error(), "awsiot: "))
	}
	c.Hook = s
	return s, nil
}

// addresses are where to listen: what --listen says, or else a profile's own ports on loopback.
func (o brokerOptions) addresses() (all []string) {
	if o.listenGiven || o.profile.profile == nil {
		return o.listen
	}
	for _, l := range o.profile.profile.Listeners {
		all = append(all, l.Name+"://")
	}
	return all
}

// port is the one for a scheme that has none in its address; "" if there is no such scheme. A port of a profile that
// only the administrator may open is moved up by 8000: 443 is 8443.
func (o profileOptions) port(scheme string) string {
	if o.profile != nil {
		if l, ok := o.profile.Listener(scheme); ok && l.Port.Value < 1024 {
			return strconv.FormatInt(l.Port.Value+8000, 10)
		} else if ok {
			return strconv.FormatInt(l.Port.Value, 10)
		}
	}
	return defaultPorts[scheme]
}

// endpoints turns the listeners that the profile has into its TLS ports.
func (o brokerOptions) endpoints(listeners []listener, stdout io.Writer) error {
	if o.profile.profile == nil {
		return nil
	}
	var identity tls.Certificate
	var clients *x509.CertPool
	for i, l := range listeners {
		ofProfile, ok := o.profile.profile.Listener(l.scheme)
		if !ok {
			continue
		}
		if clients == nil && identity.Certificate == nil {
			var err error
			if identity, clients, err = o.identities(stdout); err != nil {
				return err
			}
		}
		endpoint := o.profile.profile.Endpoint(ofProfile, identity, clients)
		listeners[i].endpoint = &endpoint
	}
	return nil
}

// identities returns the certificate of the broker and the issuer of those of its clients, nil for any.
func (o brokerOptions) identities(stdout io.Writer) (identity tls.Certificate, clients *x509.CertPool, err error) {
	issuer := o.profile.clientCA
	if o.cert == "" && o.key == "" {
		dir, err := testCertificates(stdout)
		if err != nil {
			return identity, nil, err
		}
		fmt.Fprintf(stdout, "clients show %s, with the key %s\n", filepath.Join(dir, pki.ClientFile), filepath.Join(dir, pki.ClientKeyFile))
		o.cert, o.key = filepath.Join(dir, pki.ServerFile), filepath.Join(dir, pki.ServerKeyFile)
		if issuer == "" {
			issuer = filepath.Join(dir, pki.CAFile)
		}
	}
	if identity, err = o.identity(stdout); err != nil || issuer == "" {
		return identity, nil, err
	}
	text, err := os.ReadFile(issuer)
	if err != nil {
		return identity, nil, usagef("--client-ca: %w", err)
	}
	clients = x509.NewCertPool()
	if !clients.AppendCertsFromPEM(text) {
		return identity, nil, usagef("--client-ca %s: there is no certificate in PEM", issuer)
	}
	return identity, clients, nil
}
