package device

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

var (
	// parameterMark is where a parameter stands in a plan.
	parameterMark = regexp.MustCompile(`<([a-z][a-z-]*)>`)
	// setting is what a parameter may be: a number, a time, a name, an address. Nothing in it means anything to YAML.
	setting = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
)

// parametersOf reads the parameters of a plan, with what they are otherwise, from its source.
func parametersOf(source []byte) (parameters map[string]string, readable bool) {
	var head struct {
		Parameters map[string]string `yaml:"parameters"`
	}
	readable = yaml.Unmarshal(source, &head) == nil
	return head.Parameters, readable
}

// substituted puts the parameters of a plan in their places. Lines stay where they are.
func substituted(source []byte, set map[string]string) ([]byte, error) {
	parameters, readable := parametersOf(source)
	if !readable {
		return source, nil // the strict reading that follows tells what is wrong, and where
	}
	values := map[string]string{}
	for name, value := range parameters {
		if given, ok := set[name]; ok {
			value = given
		}
		if !setting.MatchString(value) {
			return nil, fmt.Errorf("the parameter %s cannot be %q: letters, digits and . _ / - are allowed", name, value)
		}
		values[name] = value
	}
	var unknown error
	replaced := parameterMark.ReplaceAllFunc(source, func(b []byte) []byte {
		name := string(parameterMark.FindSubmatch(b)[1])
		value, ok := values[name]
		if !ok && unknown == nil {
			unknown = fmt.Errorf("%s: the plan has no parameter %q%s", b, name, among(values))
		}
		return []byte(value)
	})
	return replaced, unknown
}

func among(values map[string]string) string {
	if len(values) == 0 {
		return ""
	}
	return "; there are " + strings.Join(slices.Sorted(maps.Keys(values)), ", ")
}

// inherit takes over the parameters of a plan that is included.
func (p *Plan) inherit(parameters map[string]string) {
	for name, value := range parameters {
		if _, own := p.Parameters[name]; own {
			continue
		}
		if p.Parameters == nil {
			p.Parameters = map[string]string{}
		}
		p.Parameters[name] = value
	}
}
