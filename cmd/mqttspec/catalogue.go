package main

import (
	"slices"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
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
	Observable bool      `json:"observable"`       // by a test of a server
	WhyNot     string    `json:"whyNot,omitempty"` // why it is not
	Specs      []string  `json:"specs,omitempty"`  // ids of those that claim it
	Monitors   []string  `json:"monitors,omitempty"`
	Defects    []string  `json:"defects,omitempty"` // of the reference broker, that break it

	statement req.Statement
}

// checked reports whether something in this program can find the statement broken.
func (r requirement) checked() bool { return len(r.Specs)+len(r.Monitors) > 0 }

// requirements joins statements with what checks them.
func requirements(statements []req.Statement, list []harness.Item) []requirement {
	specs := map[req.ID][]string{}
	for _, i := range list {
		for _, id := range i.Claims.Of(i.Version) {
			if !slices.Contains(specs[id], i.ID) {
				specs[id] = append(specs[id], i.ID)
			}
		}
	}
	judged := monitorTexts()
	defects := map[req.ID][]string{}
	for _, d := range broker.Defects() {
		for _, id := range d.Breaks {
			defects[req.ID(id)] = append(defects[req.ID(id)], d.Name)
		}
	}
	all := make([]requirement, 0, len(statements))
	for _, s := range statements {
		all = append(all, requirement{
			ID: s.ID, Level: s.Level, Binds: s.Actor, Section: s.Subsection, Title: s.SubsectionTitle, Text: s.Text, URL: s.URL,
			Observable: s.ObservableAt(req.Server), WhyNot: s.WhyNotAt(req.Server),
			Specs: specs[s.ID], Monitors: judged[s.ID], Defects: defects[s.ID], statement: s,
		})
	}
	return all
}

// monitorTexts says for each statement what the monitors of servers demand of each packet because of it.
func monitorTexts() map[req.ID][]string {
	texts := map[req.ID][]string{}
	for _, m := range monitor.All() {
		if m.Sender != wire.FromServer {
			continue
		}
		for _, id := range m.IDs {
			texts[id] = append(texts[id], m.Text)
		}
	}
	return texts
}

// monitored reports whether a monitor judges the statement on the traffic of every spec.
func monitored(id req.ID) bool { return len(monitorTexts()[id]) > 0 }

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
