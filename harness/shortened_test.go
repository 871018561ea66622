package harness

import (
	"testing"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/reports"
)

func TestShortenedKeepsEndsAndWhatFindingsPointTo(t *testing.T) {
	log := func(n int) (events []trace.Event) {
		for seq := range n {
			events = append(events, trace.Event{Seq: seq, Kind: trace.Packet})
		}
		return events
	}
	if got := shortened(log(maxShown), nil, maxShown); len(got) != maxShown {
		t.Errorf("of %d events %d are shown", maxShown, len(got))
	}
	got := shortened(log(5*maxShown), []reports.Finding{{EventSeq: 3 * maxShown}, {EventSeq: 3 * maxShown}, {EventSeq: 7}}, maxShown)
	if want := maxShown + 2; len(got) != want {
		t.Fatalf("%d events are shown, want %d: the ends, a note and the guilty one", len(got), want)
	}
	for n, want := range map[int]int{0: 0, maxShown/2 - 1: maxShown/2 - 1, maxShown/2 + 1: 3 * maxShown, len(got) - 1: 5*maxShown - 1} {
		if got[n].Seq != want {
			t.Errorf("event %d is number %d of the trace, want %d", n, got[n].Seq, want)
		}
	}
	if got[maxShown/2].Kind != trace.Note {
		t.Errorf("what is left out is not told: %v", got[maxShown/2])
	}
}
