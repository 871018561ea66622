package target

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

const twoVariants = `
name: b
credentials: {username: u, password: p}
exec:
  command: broker {port}
  env: {A: a, B: b}
  files: [{path: one, content: "1"}, {path: two, content: "2"}]
variants:
  limited:
    exec: {env: {B: c}, files: [{path: two, content: "3"}]}
  auth:
    exec: {command: "broker --users {dir}/users {port}"}
    credentials: {username: me, password: secret}
    witness: {username: other, password: secret too}
`

func TestVariantsOfADescription(t *testing.T) {
	d, err := read("b.yaml", "", []byte(twoVariants))
	if err != nil {
		t.Fatal(err)
	}
	limited := d.vary(harness.Limited)
	if e := limited.Exec; e.Command != "broker {port}" || e.Env["A"] != "a" || e.Env["B"] != "c" || len(e.Files) != 2 || *e.Files[1].Content != "3" {
		t.Errorf("limited: %+v", e)
	}
	if d.Exec.Env["B"] != "b" || *d.Exec.Files[1].Content != "2" {
		t.Errorf("the description itself was changed: %+v", d.Exec)
	}
	if limited.info().Variant != "limited" || d.info().Variant != "default" || limited.Credentials.Username != "u" {
		t.Errorf("limited: %+v", limited)
	}
	auth := d.vary(harness.Auth)
	if name, _, ok := auth.witnessCredentials(); !ok || name != "other" || auth.Credentials.Username != "me" {
		t.Errorf("auth: %+v", auth)
	}
	if _, _, ok := d.witnessCredentials(); ok {
		t.Error("the default configuration has a witness")
	}
}

func TestWrongVariants(t *testing.T) {
	head, _, _ := strings.Cut(twoVariants, "variants:")
	for text, want := range map[string]string{
		"variants: {fast: {exec: {}}}":                                        `no variant "fast"`,
		"variants: {limited: {}}":                                             "exec or container is missing",
		"variants: {limited: {container: {}}}":                                "not described",
		"variants: {auth: {exec: {}}}":                                        "needs credentials and witness",
		"variants: {limited: {exec: {command: broker}}}":                      "{port}",
		"variants: {limited: {exec: {files: [{path: ../x, content: \"\"}]}}}": "must lie in {dir}",
	} {
		_, err := read("b.yaml", "", []byte(head+text))
		if wrong := (*ConfigError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestVariantsOfTheReferenceBroker(t *testing.T) {
	target, err := Open(t.Context(), "reference", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	for _, v := range harness.Variants() {
		variant, err := target.(harness.Varier).Variant(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := harness.Observe(t.Context(), variant, "t", 2*time.Second, wire.V5)
		ps := seen.Connack[wire.V5].Properties
		_, _, witness := variant.(harness.Witness).WitnessCredentials()
		if err != nil || variant.Info().Variant != string(v) ||
			(v == harness.Limited) != (ps.Int(wire.PropMaximumQoS, 2) == 1 && ps.Int(wire.PropRetainAvailable, 1) == 0) ||
			(v == harness.Narrow) != (ps.Int(wire.PropReceiveMaximum, 65_535) <= 20) || (v == harness.Auth) != witness {
			t.Errorf("%s: %v, witness %v, %v", v, ps, witness, err)
		}
		if err := variant.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := target.(harness.Varier).Variant(t.Context(), "fast"); !errors.Is(err, harness.ErrNoVariant) {
		t.Errorf("an unknown variant: %v", err)
	}
}
