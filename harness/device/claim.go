package device

import (
	"slices"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Claim is a step that looks at a statement.
type Claim struct {
	Step, Text string   // its id and its sentence
	Plans      []string // those that have it
	// Records tells that the statement leaves a choice, which the step records; otherwise it can find it broken.
	Records bool
}

// Claims returns the steps of plans that look at each statement, in the order of the plans.
func Claims(plans []Plan) map[req.ID][]Claim {
	claims := map[req.ID][]Claim{}
	add := func(id req.ID, p Plan, s Step, records bool) {
		i := slices.IndexFunc(claims[id], func(c Claim) bool { return c.Step == s.ID && c.Text == s.Text })
		if i < 0 {
			i = len(claims[id])
			claims[id] = append(claims[id], Claim{Step: s.ID, Text: s.Text, Records: records})
		}
		if c := &claims[id][i]; !slices.Contains(c.Plans, p.Name) {
			c.Plans = append(c.Plans, p.Name)
		}
	}
	for _, p := range plans {
		for _, s := range p.Steps {
			for _, v := range []wire.Version{wire.V5, wire.V311} {
				if !s.In(v) {
					continue
				}
				for _, id := range s.Claims(v) {
					add(id, p, s, false)
				}
				for _, id := range s.Leaves(v) {
					add(id, p, s, true)
				}
			}
		}
	}
	return claims
}
