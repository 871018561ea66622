package device

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

const withParameters = `plan: p
patience: 1m
limit: 3m
parameters: {length: 30s, often: "2"}
steps:
  - id: A
    text: waits
    script:
      - repeat: {times: <often>, script: [{wait: <length>}]}
      - expect: {packet: PUBLISH, within: 10s, text: it publishes, advice: us}
  - id: B
    text: waits longer
    limit: 5m
    script:
      - wait: 20m
      - expect: {packet: PUBLISH, keep-alives: 1.5, text: it publishes, advice: us}
  - id: C
    text: is of another version
    only: 3.1.1
    script:
      - online: {}
      - await: {event: close, within: 5s}
      - outages: {seed: 1, count: 2, shortest: 1s, longest: 1s, up-shortest: 2s, up-longest: 2s, advice: us}
`

// TestParameters puts parameters in their places and refuses what could mean something to YAML.
func TestParameters(t *testing.T) {
	read := func(source string, set map[string]string) (Plan, error) {
		return Parse([]byte(source), Library{Set: set})
	}
	p, err := read(withParameters, map[string]string{"length": "1h", "unknown": "1"})
	if err != nil {
		t.Fatal(err)
	}
	repeat := p.Steps[0].Script[0].Repeat
	if repeat.Times != 2 || *repeat.Script[0].Wait != time.Hour || p.Parameters["length"] != "1h" || p.Parameters["often"] != "2" {
		t.Errorf("%d times %s, %v", repeat.Times, *repeat.Script[0].Wait, p.Parameters)
	}
	for _, wrong := range []struct{ source, length, want string }{
		{withParameters, "1h}, {wait: 1s", "the parameter length cannot be"},
		{withParameters, "soon", "time"},
		{strings.Replace(withParameters, "<often>", "<rarely>", 1), "1s", `the plan has no parameter "rarely"; there are length, often`},
	} {
		if _, err := read(wrong.source, map[string]string{"length": wrong.length}); err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("%q: %v, want %q", wrong.length, err, wrong.want)
		}
	}
}

// TestAtMost adds up the waits of a plan.
func TestAtMost(t *testing.T) {
	p, err := Parse([]byte(withParameters), Library{})
	if err != nil {
		t.Fatal(err)
	}
	first, second := 2*30*time.Second+10*time.Second, 5*time.Minute
	if got := p.AtMost(wire.V5); got != first+second {
		t.Errorf("5.0: %s, want %s", got, first+second)
	}
	third := 3 * time.Minute // its waits add up to more
	if got := p.AtMost(wire.V311); got != first+second+third {
		t.Errorf("3.1.1: %s, want %s", got, first+second+third)
	}
	p.Steps[2].Limit = 0
	o := time.Minute + 2*(2*time.Second+time.Minute)
	for _, next := range p.Steps[2].Script[2].Outages.schedule() {
		o += next.down
	}
	if got, want := p.AtMost(wire.V311), first+second+time.Minute+5*time.Second+o; got != want {
		t.Errorf("without the limit: %s, want %s", got, want)
	}
}

// TestSchedule holds a schedule of outages to its bounds, and to its seed.
func TestSchedule(t *testing.T) {
	o := Outages{Seed: 7, Count: 500, Shortest: time.Second, Longest: time.Minute, UpShortest: 2 * time.Second, UpLongest: 3 * time.Second}
	all := o.schedule()
	if again := o.schedule(); !slices.Equal(all, again) {
		t.Error("the same seed makes another schedule")
	}
	kinds := map[int]int{}
	for _, next := range all {
		kinds[next.kind]++
		down := next.down >= o.Shortest && next.down <= o.Longest
		if !outageKinds[next.kind].lasts {
			down = next.down == 0
		}
		if !down || next.up < o.UpShortest || next.up > o.UpLongest {
			t.Errorf("%+v is out of bounds", next)
		}
	}
	if len(all) != o.Count || len(kinds) != len(outageKinds) {
		t.Errorf("%d outages of %d kinds", len(all), len(kinds))
	}
	o.Seed = 8
	if slices.Equal(all, o.schedule()) {
		t.Error("another seed makes the same schedule")
	}
}

// TestShadowTopics finds the shadow and the thing in topics and filters.
func TestShadowTopics(t *testing.T) {
	for _, c := range []struct{ topic, shadow, thing, operation string }{
		{"$aws/things/lamp/shadow/update", "$aws/things/lamp/shadow", "lamp", "update"},
		{"$aws/things/lamp/shadow/name/left/get", "$aws/things/lamp/shadow/name/left", "lamp", "get"},
		{"$aws/things/lamp/shadow/update/accepted", "$aws/things/lamp/shadow", "lamp", ""},
		{"$aws/things/lamp/shadow/#", "$aws/things/lamp/shadow", "lamp", ""},
		{"$aws/things/lamp/jobs/notify", "", "lamp", ""},
		{"$aws/things/+/shadow/get", "", "", ""},
		{"things/lamp/shadow/get", "", "", ""},
		{"$aws/things/lamp/shadow/name/+/get", "", "lamp", ""},
	} {
		_, operation := shadowOperation(c.topic)
		if shadowOf(c.topic) != c.shadow || thingOf(c.topic) != c.thing || operation != c.operation {
			t.Errorf("%s: %q, %q, %q", c.topic, shadowOf(c.topic), thingOf(c.topic), operation)
		}
	}
}

// TestOvertime says why a step ended.
func TestOvertime(t *testing.T) {
	if err := error(overtime(4 * time.Minute)); !strings.Contains(err.Error(), "4m0s") || errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
