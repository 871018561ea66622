package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	plans "github.com/mqttspec/mqttspec/suites/device"
)

// listPlans lists the plans for devices with their steps.
func listPlans(w io.Writer, asJSON bool) error {
	all, err := plans.Plans()
	if err != nil {
		return err
	}
	type step struct {
		ID   string `json:"id"`
		Only string `json:"only,omitempty"` // the version of MQTT
		Text string `json:"text"`
	}
	type plan struct {
		Name string `json:"name"`
		Text string `json:"text"`
		// AtMost is how long it takes a device at most, with a Keep Alive of a minute.
		AtMost     string            `json:"atMost"`
		Parameters map[string]string `json:"parameters,omitempty"`
		Steps      []step            `json:"steps"`
	}
	list := []plan{}
	for _, p := range all {
		described := plan{p.Name, p.Text, longest(p), p.Parameters, []step{}}
		for _, s := range p.Steps {
			described.Steps = append(described.Steps, step{s.ID, s.Only, s.Text})
		}
		list = append(list, described)
	}
	if asJSON {
		return printJSON(w, list)
	}
	for n, p := range list {
		if n > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s (at most %s)\n", p.Name, p.Text, p.AtMost)
		if len(p.Parameters) > 0 {
			var set []string
			for _, name := range slices.Sorted(maps.Keys(p.Parameters)) {
				set = append(set, name+"="+p.Parameters[name])
			}
			fmt.Fprintf(w, "  --set %s\n", strings.Join(set, ","))
		}
		var rows [][]string
		for _, s := range p.Steps {
			rows = append(rows, []string{"  " + s.ID, s.Text, s.Only})
		}
		if err := printTable(w, rows); err != nil {
			return err
		}
	}
	return nil
}
