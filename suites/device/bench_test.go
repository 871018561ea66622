package device_test

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
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

// newModel returns a model that connects by dial.
func newModel(id string, dial func() (net.Conn, error), defects ...string) *model {
	m := &model{id: id, version: wire.V5, defects: map[string]bool{}, random: rand.New(rand.NewPCG(1, 2)), dial: dial}
	for _, d := range defects {
		m.defects[d] = true
	}
	return m
}

// overTLS runs the plan advisor with a model that connects with TLS, and returns the verdicts of the steps.
func overTLS(t *testing.T, careless bool) map[string]reports.Verdict {
	plan, err := device.Plan("advisor")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := engine.NewTLS(ca)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]reports.Verdict{}
	synctest.Test(t, func(t *testing.T) {
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), TLS: secrets, OnRow: func(r reports.Row) {
			if r.Event == "end" {
				verdicts[r.ID] = r.Verdict
				if r.Verdict == reports.Inconclusive {
					t.Errorf("%s: %s\n%s", r.ID, r.Reason, timeline(r))
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		l := memnet.Listen()
		go b.Serve(l)
		m := newModel("model", func() (net.Conn, error) {
			plain, err := l.Dial(context.Background())
			if err != nil {
				return nil, err
			}
			c := tls.Client(plain, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", InsecureSkipVerify: careless})
			if err := c.Handshake(); err != nil {
				c.Close()
				return nil, err
			}
			return c, nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); m.run(ctx) }()
		<-b.Done()
		cancel()
		<-ended
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return verdicts
}

// TestAdvisorOverTLS runs the cases about certificates with a device that looks at them, and with one that does not.
func TestAdvisorOverTLS(t *testing.T) {
	bad := []string{"TLS_Unsecure_Server_Cert", "TLS_Incorrect_Subject_Name_Server_Cert", "TLS_Expired_Server_Cert"}
	careful, careless := overTLS(t, false), overTLS(t, true)
	for id, v := range careful {
		if v == reports.Fail || strings.HasPrefix(id, "TLS_") && v != reports.Pass {
			t.Errorf("careful device: %s: %s", id, v)
		}
	}
	for _, id := range bad {
		if careless[id] != reports.Fail {
			t.Errorf("careless device: %s: %s", id, careless[id])
		}
	}
}

// TestSeveralDevices tests two devices at once, one of them defective: what one does is not laid at the other's door.
func TestSeveralDevices(t *testing.T) {
	plan, err := device.Plan("delivery")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		failed := map[string][]string{}
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), Expect: 2, OnRow: func(r reports.Row) {
			mu.Lock()
			defer mu.Unlock()
			failed[r.Target] = append(failed[r.Target], complaints(r)...)
		}})
		if err != nil {
			t.Fatal(err)
		}
		dial := func() (net.Conn, error) {
			ours, theirs := memnet.Pipe(0)
			go b.ServeConn(theirs)
			return ours, nil
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		for _, m := range []*model{newModel("good", dial), newModel("bad", dial, "no-puback")} {
			running.Go(func() { m.run(ctx) })
		}
		<-b.Done()
		cancel()
		running.Wait()
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(failed["good"]) > 0 {
			t.Errorf("the good device is said to break %v", failed["good"])
		}
		if !slices.Contains(failed["bad"], "v5:MQTT-4.3.2-4") {
			t.Errorf("the bad device is said to break only %v", failed["bad"])
		}
		steps := slices.DeleteFunc(slices.Clone(plan.Steps), func(s engine.Step) bool { return !s.In(wire.V5) })
		if targets, specs := b.Targets(), b.Specs(); len(targets) != 2 || len(specs) != len(steps) {
			t.Errorf("%d targets and %d specs", len(targets), len(specs))
		}
	})
}

// TestHook has a device that publishes only when the hook tells it to.
func TestHook(t *testing.T) {
	plan, err := device.Parse([]byte(`
plan: hook
patience: 1m
steps:
  - id: A
    text: acts
    script:
      - online: {}
      - hook: {do: act}
      - expect: {packet: PUBLISH, within: 5s, text: the device publishes, advice: us}
`))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var asked string
		act := make(chan struct{}, 1)
		var row reports.Row
		b, err := engine.New(engine.Config{
			Plan:  plan,
			OnRow: func(r reports.Row) { row = r },
			Hook: func(_ context.Context, client, what string) error {
				asked = client + " " + what
				act <- struct{}{}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := memnet.Pipe(0)
		go b.ServeConn(theirs)
		ours.Write(wire.Bytes(wire.Connect{ClientID: "lamp", CleanStart: true}, wire.V5))
		<-act
		ours.Write(wire.Bytes(wire.Publish{Topic: "a"}, wire.V5))
		<-b.Done()
		ours.Close()
		b.Close()
		if asked != "lamp act" || row.Verdict != reports.Pass {
			t.Errorf("the hook was asked %q, the verdict is %s: %s", asked, row.Verdict, row.Reason)
		}
	})
}

// TestAPI misbehaves on demand.
func TestAPI(t *testing.T) {
	plan, err := device.Parse([]byte(`
plan: api
patience: 1m
steps:
  - id: A
    text: is disconnected
    script:
      - online: {}
      - await: {event: end, within: 20s}
      - expect: {event: online, absent: true, within: 1s, text: nothing more, advice: us}
`))
	if err != nil {
		t.Fatal(err)
	}
	var row reports.Row
	b, err := engine.New(engine.Config{Plan: plan, OnRow: func(r reports.Row) { row = r }})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(b.API())
	defer api.Close()
	post := func(query, body string) int {
		r, err := http.Post(api.URL+"/do"+query, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	if got := post("", `{"close": {}}`); got != http.StatusBadRequest {
		t.Errorf("without a device: status %d", got)
	}
	ours, theirs := memnet.Pipe(0)
	go b.ServeConn(theirs)
	ours.Write(wire.Bytes(wire.Connect{ClientID: "lamp", CleanStart: true}, wire.V5))
	connack, err := wire.ReadFrame(ours, 0)
	if err != nil || wire.TypeOf(connack[0]) != wire.CONNACK {
		t.Fatalf("% x, %v", connack, err)
	}
	if got := post("?client=other", `{"close": {}}`); got != http.StatusBadRequest {
		t.Errorf("for an unknown device: status %d", got)
	}
	if got := post("?client=lamp", `{"disconnect": {"code": 139}}`); got != http.StatusNoContent {
		t.Errorf("status %d", got)
	}
	goodbye, err := wire.ReadFrame(ours, 0)
	if err != nil || !slices.Equal(goodbye, []byte{0xE0, 1, 0x8B}) {
		t.Errorf("% x, %v", goodbye, err)
	}
	ours.Close()
	<-b.Done()
	b.Close()
	if row.Verdict != reports.Pass {
		t.Errorf("%s: %s", row.Verdict, row.Reason)
	}
}
