package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// TestStandstillsAreTold holds that a run in which a target stood still says so in every output for people, with the
// specs that had begun last.
func TestStandstillsAreTold(t *testing.T) {
	r := sample(40, "calm", "restless")
	if s := r.StoodStill(); len(s) != 0 {
		t.Errorf("nothing stood still, and it says %q", s)
	}
	at := func(d time.Duration) time.Time { return began.Add(d) }
	for i := range r.Specs {
		r.Specs[i].Start, r.Specs[i].Duration = time.Time{}, 0
	}
	run := func(id string, v wire.Version, from, to time.Duration) {
		for i := range r.Specs {
			if s := &r.Specs[i]; s.ID == id && s.Version == v && s.Target == "restless" {
				s.Start, s.Duration = at(from), to-from
			}
		}
	}
	first, second, third := r.Specs[0], r.Specs[2], r.Specs[4]
	run(first.ID, first.Version, 0, 5*time.Second)
	run(second.ID, second.Version, 2*time.Second, 9*time.Second)
	run(third.ID, third.Version, 3*time.Second, 4*time.Second)
	r.Run.Start = began
	r.Run.Stalls = []Stall{
		{Target: "restless", At: at(time.Second), Length: 300 * time.Millisecond},
		{Target: "restless", At: at(4500 * time.Millisecond), Length: 2100 * time.Millisecond},
		{Target: "restless", At: at(20 * time.Second), Length: 400 * time.Millisecond, Alone: "OWN/5.0"},
		{Target: "restless", At: at(30 * time.Second), Length: 260 * time.Millisecond},
	}
	want := "restless stood still for 2.1s, 4.5s into the run while " +
		second.ID + "/" + second.Version.String() + ", " + first.ID + "/" + first.Version.String() +
		" ran; for 400ms, 20s into the run, the instance for OWN/5.0; for 300ms, 1s into the run while " +
		first.ID + "/" + first.Version.String() + " ran; and 1 more"
	if s := r.StoodStill(); len(s) != 1 || s[0] != want {
		t.Errorf("got  %q\nwant %q", s, want)
	}
	var b strings.Builder
	if err := WriteSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "restless stood still for 2.1s") {
		t.Error("summary.md does not say it")
	}
	if p := indexOf(r, "title"); len(p.Run.Stalls) != 1 || p.Run.Stalls[0] != want {
		t.Errorf("the page says %q", p.Run.Stalls)
	}
}
