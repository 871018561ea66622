package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mqttspec/mqttspec/harness"
)

// VariantDescription is how another configuration of a broker is made: what differs from the description around it. What
// the variants must be like, the constants of [harness.Variant] say.
type VariantDescription struct {
	Exec        *Change      `yaml:"exec"`        // of the command; nil: it cannot be made by the command
	Container   *Change      `yaml:"container"`   // of the container; nil: it cannot be made by the container
	Credentials *Credentials `yaml:"credentials"` // instead of those around
	Witness     *Credentials `yaml:"witness"`     // the user who may use the topics that are forbidden to others
}

// Change is what differs in how a broker is started.
type Change struct {
	Command   string            `yaml:"command"`   // "" for the same
	Transport Transport         `yaml:"transport"` // spoken on {port} of a command; "" for the same
	Env       map[string]string `yaml:"env"`       // added; the same names are replaced
	Files     []File            `yaml:"files"`     // added; those with the same path are replaced
}

// vary returns the description of a variant.
func (d Description) vary(v harness.Variant) Description {
	d.variant = v
	changes, ok := d.Variants[v]
	if !ok {
		return d
	}
	if changes.Credentials != nil {
		d.Credentials = changes.Credentials
	}
	d.witness = changes.Witness
	if d.Exec != nil && changes.Exec != nil {
		changed := *d.Exec
		changes.Exec.apply(&changed.Command, &changed.Env, &changed.Files)
		changed.Transport = cmp.Or(changes.Exec.Transport, changed.Transport)
		d.Exec = &changed
	}
	if d.Container != nil && changes.Container != nil {
		changed := *d.Container
		changes.Container.apply(&changed.Command, &changed.Env, &changed.Files)
		d.Container = &changed
	}
	return d
}

func (c Change) apply(command *string, env *map[string]string, files *[]File) {
	if c.Command != "" {
		*command = c.Command
	}
	merged := maps.Clone(*env)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, c.Env)
	*env = merged
	*files = slices.DeleteFunc(slices.Clone(*files), func(old File) bool {
		return slices.ContainsFunc(c.Files, func(f File) bool { return f.Path == old.Path })
	})
	*files = append(*files, c.Files...)
}

// openVariant starts the variant of a description. The way is the one that the default configuration was opened by.
func openVariant(ctx context.Context, d Description, o Options, v harness.Variant, change func(VariantDescription) *Change) (harness.Target, error) {
	if described, ok := d.Variants[v]; !ok || change(described) == nil {
		return nil, harness.ErrNoVariant
	}
	if described := d.Variants[v]; described.Credentials != nil {
		o.Username, o.Password = "", "" // the user's are for the default configuration
	}
	return OpenDescription(ctx, d.vary(v), o)
}

// Variant starts another container in the given configuration. A container that serves WebSockets needs no description
// of how it is made to do so.
func (c *contained) Variant(ctx context.Context, v harness.Variant) (harness.Target, error) {
	if v == harness.OverWebSocket {
		o := c.options
		switch {
		case c.way.transport.webSocket():
			return nil, harness.ErrNoVariant // it is reached so in its default configuration
		case c.way.transport.secure() && c.description.Container.Ports.WSS != 0:
			o.Transport = TransportWSS
		case c.description.Container.Ports.WS != 0:
			o.Transport = TransportWS
		default:
			return nil, harness.ErrNoVariant
		}
		o.CAFile, o.CertFile, o.KeyFile = certificatesFor(o)
		return OpenDescription(ctx, c.description.vary(v), o)
	}
	return openVariant(ctx, c.description, c.options, v, func(d VariantDescription) *Change { return d.Container })
}

// certificatesFor returns the user's certificate files where the transport has a use for them.
func certificatesFor(o Options) (ca, certificate, key string) {
	if !o.Transport.secure() {
		return "", "", ""
	}
	return o.CAFile, o.CertFile, o.KeyFile
}

// Variant starts the command once more, in the given configuration.
func (p *process) Variant(ctx context.Context, v harness.Variant) (harness.Target, error) {
	return openVariant(ctx, p.description, p.options, v, func(d VariantDescription) *Change { return d.Exec })
}

// WitnessCredentials are those of the second user in the variant auth.
func (c *contained) WitnessCredentials() (username, password string, ok bool) {
	return c.description.witnessCredentials()
}

// WitnessCredentials are those of the second user in the variant auth.
func (p *process) WitnessCredentials() (username, password string, ok bool) {
	return p.description.witnessCredentials()
}

func (d Description) witnessCredentials() (username, password string, ok bool) {
	if d.witness == nil {
		return "", "", false
	}
	return d.witness.Username, d.witness.Password, true
}

// checkVariants returns what is wrong with the variants and the path of the guilty key.
func (d Description) checkVariants() (path string, err error) {
	for _, name := range slices.Sorted(maps.Keys(d.Variants)) {
		path := "variants." + string(name)
		v := d.Variants[name]
		switch {
		case !slices.Contains(harness.Variants(), name):
			return path, fmt.Errorf("there is no variant %q that specs ask for, only %v", name, harness.Variants())
		case v.Container != nil && v.Container.Transport != "":
			return path + ".container.transport", errors.New("a container has its transports by its ports")
		case v.Exec == nil && v.Container == nil:
			return path, errors.New("exec or container is missing: what is to be changed")
		case v.Exec != nil && d.Exec == nil, v.Container != nil && d.Container == nil:
			return path, errors.New("it changes a way to the broker that is not described")
		case name == harness.Auth && (v.Credentials == nil || v.Witness == nil):
			return path, errors.New("the variant auth needs credentials and witness, its two users")
		}
		varied := d.vary(name)
		varied.Variants = nil
		if inner, err := varied.check(); err != nil {
			return path, fmt.Errorf("%w (%s)", err, inner)
		}
	}
	return "", nil
}
