// Package device holds the plans that come with mqttspec for judging devices, and the checks that they call.
package device

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/device"
)

//go:embed plans/*.yaml
var files embed.FS

// Names lists the plans that come with mqttspec.
func Names() (names []string) {
	entries, _ := fs.ReadDir(files, "plans") // it is compiled in
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Plan returns a plan that comes with mqttspec, with its parameters as they stand in it.
func Plan(name string) (device.Plan, error) { return PlanWith(name, nil) }

// PlanWith returns a plan that comes with mqttspec, with parameters that are set.
func PlanWith(name string, set map[string]string) (device.Plan, error) {
	source, err := files.ReadFile("plans/" + name + ".yaml")
	if err != nil {
		return device.Plan{}, fmt.Errorf("no plan is called %q; there are %s", name, strings.Join(Names(), ", "))
	}
	p, err := ParseWith(source, set)
	if err == nil && p.Name != name {
		err = fmt.Errorf("it is called %q", p.Name)
	}
	if err != nil {
		return p, fmt.Errorf("plan %s: %w", name, err)
	}
	return p, nil
}

// Parse reads a plan that may include and call what comes with mqttspec. The error shows the line.
func Parse(source []byte) (device.Plan, error) { return ParseWith(source, nil) }

// ParseWith reads a plan with parameters that are set. One that neither the plan nor what it includes has is passed
// over; the Parameters of the plan tell.
func ParseWith(source []byte, set map[string]string) (device.Plan, error) {
	return device.Parse(source, device.Library{
		Checks: Checks(), Set: set,
		Plan: func(name string) (device.Plan, error) { return PlanWith(name, set) },
	})
}

// Plans returns every plan that comes with mqttspec.
func Plans() (plans []device.Plan, err error) {
	for _, name := range Names() {
		p, err := Plan(name)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	slices.SortFunc(plans, func(a, b device.Plan) int { return strings.Compare(a.Name, b.Name) })
	return plans, nil
}
