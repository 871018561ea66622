package device_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/suites/device"
)

// uncheckedList names the statements that a client shows and that nothing checks, each with the reason.
const uncheckedList = "testdata/unchecked.txt"

// ofServers are statements that bind the server to act on what a client must not send: a client that sends it is judged
// by them, for no other statement forbids it.
var ofServers = []req.ID{"v5:MQTT-3.1.0-2", "v311:MQTT-3.1.0-2", "v5:MQTT-3.1.2-3", "v311:MQTT-3.1.2-3"}

// unchecked reads the list: a statement on each line, and behind # the reason.
func unchecked(t *testing.T) map[req.ID]string {
	t.Helper()
	text, err := os.ReadFile(uncheckedList)
	if err != nil {
		t.Fatal(err)
	}
	list := map[req.ID]string{}
	for line := range strings.Lines(string(text)) {
		name, reason, _ := strings.Cut(line, "#")
		id := req.ID(strings.TrimSpace(name))
		if id == "" {
			continue
		}
		if _, known := req.Lookup(id); !known || strings.TrimSpace(reason) == "" || list[id] != "" {
			t.Errorf("%s: %s is unknown, has no reason or stands there twice", uncheckedList, id)
		}
		list[id] = strings.TrimSpace(reason)
	}
	return list
}

// tally counts the statements of a version that bind clients.
type tally struct {
	known      int // that bind clients
	observable int // of those known, that show on the wire
	monitored  int // of the observable, that a monitor judges
	stepped    int // of the observable, that a step of a plan can find broken
	recorded   int // of the observable, that leave a choice which a step records
	nothing    int // of the observable, that nothing of this looks at
}

// TestEveryClientStatementIsChecked holds the catalogue against the monitors and the plans.
func TestEveryClientStatementIsChecked(t *testing.T) {
	plans, err := device.Plans()
	if err != nil {
		t.Fatal(err)
	}
	claims := engine.Claims(plans)
	monitored := map[req.ID]bool{}
	for _, m := range monitor.All() {
		if m.Sender == wire.FromClient {
			for _, id := range m.IDs {
				monitored[id] = true
			}
		}
	}
	excused := unchecked(t)
	got := map[req.Version]*tally{req.V5: {}, req.V311: {}}
	for _, s := range req.All() {
		count := got[s.Version]
		stepped, recorded := false, false
		for _, c := range claims[s.ID] {
			stepped, recorded = stepped || !c.Records, recorded || c.Records
		}
		if !s.ObservableAt(req.Client) {
			if s.Binds(req.Client) {
				count.known++
			}
			isOurs := monitored[s.ID] || stepped || recorded
			if isOurs != slices.Contains(ofServers, s.ID) {
				t.Errorf("%s is looked at %v, but the catalogue says that a client does not show it: %s", s.ID, isOurs, s.WhyNotAt(req.Client))
			}
			continue
		}
		count.known++
		count.observable++
		if monitored[s.ID] {
			count.monitored++
		}
		if stepped {
			count.stepped++
		}
		if recorded {
			count.recorded++
		}
		if recorded && s.Level != req.May {
			t.Errorf("%s is %s, and a step says that it leaves a choice", s.ID, s.Level)
		}
		if stepped && s.Level == req.May {
			t.Errorf("%s leaves a choice, and a step can fail it", s.ID)
		}
		checked := monitored[s.ID] || stepped || recorded
		if !checked {
			count.nothing++
		}
		if reason, is := excused[s.ID]; checked == is {
			t.Errorf("%s: %s: checked %v, listed in %s with the reason %q", s.ID, s.Text, checked, uncheckedList, reason)
		}
	}
	want := map[req.Version]tally{
		req.V5:   {known: 168, observable: 165, monitored: 131, stepped: 113, recorded: 2, nothing: 1},
		req.V311: {known: 82, observable: 75, monitored: 58, stepped: 57, recorded: 1},
	}
	for v, count := range got {
		if *count != want[v] {
			t.Errorf("%s: %+v, want %+v; docs/devices.md gives these numbers", v, *count, want[v])
		}
	}
}
