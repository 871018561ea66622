package device

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// each is what one iteration of a Repeat is about.
type each struct {
	name   string
	code   wire.ReasonCode
	number int // counted from 1
}

// in puts it into an instruction that asks for it.
func (e each) in(in Instruction) Instruction {
	switch {
	case in.Send != nil && in.Send.Each:
		s := *in.Send
		s.Malformed, s.Each = e.name, false
		in.Send = &s
	case in.Refuse != nil && in.Refuse.Each:
		r := *in.Refuse
		r.Code, r.Each = e.code, false
		in.Refuse = &r
	case in.Disconnect != nil && in.Disconnect.Each:
		d := *in.Disconnect
		d.Code, d.Each = e.code, false
		in.Disconnect = &d
	case in.Cut != nil && in.Cut.Each:
		c := *in.Cut
		c.Nth, c.Each = e.number, false
		in.Cut = &c
	}
	return in
}

// String says what the iteration is about.
func (e each) String() string {
	if e.name == "" {
		return fmt.Sprintf("number %d", e.number)
	}
	return sentence(e.name)
}

// iterations returns what a Repeat goes through in a version.
func (r Repeat) iterations(v wire.Version) (all []each) {
	for _, w := range wrongs {
		wanted := slices.Contains(r.Malformed, w.name) || slices.Contains(r.Malformed, "all")
		if wanted && (w.only == 0 || w.only == v) {
			all = append(all, each{name: w.name})
		}
	}
	for _, c := range r.Codes {
		all = append(all, each{name: c.String(), code: c})
	}
	for range r.Times {
		all = append(all, each{})
	}
	for i := range all {
		all[i].number = i + 1
	}
	return all
}

// repeat runs a script several times and returns what the first iteration came to that broke a statement.
func (x *examination) repeat(r Repeat) (first *outcome) {
	defer func(outer each) { x.each = outer }(x.each)
	if r.For > 0 {
		return x.lasting(r)
	}
	for _, x.each = range r.iterations(x.v) {
		o := x.script(r.Script)
		if o != nil && o.verdict != reports.Fail {
			return cmp.Or(first, o)
		}
		first = cmp.Or(first, o)
	}
	return first
}
