package device_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// stepped runs one step of the plan basic against what act does, and returns its row.
func stepped(t *testing.T, id string, act func(*bare)) (row reports.Row) {
	t.Helper()
	plan, err := device.Plan("basic")
	if err != nil {
		t.Fatal(err)
	}
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s engine.Step) bool { return s.ID != id })
	synctest.Test(t, func(t *testing.T) {
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), OnRow: func(r reports.Row) { row = r }})
		if err != nil {
			t.Fatal(err)
		}
		d := &bare{t: t, b: b}
		act(d)
		<-b.Done()
		d.nc.Close()
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return row
}

// TestFirstPacket holds what DV-01 says of a device that does not get to its CONNACK: only one that sends something
// else before CONNECT breaks the statement about its first packet.
func TestFirstPacket(t *testing.T) {
	open := func(d *bare) {
		ours, theirs := memnet.Pipe(0)
		go d.b.ServeConn(theirs)
		d.nc = ours
	}
	connect := wire.Connect{ClientID: "bare", CleanStart: true}
	for _, c := range []struct {
		name    string
		act     func(*bare)
		verdict reports.Verdict
		breaks  []string
	}{
		{"waits for CONNACK", func(d *bare) { open(d); d.send(connect) }, reports.Pass, nil},
		{"closes before CONNACK", func(d *bare) { open(d); d.send(connect); d.nc.Close() }, reports.Warning, []string{"DV-01"}},
		{"resets before CONNACK", func(d *bare) { open(d); d.send(connect); memnet.Abort(d.nc) }, reports.Warning, []string{"DV-01"}},
		{"sends what no server accepts", func(d *bare) {
			open(d)
			d.send(wire.Connect{ClientID: "bare", CleanStart: true, ProtocolName: "mqtt"})
		}, reports.Fail, []string{"DV-01", "v5:MQTT-3.1.2-1", "v5:MQTT-3.1.2-1"}},
		{"sends PINGREQ first", func(d *bare) {
			open(d)
			d.nc.Write(append(wire.Bytes(wire.Pingreq{}, wire.V5), wire.Bytes(connect, wire.V5)...)) // before the server can close
		}, reports.Fail, []string{"DV-01", "v5:MQTT-3.1.0-1", "v5:MQTT-3.1.0-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := stepped(t, "DV-01", c.act)
			got := complaints(row)
			slices.Sort(got)
			if row.Verdict != c.verdict || !slices.Equal(got, c.breaks) {
				t.Errorf("%s: %s\ncomplaints %v, want %s and %v\n%s", row.Verdict, row.Reason, got, c.verdict, c.breaks, timeline(row))
			}
		})
	}
}
