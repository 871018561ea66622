package req_test

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/req"
)

// An id without a version means a different statement in each.
func ExampleMatch() {
	statements, err := req.Match("MQTT-3.1.2-24")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range statements {
		fmt.Printf("%s (%s, %s %s) binds the %s: %s\n", s.ID, s.Level, s.Subsection, s.SubsectionTitle, s.Actor, s.Text)
		fmt.Println("  twins:", s.Twins)
	}
	// Output:
	// v5:MQTT-3.1.2-24 (MUST NOT, 3.1.2.11.4 Maximum Packet Size) binds the server: Server never sends a packet above the client's Maximum Packet Size
	//   twins: []
	// v311:MQTT-3.1.2-24 (MUST, 3.1.2.10 Keep Alive) binds the server: Silence over 1.5 keep alive disconnects
	//   twins: [v5:MQTT-3.1.2-22]
}

// The four numbers of a report, none of which stands for another.
func ExampleCover() {
	broken := req.ID("v311:MQTT-3.12.4-1")
	c := req.Cover(req.V311, req.Server,
		func(id req.ID) bool { return id == broken || id == "v311:MQTT-3.2.0-1" },
		func(id req.ID) bool { return id != broken })
	fmt.Printf("of %d statements %d are observable on a server, %d were exercised, %d were kept\n",
		c.Known, c.Observable, c.Exercised, c.Kept)
	// Output:
	// of 141 statements 125 are observable on a server, 2 were exercised, 1 were kept
}
