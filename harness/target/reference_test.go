package target

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

func TestReference(t *testing.T) {
	target, err := Open(t.Context(), "reference", Options{})
	if err != nil {
		t.Fatal(err)
	}
	accepts(t, target)
	if i := target.Info(); i.Name != "reference" || i.Variant != "default" || i.Software == "" {
		t.Errorf("info is %+v", i)
	}
	if target.(harness.Keeper).Keeps() {
		t.Error("it says that it keeps what specs leave")
	}
	instance, err := target.(harness.Instancer).Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	if c, err := target.Dial(t.Context()); err == nil {
		c.Close()
		t.Error("it can be dialled after its end")
	}
	accepts(t, instance) // it has a life of its own
	if err := instance.Close(); err != nil {
		t.Error(err)
	}
}

func TestReferenceHasTheDefectsThatAreSwitchedOn(t *testing.T) {
	for _, c := range []struct {
		spec string
		o    Options
	}{{"reference?defect=connack-flags-reserved", Options{}}, {"reference", Options{Defects: []string{"connack-flags-reserved"}}}} {
		target, err := Open(t.Context(), c.spec, c.o)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		instance, err := target.(harness.Instancer).Instance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer instance.Close()
		for _, target := range []harness.Target{target, instance} {
			seen, err := harness.Observe(t.Context(), target, "t", 2*time.Second, wire.V5)
			if err != nil || seen.Connack[wire.V5].ReservedFlags == 0 {
				t.Errorf("%s: %+v, %v", c.spec, seen.Connack, err)
			}
		}
	}
}

func TestOptionsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		spec, want string
		o          Options
	}{
		{"reference", `unknown defect "x"`, Options{Defects: []string{"x"}}},
		{"reference", "tcp only", Options{Transport: TransportWS}},
		{"tcp://h", "only the reference broker has defects", Options{Defects: []string{"x"}}},
		{"tcp://h", "not for ws", Options{Transport: TransportWS}},
		{"tcp://h", "does without TLS", Options{CAFile: "ca.pem"}},
		{"tcp://h", "without a user name", Options{Password: "p"}},
		{"tls://h", "ca.pem", Options{CAFile: "ca.pem"}},
		{"tls://h", "has no certificate in PEM", Options{CAFile: "reference_test.go"}},
		{"tls://h", "both a certificate and its key", Options{KeyFile: "k.pem"}},
		{"exec:broker {port}", "serves tcp, not ws", Options{Transport: TransportWS}},
		{"docker:mosquitto", "wss is not served, only tcp, ws", Options{Transport: TransportWSS}},
		{"exec:/no/such/program {port}", "/no/such/program", Options{}},
		{"exec:no-such-program {port}", "no-such-program", Options{}},
	} {
		target, err := Open(t.Context(), c.spec, c.o)
		if err == nil {
			target.Close()
			t.Errorf("%s: no error", c.spec)
			continue
		}
		if !errors.As(err, new(*ConfigError)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%T) does not say %q", c.spec, err, err, c.want)
		}
	}
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		spec           string
		o              Options
		user, password string
	}{
		{"tcp://h", Options{}, "", ""},
		{"tcp://me:secret@h", Options{}, "me", "secret"},
		{"tcp://me@h", Options{}, "me", ""},
		{"tcp://me:secret@h", Options{Username: "you", Password: "other"}, "you", "other"},
		{"tcp://h", Options{Username: "you"}, "you", ""},
	} {
		target, err := Open(t.Context(), c.spec, c.o)
		if err != nil {
			t.Fatal(err)
		}
		user, password, ok := target.(harness.Credentialer).Credentials()
		if user != c.user || password != c.password || ok != (c.user != "") {
			t.Errorf("%s: %q, %q, %v", c.spec, user, password, ok)
		}
		if info := target.Info(); strings.Contains(info.Name, "secret") {
			t.Errorf("%s: the report would tell the password: %+v", c.spec, info)
		}
	}
	described := loginFor(Description{Credentials: &Credentials{"d", "p"}}, Options{})
	if described != (login{"d", "p"}) {
		t.Errorf("those of a description are %+v", described)
	}
}
