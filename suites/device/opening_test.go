package device_test

import (
	"slices"
	"strings"
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
		{"sends PINGREQ first", func(d *bare) { open(d); d.send(wire.Pingreq{}); d.send(connect) }, reports.Fail, []string{"DV-01", "v5:MQTT-3.1.0-1", "v5:MQTT-3.1.0-1"}},
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

// TestUnbrokenConnection holds what DV-30 records of a connection that lasts, and of one that does not, whoever ends it.
func TestUnbrokenConnection(t *testing.T) {
	disconnected := func(d *bare) {
		d.connect(nil)
		time.Sleep(5 * time.Second)
		if err := d.b.Do("bare", engine.Instruction{Disconnect: &engine.Disconnect{Code: wire.ServerBusy}}); err != nil {
			d.t.Fatal(err)
		}
		for d.next() != nil { // until the end
		}
	}
	for _, c := range []struct {
		name string
		act  func(*bare)
		want string
	}{
		{"it lasts", func(d *bare) { d.connect(nil) }, "yes"},
		{"it is ended by hand, and the device stays away", disconnected, "no: "},
		{"it is ended by hand, and the device comes back", func(d *bare) { disconnected(d); d.connect(nil) }, "no: "},
		{"the device ends it", func(d *bare) { d.connect(nil); time.Sleep(19 * time.Second); d.nc.Close() }, "no: "},
		{"it is taken over", func(d *bare) {
			d.connect(nil)
			first := d.nc
			time.Sleep(5 * time.Second)
			d.connect(nil)
			first.Close()
		}, "no: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := stepped(t, "DV-30", c.act)
			if len(row.Behaviours) != 1 || !strings.HasPrefix(row.Behaviours[0].Value, c.want) || row.Verdict == reports.Fail {
				t.Errorf("%s: %v, want %q\n%s", row.Verdict, row.Behaviours, c.want, timeline(row))
			}
		})
	}
}
