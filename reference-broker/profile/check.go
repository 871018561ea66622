package profile

import (
	"fmt"
	"math"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// checkValues walks over all values and says of which the source is not listed, the unit is not the one of that
// limit, or the number is out of range.
func (p *Profile) checkValues(at string, v reflect.Value, tag reflect.StructTag) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return p.checkValues(at, v.Elem(), tag)
	case reflect.Slice:
		for i := range v.Len() {
			if err := p.checkValues(fmt.Sprintf("%s[%d]", at, i), v.Index(i), ""); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
	default:
		return nil
	}
	switch value := v.Interface().(type) {
	case Number:
		if err := value.check(tag); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	case Origin:
		return p.checkSource(at, value.Source)
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name != "" && at != "" {
			name = at + "." + name
		} else if name == "" {
			name = at
		}
		if err := p.checkValues(name, v.Field(i), field.Tag); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) checkSource(at, source string) error {
	if _, known := p.Sources[source]; source == "" || !known {
		if at == "versions" && source == "" {
			return nil // a profile need not say
		}
		return fmt.Errorf("%s: its source %q is not among the sources", at, source)
	}
	return nil
}

// check says what is wrong with a number, given the tags of its field.
func (n Number) check(tag reflect.StructTag) error {
	if unit := tag.Get("unit"); n.Unit != unit {
		return fmt.Errorf("its unit is %q, but must be %q", n.Unit, unit)
	}
	most := int64(math.MaxUint32)
	if text := tag.Get("max"); text != "" {
		most, _ = strconv.ParseInt(text, 10, 64)
	}
	least := int64(1)
	if tag.Get("zero") != "" {
		least = 0
	}
	if n.Value < least || n.Value > most {
		return fmt.Errorf("%d is not between %d and %d", n.Value, least, most)
	}
	return nil
}

// checkMeaning says what contradicts itself.
func (p *Profile) checkMeaning() error {
	for _, v := range p.Versions.Value {
		if v != "3.1.1" && v != "5.0" {
			return fmt.Errorf("versions: %q is neither 3.1.1 nor 5.0", v)
		}
	}
	for _, bounds := range []struct {
		what           string
		least, greates *Number
	}{
		{"keep-alive", p.Limits.KeepAliveMinimum, p.Limits.KeepAliveMaximum},
		{"message-expiry", p.Limits.MessageExpiryMinimum, p.Limits.MessageExpiryMaximum},
	} {
		if bounds.least != nil && bounds.greates != nil && bounds.least.Value > bounds.greates.Value {
			return fmt.Errorf("limits: the minimum of %s is above its maximum", bounds.what)
		}
	}
	if (p.Limits.RetryInterval == nil) != (p.Limits.RetryTime == nil) {
		return fmt.Errorf("limits: retry-interval and retry-time belong together")
	}
	if p.Shadows != nil && p.Shadows.VersionLife == nil || p.Events != nil && p.Events.VersionLife == nil {
		return fmt.Errorf("shadows and events need version-life")
	}
	b := p.Behaviours
	for _, names := range []*Names{b.PublishToReservedTopics, b.UncountedTopicPrefixes} {
		for _, filter := range names.names() {
			if err := wire.CheckFilter(filter, wire.V311); err != nil {
				return fmt.Errorf("behaviours: filter %q: %w", filter, err)
			}
		}
	}
	for _, prefix := range b.UncountedTopicPrefixes.names() {
		if strings.Contains(prefix, "#") {
			return fmt.Errorf("behaviours: the prefix %q has a #", prefix)
		}
	}
	for _, name := range b.ConnackProperties.names() {
		if connackProperties[name] == 0 {
			return fmt.Errorf("behaviours: connack-properties: CONNACK has no %q", name)
		}
	}
	if err := b.ReasonCodes.check(); err != nil {
		return err
	}
	for i, l := range p.Listeners {
		if l.Name == "" || l.Port == nil || len(l.Protocols) == 0 {
			return fmt.Errorf("listeners[%d]: it needs a name, a port and protocols", i)
		}
		for _, protocol := range l.Protocols {
			if protocol.WebSocket != "" && !strings.HasPrefix(protocol.WebSocket, "/") {
				return fmt.Errorf("listeners[%d]: the path %q does not begin with /", i, protocol.WebSocket)
			}
		}
	}
	return p.checkDeviations()
}

// check says which Reason Code does not belong to its packet.
func (r *ReasonCodes) check() error {
	if r == nil {
		return nil
	}
	for t, codes := range r.byType() {
		for _, code := range codes.Value {
			if code < 0 || code > 0xFF || !wire.ReasonCode(code).Allowed(t, wire.V5) {
				return fmt.Errorf("behaviours: reason-codes: %v has no 0x%02X", t, code)
			}
		}
	}
	if r.Instead != nil {
		for from, to := range r.Instead.Value {
			if from < 0 || from > 0xFF || to < 0 || to > 0xFF {
				return fmt.Errorf("behaviours: reason-codes: instead: 0x%X: 0x%X is no pair of Reason Codes", from, to)
			}
		}
	}
	return nil
}

func (p *Profile) checkDeviations() error {
	known := map[string]bool{}
	for i, d := range p.Deviations {
		key := fmt.Sprint(d.On, d.Statement, d.Specs)
		version, id, qualified := strings.Cut(d.Statement, ":")
		switch {
		case !qualified || id == "" || version != "v5" && version != "v311":
			return fmt.Errorf("deviations[%d]: %q is no qualified statement such as v5:MQTT-3.3.1-9", i, d.Statement)
		case d.On != "broker" && d.On != "device":
			return fmt.Errorf("deviations[%d]: on is %q, but must be broker or device", i, d.On)
		case !slices.Contains([]Verdict{Failure, Skip}, d.Verdict):
			return fmt.Errorf("deviations[%d]: verdict is %q, but must be failure or skip", i, d.Verdict)
		case d.Why == "":
			return fmt.Errorf("deviations[%d]: it does not say why", i)
		case known[key]:
			return fmt.Errorf("deviations[%d]: %s stands there twice", i, d.Statement)
		}
		if slices.Contains(d.Blocks, "") {
			return fmt.Errorf("deviations[%d]: an empty text would block everything", i)
		}
		for _, pattern := range d.Specs {
			if _, err := path.Match(pattern, ""); err != nil {
				return fmt.Errorf("deviations[%d]: spec %q: %w", i, pattern, err)
			}
		}
		if err := p.checkSource(fmt.Sprintf("deviations[%d]", i), d.Source); err != nil {
			return err
		}
		known[key] = true
	}
	return nil
}

// names returns the list, or nil if there is none.
func (n *Names) names() []string {
	if n == nil {
		return nil
	}
	return n.Value
}
