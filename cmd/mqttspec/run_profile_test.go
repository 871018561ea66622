package main

import (
	"net"
	"testing"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
	"github.com/mqttspec/mqttspec/reference-broker/profile"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites"

	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// TestProfileKnowsWhatDiffers runs all specs against a broker that behaves by a profile: what fails there must be what
// the profile says differs, so that a run against the real service tells what is new.
func TestProfileKnowsWhatDiffers(t *testing.T) {
	expected, err := expect("aws-iot-core", "broker")
	if err != nil {
		t.Fatal(err)
	}
	items, err := harness.Compile(suites.All(), suites.Versions...)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[reports.Verdict]int{}
	for n, i := range items {
		row := expected.judge(suites.Virtual(t, i, n, imitation(expected.profile)))
		counts[row.Verdict]++
		if row.Verdict == reports.Fail {
			t.Errorf("%s: %s", i.Key(), row.Reason)
		}
		for _, f := range row.Findings {
			if f.Verdict == reports.Fail {
				t.Errorf("%s: %s: %s", i.Key(), f.ID, f.Text)
			}
		}
		if row.Verdict == reports.Inconclusive {
			t.Logf("%s is undecided: %s", i.Key(), row.Reason)
		}
	}
	t.Log(counts)
	if counts[reports.KnownFailure] == 0 || counts[reports.Pass] < len(items)/2 {
		t.Errorf("of %d specs: %v", len(items), counts)
	}
}

// imitation starts a broker that behaves by a profile.
func imitation(p *profile.Profile) suites.Start {
	return func(t *testing.T) (serve func(net.Conn), stop func()) {
		services, err := awsiot.New(p.Services())
		if err != nil {
			t.Fatal(err)
		}
		config := p.Config()
		config.Hook = services
		b, err := broker.New(config)
		if err != nil {
			t.Fatal(err)
		}
		return b.ServeConn, func() { b.Close(); services.Close() }
	}
}

// TestExpectation has rows as they come and as they count.
func TestExpectation(t *testing.T) {
	expected, err := expect("aws-iot-core", "broker")
	if err != nil {
		t.Fatal(err)
	}
	failing := func(ids ...string) (all []reports.Requirement) {
		for _, id := range ids {
			all = append(all, reports.Requirement{ID: req.ID(id), Verdict: reports.Fail})
		}
		return all
	}
	for _, x := range []struct {
		what string
		row  reports.Row
		want reports.Verdict
	}{
		{"a pass", reports.Row{ID: "X", Verdict: reports.Pass}, reports.Pass},
		{"what is known", reports.Row{ID: "X", Verdict: reports.Fail, Requirements: failing("v5:MQTT-3.3.1-9")}, reports.KnownFailure},
		{"what is not", reports.Row{ID: "X", Verdict: reports.Fail, Requirements: failing("v5:MQTT-3.1.0-1")}, reports.Fail},
		{"both", reports.Row{ID: "X", Verdict: reports.Fail, Requirements: failing("v5:MQTT-3.3.1-9", "v5:MQTT-3.1.0-1")}, reports.Fail},
		{"what says nothing", reports.Row{ID: "X", Verdict: reports.Fail, Requirements: failing("v5:MQTT-4.6.0-5")}, reports.Skip},
		{"that, and what is known", reports.Row{ID: "X", Verdict: reports.Fail, Requirements: failing("v5:MQTT-4.6.0-5", "v5:MQTT-3.3.1-9")}, reports.KnownFailure},
		{"of a spec that it is about", reports.Row{ID: "UD-10", Verdict: reports.Fail, Requirements: failing("v5:MQTT-3.1.2-8")}, reports.KnownFailure},
		{"of another spec", reports.Row{ID: "UD-01-FIN", Verdict: reports.Fail, Requirements: failing("v5:MQTT-3.1.2-8")}, reports.Fail},
		{"a failure of no statement", reports.Row{ID: "X", Verdict: reports.Fail}, reports.Fail},
		{"blocked by what is known", reports.Row{ID: "X", Verdict: reports.Inconclusive, Reason: "blocked: me gets a SUBACK"}, reports.Skip},
		{"blocked by something else", reports.Row{ID: "X", Verdict: reports.Inconclusive, Reason: "blocked: me gets a PINGRESP"}, reports.Inconclusive},
	} {
		x.row.Event = "end"
		got := expected.judge(x.row)
		if got.Verdict != x.want || (got.Verdict != x.row.Verdict) != (got.Reason != x.row.Reason) {
			t.Errorf("%s: got %s (%s), want %s", x.what, got.Verdict, got.Reason, x.want)
		}
		if got := (expectation{}).judge(x.row); got.Verdict != x.row.Verdict {
			t.Errorf("%s: without a profile: %s", x.what, got.Verdict)
		}
	}
	found := reports.Row{Event: "end", ID: "X", Verdict: reports.Pass, Findings: []reports.Finding{
		{ID: "v5:MQTT-3.3.1-1", Verdict: reports.Fail}, {ID: "v5:MQTT-2.1.3-1", Verdict: reports.Fail},
	}}
	got := expected.judge(found)
	if got.Findings[0].Verdict != reports.KnownFailure || got.Findings[1].Verdict != reports.Fail || found.Findings[0].Verdict != reports.Fail {
		t.Errorf("got %+v, of %+v", got.Findings, found.Findings)
	}
	if _, err := expect("nonsense", "broker"); err == nil {
		t.Error("an unknown profile is accepted")
	}
}
