package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
)

func newListCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "List what this program knows: specs, requirements, targets, defects, tolerances, faults, plans",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, l := range []struct {
		name, short string
		run         func(w io.Writer, asJSON bool) error
	}{
		{"specs", "The specs: what mqttspec run checks", listSpecs},
		{"requirements", "The normative statements of both versions, and which are checked", listRequirements},
		{"targets", "What --target takes", listTargets},
		{"defects", "The defects that the reference broker can have", listDefects},
		{"tolerances", "The choices that the reference broker can make within the standard", listTolerances},
		{"faults", "The language of netfault --fault", listFaults},
		{"plans", "What device --plan takes", listPlans},
	} {
		sub := &cobra.Command{Use: l.name, Short: l.short, Args: cobra.NoArgs}
		asJSON := sub.Flags().Bool("json", false, "print JSON")
		sub.RunE = func(cmd *cobra.Command, _ []string) error { return l.run(cmd.OutOrStdout(), *asJSON) }
		list.AddCommand(sub)
	}
	return list
}

// printJSON writes a value as indented JSON.
func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// printTable writes rows in columns.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

func listSpecs(w io.Writer, asJSON bool) error {
	items, err := compileList()
	if err != nil {
		return err
	}
	if asJSON {
		infos := []reports.SpecInfo{}
		for _, i := range items {
			infos = append(infos, specInfo(i))
		}
		return printJSON(w, infos)
	}
	versions := map[string][]string{}
	for _, i := range items {
		versions[i.ID] = append(versions[i.ID], i.Version.String())
	}
	rows, section, specs := [][]string{}, "", 0
	flush := func() error {
		defer func() { rows = nil }()
		return printTable(w, rows)
	}
	for _, i := range items {
		if versions[i.ID] == nil {
			continue // told already, in its other version
		}
		if i.Section != section {
			if err := flush(); err != nil {
				return err
			}
			if section != "" {
				fmt.Fprintln(w)
			}
			section = i.Section
			fmt.Fprintln(w, section)
		}
		wait := ""
		if i.Wait > 0 {
			wait = "waits " + i.Wait.String()
		}
		if i.Own {
			wait = strings.TrimPrefix(wait+", own", ", ")
		}
		if i.Variant != "" {
			wait = strings.TrimPrefix(wait+", variant "+string(i.Variant), ", ")
		}
		rows = append(rows, []string{"  " + i.ID, strings.Join(versions[i.ID], " "), i.Text, wait})
		versions[i.ID] = nil
		specs++
	}
	if err := flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%d specs; with those that run in both versions %d\n", specs, len(items))
	return err
}

// statementCount is how far the statements of one version are checked by this program.
type statementCount struct {
	Version    string `json:"version"`
	Numbered   bool   `json:"numbered"` // by the standard; otherwise they are duties that it states without a number
	Known      int    `json:"known"`
	Observable int    `json:"observable"` // by a test of a server
	Checked    int    `json:"checked"`    // by a spec or a monitor
	// Of those that a test of a device can see, and that a step of a plan or a monitor looks at.
	DeviceObservable int `json:"deviceObservable"`
	DeviceChecked    int `json:"deviceChecked"`
}

func listRequirements(w io.Writer, asJSON bool) error {
	items, err := compileList()
	if err != nil {
		return err
	}
	all, err := requirements(req.All(), items)
	if err != nil {
		return err
	}
	checked, onDevice := map[req.ID]bool{}, map[req.ID]bool{}
	for _, r := range all {
		checked[r.ID], onDevice[r.ID] = r.checked(), r.Device.checked()
	}
	some := func(req.ID) bool { return true }
	var counts []statementCount
	for _, v := range []req.Version{req.V5, req.V311} {
		c := req.Cover(v, req.Server, func(id req.ID) bool { return checked[id] }, some)
		d := req.Cover(v, req.Client, func(id req.ID) bool { return onDevice[id] }, some)
		name := wire.Version(v).String()
		counts = append(counts, statementCount{name, true, c.Known, c.Observable, c.Exercised, d.Observable, d.Exercised},
			statementCount{name, false, c.Unnumbered.Known, c.Unnumbered.Observable, c.Unnumbered.Exercised, d.Unnumbered.Observable, d.Unnumbered.Exercised})
	}
	if asJSON {
		return printJSON(w, struct {
			Counts       []statementCount `json:"counts"`
			Requirements []requirement    `json:"requirements"`
		}{counts, all})
	}
	var rows [][]string
	for _, r := range all {
		device := "-"
		if r.Device != nil {
			device = "device: " + state(r.Device.checked(), r.Device.Observable)
		}
		rows = append(rows, []string{string(r.ID), string(r.Level), string(r.Binds), "server: " + state(r.checked(), r.Observable), device, r.Text})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, c := range counts {
		kind := "statements"
		if !c.Numbered {
			kind = "duties without a number"
		}
		fmt.Fprintf(w, "MQTT %s %s: %d known, %d observable by a test of a server, %d checked; %d by a test of a device, %d checked\n",
			c.Version, kind, c.Known, c.Observable, c.Checked, c.DeviceObservable, c.DeviceChecked)
	}
	return nil
}

// state says how far a statement is checked on one side.
func state(checked, observable bool) string {
	switch {
	case checked:
		return "checked"
	case observable:
		return "not checked yet"
	}
	return "not observable"
}

func listDefects(w io.Writer, asJSON bool) error {
	defects := broker.Defects()
	if asJSON {
		type defect struct {
			Name   string   `json:"name"`
			Breaks []string `json:"breaks"`
			Text   string   `json:"text"`
		}
		all := []defect{}
		for _, d := range defects {
			all = append(all, defect{d.Name, d.Breaks, d.Text})
		}
		return printJSON(w, all)
	}
	var rows [][]string
	for _, d := range defects {
		rows = append(rows, []string{d.Name, d.Text, strings.Join(d.Breaks, " ")})
	}
	return printTable(w, rows)
}

func listTolerances(w io.Writer, asJSON bool) error {
	type tolerance struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	all := []tolerance{}
	var rows [][]string
	for _, t := range broker.Tolerances() {
		all = append(all, tolerance{t.Name, t.Text})
		rows = append(rows, []string{t.Name, t.Text})
	}
	if asJSON {
		return printJSON(w, all)
	}
	return printTable(w, rows)
}

func listFaults(w io.Writer, asJSON bool) error {
	type syntax struct {
		Form    string `json:"form"`
		Text    string `json:"text"`
		Example string `json:"example"`
	}
	all := []syntax{}
	rows := [][]string{}
	for _, s := range netfault.FaultSyntax() {
		all = append(all, syntax{s.Form, s.Text, s.Example})
		rows = append(rows, []string{s.Form, s.Text, s.Example})
	}
	if asJSON {
		return printJSON(w, all)
	}
	return printTable(w, rows)
}
