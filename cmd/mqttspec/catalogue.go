package main

import (
	"slices"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
	plans "github.com/mqttspec/mqttspec/suites/device"
)

// requirement is a statement with all in this program that checks it.
type requirement struct {
	ID         req.ID    `json:"id"`
	Level      req.Level `json:"level"`
	Binds      req.Actor `json:"binds"`
	Section    string    `json:"section"`
	Title      string    `json:"title"`
	Text       string    `json:"text"`
	URL        string    `json:"url"`
	Observable bool      `json:"observable"`       // by a test of a server; so are the members down to Defects
	WhyNot     string    `json:"whyNot,omitempty"` // why it is not
	Specs      []string  `json:"specs,omitempty"`  // ids of those that claim it
	Monitors   []string  `json:"monitors,omitempty"`
	Defects    []string  `json:"defects,omitempty"` // of the reference broker, that break it
	// Device is what mqttspec device makes of it; nil if it does not bind clients.
	Device *deviceRequirement `json:"device,omitempty"`

	statement req.Statement
}

// deviceRequirement is how a statement that binds clients is checked on a device.
type deviceRequirement struct {
	Observable bool         `json:"observable"`
	WhyNot     string       `json:"whyNot,omitempty"`
	Steps      []deviceStep `json:"steps,omitempty"`
	Monitors   []string     `json:"monitors,omitempty"`
}

// deviceStep is a step of the shipped plans that looks at a statement.
type deviceStep struct {
	ID      string   `json:"id"`
	Text    string   `json:"text"`
	Plans   []string `json:"plans"`
	Records bool     `json:"records,omitempty"` // the statement leaves a choice, and the step records it
}

// checked reports whether a run of specs can find the statement broken.
func (r requirement) checked() bool { return len(r.Specs)+len(r.Monitors) > 0 }

// checked reports whether mqttspec device looks at the statement.
func (d *deviceRequirement) checked() bool { return d != nil && len(d.Steps)+len(d.Monitors) > 0 }

// requirements joins statements with what checks them.
func requirements(statements []req.Statement, list []harness.Item) ([]requirement, error) {
	shipped, err := plans.Plans()
	if err != nil {
		return nil, err
	}
	claims := device.Claims(shipped)
	onDevice := monitorTexts(wire.FromClient)
	specs := map[req.ID][]string{}
	for _, i := range list {
		for _, id := range i.Claims.Of(i.Version) {
			if !slices.Contains(specs[id], i.ID) {
				specs[id] = append(specs[id], i.ID)
			}
		}
	}
	judged := monitorTexts(wire.FromServer)
	defects := map[req.ID][]string{}
	for _, d := range broker.Defects() {
		for _, id := range d.Breaks {
			defects[req.ID(id)] = append(defects[req.ID(id)], d.Name)
		}
	}
	all := make([]requirement, 0, len(statements))
	for _, s := range statements {
		r := requirement{
			ID: s.ID, Level: s.Level, Binds: s.Actor, Section: s.Subsection, Title: s.SubsectionTitle, Text: s.Text, URL: s.URL,
			Observable: s.ObservableAt(req.Server), WhyNot: s.WhyNotAt(req.Server),
			Specs: specs[s.ID], Monitors: judged[s.ID], Defects: defects[s.ID], statement: s,
		}
		// a client that sends what a statement makes the server refuse is judged by that statement
		if s.Binds(req.Client) || len(onDevice[s.ID])+len(claims[s.ID]) > 0 {
			r.Device = &deviceRequirement{Observable: s.ObservableAt(req.Client), Monitors: onDevice[s.ID]}
			if s.Binds(req.Client) {
				r.Device.WhyNot = s.WhyNotAt(req.Client)
			}
			for _, c := range claims[s.ID] {
				r.Device.Steps = append(r.Device.Steps, deviceStep{c.Step, c.Text, c.Plans, c.Records})
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// monitorTexts says for each statement what the monitors of a side demand of each packet because of it.
func monitorTexts(side wire.Sender) map[req.ID][]string {
	texts := map[req.ID][]string{}
	for _, m := range monitor.All() {
		if m.Sender != side {
			continue
		}
		for _, id := range m.IDs {
			texts[id] = append(texts[id], m.Text)
		}
	}
	return texts
}

// monitored reports whether a monitor judges the statement on the traffic of every spec.
func monitored(id req.ID) bool { return len(monitorTexts(wire.FromServer)[id]) > 0 }

// specInfo describes an item for reports and lists.
func specInfo(i harness.Item) reports.SpecInfo {
	info := reports.SpecInfo{
		ID: i.ID, Text: i.Text, Section: i.Section, Version: i.Version, Claims: i.Claims.Of(i.Version), Wait: i.Wait,
		Placement: "shared", Volume: i.Volume, File: i.File, Line: i.Line,
	}
	if i.Own {
		info.Placement = "own"
	}
	for _, n := range i.Needs {
		info.Needs = append(info.Needs, string(n))
	}
	return info
}
