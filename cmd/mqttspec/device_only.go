package main

import (
	"slices"

	"github.com/mqttspec/mqttspec/harness/device"
)

// onlySteps leaves the steps of a plan that one of the expressions means: an id, or a pattern over ids. Their order
// stays that of the plan. An id that a plan has once for each version of MQTT means both. Without expressions all are left.
func onlySteps(p device.Plan, only []string) (device.Plan, error) {
	if len(only) == 0 {
		return p, nil
	}
	chosen := make([]bool, len(p.Steps))
	for _, expr := range only {
		found := false
		var ids []string
		for n, s := range p.Steps {
			is, err := fits(expr, s.ID)
			if err != nil {
				return p, usagef("--only %s: the pattern is malformed: %w", expr, err)
			}
			chosen[n] = chosen[n] || is
			found = found || is
			if !slices.Contains(ids, s.ID) {
				ids = append(ids, s.ID)
			}
		}
		if !found {
			return p, usagef("--only %s: plan %s has no such step%s", expr, p.Name, nearMisses(nearest(expr, ids)))
		}
	}
	var left []device.Step
	for n, s := range p.Steps {
		if chosen[n] {
			left = append(left, s)
		}
	}
	p.Steps = left
	return p, nil
}
