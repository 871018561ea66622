package target

import (
	"context"
	"net"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/reports"
)

// remote is a broker that is running somewhere. Others may use it too.
type remote struct {
	login
	description Description
	way         endpoint
}

var (
	_ harness.Keeper       = (*remote)(nil)
	_ harness.Credentialer = (*remote)(nil)
)

func openAddress(d Description, o Options) (*remote, error) {
	a, err := parseAddress(d.Address.URL)
	if err != nil {
		return nil, &ConfigError{err}
	}
	if o.Transport != "" && o.Transport != a.transport {
		return nil, configErrorf("%s is an address for %s, not for %s", d.Spec, a.transport, o.Transport)
	}
	r := &remote{description: d, login: loginFor(d, o)}
	r.way = endpoint{transport: a.transport, host: a.host, path: a.path, log: o.Log}
	r.way.tls, err = tlsConfig(d, o, a.transport)
	return r, err
}

// Dial connects to the address.
func (r *remote) Dial(ctx context.Context) (net.Conn, error) { return r.way.dial(ctx) }

// Info says only what the user said.
func (r *remote) Info() reports.TargetInfo { return r.description.info() }

// Keeps is true: what specs leave behind stays.
func (r *remote) Keeps() bool { return true }

// Close has nothing to end: connections belong to those who dialled.
func (r *remote) Close() error { return nil }
