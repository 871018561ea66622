package reports

import (
	"testing"

	"github.com/mqttspec/mqttspec/harness/req"
)

// TestRerunOfDevice holds the command that goes through a plan again.
func TestRerunOfDevice(t *testing.T) {
	got := rerun(SpecResult{SpecInfo: SpecInfo{ID: "DV-09"}, Target: "lamp"}, RunInfo{Side: req.Client, Arguments: []string{"device", "--plan=my plan.yaml"}})
	if want := "mqttspec device '--plan=my plan.yaml'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
