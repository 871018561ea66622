package target

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct {
		spec, name, shown string // shown "" is spec
		host, path        string // of an address
		exec, image       string
		tag               string
	}{
		{spec: "reference", name: "reference"},
		{spec: "reference?defect=session-present-always-0&tolerance=reason-strings", name: "reference"},
		{spec: "tcp://broker.example", name: "broker.example", host: "broker.example:1883", path: "/mqtt"},
		{spec: "tcp://10.0.0.1:1884/", name: "10.0.0.1", host: "10.0.0.1:1884", path: "/"},
		{spec: "tcp://[::1]", name: "::1", host: "[::1]:1883", path: "/mqtt"},
		{spec: "tls://me:secret@h", shown: "tls://me:xxxxx@h", name: "h", host: "h:8883", path: "/mqtt"},
		{spec: "ws://h", name: "h", host: "h:80", path: "/mqtt"},
		{spec: "wss://h/", name: "h", host: "h:443", path: "/"},
		{spec: "ws://h:8080/a%20b?x=1", name: "h", host: "h:8080", path: "/a%20b?x=1"},
		{spec: "exec:./bin/broker -p {port}", name: "broker", exec: "./bin/broker -p {port}"},
		{spec: "exec:mochi", name: "mochi", exec: "mochi --tcp 127.0.0.1:{port}"},
		{spec: "docker:mochi", name: "mochi"},
		{spec: "docker:mosquitto", name: "mosquitto", image: "eclipse-mosquitto:{tag}"},
		{spec: "docker:mosquitto:2.0.11", name: "mosquitto", image: "eclipse-mosquitto:{tag}", tag: "2.0.11"},
		{spec: "mosquitto:2.0.11", name: "mosquitto", image: "eclipse-mosquitto:{tag}", tag: "2.0.11"},
		{spec: "mosquitto", name: "mosquitto", image: "eclipse-mosquitto:{tag}"},
		{spec: "docker:registry.example:5000/x/broker:1.2", name: "broker", image: "registry.example:5000/x/broker:1.2"},
		{spec: "docker:broker@sha256:" + sum, name: "broker", image: "broker@sha256:" + sum},
		{spec: "docker:" + sum, name: sum, image: sum},
	} {
		d, err := Parse(c.spec)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		if c.shown == "" {
			c.shown = c.spec
		}
		if d.Name != c.name || d.Spec != c.shown || d.tag != c.tag {
			t.Errorf("%s: name %q, shown %q, tag %q", c.spec, d.Name, d.Spec, d.tag)
		}
		if c.host != "" {
			if a, err := parseAddress(d.Address.URL); err != nil || a.host != c.host || a.path != c.path {
				t.Errorf("%s: host %q, path %q, %v", c.spec, a.host, a.path, err)
			}
		}
		if got := d.Exec; (got == nil) != (c.exec == "") || got != nil && got.Command != c.exec {
			t.Errorf("%s: exec is %+v", c.spec, got)
		}
		if c.image != "" && (d.Container == nil || d.Container.Image != c.image) {
			t.Errorf("%s: container is %+v", c.spec, d.Container)
		}
		if wantReference := strings.HasPrefix(c.spec, "reference"); wantReference != (d.reference != nil) {
			t.Errorf("%s: reference is %v", c.spec, d.reference)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                   "the target is empty",
		"mosquito":                           "one of artemis, emqx-public, emqx, hivemq, mochi, mosquitto",
		"localhost:1883":                     "tcp://localhost:1883",
		"mqtt://h":                           `unknown transport "mqtt"`,
		"tcp://":                             "the host is missing",
		"tcp://:1883":                        "the host is missing",
		"tcp://h:0":                          "the port 0 is not between",
		"tcp://h:70000":                      "the port 70000 is not between",
		"tcp://h/mqtt":                       "only addresses of WebSockets have a path",
		"ws://h/a#b":                         "#",
		"tcp://me:secret@h:port":             "no URL",
		"exec:":                              "command is missing",
		"exec:broker":                        "have {port}",
		"exec:broker '{port}":                "quote",
		"exec:mosquitto":                     "describes no command",
		"docker:":                            "no image has that name",
		"docker:a b":                         "no image has that name",
		"docker:MyBroker:2.0-RC1":            "perhaps mybroker:2.0-RC1 is meant",
		"docker:reg.example:5000/X/y":        "perhaps reg.example:5000/x/y is meant",
		"docker:broker:":                     "no image has that name",
		"docker:broker:a:b":                  "no image has that name",
		"docker:broker@sha256:abc":           "no image has that name",
		"docker:Bro ker":                     "no image has that name",
		"docker:" + strings.Repeat("x", 300): "no image has that name",
		"mochi:":                             "is no tag",
		"mosquitto:2.0/11":                   "is no tag",
		"reference?defect=no-such-defect":    `unknown defect "no-such-defect"`,
		"reference?bug=x":                    `"bug" is neither defect nor tolerance`,
		"nowhere.yaml":                       "nowhere.yaml",
	} {
		_, err := Parse(spec)
		var config *ConfigError
		if !errors.As(err, &config) {
			t.Errorf("%q: %v is no ConfigError", spec, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", spec, err, want)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v tells the password", spec, err)
		}
	}
}

func TestParseReadsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "both.yaml")
	text := "name: both\nexec: {command: 'b {port}'}\ncontainer: {image: x, ports: {tcp: 1}}\naddress: {url: 'tcp://h'}\n"
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prefix                   string
		exec, container, address bool
	}{{"", true, true, true}, {"exec:", true, false, false}, {"docker:", false, true, false}} {
		d, err := Parse(c.prefix + name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Name != "both" || d.Spec != c.prefix+name || (d.Exec != nil) != c.exec || (d.Container != nil) != c.container || (d.Address != nil) != c.address {
			t.Errorf("%s: %+v", c.prefix, d)
		}
	}
}

func TestImages(t *testing.T) {
	for _, c := range []struct {
		spec  string
		local bool
		want  string
		only  bool
	}{
		{"docker:mosquitto", false, "eclipse-mosquitto:2.1.2-alpine", false},
		{"docker:mosquitto:2.0.11", false, "eclipse-mosquitto:2.0.11", false},
		{"docker:mosquitto:2.0.11", true, "local/mosquitto:2.0.11 eclipse-mosquitto:2.0.11", false},
		{"docker:mosquitto:2.1.2", true, "local/mosquitto:2.1.2 eclipse-mosquitto:2.1.2-alpine", false},
		{"docker:mochi", false, "local/mochi:2.7.9", true},
		{"docker:x/y:1", true, "x/y:1", false},
	} {
		d, err := Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		got, only, err := d.images(c.local)
		if err != nil || strings.Join(got, " ") != c.want || only != c.only {
			t.Errorf("%s: %v, %v, %v; want %s, %v", c.spec, got, only, err, c.want, c.only)
		}
	}
	fixed := Description{Name: "x", tag: "2", Container: &Container{Image: "x:1"}}
	if _, _, err := fixed.images(false); err == nil {
		t.Error("a tag for an image that leaves none open is no error")
	}
}
