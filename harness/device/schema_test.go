package device

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

var update = flag.Bool("update", false, "write plan.schema.json anew")

type object = map[string]any

// choices are what a member may be where it is one of a few words.
func choices(of reflect.Type, name string) []string {
	packets := func() (names []string) {
		for t := wire.CONNECT; t <= wire.AUTH; t++ {
			names = append(names, t.String())
		}
		return names
	}
	switch {
	case name == "packet" && of == reflect.TypeFor[Cut]():
		return append([]string{"any"}, packets()...)
	case name == "packet":
		return packets()
	case name == "event":
		return eventNames
	case name == "only":
		return []string{"5", "3.1.1"}
	case name == "how":
		return []string{"close", "reset"}
	case name == "from":
		return []string{"device", "server"}
	case name == "of" && of == reflect.TypeFor[Shadow]():
		return []string{"get", "update", "delete"}
	case name == "answer":
		return []string{"none", "conflict"}
	case name == "version" && of == reflect.TypeFor[Certificate]():
		return []string{"1.2", "1.3"}
	case name == "kind":
		return CertificateKinds()
	case name == "malformed" && of == reflect.TypeFor[Send]():
		return Malformed()
	case name == "malformed":
		return append([]string{"all"}, Malformed()...)
	}
	return nil
}

// schemaOf describes a Go type.
func schemaOf(t reflect.Type, definitions object) object {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "string", "pattern": `^(([0-9]+(\.[0-9]+)?(ms|s|m|h))+|<[a-z][a-z-]*>)$`}
	case t == reflect.TypeFor[req.ID]():
		return object{"type": "string", "pattern": `^(v5|v311):`}
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem(), definitions)
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem(), definitions)}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Interface:
		conditions := object{}
		for _, name := range attributeNames {
			conditions[name] = object{"type": []string{"string", "number", "boolean"}}
		}
		return object{"type": "object", "properties": conditions, "additionalProperties": false}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Uint32:
		properties := object{}
		for name := range connackProperties {
			properties[name] = object{"type": "integer", "minimum": 0}
		}
		return object{"type": "object", "properties": properties, "additionalProperties": false}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), definitions)}
	case t.Kind() == reflect.Struct:
		return structure(t, definitions)
	}
	if slices.Contains([]reflect.Kind{reflect.Int, reflect.Uint8, reflect.Uint16, reflect.Uint64}, t.Kind()) {
		return object{"type": []string{"integer", "string"}, "pattern": "^<[a-z][a-z-]*>$"} // a parameter
	}
	return object{"type": map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number",
	}[t.Kind()]}
}

// structure describes a struct by a definition of its own.
func structure(t reflect.Type, definitions object) object {
	ref := object{"$ref": "#/$defs/" + t.Name()}
	if definitions[t.Name()] != nil {
		return ref
	}
	properties := object{}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	definitions[t.Name()] = s
	var fields func(reflect.Type)
	fields = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if options == "inline" {
				fields(f.Type)
				continue
			}
			p := schemaOf(f.Type, definitions)
			if words := choices(t, name); words != nil {
				if f.Type.Kind() == reflect.Slice {
					p["items"] = object{"enum": words}
				} else {
					p = object{"enum": words}
				}
			}
			properties[name] = p
		}
	}
	fields(t)
	switch t {
	case reflect.TypeFor[Instruction]():
		s["minProperties"], s["maxProperties"] = 1, 1
	case reflect.TypeFor[Plan]():
		s["required"] = []string{"plan"}
	case reflect.TypeFor[Step]():
		s["required"] = []string{"id", "text", "script"}
	}
	return ref
}

// TestSchemaFollowsTypes holds plan.schema.json against the types that plans are read into.
func TestSchemaFollowsTypes(t *testing.T) {
	definitions := object{}
	root := schemaOf(reflect.TypeFor[Plan](), definitions)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "A plan for mqttspec device"
	root["$defs"] = definitions
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("plan.schema.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(b.Bytes(), Schema) {
		t.Error("plan.schema.json does not say what the types say; go test -run Schema -update writes it anew")
	}
}

// TestShippedPlansFollowSchema reads the plans as an editor would.
func TestShippedPlansFollowSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("plan.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{}
	entries, err := os.ReadDir("../../suites/device/plans")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, "../../suites/device/plans/"+e.Name())
	}
	if len(files) < 6 {
		t.Fatalf("only %v", files)
	}
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.YAMLToJSON(source)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	for _, wrong := range []string{`{"steps": []}`, `{"plan": "x", "stepz": []}`, `{"plan": "x", "steps": [{"id": "a", "text": "b", "script": [{"close": {}, "reset": {}}]}]}`} {
		value, _ := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if schema.Validate(value) == nil {
			t.Errorf("%s is taken for a plan", wrong)
		}
	}
}

// TestParseShowsWhatIsWrong reads plans that no engine can carry out.
func TestParseShowsWhatIsWrong(t *testing.T) {
	const head = "plan: p\nsteps:\n  - id: A\n    text: t\n    script:\n"
	const judging = "      - expect: {event: online, text: t, advice: us}\n"
	for _, c := range []struct{ name, plan, want string }{
		{"unknown key", "plan: p\nstepz: []\n", `unknown field "stepz"`},
		{"line", head + "      - cloze: {}\n" + judging, "[6:9]"},
		{"no name", "steps: []\n", "no name"},
		{"no steps", "plan: p\n", "no steps"},
		{"judges nothing", head + "      - close: {}\n", "judges nothing"},
		{"two names", head + "      - {close: {}, reset: {}}\n" + judging, "one name"},
		{"packet", head + "      - withhold: {packet: PUBAK}\n" + judging, `"PUBAK"`},
		{"event", head + "      - await: {event: onlin}\n" + judging, `"onlin"`},
		{"condition", head + "      - await: {packet: PUBLISH, where: {qoss: 1}}\n" + judging, `"qoss"`},
		{"capture", head + "      - await: {packet: PUBLISH, where: {id: $first}}\n" + judging, `known as "first"`},
		{"statement", head + "      - expect: {event: online, text: t, must: [\"v5:MQTT-9.9.9-9\"]}\n", "v5:MQTT-9.9.9-9"},
		{"no consequence", head + "      - expect: {event: online, text: t}\n", "says what follows"},
		{"check", head + "      - check: {name: nothing, advice: us}\n", `"nothing"`},
		{"malformed", head + "      - send: {malformed: nothing}\n" + judging, `"nothing"`},
		{"certificate", head + "      - certificate: {kind: nothing}\n" + judging, `"nothing"`},
		{"limit", head + "      - connack: {properties: {nothing: 1}}\n" + judging, `"nothing"`},
		{"twice", head + judging + "  - id: A\n    text: t\n    script:\n" + judging, "there twice"},
		{"include", "plan: p\ninclude: [q]\n", "no plan to include"},
		{"refusal", head + "      - refuse: {packet: PINGRESP, code: 1}\n" + judging, "no code"},
		{"outages", head + "      - outages: {count: 0, advice: us}\n", "count is 1"},
		{"outages longer than the longest", head + "      - outages: {count: 1, shortest: 2s, longest: 1s, advice: us}\n", "count is 1"},
		{"outages without consequence", head + "      - outages: {count: 1}\n", "says what follows"},
		{"shadow", head + "      - shadow: {of: update, answer: perhaps}\n" + judging, "answer is none"},
		{"watch", head + "      - watch: {will: true, topic: a}\n" + judging, "is watched"},
		{"version of TLS", head + "      - certificate: {kind: good, version: \"1.1\"}\n" + judging, "1.2 or 1.3"},
		{"parameter", head + "      - wait: <length>\n" + judging, "no parameter"},
		{"repeat", head + "      - repeat: {script: [{close: {}}]}\n" + judging, "how often"},
		{"what was captured", head + "      - await: {of: first, where: {id: 1}}\n" + judging, `known as "first"`},
		{"choice without a record", head + "      - expect: {event: online, text: t, advice: us, may: [\"v5:U5-020\"]}\n", "record says"},
		{"unknown choice", head + "      - expect: {event: online, text: t, record: r, may: [\"v5:U5-999\"]}\n", "v5:U5-999"},
		{"nothing takes time", head + "      - repeat: {for: 1m, script: [{close: {}}]}\n" + judging, "takes some"},
		{"nothing to choose", head + "      - choose: []\n" + judging, "nothing to choose"},
		{"wrong in a choice", head + "      - choose: [[{withhold: {packet: NO}}]]\n" + judging, `"NO"`},
		{"idle", head + "      - idle: {min: 2s, max: 1s}\n" + judging, "at least min"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.plan), Library{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %s", err, c.want)
			}
		})
	}
	if _, err := Parse([]byte(head+judging), Library{}); err != nil {
		t.Errorf("a sound plan: %v", err)
	}
}

// TestParseInstruction reads what the HTTP API takes.
func TestParseInstruction(t *testing.T) {
	for source, want := range map[string]string{
		`{"close": {}}`:                   "",
		"disconnect: {code: 0x8B}":        "",
		"send: {malformed: type-0}":       "",
		"wait: 1s":                        "for plans",
		"repeat: {times: 2, script: []}":  "for plans",
		`{"close": {}, "reset": {}}`:      "one name",
		"withhold: {packet: NO}":          `"NO"`,
		"nothing: {}":                     "unknown field",
		"await: {packet: CONNECT, x: 12}": "unknown field",
	} {
		_, err := ParseInstruction([]byte(source))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", source, err, want)
		}
	}
}

// TestMalformedIsMalformed holds the wrong packets against the reader of packets: all but those whose error lies in the
// conversation are refused by it.
func TestMalformedIsMalformed(t *testing.T) {
	conversational := []string{"connect-from-server", "subscribe-from-server", "pingreq-from-server", "second-connack", "publish-alias-above-maximum", "publish-alias-unknown", "auth-unasked"}
	names := map[string]bool{}
	for _, w := range wrongs {
		names[w.name] = true
		for _, v := range []wire.Version{wire.V5, wire.V311} {
			if w.only != 0 && w.only != v {
				continue
			}
			_, err := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(w.bytes(v))
			if (err == nil) != slices.Contains(conversational, w.name) {
				t.Errorf("%s in %s: %v", w.name, v, err)
			}
		}
	}
	if len(names) != len(wrongs) {
		t.Error("two wrong packets share a name")
	}
}
