package target

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mqttspec/mqttspec/ci/targets"
)

const whole = `
name: whole
software: S
contact: C
notes: N
startTimeout: 90s
credentials: {username: u, password: p}
claims: {connections: 5, queuedMessages: 0, maximumSessionExpiry: 2h, minimumKeepAlive: 5s, maximumKeepAlive: 20m, durable: true}
tls: {ca: ca.pem, certificate: c.pem, key: k.pem, serverName: n, insecure: true}
exec:
  command: broker {port}
  transport: wss
  path: /a
  env: {A: b}
  files: [{path: c.conf, content: x}]
container:
  image: i:{tag}
  localImage: l:{tag}
  tags: ["1"]
  publicTags: {"1": one}
  command: a b
  ports: {tcp: 1, tls: 2, ws: 3, wss: 4}
  path: /b
  env: {A: b}
  files: [{path: /c.conf, from: d}]
address: {url: tcp://h}
`

func TestReadTakesEveryKey(t *testing.T) {
	d, err := read("whole.yaml", "/d", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	zero, content := 0, "x"
	durable := true
	want := Description{
		Name: "whole", Software: "S", Contact: "C", Notes: "N", StartTimeout: Duration(90 * time.Second),
		Credentials: &Credentials{"u", "p"},
		Claims:      Claims{5, &zero, Duration(2 * time.Hour), Duration(5 * time.Second), Duration(20 * time.Minute), &durable},
		TLS:         TLS{"ca.pem", "c.pem", "k.pem", "n", true},
		Exec: &Exec{Command: "broker {port}", Transport: TransportWSS, Path: "/a", Env: map[string]string{"A": "b"},
			Files: []File{{Path: "c.conf", Content: &content}}},
		Container: &Container{Image: "i:{tag}", LocalImage: "l:{tag}", Tags: []string{"1"}, PublicTags: map[string]string{"1": "one"},
			Command: "a b", Ports: Ports{1, 2, 3, 4}, Path: "/b", Env: map[string]string{"A": "b"}, Files: []File{{Path: "/c.conf", From: "d"}}},
		Address:   &Address{"tcp://h"},
		directory: "/d",
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	table := map[string]string{"connections": "5", "queued messages": "0", "maximum Session Expiry Interval": "2h0m0s",
		"minimum Keep Alive": "5s", "maximum Keep Alive": "20m0s", "durable": "yes"}
	if got := d.info().Declared; !reflect.DeepEqual(got, table) {
		t.Errorf("declared is %v", got)
	}
}

// broken are descriptions that must be refused, by the schema too, with what the error says and the line it points to.
var broken = []struct{ name, text, want, line string }{
	{"an unknown key", "name: x\nexec:\n  command: a {port}\n  comand: b\n", `unknown field "comand"`, "4 |   comand: b"},
	{"a doubled key", "name: x\nname: y\naddress: {url: tcp://h}\n", "already defined", "2 | name: y"},
	{"a wrong type", "name: x\ncontainer:\n  image: y\n  ports:\n    tcp: many\n", "here belongs a whole number", "5 |     tcp: many"},
	{"a tab", "name: x\naddress:\n\turl: tcp://h\n", "a tab stands where YAML wants spaces", "3 | \turl: tcp://h"},
	{"a list for a text", "name: [x]\naddress: {url: tcp://h}\n", "here belongs text", "1 | name: [x]"},
	{"a wrong duration", "name: x\nstartTimeout: soon\naddress: {url: tcp://h}\n", "soon", "2 | startTimeout: soon"},
	{"no name", "address: {url: tcp://h}\n", "name is missing", ""},
	{"a wrong name", "name: A b\naddress: {url: tcp://h}\n", "lower-case", "1 | name: A b"},
	{"no way", "name: x\n", "there is no way to the broker", ""},
	{"a wrong address", "name: x\naddress:\n  url: http://h\n", "unknown transport", "3 |   url: http://h"},
	{"a port out of range", "name: x\ncontainer:\n  image: y\n  ports:\n    ws: 70000\n", "70000 is not between", "5 |     ws: 70000"},
	{"no port", "name: x\ncontainer:\n  image: y\n  ports: {}\n", "none of tcp, tls, ws, wss", ""},
	{"no image", "name: x\ncontainer:\n  ports: {tcp: 1}\n", "image or localImage is missing", ""},
	{"a file twice", "name: x\ncontainer:\n  image: y\n  ports: {tcp: 1}\n  files:\n    - path: a\n      content: b\n      from: c\n", "exclude each other", "6 |     - path: a"},
	{"a file of nothing", "name: x\ncontainer:\n  image: y\n  ports: {tcp: 1}\n  files:\n    - path: a\n", "content or from is missing", ""},
	{"a path without /", "name: x\ncontainer:\n  image: y\n  ports: {ws: 1}\n  path: mqtt\n", "does not begin with /", "5 |   path: mqtt"},
	{"an unknown transport", "name: x\nexec:\n  command: a {port}\n  transport: udp\n", `transport "udp"`, "4 |   transport: udp"},
	{"no user name", "name: x\ncredentials:\n  password: p\naddress: {url: tcp://h}\n", "username is missing", ""},
	{"a negative claim", "name: x\nclaims:\n  connections: -1\naddress: {url: tcp://h}\n", "negative", "3 |   connections: -1"},
}

// beyond are descriptions that must be refused for what a schema cannot say.
var beyond = []struct{ name, text, want, line string }{
	{"no {port}", "name: x\nexec:\n  command: a\n", "have {port}", "3 |   command: a"},
	{"an open quote", "name: x\nexec:\n  command: a 'b {port}\n", "quote", "3 |   command: a"},
	{"a file outside", "name: x\nexec:\n  command: a {port}\n  files:\n    - path: ../b\n      content: c\n", "must lie in {dir}", "5 |     - path: ../b"},
	{"an image of no possible name", "name: x\ncontainer:\n  image: My/Broker:{tag}\n  tags: [a]\n  ports: {tcp: 1}\n", "perhaps my/broker:", "3 |   image: My/Broker:{tag}"},
	{"a tag of no possible name", "name: x\ncontainer:\n  localImage: y:{tag}\n  tags: [a, b/c:d]\n  ports: {tcp: 1}\n", "no image has that name", "3 |   localImage: y:{tag}"},
	{"an open tag", "name: x\ncontainer:\n  image: y:{tag}\n  ports: {tcp: 1}\n", "leaves the tag open", "3 |   image: y:{tag}"},
	{"half a certificate", "name: x\ntls:\n  key: k.pem\naddress: {url: tls://h}\n", "both certificate and key", ""},
	{"no keep alive", "name: x\nclaims:\n  minimumKeepAlive: 2s\n  maximumKeepAlive: 1s\naddress: {url: tcp://h}\n", "is above", "3 |   minimumKeepAlive: 2s"},
}

func TestReadPointsToWhatIsWrong(t *testing.T) {
	for _, c := range append(slices.Clone(broken), beyond...) {
		_, err := read("x.yaml", "", []byte(c.text))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.yaml: ") {
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
		}
		if c.line != "" && (!strings.Contains(err.Error(), ">  "+c.line) || !strings.Contains(err.Error(), "^")) {
			t.Errorf("%s: the error does not point to %q:\n%v", c.name, c.line, err)
		}
	}
}

func TestReadRefusesWhatIsNoText(t *testing.T) {
	_, err := read("x.yaml", "", []byte("\x7fELF\xff\xfe\x00"))
	if err == nil || err.Error() != "x.yaml is no text in UTF-8" {
		t.Errorf("a binary file: %v", err)
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(targets.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("target.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("target.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds YAML against the schema.
func validate(s *jsonschema.Schema, text []byte) error {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestSchemaAgreesWithReading(t *testing.T) {
	s := schema(t)
	if err := validate(s, []byte(strings.Replace(whole, "from: d", "content: d", 1))); err != nil {
		t.Errorf("the schema refuses a description with every key: %v", err)
	}
	for _, c := range broken {
		if err := validate(s, []byte(c.text)); err == nil {
			t.Errorf("%s: the schema has nothing against it", c.name)
		}
	}
}

func TestShippedDescriptionsFollowTheSchema(t *testing.T) {
	s := schema(t)
	if names := shippedNames(); !slices.Contains(names, "mosquitto") || !slices.Contains(names, "mochi") {
		t.Errorf("shipped are only %v", names)
	}
	for _, name := range shippedNames() {
		text, err := targets.Files.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d, err := read(name+".yaml", "", text)
		if err != nil {
			t.Error(err)
			continue
		}
		if d.Name != name {
			t.Errorf("%s.yaml describes %q", name, d.Name)
		}
	}
	if len(Shipped()) != len(shippedNames()) {
		t.Error("not all of them are shipped")
	}
}

// TestSchemaHasTheKeysOfTheStructs compares both in both directions.
func TestSchemaHasTheKeysOfTheStructs(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(targets.Schema, &root); err != nil {
		t.Fatal(err)
	}
	compareKeys(t, root, root, reflect.TypeFor[Description](), "description")
}

func compareKeys(t *testing.T, root, node map[string]any, typ reflect.Type, path string) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		if typ.Kind() == reflect.Slice && node["items"] != nil {
			node = node["items"].(map[string]any)
		}
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	properties, _ := node["properties"].(map[string]any)
	known := map[string]bool{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := f.Tag.Get("yaml")
		if !f.IsExported() || key == "-" {
			continue
		}
		known[key] = true
		child, ok := properties[key].(map[string]any)
		if !ok {
			t.Errorf("%s: the schema does not know %q", path, key)
			continue
		}
		if reference, ok := child["$ref"].(string); ok {
			child = root["$defs"].(map[string]any)[strings.TrimPrefix(reference, "#/$defs/")].(map[string]any)
		}
		compareKeys(t, root, child, f.Type, path+"."+key)
	}
	for key := range properties {
		if !known[key] {
			t.Errorf("%s: the struct does not know %q", path, key)
		}
	}
	if closed, _ := node["additionalProperties"].(bool); closed || node["additionalProperties"] == nil {
		t.Errorf("%s: the schema lets unknown keys pass", path)
	}
}
