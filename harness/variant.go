package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// Variant names a configuration of a target other than the default one. A target's description says how it is made;
// a spec that wants one runs on the default configuration where the target has none, for that may have the same limits.
type Variant string

// The variants that specs want.
const (
	// Limited serves neither QoS 2 nor retained messages and says so: Maximum QoS 1 (or 0), Retain Available 0. Where the
	// target can be configured so, it does without Wildcard Subscriptions, Subscription Identifiers and Shared Subscriptions
	// as well.
	Limited Variant = "limited"
	// Narrow takes few and small packets and says so: a Receive Maximum of at most 20, a Maximum Packet Size of at most
	// 64 KiB.
	Narrow Variant = "narrow"
	// Auth lets only those in who give a User Name and a Password that it knows. One user, whom all specs are, may
	// publish and subscribe to everything that does not begin with [ForbiddenTopics]; another, the witness, to that too.
	Auth Variant = "auth"
	// OverWebSocket is reached over a WebSocket and otherwise as the default configuration is.
	OverWebSocket Variant = "websocket"
)

// Variants are all of them, in the order of reports.
func Variants() []Variant { return []Variant{Limited, Narrow, Auth, OverWebSocket} }

// ForbiddenTopics begins the topics that the variant [Auth] forbids to all but the witness.
const ForbiddenTopics = "mqttspec-forbidden"

// Forbidden returns a Topic Name that no other spec uses and that the variant [Auth] forbids, with s as its last levels.
func Forbidden(ctx context.Context, s string) string {
	return ForbiddenTopics + "/" + from(ctx).token + "/" + s
}

// ErrNoVariant is wrapped by the error of [Varier] when the target is not described in that configuration.
var ErrNoVariant = errors.New("the target's description has no such variant")

// Varier is a target that can be had in other configurations.
type Varier interface {
	Variant(ctx context.Context, v Variant) (Target, error)
}

// Witness is a target that knows a second user, who may do what the user of [Credentialer] may not.
type Witness interface {
	WitnessCredentials() (username, password string, ok bool)
}

// On asks for a variant of the target.
func On(v Variant) Option { return func(s *Definition) { s.Variant = v } }

// AsWitness returns the CONNECT of the witness. The spec is skipped if the target knows none.
func AsWitness(ctx context.Context, p wire.Connect) wire.Connect {
	w, is := from(ctx).target.(Witness)
	var username, password string
	if is {
		username, password, is = w.WitnessCredentials()
	}
	SkipIf(ctx, !is, "needs the variant auth of the target, in which two users have different rights; its description has none")
	p.Username, p.Password = &username, []byte(password)
	return p
}

// Credentials returns the User Name and the Password that the target lets in. The spec is skipped if it lets everybody
// in.
func Credentials(ctx context.Context) (username, password string) {
	c, is := from(ctx).target.(Credentialer)
	if is {
		username, password, is = c.Credentials()
	}
	SkipIf(ctx, !is, "needs a target that wants a User Name and a Password")
	return username, password
}

// Credentialed returns the CONNECT with the credentials of the target, if it wants some, for a spec that sends its bytes.
// [Client.Send] adds them by itself.
func Credentialed(ctx context.Context, p wire.Connect) wire.Connect {
	return authorize(from(ctx).target, p)
}

// varied is a variant of the target that the engine has opened, or tried to.
type varied struct {
	opened   chan struct{} // closed when the rest may be read
	target   Target
	observed Capabilities
	pulse    *Pulse
	still    func() // ends the pulse
	err      error
}

// variants are those that the specs of a run have asked for.
type variants struct {
	mu sync.Mutex
	of map[Variant]*varied
}

// site is where an item runs.
type site struct {
	target   Target
	observed Capabilities
	variant  bool   // it is not the default configuration
	pulse    *Pulse // of a variant
}

// siteOf returns where an item runs. A variant is opened when the first item wants it.
func (e *Engine) siteOf(i Item) (site, error) {
	ordinary := site{target: e.config.Target, observed: e.options.Observed}
	if i.Variant == "" {
		return ordinary, nil
	}
	e.variants.mu.Lock()
	v := e.variants.of[i.Variant]
	first := v == nil
	if first {
		v = &varied{opened: make(chan struct{})}
		if e.variants.of == nil {
			e.variants.of = map[Variant]*varied{}
		}
		e.variants.of[i.Variant] = v
	}
	e.variants.mu.Unlock()
	if first {
		v.target, v.observed, v.err = e.vary(i.Variant)
		if v.err == nil {
			v.pulse, v.still = e.pulse(v.target, "")
		}
		close(v.opened)
	}
	<-v.opened
	if errors.Is(v.err, ErrNoVariant) {
		return ordinary, nil
	}
	return site{v.target, v.observed, true, v.pulse}, v.err
}

// vary opens a variant and looks at what it announces.
func (e *Engine) vary(v Variant) (Target, Capabilities, error) {
	from, is := e.config.Target.(Varier)
	if !is {
		return nil, Capabilities{}, ErrNoVariant
	}
	t, err := from.Variant(e.ctx, v)
	if err != nil {
		return nil, Capabilities{}, err
	}
	var versions []wire.Version
	for _, version := range []wire.Version{wire.V5, wire.V311} {
		if _, spoken := e.options.Observed.Connack[version]; spoken {
			versions = append(versions, version)
		}
	}
	observed, err := Observe(e.ctx, t, e.config.Token+"v", e.config.Timing.Reply, versions...)
	if err != nil {
		return nil, Capabilities{}, errors.Join(err, t.Close())
	}
	if e.options.OnVariant != nil {
		info := t.Info()
		info.Observed = observed.Table()
		e.options.OnVariant(info)
	}
	return t, observed, nil
}

// closeVariants ends the variants that were opened.
func (e *Engine) closeVariants() {
	e.variants.mu.Lock()
	defer e.variants.mu.Unlock()
	for name, v := range e.variants.of {
		<-v.opened
		if v.target == nil {
			continue
		}
		v.still()
		if err := v.target.Close(); err != nil && e.options.OnTrouble != nil {
			e.options.OnTrouble(fmt.Errorf("the variant %s could not be closed: %w", name, err))
		}
	}
}

// at makes a row one of the place where its item runs.
func (p site) at(row reports.Row) reports.Row {
	info := p.target.Info()
	row.Target, row.Variant = info.Name, info.Variant
	return row
}
