package device

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Parse reads a plan, with the steps that it includes. The error shows the line.
func Parse(source []byte, l Library) (Plan, error) {
	var p Plan
	source, err := substituted(source, l.Set)
	if err != nil {
		return p, err
	}
	if err := yaml.UnmarshalWithOptions(source, &p, yaml.Strict()); err != nil {
		return p, fmt.Errorf("%s", strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	v := validator{source: source, checks: l.Checks, ids: map[string][]string{}}
	var included []Step
	for i, name := range p.Include {
		if l.Plan == nil {
			return p, fmt.Errorf("there is no plan to include")
		}
		other, err := l.Plan(name)
		if err != nil {
			v.fail(fmt.Sprintf("$.include[%d]", i), "%v", err)
			break
		}
		for _, s := range other.Steps {
			v.ids[s.ID] = append(v.ids[s.ID], s.Only)
		}
		included = append(included, other.Steps...)
		p.inherit(other.Parameters)
	}
	v.plan(p)
	for i := range p.Steps {
		p.Steps[i].Limit = cmp.Or(p.Steps[i].Limit, p.Limit)
	}
	for name := range p.Parameters {
		if value, ok := l.Set[name]; ok {
			p.Parameters[name] = value
		}
	}
	p.Steps = append(included, p.Steps...)
	return p, v.err
}

// ParseInstruction reads a single instruction, as [Bench.Do] takes it, from YAML or JSON.
func ParseInstruction(source []byte) (Instruction, error) {
	var in Instruction
	if err := yaml.UnmarshalWithOptions(source, &in, yaml.Strict()); err != nil {
		return in, fmt.Errorf("%s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	v := validator{source: source, names: map[string]bool{}}
	v.instruction("$", in)
	if v.err == nil && (in.Online != nil || in.Await != nil || in.Expect != nil || in.Check != nil || in.Wait != nil || in.Repeat != nil || in.Outages != nil || in.Rewind != nil ||
		in.Idle != nil || in.Choose != nil) {
		v.fail("$", "%s is for plans", in.members()[0])
	}
	return in, v.err
}

// members returns the names of the members that are set.
func (in Instruction) members() (names []string) {
	v := reflect.ValueOf(in)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			names = append(names, v.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return names
}

// String names the instruction, such as "withhold PUBACK".
func (in Instruction) String() string {
	names := in.members()
	if len(names) != 1 {
		return "nothing"
	}
	text, err := yaml.MarshalWithOptions(in.value(), yaml.Flow(true), yaml.OmitEmpty())
	if err != nil {
		return names[0]
	}
	return strings.TrimSuffix(names[0]+" "+strings.TrimSpace(string(text)), " {}")
}

// value returns the member that is set.
func (in Instruction) value() any {
	v := reflect.ValueOf(in)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			return v.Field(i).Interface()
		}
	}
	return nil
}

// Claims returns the statements of a version that the step can find broken.
func (s Step) Claims(v wire.Version) (ids []req.ID) {
	add := func(more ...req.ID) {
		for _, id := range ofVersion(more, v) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	var walk func([]Instruction)
	walk = func(script []Instruction) {
		for _, in := range script {
			switch {
			case in.Expect != nil:
				add(in.Expect.Must...)
				add(in.Expect.Should...)
			case in.Check != nil:
				add(in.Check.Must...)
				add(in.Check.Should...)
			case in.Online != nil:
				add(in.Online.Must...)
				add(in.Online.Should...)
			case in.Outages != nil:
				add(in.Outages.Must...)
				add(in.Outages.Should...)
			case in.Repeat != nil:
				walk(in.Repeat.Script)
			case in.Choose != nil:
				for _, one := range in.Choose {
					walk(one)
				}
			}
		}
	}
	walk(s.Script)
	add(s.Kept...)
	return ids
}

// Leaves returns the statements of a version that leave a choice to the device, which the step records.
func (s Step) Leaves(v wire.Version) (ids []req.ID) {
	var walk func([]Instruction)
	walk = func(script []Instruction) {
		for _, in := range script {
			switch {
			case in.Expect != nil:
				ids = append(ids, ofVersion(in.Expect.May, v)...)
			case in.Check != nil:
				ids = append(ids, ofVersion(in.Check.May, v)...)
			case in.Repeat != nil:
				walk(in.Repeat.Script)
			}
		}
	}
	walk(s.Script)
	return ids
}

// In reports whether the step makes sense with a device that speaks version v.
func (s Step) In(v wire.Version) bool { return strings.HasPrefix(v.String(), s.Only) }

// ofVersion returns the ids that belong to a version.
func ofVersion(ids []req.ID, v wire.Version) (of []req.ID) {
	for _, id := range ids {
		if strings.HasPrefix(string(id), req.Version(v).String()+":") {
			of = append(of, id)
		}
	}
	return of
}
