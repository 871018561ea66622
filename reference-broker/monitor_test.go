package broker

import (
	"testing"
	"testing/synctest"

	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// TestMonitorsFindNothing judges what the broker sends in all behaviours, as it is and with each tolerance.
func TestMonitorsFindNothing(t *testing.T) {
	choices := [][]string{nil}
	for _, tolerance := range Tolerances() {
		choices = append(choices, []string{tolerance.Name})
	}
	for _, tolerances := range choices {
		synctest.Test(t, func(t *testing.T) {
			exercised := 0
			for _, x := range behaviours() {
				for _, v := range x.versions {
					config := x.config
					config.Tolerances, config.Trace = tolerances, &trace.Log{}
					x.fails(v, config) // with a tolerance it may
					for _, result := range monitor.Run(config.Trace.Events(), wire.FromServer) {
						exercised += result.Exercised
						for _, violation := range result.Violations {
							t.Errorf("%v: %s (%v): %v: %s", tolerances, x.name, v, result.ID, violation.Text)
						}
					}
				}
			}
			if exercised == 0 {
				t.Fatal("no monitor has seen anything")
			}
		})
	}
}
