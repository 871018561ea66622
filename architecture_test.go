// Package mqttspec_test holds the tests of the repository as a whole.
package mqttspec_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mqttspec/mqttspec"

// allowed says which packages of the module a package may import. A name that ends in /... stands for the packages
// below it as well. What is not listed may import nothing of the module.
var allowed = map[string][]string{
	"harness/wire":              {},
	"harness/memnet":            {},
	"harness/webstream":         {"harness/memnet"},
	"harness/pki":               {},
	"harness/req":               {"harness/wire"},
	"harness/trace":             {"harness/wire"},
	"netfault":                  {"harness/trace", "harness/wire", "harness/memnet"},
	"harness/monitor":           {"harness/trace", "harness/wire", "harness/req"},
	"reports":                   {"harness/trace", "harness/wire", "harness/req", "harness/monitor"},
	"reports/...":               {},
	"harness":                   {"harness/wire", "harness/memnet", "harness/webstream", "harness/pki", "harness/trace", "harness/req", "harness/monitor", "netfault", "reports"},
	"reference-broker":          {"harness/wire", "harness/trace", "harness/memnet"},
	"reference-broker/awsiot":   {"harness/wire", "reference-broker"},
	"reference-broker/profile":  {"harness/wire", "reference-broker", "reference-broker/awsiot"},
	"ci/...":                    {},
	"harness/target":            {"harness", "harness/wire", "harness/memnet", "harness/webstream", "harness/pki", "harness/trace", "harness/req", "netfault", "reports", "reference-broker", "ci/..."},
	"suites/protocol":           {"harness", "harness/wire", "harness/memnet", "harness/trace", "netfault", "reports"},
	"harness/device":            {"harness", "harness/wire", "harness/memnet", "harness/pki", "harness/trace", "harness/req", "harness/monitor", "reference-broker", "reference-broker/awsiot", "reports"},
	"suites/device":             {"harness/device", "harness/wire", "harness/trace", "reports"},
	"suites/scenarios":          {"harness", "harness/wire", "harness/memnet", "harness/trace", "netfault", "reports"},
	"suites":                    {"harness", "harness/wire", "harness/memnet", "harness/webstream", "harness/trace", "netfault", "reports", "suites/protocol", "suites/scenarios"},
	"suites/ginkgo":             {"harness", "harness/wire", "reports", "suites", "suites/protocol", "suites/scenarios"},
	"cmd/mqttspec":              {"..."},
	"cmd/mqttspec/internal/...": {"..."},
}

// only says which packages may import a module that nothing else should depend on.
var only = map[string][]string{
	"github.com/onsi/ginkgo/v2":                   {"suites/ginkgo", "cmd/mqttspec"},
	"github.com/testcontainers/testcontainers-go": {"harness/target"},
	"github.com/eclipse/paho.golang":              {},
	"github.com/eclipse/paho.mqtt.golang":         {},
}

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (ps []listed) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return ps
		}
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// covers reports whether one of the patterns stands for name.
func covers(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, tree := strings.CutSuffix(p, "...")
		return p == name || tree && (below == "" || name+"/" == below || strings.HasPrefix(name, below))
	})
}

// TestImportsPointOneWay holds the imports of the module against the layout in docs/architecture.md.
func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		may, known := allowed[name]
		for pattern, list := range allowed {
			if !known && covers([]string{pattern}, name) {
				may, known = list, true
			}
		}
		if !known && len(p.Imports) > 0 {
			t.Errorf("%s has no place in the list of allowed imports", name)
		}
		for _, i := range p.Imports {
			if inside, ok := strings.CutPrefix(i, module+"/"); ok && !covers(may, inside) {
				t.Errorf("%s must not import %s", name, inside)
			}
			for foreign, may := range only {
				if (i == foreign || strings.HasPrefix(i, foreign+"/")) && !covers(may, name) {
					t.Errorf("%s must not import %s", name, i)
				}
			}
		}
		if slices.Contains([]string{"util", "common", "helper", "types"}, path.Base(name)) {
			t.Errorf("%s: the name says no role", name)
		}
	}
}
