package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mqttspec/mqttspec/harness/req"
)

func load(t *testing.T, name string) *Profile {
	t.Helper()
	p, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestShippedProfilesLoad(t *testing.T) {
	for _, name := range Shipped() {
		if p := load(t, name); p.Name != name {
			t.Errorf("%s.yaml has the name %q", name, p.Name)
		}
	}
	if got := fmt.Sprint(Shipped()); got != "[aws-iot-core]" {
		t.Errorf("shipped are %s", got)
	}
}

// TestOwnProfile reads a profile of a user from a file.
func TestOwnProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.yaml")
	content := "name: own\nlimits:\n  keep-alive-maximum: {value: 60, unit: s, source: us}\ncapabilities:\n  retain: {value: false, source: us}\nsources:\n  us: {title: we}\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, path).Config()
	if c.Service.MaximumKeepAlive != 60 || !c.NoRetain || c.NoSubscriptionIdentifiers || c.MaximumQoS != nil {
		t.Errorf("got %+v", c)
	}
}

// TestWrongProfiles has one mistake each, and what the error must tell.
func TestWrongProfiles(t *testing.T) {
	const sources = "\nsources: {s: {title: s}}\n"
	for _, x := range []struct{ content, want string }{
		{"title: x", "the profile has no name"},
		{"name: x\nlimit: {}", `unknown field "limit"`},
		{"name: x\nlimits: {keep-alive: {value: 1}}", `unknown field "keep-alive"`},
		{"name: x\nlimits: {topic-length: {value: 1, unit: bytes, sauce: s}}", `unknown field "sauce"`},
		{"name: x\nlimits: {topic-length: {value: 1, unit: bytes}}" + sources, `limits.topic-length: its source "" is not among the sources`},
		{"name: x\nlimits: {topic-length: {value: 1, unit: bytes, source: z}}" + sources, `its source "z" is not`},
		{"name: x\nlimits: {topic-length: {value: 1, unit: s, source: s}}" + sources, `its unit is "s", but must be "bytes"`},
		{"name: x\nlimits: {topic-length: {value: 0, unit: bytes, source: s}}" + sources, `0 is not between 1 and 65535`},
		{"name: x\nlimits: {keep-alive-maximum: {value: 65536, unit: s, source: s}}" + sources, `65536 is not between`},
		{"name: x\nlimits: {keep-alive-minimum: {value: 9, unit: s, source: s}, keep-alive-maximum: {value: 8, unit: s, source: s}}" + sources, "the minimum of keep-alive is above"},
		{"name: x\nlimits: {retry-time: {value: 9, unit: s, source: s}}" + sources, "belong together"},
		{"name: x\nversions: {value: [\"4\"], source: s}" + sources, "neither 3.1.1 nor 5.0"},
		{"name: x\nshadows: {depth: {value: 9, unit: levels, source: s}}" + sources, "need version-life"},
		{"name: x\nbehaviours: {publish-to-reserved-topics: {value: [a#], source: s}}" + sources, `filter "a#"`},
		{"name: x\nbehaviours: {uncounted-topic-prefixes: {value: [a/#], source: s}}" + sources, "has a #"},
		{"name: x\nbehaviours: {connack-properties: {value: [payload], source: s}}" + sources, `CONNACK has no "payload"`},
		{"name: x\nbehaviours: {reason-codes: {puback: {value: [0x92], source: s}}}" + sources, "PUBACK has no 0x92"},
		{"name: x\nbehaviours: {reason-codes: {instead: {value: {0x92: 300}, source: s}}}" + sources, "no pair of Reason Codes"},
		{"name: x\nlisteners: [{name: a}]", "needs a name, a port and protocols"},
		{"name: x\nlisteners: [{name: a, port: {value: 1, unit: port, source: s}, protocols: [{websocket: mqtt}]}]" + sources, "does not begin with /"},
		{"name: x\ndeviations: [{statement: MQTT-1.1-1, on: broker, verdict: skip, why: w, source: s}]" + sources, "no qualified statement"},
		{"name: x\ndeviations: [{statement: \"v5:MQTT-1.1-1\", on: us, verdict: skip, why: w, source: s}]" + sources, "must be broker or device"},
		{"name: x\ndeviations: [{statement: \"v5:MQTT-1.1-1\", on: broker, verdict: fine, why: w, source: s}]" + sources, "must be failure or skip"},
		{"name: x\ndeviations: [{statement: \"v5:MQTT-1.1-1\", on: broker, verdict: skip, source: s}]" + sources, "does not say why"},
		{"name: x\ndeviations: [{statement: \"v5:MQTT-1.1-1\", on: broker, verdict: skip, why: w, source: z}]" + sources, `source "z"`},
		{"name: x\ndeviations: [{statement: \"v5:A\", on: broker, verdict: skip, why: w, source: s}, {statement: \"v5:A\", on: broker, verdict: skip, why: w, source: s}]" + sources, "stands there twice"},
	} {
		_, err := parse("file.yaml", []byte(x.content))
		if err == nil || !strings.Contains(err.Error(), x.want) || !strings.HasPrefix(err.Error(), "file.yaml: ") {
			t.Errorf("%s:\ngot  %v\nwant %s", x.content, err, x.want)
		}
	}
	for _, name := range []string{"nonsense", "./nonsense.yaml"} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestDeviationsAreKnownStatements holds the ids of shipped profiles against the catalogue.
func TestDeviationsAreKnownStatements(t *testing.T) {
	for _, name := range Shipped() {
		for _, d := range load(t, name).Deviations {
			s, known := req.Lookup(req.ID(d.Statement))
			if !known {
				t.Errorf("%s: there is no statement %s", name, d.Statement)
				continue
			}
			side := req.Server
			if d.On == "device" {
				side = req.Client
			}
			if !s.Binds(side) {
				t.Errorf("%s: %s does not bind a %s", name, d.Statement, d.On)
			}
		}
	}
}

func TestDeviation(t *testing.T) {
	p := load(t, "aws-iot-core")
	d, ok := p.Deviation("broker", "v5:MQTT-3.3.1-9", "RT-14-PLUS")
	if !ok || d.Verdict != Failure || d.Why == "" {
		t.Errorf("got %+v, %v", d, ok)
	}
	if d, ok := p.Deviation("device", "v5:MQTT-3.3.1-9", "RT-14-PLUS"); ok {
		t.Errorf("a device has the broker's deviation %+v", d)
	}
	if d, ok := p.Deviation("broker", "v5:MQTT-3.1.0-1", "RT-14-PLUS"); ok {
		t.Errorf("got %+v", d)
	}
}

// TestSchema holds the shipped profiles against the schema, and mistakes that it must find.
func TestSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("profile.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("profile.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(content []byte) error {
		text, err := yaml.YAMLToJSON(content)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for _, name := range Shipped() {
		content, err := shipped.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for from, to := range map[string]string{
			"unit: bytes": "unit: B", "read: ": "red: ", "verdict: skip": "verdict: sure", "value: true": "value: 1", "on: broker": "on: server",
		} {
			if validate(bytes.Replace(content, []byte(from), []byte(to), 1)) == nil {
				t.Errorf("%s: the schema accepts %q in place of %q", name, to, from)
			}
		}
	}
}

// TestSchemaNamesEveryKey compares the keys of the schema with those that are read.
func TestSchemaNamesEveryKey(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	compare(t, "profile", schema, reflect.TypeFor[Profile]())
}

// compare walks through structs that the schema spells out.
func compare(t *testing.T, path string, schema map[string]any, of reflect.Type) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() == reflect.Slice {
		if items, ok := schema["items"].(map[string]any); ok {
			compare(t, path+"[]", items, of.Elem())
		}
		return
	}
	if of.Kind() != reflect.Struct || schema["$ref"] != nil {
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	known := map[string]bool{}
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			for _, name := range []string{"source", "note"} {
				known[name] = true
			}
			continue
		}
		name := field.Tag.Get("yaml")
		known[name] = true
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s: the schema has no %q", path, name)
			continue
		}
		compare(t, path+"."+name, property, field.Type)
	}
	for name := range properties {
		if !known[name] {
			t.Errorf("%s: nobody reads %q of the schema", path, name)
		}
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s: the schema allows unknown keys", path)
	}
}

// TestNoNumbersInCode finds figures of the service that have strayed from the profile into the code.
func TestNoNumbersInCode(t *testing.T) {
	content, err := shipped.ReadFile("aws-iot-core.yaml")
	if err != nil {
		t.Fatal(err)
	}
	figures := map[string]bool{}
	for _, m := range regexp.MustCompile(`value: (\d{3,}),`).FindAllSubmatch(content, -1) {
		figures[string(m[1])] = true
	}
	if len(figures) < 10 {
		t.Fatalf("only %d figures found in the profile", len(figures))
	}
	files, _ := filepath.Glob("*.go")
	others, _ := filepath.Glob("../awsiot/*.go")
	for _, name := range append(files, others...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code = regexp.MustCompile(`//.*`).ReplaceAll(code, nil)
		for _, n := range regexp.MustCompile(`\b\d{3,}\b`).FindAllString(strings.ReplaceAll(string(code), "_", ""), -1) {
			if figures[n] && n != "1000" && n != "100" { // these are also round figures of our own
				t.Errorf("%s has the figure %s of the profile", name, n)
			}
		}
	}
}
