package device_test

import (
	"context"
	"fmt"
	"net"
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

// puppet is a device that does only what a test tells it.
type puppet struct {
	b        *engine.Bench
	nc       net.Conn
	rebooted int  // times
	obedient bool // connects when it is rebooted
}

func (p *puppet) hook(_ context.Context, client, what string) error {
	if client == "puppet" && what == "reboot" {
		if p.rebooted++; p.obedient {
			p.connect()
		}
	}
	return nil
}

func (p *puppet) connect() {
	ours, theirs := memnet.Pipe(0)
	go p.b.ServeConn(theirs)
	p.nc = ours
	p.send(wire.Connect{ClientID: "puppet", CleanStart: true})
}

func (p *puppet) send(packet wire.Packet) { p.nc.Write(wire.Bytes(packet, wire.V5)) }

func (p *puppet) leave() { p.nc.Close() }

// led takes a puppet through steps that have the same script, and returns how each ended. What begins does happens before
// the step's first instruction.
func led(t *testing.T, script string, ids []string, begins func(step string, p *puppet)) map[string]reports.Row {
	t.Helper()
	var source strings.Builder
	fmt.Fprintln(&source, "plan: absences\npatience: 1m\nsteps:")
	for _, id := range ids {
		fmt.Fprintf(&source, "  - {id: %s, text: does it, script: %s}\n", id, script)
	}
	plan, err := device.Parse([]byte(source.String()))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]reports.Row{}
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{}
		began, goOn := make(chan string), make(chan struct{})
		p.b, err = engine.New(engine.Config{Plan: plan, Hook: p.hook, OnRow: func(r reports.Row) {
			if r.Event == "begin" {
				began <- r.ID
				<-goOn
				return
			}
			rows[r.ID] = r
		}})
		if err != nil {
			t.Fatal(err)
		}
		p.connect()
		for done := false; !done; {
			select {
			case step := <-began:
				begins(step, p)
				synctest.Wait()
				goOn <- struct{}{}
			case <-p.b.Done():
				done = true
			}
		}
		p.leave()
		p.b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return rows
}

// ended compares how a step ended and how long it took.
func ended(t *testing.T, row reports.Row, v reports.Verdict, took time.Duration, reason string) {
	t.Helper()
	if row.Verdict != v || row.Duration != took || !strings.Contains(row.Reason, reason) {
		t.Errorf("%s took %s: %s: %s; expected %s: %s: …%s…", row.ID, row.Duration, row.Verdict, row.Reason, took, v, reason)
	}
}

const (
	needsQoS1         = `[await: {packet: PUBLISH, where: {qos: 1}, lacking: it publishes nothing with QoS 1}, expect: {packet: PINGREQ, within: 1s, text: x, record: x}]`
	needsSubscription = `[online: {subscribed: true}, expect: {packet: PINGREQ, within: 1s, text: x, record: x}]`
	cutsOff           = `[close: {}, await: {event: online, lacking: it gives up}, expect: {packet: PINGREQ, within: 1s, text: x, record: x}]`
	needsPresence     = `[online: {}, expect: {packet: PINGREQ, within: 1s, text: x, record: x}]`
)

// TestAbsenceIsWaitedForOnce has devices that never do what the steps need: the first step gives them all its patience,
// the others end at once.
func TestAbsenceIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	nothing := func(string, *puppet) {}
	rows := led(t, needsQoS1, []string{"A", "B", "C"}, nothing)
	ended(t, rows["A"], reports.Skip, time.Minute, "it publishes nothing with QoS 1 (observed for 1m0s)")
	ended(t, rows["B"], reports.Skip, 0, "it publishes nothing with QoS 1 (never since it came; A waited for it for 1m0s)")
	ended(t, rows["C"], reports.Skip, 0, "A waited for it")
	rows = led(t, needsSubscription, []string{"A", "B"}, nothing)
	ended(t, rows["A"], reports.Skip, time.Minute, "subscribed to nothing within 1m0s")
	ended(t, rows["B"], reports.Skip, 0, "subscribes to nothing (never since it came; A waited for it for 1m0s)")
}

// TestAbsenceUnderALimit has steps that announce a limit, which may be why the device does nothing: each waits.
func TestAbsenceUnderALimit(t *testing.T) {
	t.Parallel()
	limited := `[connack: {properties: {maximum-qos: 0}}, ` + needsQoS1[1:]
	rows := led(t, limited, []string{"A", "B"}, func(string, *puppet) {})
	ended(t, rows["A"], reports.Skip, time.Minute, "observed")
	ended(t, rows["B"], reports.Skip, time.Minute, "observed")
}

// TestAbsenceThatEnds has a device that does late what a step has waited for in vain. From then on steps wait again.
func TestAbsenceThatEnds(t *testing.T) {
	t.Parallel()
	rows := led(t, needsQoS1, []string{"A", "B", "C", "D", "E"}, func(step string, p *puppet) {
		switch step {
		case "B":
			p.send(wire.Publish{Topic: "a"}) // of QoS 0, which is not what is needed
		case "C":
			p.send(wire.Publish{Topic: "a", QoS: wire.QoS1, PacketID: 1})
		}
	})
	ended(t, rows["A"], reports.Skip, time.Minute, "observed")
	ended(t, rows["B"], reports.Skip, 0, "never since it came")
	ended(t, rows["C"], reports.Behaviour, time.Second, "")
	ended(t, rows["D"], reports.Skip, time.Minute, "observed")
	ended(t, rows["E"], reports.Skip, time.Minute, "observed")
	rows = led(t, needsSubscription, []string{"A", "B", "C"}, func(step string, p *puppet) {
		if step == "C" {
			p.send(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a"}}})
		}
	})
	ended(t, rows["B"], reports.Skip, 0, "never since it came")
	ended(t, rows["C"], reports.Behaviour, time.Second, "")
}

// TestAbsenceOfTheDevice has a device that goes away. What it does not do meanwhile says nothing about it; when nothing
// came in two steps the others wait for a short time only, until it is back.
func TestAbsenceOfTheDevice(t *testing.T) {
	t.Parallel()
	rows := led(t, needsPresence, []string{"A", "B", "C", "D", "E", "F", "G"}, func(step string, p *puppet) {
		switch step {
		case "B", "F":
			p.leave()
		case "E":
			p.connect()
		}
	})
	ended(t, rows["A"], reports.Behaviour, time.Second, "")
	ended(t, rows["B"], reports.Inconclusive, time.Minute, "it was not within 1m0s")
	ended(t, rows["C"], reports.Inconclusive, time.Minute, "it was not within 1m0s")
	ended(t, rows["D"], reports.Inconclusive, 10*time.Second, "it was not within 10s, and no sign of it for 2m10s")
	ended(t, rows["E"], reports.Behaviour, time.Second, "")
	ended(t, rows["F"], reports.Inconclusive, time.Minute, "it was not within 1m0s")
	ended(t, rows["G"], reports.Inconclusive, time.Minute, "it was not within 1m0s")
	rows = led(t, needsQoS1, []string{"A", "B", "C", "D", "E"}, func(step string, p *puppet) {
		switch step {
		case "A":
			p.leave() // it is seen when the plan waits for the first time
		case "D":
			p.connect()
		}
	})
	ended(t, rows["A"], reports.Skip, time.Minute, "observed")
	ended(t, rows["B"], reports.Skip, time.Minute, "observed")
	ended(t, rows["C"], reports.Inconclusive, 10*time.Second, "it did not come within 10s, and no sign of it for 2m10s")
	ended(t, rows["D"], reports.Skip, time.Minute, "observed")
	ended(t, rows["E"], reports.Skip, 0, "D waited for it")
}

// TestReboot has devices that go away for good. The hook is asked to start them again, but not for ever.
func TestReboot(t *testing.T) {
	t.Parallel()
	for obedient, want := range map[bool]int{true: 1, false: 2} {
		var times int
		rows := led(t, needsPresence, []string{"A", "B", "C", "D", "E"}, func(step string, p *puppet) {
			if p.obedient = obedient; step == "B" {
				p.leave()
			}
			times = p.rebooted
		})
		if times != want {
			t.Errorf("obedient %v: the hook was asked %d times, expected %d", obedient, times, want)
		}
		ended(t, rows["B"], reports.Inconclusive, time.Minute, "it was not within 1m0s")
		if obedient {
			ended(t, rows["C"], reports.Behaviour, time.Second, "")
		}
	}
}

// TestRebootOfOneThatGivesUp has a device that does not come back when it is cut off. The hook starts it again before the next
// step needs it.
func TestRebootOfOneThatGivesUp(t *testing.T) {
	t.Parallel()
	rebooted := map[string]int{}
	rows := led(t, cutsOff, []string{"A", "B", "C"}, func(step string, p *puppet) {
		p.obedient, rebooted[step] = true, p.rebooted
	})
	greeted := time.Second // the plan begins with the end of a connection
	for i, step := range []string{"A", "B", "C"} {
		ended(t, rows[step], reports.Skip, greeted+time.Minute, "it gives up (observed for 1m0s)")
		greeted = 0
		if rebooted[step] != i {
			t.Errorf("before %s it was started again %d times", step, rebooted[step])
		}
	}
}
