package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

func newExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a normative statement, or a spec: what it demands, who is bound, what checks it",
		Example: `  mqttspec explain MQTT-3.1.2-24      the statement of that number in both versions
  mqttspec explain v311:3.1.2-24      in one version
  mqttspec explain 4.7                all of a section
  mqttspec explain SE-02              a spec`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one statement, section or spec is needed, such as MQTT-3.1.2-24, 4.7 or SE-02")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd.OutOrStdout(), args[0]) },
	}
}

// explain writes what is known of the statements or the specs that an expression means.
func explain(w io.Writer, expr string) error {
	list, err := compileList()
	if err != nil {
		return err
	}
	specs := []harness.Item{}
	for _, i := range list {
		if strings.EqualFold(i.ID, expr) || strings.EqualFold(i.Key(), expr) {
			specs = append(specs, i)
		}
	}
	if len(specs) > 0 {
		explainSpec(w, specs)
		return nil
	}
	statements, err := req.Match(expr)
	if errors.Is(err, req.ErrUnknown) && !strings.Contains(err.Error(), "near it") {
		return usagef("%w%s", err, nearMisses(nearest(expr, namesOf(list))))
	}
	if err != nil {
		return &exitError{exitUsage, err}
	}
	explained, err := requirements(statements, list)
	if err != nil {
		return err
	}
	for n, r := range explained {
		if n > 0 {
			fmt.Fprintln(w)
		}
		explainRequirement(w, r, list)
	}
	return nil
}

// item writes one line of an explanation under its name.
func item(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "  %-15s %s\n", name, fmt.Sprintf(format, args...))
}

func explainRequirement(w io.Writer, r requirement, list []harness.Item) {
	s := r.statement
	fmt.Fprintf(w, "%s  %s\n  %s\n\n", r.ID, r.Level, r.Text)
	item(w, "standard", "MQTT %s, %s %s", wire.Version(s.Version), r.Section, r.Title)
	item(w, "", "%s", r.URL)
	bound := "the " + string(r.Binds)
	if r.Binds == req.Both {
		bound = "client and server"
	}
	item(w, "binds", "%s", bound)
	if s.Printed != "" {
		item(w, "printed", "%s in places; a misprint", s.Printed)
	}
	if s.Errata != "" {
		item(w, "note", "%s", s.Errata)
	}
	for _, id := range s.SameAs {
		item(w, "same as", "%s", briefly(id))
	}
	for _, id := range s.Twins {
		item(w, "twin", "%s", briefly(id))
	}
	if !r.Observable {
		item(w, "not observable", "on a server: %s", r.WhyNot)
	}
	if d := r.Device; d != nil && d.WhyNot != "" {
		item(w, "not observable", "on a device: %s", d.WhyNot)
	}
	switch {
	case s.How != "":
		item(w, "how to check", "%s", s.How)
	}
	if s.Needs != "" {
		item(w, "needs", "%s", s.Needs)
	}
	texts := map[string]string{}
	for _, i := range list {
		texts[i.ID] = i.Text
	}
	for _, id := range r.Specs {
		item(w, "spec", "%s %s", id, texts[id])
	}
	for _, m := range r.Monitors {
		item(w, "monitor", "%s", m)
	}
	if !r.checked() && r.Observable {
		item(w, "checked by", "nothing checks this on a server yet")
	}
	if d := r.Device; d != nil {
		explainDevice(w, d)
	}
	for _, d := range r.Defects {
		item(w, "defect", "%s breaks it in the reference broker", d)
	}
}

// explainDevice writes what checks a statement when a device is tested.
func explainDevice(w io.Writer, d *deviceRequirement) {
	for _, s := range d.Steps {
		name := "device step"
		if s.Records {
			name = "recorded by"
		}
		item(w, name, "%s %s (%s)", s.ID, s.Text, strings.Join(s.Plans, ", "))
	}
	for _, m := range d.Monitors {
		item(w, "device monitor", "%s", m)
	}
	if !d.checked() && d.Observable {
		item(w, "checked by", "nothing checks this on a device yet")
	}
}

// briefly gives a statement in one line.
func briefly(id req.ID) string {
	s, _ := req.Lookup(id)
	return fmt.Sprintf("%s: %s", id, s.Text)
}

// explainSpec writes about one spec, given in each of its versions.
func explainSpec(w io.Writer, specs []harness.Item) {
	s := specs[0]
	fmt.Fprintf(w, "%s  %s\n\n", s.ID, s.Text)
	item(w, "section", "%s", s.Section)
	for _, v := range specs {
		for _, id := range v.Claims.Of(v.Version) {
			st, _ := req.Lookup(id)
			item(w, "MQTT "+v.Version.String(), "%s %s: %s", id, st.Level, st.Text)
		}
	}
	if s.Wait > 0 {
		item(w, "waits", "%s", s.Wait)
	}
	for _, n := range s.Needs {
		item(w, "needs", "%s", n)
	}
	if s.Own {
		item(w, "placement", "an instance of the target for itself")
	}
	if s.Variant != "" {
		item(w, "variant", "%s, where the target's description has it; otherwise on the default configuration", s.Variant)
	}
	if s.Volume {
		item(w, "volume", "heavy: runs alone, after the others")
	}
	item(w, "source", "%s:%d", s.File, s.Line)
}
