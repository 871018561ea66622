// Package harness is the language in which specs are written, and the engine that runs them.
//
// A spec is a value: an id, a sentence, the normative statements it claims, and a body. The body reaches the world only
// through this package and its context: [Connect] and the methods of [Client] talk to the target, [Link] puts a fault
// proxy between, [Must], [Should] and [Record] judge, [Step] and every step that a body takes on its way block the spec
// when they fail, unless they are [Owed] under a statement. The same body runs against a broker in a container in real
// time and against a broker in this process in virtual time.
package harness

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Claims are the qualified ids of the statements that a spec can find broken.
type Claims []req.ID

// V5 claims statements of MQTT 5.0, such as "MQTT-3.1.2-4" or "U5-010".
func V5(ids ...string) Claims { return qualified("v5:", ids) }

// V311 claims statements of MQTT 3.1.1, such as "MQTT-3.1.2-6" or "U3-001".
func V311(ids ...string) Claims { return qualified("v311:", ids) }

func qualified(prefix string, ids []string) (c Claims) {
	for _, id := range ids {
		c = append(c, req.ID(prefix+id))
	}
	return c
}

// Both joins the claims of a spec that runs in both versions.
func Both(a, b Claims) Claims { return append(append(Claims{}, a...), b...) }

// Of returns the claims that belong to version v.
func (c Claims) Of(v wire.Version) (of Claims) {
	for _, id := range c {
		if strings.HasPrefix(string(id), prefixOf(v)) {
			of = append(of, id)
		}
	}
	return of
}

func prefixOf(v wire.Version) string {
	if v == wire.V311 {
		return "v311:"
	}
	return "v5:"
}

// Twin is an id argument for [Must], [Should] and [Owed] in specs of both versions: v5 when the spec runs in 5.0 and
// v311 when it runs in 3.1.1.
func Twin(v5, v311 string) string { return v5 + "|" + v311 }

// Definition is a spec. Make it with [Spec].
type Definition struct {
	ID     string // stable and unique: baselines, diffs and history live on it
	Text   string // one sentence; its subject is the target
	Claims Claims
	Wait   time.Duration // the longest time that the body must wait because the standard speaks of seconds
	Own    bool          // wants an instance of the target for itself
	Volume bool          // heavy: runs alone, after the others
	// Hostile marks a spec whose packets might bring a target down. It runs on an instance that only such specs share, or
	// after the others where the target gives none, and the target must answer afterwards.
	Hostile bool
	Needs   []Capability
	Variant Variant // of the target that it runs on, "" for the default; see [On]
	Body    func(context.Context)
	File    string // where it is defined
	Line    int
}

// Option is a trait of a spec.
type Option func(*Definition)

// Waits notes the longest time that the body must wait. Specs that wait are started first and overlap.
func Waits(d time.Duration) Option { return func(s *Definition) { s.Wait = d } }

// Own asks for an instance of the target that no other spec uses: for specs that kill, pause, restart or flood it, or
// that subscribe to #.
func Own() Option { return func(s *Definition) { s.Own = true } }

// Volume marks a heavy spec, which runs alone after all others.
func Volume() Option { return func(s *Definition) { s.Volume = true } }

// Hostile returns the section with every spec marked as one that might bring a target down.
func Hostile(g Group) Group {
	specs := append([]Definition(nil), g.Specs...)
	for i := range specs {
		specs[i].Hostile = true
	}
	return Group{g.Title, specs}
}

// Needs names what the target must offer for the spec to make sense. Without it the spec is skipped.
func Needs(c ...Capability) Option {
	return func(s *Definition) { s.Needs = append(s.Needs, c...) }
}

// Spec defines a spec. It runs once for each version in which it claims statements.
func Spec(id, text string, claims Claims, body func(context.Context), options ...Option) Definition {
	s := Definition{ID: id, Text: text, Claims: claims, Body: body}
	_, s.File, s.Line, _ = runtime.Caller(1)
	if i := strings.LastIndex(s.File, "/suites/"); i >= 0 {
		s.File = s.File[i+1:] // within the module, wherever it was built
	}
	for _, o := range options {
		o(&s)
	}
	return s
}

// Group is a section of the list.
type Group struct {
	Title string
	Specs []Definition
}

// Section groups specs under a title.
func Section(title string, specs ...Definition) Group { return Group{title, specs} }

// Item is a spec in one version: what the engine runs and a row reports.
type Item struct {
	Definition
	Section string
	Version wire.Version
}

// Key identifies the item within a list, such as "CS-01/5.0".
func (i Item) Key() string { return i.ID + "/" + i.Version.String() }

// Compile makes the list of items of the given versions. It fails on a doubled id, on a spec that claims nothing and on
// a statement that the catalogue does not know.
func Compile(groups []Group, versions ...wire.Version) ([]Item, error) {
	var items []Item
	seen := map[string]string{}
	for _, g := range groups {
		for _, s := range g.Specs {
			where := fmt.Sprintf("%s:%d", s.File, s.Line)
			if s.ID == "" || s.Text == "" || s.Body == nil {
				return nil, fmt.Errorf("%s: a spec wants an id, a text and a body", where)
			}
			if at, doubled := seen[s.ID]; doubled {
				return nil, fmt.Errorf("%s: spec %s is defined at %s already", where, s.ID, at)
			}
			seen[s.ID] = where
			if len(s.Claims) == 0 {
				return nil, fmt.Errorf("%s: spec %s claims no statement", where, s.ID)
			}
			for _, id := range s.Claims {
				if _, ok := req.Lookup(id); !ok {
					return nil, fmt.Errorf("%s: spec %s claims %s, which the catalogue does not know", where, s.ID, id)
				}
			}
			for _, v := range versions {
				if len(s.Claims.Of(v)) > 0 {
					items = append(items, Item{Definition: s, Section: g.Title, Version: v})
				}
			}
		}
	}
	return items, nil
}
