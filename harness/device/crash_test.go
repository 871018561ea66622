package device

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// TestCrash lets goroutines of the bench panic: the step that ran becomes a defect of our own, later ones do not begin,
// other devices go through the plan, and the bench closes.
func TestCrash(t *testing.T) {
	plan, err := Parse([]byte("plan: p\nsteps:\n"+
		"  - {id: A, text: t, script: [online: {}, expect: {packet: PINGREQ, within: 1s, text: t, demand: us}]}\n"+
		"  - {id: B, text: t, script: [wait: 20s, expect: {packet: CONNECT, absent: true, within: 1s, text: t, demand: us}]}\n"+
		"  - {id: C, text: t, script: [wait: 20s, expect: {packet: CONNECT, absent: true, within: 1s, text: t, demand: us}]}\n"), Library{})
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]struct {
		dir trace.Dir
		t   wire.Type
	}{"where we read": {trace.ToServer, wire.PUBLISH}, "where we write": {trace.ToClient, wire.PUBACK}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				rows := map[string]reports.Row{}
				var crashes []*Crash
				b, err := New(Config{Plan: plan, Expect: 2,
					OnRow: func(r reports.Row) {
						mu.Lock()
						defer mu.Unlock()
						if r.Event == "end" {
							rows[r.Target+" "+r.ID] = r
						}
					},
					OnEvent: func(client string, e trace.Event) {
						if client == "bad" && e.Kind == trace.Packet && e.Dir == at.dir && wire.TypeOf(e.Bytes[0]) == at.t {
							panic("on purpose")
						}
					},
					OnCrash: func(c *Crash) {
						mu.Lock()
						defer mu.Unlock()
						crashes = append(crashes, c)
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range []string{"good", "bad"} {
					ours, theirs := memnet.Pipe(0)
					defer ours.Close()
					go b.ServeConn(theirs)
					_, _ = ours.Write(wire.Bytes(wire.Connect{ClientID: id, CleanStart: true}, wire.V5))
					time.Sleep(time.Second / 2)
					_, _ = ours.Write(wire.Bytes(wire.Pingreq{}, wire.V5))
					time.Sleep(5 * time.Second)
					_, _ = ours.Write(wire.Bytes(wire.Publish{Topic: "a", QoS: wire.QoS1, PacketID: 1}, wire.V5))
				}
				<-b.Done()
				if err := b.Close(); err != nil {
					t.Error(err)
				}
				for step, want := range map[string]reports.Verdict{"good A": reports.Pass, "good B": reports.Pass, "good C": reports.Pass, "bad A": reports.Pass} {
					if r := rows[step]; r.Verdict != want || r.OwnDefect {
						t.Errorf("%s: %s, own defect %v: %s", step, r.Verdict, r.OwnDefect, r.Reason)
					}
				}
				if r := rows["bad B"]; r.Verdict != reports.Inconclusive || !r.OwnDefect || !strings.HasPrefix(r.Reason, "panic: on purpose\n") {
					t.Errorf("bad B: %s, own defect %v: %s", r.Verdict, r.OwnDefect, r.Reason)
				}
				if _, began := rows["bad C"]; began {
					t.Error("a step begins after the crash")
				}
				if len(crashes) != 1 || crashes[0].Client != "bad" {
					t.Errorf("crashes: %v", crashes)
				}
			})
		})
	}
}
