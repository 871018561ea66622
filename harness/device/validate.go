package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// validator finds the first thing that a plan says and no engine can do.
type validator struct {
	source []byte
	checks map[string]Check
	ids    map[string][]string // of steps so far, with the versions in which alone they make sense
	names  map[string]bool     // captured so far in the step
	err    error
}

// fail notes an error about the value at a path such as "$.steps[2].script[0]".
func (v *validator) fail(path, format string, args ...any) {
	if v.err != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	where := path
	if p, err := yaml.PathString(path); err == nil {
		if excerpt, err := p.AnnotateSource(v.source, false); err == nil {
			where = "\n" + strings.TrimRight(string(excerpt), "\n")
		}
	}
	v.err = fmt.Errorf("%s: %s", text, where)
}

func (v *validator) plan(p Plan) {
	if p.Name == "" {
		v.fail("$", "the plan has no name: begin with plan")
	}
	if len(p.Steps)+len(p.Include) == 0 {
		v.fail("$", "the plan has no steps")
	}
	for i, s := range p.Steps {
		path := fmt.Sprintf("$.steps[%d]", i)
		switch {
		case s.ID == "" || s.Text == "":
			v.fail(path, "a step has an id and a text")
		case v.taken(s):
			v.fail(path+".id", "the id %s is there twice", s.ID)
		case !slices.Contains([]string{"", "5", "3.1.1"}, s.Only):
			v.fail(path+".only", "only is 5 or 3.1.1, not %q", s.Only)
		case len(s.Script) == 0:
			v.fail(path, "step %s has no script", s.ID)
		}
		v.ids[s.ID], v.names = append(v.ids[s.ID], s.Only), map[string]bool{}
		v.statements(path+".kept", s.Kept)
		v.script(path+".script", s.Script)
		if v.err == nil && len(s.Kept) == 0 && !judges(s.Script) {
			v.fail(path, "step %s judges nothing: it needs an expect, a check or kept", s.ID)
		}
	}
}

// taken reports whether a step before has the same id. Two steps may share one if each is of another version.
func (v *validator) taken(s Step) bool {
	return slices.ContainsFunc(v.ids[s.ID], func(only string) bool { return only == "" || s.Only == "" || only == s.Only })
}

// judges reports whether a script can find something.
func judges(script []Instruction) bool {
	return slices.ContainsFunc(script, func(i Instruction) bool {
		return i.Expect != nil || i.Check != nil || i.Outages != nil || i.Repeat != nil && judges(i.Repeat.Script) || slices.ContainsFunc(i.Choose, judges)
	})
}

// takesTime reports whether every run of a script lets some time pass.
func takesTime(script []Instruction) bool {
	return slices.ContainsFunc(script, func(i Instruction) bool {
		return i.Wait != nil && *i.Wait > 0 || i.Idle != nil || i.Repeat != nil && i.Repeat.Times+len(i.Repeat.Codes) > 0 && takesTime(i.Repeat.Script)
	})
}

func (v *validator) script(path string, script []Instruction) {
	for i, in := range script {
		v.instruction(fmt.Sprintf("%s[%d]", path, i), in)
	}
}

func (v *validator) instruction(path string, in Instruction) {
	if n := len(in.members()); n != 1 {
		v.fail(path, "an instruction has one name, this one has %d", n)
		return
	}
	path += "." + in.members()[0]
	switch {
	case in.Online != nil:
		v.statements(path+".must", in.Online.Must)
		v.statements(path+".should", in.Online.Should)
	case in.Await != nil:
		if in.Await.Of == "" {
			v.match(path, in.Await.Match)
		} else if !v.names[in.Await.Of] {
			v.fail(path+".of", "nothing before is known as %q", in.Await.Of)
		} else {
			v.where(path, in.Await.Match)
		}
		v.names[in.Await.As] = true
	case in.Expect != nil:
		v.expect(path, *in.Expect)
	case in.Check != nil:
		if _, known := v.checks[in.Check.Name]; !known {
			v.fail(path+".name", "no check is called %q", in.Check.Name)
		}
		v.verdict(path, in.Check.Verdict)
	case in.Repeat != nil:
		if in.Repeat.Times < 1 && in.Repeat.For <= 0 && len(in.Repeat.Malformed)+len(in.Repeat.Codes) == 0 {
			v.fail(path, "times, for, malformed or codes says how often")
		}
		if in.Repeat.For > 0 && !takesTime(in.Repeat.Script) {
			v.fail(path, "what is repeated for a time takes some: it needs a wait or an idle")
		}
		for _, name := range in.Repeat.Malformed {
			if _, known := malformed(name); !known && name != "all" {
				v.fail(path+".malformed", "no malformed packet is called %q; there are %s", name, strings.Join(Malformed(), ", "))
			}
		}
		v.script(path+".script", in.Repeat.Script)
	case in.Choose != nil:
		if len(in.Choose) == 0 {
			v.fail(path, "there is nothing to choose from")
		}
		for i, one := range in.Choose {
			v.script(fmt.Sprintf("%s[%d]", path, i), one)
		}
	case in.Idle != nil:
		if in.Idle.Min <= 0 || in.Idle.Max < in.Idle.Min {
			v.fail(path, "min is longer than 0, and max at least min")
		}
	case in.Refuse != nil:
		if !slices.Contains([]string{"CONNACK", "PUBACK", "PUBREC", "SUBACK", "UNSUBACK"}, in.Refuse.Packet) {
			v.fail(path+".packet", "%s has no code to refuse with", in.Refuse.Packet)
		}
	case in.Cut != nil:
		if in.Cut.Packet != "any" {
			v.packet(path, in.Cut.Packet)
		}
		if in.Cut.From != "device" && in.Cut.From != "server" {
			v.fail(path, "from is device or server")
		}
		if in.Cut.How != "close" && in.Cut.How != "reset" {
			v.fail(path, "how is close or reset")
		}
	case in.Connack != nil:
		for name := range in.Connack.Properties {
			if _, ok := connackProperties[name]; !ok {
				v.fail(path+".properties", "CONNACK has no %q", name)
			}
		}
	case in.Certificate != nil:
		if !slices.Contains([]string{"", "1.2", "1.3"}, in.Certificate.Version) {
			v.fail(path+".version", "version is 1.2 or 1.3, not %q", in.Certificate.Version)
		}
		if !slices.Contains(CertificateKinds(), in.Certificate.Kind) {
			v.fail(path+".kind", "no certificate is called %q; there are %s", in.Certificate.Kind, strings.Join(CertificateKinds(), ", "))
		}
	case strings.HasPrefix(in.payload(), "$"):
		if name := in.payload()[1:]; !v.names[name] {
			v.fail(path+".payload", "nothing before is known as %q", name)
		}
	case in.Outages != nil:
		if o := in.Outages; o.Count < 1 || o.Longest < o.Shortest || o.UpLongest < o.UpShortest {
			v.fail(path, "count is 1 or more, and nothing is longer than the longest")
		}
		v.verdict(path, in.Outages.Verdict)
	case in.Shadow != nil:
		if !slices.Contains([]string{"get", "update", "delete"}, in.Shadow.Of) || !slices.Contains([]string{"none", "conflict"}, in.Shadow.Answer) {
			v.fail(path, "of is get, update or delete, and answer is none or conflict")
		}
	case in.Watch != nil:
		if (in.Watch.Topic == "") != in.Watch.Will {
			v.fail(path, "one of topic and will is watched")
		}
	case in.Send != nil:
		v.send(path, *in.Send)
	case in.Slice != nil && in.Slice.Size < 1:
		v.fail(path, "size is 1 or more")
	default:
		v.filters(path, in)
	}
}

// filters checks the packet types of instructions that have little else.
func (v *validator) filters(path string, in Instruction) {
	for _, f := range []*Filter{in.Withhold, in.Ignore, in.Collect, in.Swap} {
		if f != nil {
			v.packet(path, f.Packet)
		}
	}
	if in.Delay != nil {
		v.packet(path, in.Delay.Packet)
	}
	if in.Release != nil && in.Release.Packet != "" {
		v.packet(path, in.Release.Packet)
	}
}

func (v *validator) packet(path, name string) {
	if _, ok := wire.ParseType(name); !ok {
		v.fail(path, "no packet is called %q", name)
	}
}

func (v *validator) match(path string, m Match) {
	switch {
	case m.Packet != "" && m.Event != "" || m.Packet == "" && m.Event == "":
		v.fail(path, "a packet or an event is waited for")
	case m.Packet != "":
		v.packet(path+".packet", m.Packet)
	case !slices.Contains(eventNames, m.Event):
		v.fail(path+".event", "no event is called %q; there are %s", m.Event, strings.Join(eventNames, ", "))
	}
	v.where(path, m)
}

// where checks conditions.
func (v *validator) where(path string, m Match) {
	for name, value := range m.Where {
		if !slices.Contains(attributeNames, name) {
			v.fail(path+".where", "nothing has %q; there are %s", name, strings.Join(attributeNames, ", "))
		}
		if ref, _, _ := reference(value); ref != "" && !v.names[ref] {
			v.fail(path+".where", "nothing before is known as %q", ref)
		}
	}
}

func (v *validator) expect(path string, e Expect) {
	if e.Of == "" {
		v.match(path, e.Match)
	} else if !v.names[e.Of] {
		v.fail(path+".of", "nothing before is known as %q", e.Of)
	}
	for _, m := range []*Match{e.Until, e.Or} {
		if m != nil {
			v.match(path, *m)
		}
	}
	if e.Text == "" {
		v.fail(path, "text says what is expected")
	}
	v.verdict(path, e.Verdict)
	v.names[e.As] = true
}

func (v *validator) verdict(path string, d Verdict) {
	v.statements(path+".must", d.Must)
	v.statements(path+".should", d.Should)
	v.statements(path+".may", d.May)
	if len(d.May) > 0 && d.Record == "" {
		v.fail(path+".may", "record says what is recorded of it")
	}
	if d.empty() {
		v.fail(path, "must, should, demand, advice or record says what follows from it")
	}
}

func (v *validator) statements(path string, ids []req.ID) {
	for _, id := range ids {
		if _, known := req.Lookup(id); !known {
			v.fail(path, "no statement is called %s", id)
		}
	}
}

func (v *validator) send(path string, s Send) {
	given := 0
	for _, is := range []bool{s.Malformed != "", s.Each, s.Hex != "", s.Topic != "" || s.Alias != 0} {
		if is {
			given++
		}
	}
	switch _, known := malformed(s.Malformed); {
	case given != 1:
		v.fail(path, "one of malformed, hex, and topic or alias is sent")
	case s.Malformed != "" && !known:
		v.fail(path+".malformed", "no malformed packet is called %q; there are %s", s.Malformed, strings.Join(Malformed(), ", "))
	}
}
