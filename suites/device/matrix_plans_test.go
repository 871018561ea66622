package device_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// setup is a device at a bench: a model with all that it can do, which does what a hook says.
type setup struct {
	version wire.Version
	clean   bool
	tls     bool
	defects []string
}

func (s setup) String() string {
	name := s.version.String()
	if s.clean {
		name += " clean"
	}
	if s.tls {
		name += " TLS"
	}
	return name
}

// through takes the device through a plan in virtual time and returns the rows of its steps.
func (s setup) through(t *testing.T, plan engine.Plan) (rows []reports.Row) {
	t.Helper()
	config := engine.Config{Plan: plan, Checks: device.Checks()}
	var ca *pki.CA
	if s.tls {
		var err error
		if ca, err = pki.New("test"); err != nil {
			t.Fatal(err)
		}
		if config.TLS, err = engine.NewTLS(ca); err != nil {
			t.Fatal(err)
		}
		config.TLS.Config = &tls.Config{}
	}
	synctest.Test(t, func(t *testing.T) {
		m := &model{id: "model", version: s.version, clean: s.clean, cloud: newCloud(), orders: make(chan string, 1), defects: map[string]bool{}, random: rand.New(rand.NewPCG(1, 2))}
		for _, d := range s.defects {
			m.defects[d] = true
		}
		config.OnRow = func(r reports.Row) {
			if r.Event == "end" {
				rows = append(rows, r)
			}
		}
		config.Hook = func(_ context.Context, _, what string) error {
			if what != "act" && what != "reboot" { // it does that by itself
				m.orders <- what
			}
			return nil
		}
		b, err := engine.New(config)
		if err != nil {
			t.Fatal(err)
		}
		m.dial = func() (net.Conn, error) {
			ours, theirs := memnet.Pipe(0)
			go b.ServeConn(theirs)
			return ours, nil
		}
		if s.tls {
			l := memnet.Listen()
			go b.Serve(l)
			m.dial = (&secured{model: m, listener: l, ca: ca}).dial
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); m.run(ctx) }()
		<-b.Done()
		cancel()
		<-ended
		for _, nc := range m.dead {
			nc.Close()
		}
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return rows
}

// setups are the devices that go through every plan.
var setups = []setup{
	{version: wire.V5}, {version: wire.V5, clean: true}, {version: wire.V311}, {version: wire.V311, clean: true},
	{version: wire.V5, tls: true}, {version: wire.V311, tls: true},
}

// TestDeviceConforms runs every plan with a device that keeps every rule, also over TLS, has a shadow and jobs, and
// loses its power when it is told to.
func TestDeviceConforms(t *testing.T) {
	plans, err := device.Plans()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		for _, s := range setups {
			t.Run(p.Name+"/"+s.String(), func(t *testing.T) {
				t.Parallel()
				judged := 0
				for _, row := range s.through(t, p) {
					t.Logf("%-7s %-12s %s", row.ID, row.Verdict, row.Reason)
					bad := row.Verdict == reports.Fail || row.Verdict == reports.Inconclusive || row.Verdict == reports.Warning
					if bad || row.OwnDefect || len(row.Findings) > 0 {
						t.Errorf("%s %s: %s %v\n%s", row.ID, row.Verdict, row.Reason, row.Findings, timeline(row))
					}
					if row.Verdict == reports.Pass || row.Verdict == reports.Behaviour {
						judged++
					}
				}
				if judged == 0 {
					t.Error("every step is passed over")
				}
			})
		}
	}
}

// breaking says which defect makes a step find something, with what kind of device.
type breaking struct {
	steps  string // ids, separated by spaces
	defect string
	setup  setup // the version 0 stands for both
}

// TestStepsCanFail holds every step of the plans in which devices are treated badly against the defects: each finds at
// least one of them, in every version in which it makes sense, or has a reason not to.
func TestStepsCanFail(t *testing.T) {
	for _, name := range []string{"advisor", "hostile", "power", "shadow", "soak", "long-duration"} {
		plan, err := device.Plan(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range plan.Steps {
			for _, v := range []wire.Version{wire.V5, wire.V311} {
				if !step.In(v) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", name, step.ID, v), func(t *testing.T) {
					t.Parallel()
					one := plan
					one.Steps = []engine.Step{step}
					tried := 0
					for _, b := range breakings {
						if !slices.Contains(strings.Fields(b.steps), step.ID) || b.setup.version != 0 && b.setup.version != v {
							continue
						}
						tried++
						s := b.setup
						s.version, s.defects = v, []string{b.defect}
						for _, row := range s.through(t, one) {
							found := row.Verdict == reports.Fail || row.Verdict == reports.Warning
							if !found || row.OwnDefect {
								t.Errorf("%s: %s %s\n%s", b.defect, row.Verdict, row.Reason, timeline(row))
							}
						}
					}
					if reason := unbreakable[step.ID+" "+v.String()]; tried == 0 && reason == "" {
						t.Error("no defect is known that it finds")
					} else if tried > 0 && reason != "" {
						t.Errorf("it is said that nothing breaks it: %s", reason)
					}
				})
			}
		}
	}
}
