package req

import (
	"slices"
	"testing"
)

func TestCover(t *testing.T) {
	none := func(ID) bool { return false }
	all := func(ID) bool { return true }
	for _, test := range []struct {
		name            string
		v               Version
		side            Actor
		exercised, kept func(ID) bool
		numbered        Count
		unnumbered      Count
	}{
		{"nothing ran", V5, Server, none, none, Count{251, 234, 0, 0}, Count{73, 68, 0, 0}},
		{"what did not run cannot be kept", V5, Server, none, all, Count{251, 234, 0, 0}, Count{73, 68, 0, 0}},
		{"all ran and broke", V5, Client, all, none, Count{251, 131, 131, 0}, Count{73, 34, 34, 0}},
		{"all ran and held", V5, Client, all, all, Count{251, 131, 131, 131}, Count{73, 34, 34, 34}},
		{"all held, 3.1.1", V311, Server, all, all, Count{141, 125, 125, 125}, Count{20, 15, 15, 15}},
		{"all held, 3.1.1 device", V311, Client, all, all, Count{141, 67, 67, 67}, Count{20, 8, 8, 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Cover(test.v, test.side, test.exercised, test.kept)
			if c.Count != test.numbered || c.Unnumbered != test.unnumbered {
				t.Errorf("numbered %+v, unnumbered %+v; want %+v, %+v", c.Count, c.Unnumbered, test.numbered, test.unnumbered)
			}
			missed := c.Observable - c.Exercised + c.Unnumbered.Observable - c.Unnumbered.Exercised
			if len(c.NotExercised) != missed {
				t.Errorf("%d statements are listed as not exercised, the counts say %d", len(c.NotExercised), missed)
			}
		})
	}
}

func TestCoverSingles(t *testing.T) {
	ran := []ID{
		"v5:MQTT-3.1.2-24",   // kept
		"v5:MQTT-3.1.2-25",   // broken
		"v5:MQTT-3.1.2-20",   // a server does not show it
		"v5:U5-034",          // unnumbered, kept
		"v311:MQTT-3.1.2-24", // of the other version
	}
	c := Cover(V5, Server,
		func(id ID) bool { return slices.Contains(ran, id) },
		func(id ID) bool { return id != "v5:MQTT-3.1.2-25" })
	if c.Exercised != 2 || c.Kept != 1 || c.Unnumbered.Exercised != 1 || c.Unnumbered.Kept != 1 {
		t.Errorf("coverage %+v, unnumbered %+v", c.Count, c.Unnumbered)
	}
	if want := []ID{"v5:MQTT-3.1.2-20"}; !slices.Equal(c.Unexpected, want) {
		t.Errorf("unexpected: %q, want %q", c.Unexpected, want)
	}
	if slices.Contains(c.NotExercised, "v5:MQTT-3.1.2-20") || slices.Contains(c.NotExercised, "v5:MQTT-3.1.2-24") {
		t.Errorf("listed as not exercised, though not observable or exercised: %q", c.NotExercised)
	}
}
