package monitor

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// text is a UTF-8 Encoded String of a packet.
type text struct {
	what  string
	value string
	topic bool // a Topic Name or Topic Filter
	pair  bool // one half of a UTF-8 String Pair
}

// textsOf returns the strings of a packet, properties included.
func textsOf(p wire.Packet) (all []text) {
	switch p := p.(type) {
	case wire.Connect:
		all = append(all, text{what: "Client Identifier", value: p.ClientID})
		if p.Will != nil {
			all = append(all, text{what: "Will Topic", value: p.Will.Topic, topic: true})
			all = append(all, textsIn(p.Will.Properties)...)
		}
		if p.Username != nil {
			all = append(all, text{what: "User Name", value: *p.Username})
		}
	case wire.Publish:
		all = append(all, text{what: "Topic Name", value: p.Topic, topic: true})
	case wire.Subscribe:
		for _, s := range p.Subscriptions {
			all = append(all, text{what: "Topic Filter", value: s.Filter, topic: true})
		}
	case wire.Unsubscribe:
		for _, f := range p.Filters {
			all = append(all, text{what: "Topic Filter", value: f, topic: true})
		}
	}
	return append(all, textsIn(wire.PropertiesOf(p))...)
}

func textsIn(ps wire.Properties) (all []text) {
	for _, p := range ps {
		switch p.ID {
		case wire.PropUserProperty:
			all = append(all, text{what: "name of a User Property", value: p.Text, pair: true},
				text{what: "value of a User Property", value: p.Value, pair: true})
		case wire.PropContentType, wire.PropResponseTopic, wire.PropAssignedClientIdentifier, wire.PropAuthenticationMethod,
			wire.PropResponseInformation, wire.PropServerReference, wire.PropReasonString:
			all = append(all, text{what: p.ID.String(), value: p.Text})
		}
	}
	return all
}

// stringMonitors judge strings, Topic Names and Topic Filters.
func stringMonitors() (all []Monitor) {
	every := func(text) bool { return true }
	pair := func(t text) bool { return t.pair }
	named := func(what string) func(text) bool { return func(t text) bool { return t.what == what } }
	topic := func(t text) bool { return t.topic }
	name := func(t text) bool { return t.what == "Topic Name" || t.what == "Will Topic" }
	for _, m := range []Monitor{
		{IDs: ids("MQTT-1.5.4-1", "MQTT-1.5.3-1"), Text: "Strings are well-formed UTF-8.", Judge: texts(every, wellFormed)},
		{IDs: ids("MQTT-1.5.4-2", "MQTT-1.5.3-2"), Text: "Strings hold no null character.", Judge: texts(every, noNull)},
		{IDs: ids("MQTT-1.5.7-1", ""), Text: "Both strings of a pair are UTF-8 Encoded Strings.", Judge: texts(pair, wellFormed, noNull)},
		{IDs: ids("MQTT-3.3.2-1", "MQTT-3.3.2-1"), Text: "The Topic Name is the first field of a PUBLISH and a UTF-8 Encoded String.",
			Judge: each(topicFirst)},
		{IDs: ids("MQTT-3.3.2-2", "MQTT-3.3.2-2"), Text: "The Topic Name of a PUBLISH holds no wildcards.",
			Judge: texts(named("Topic Name"), noWildcard)},
		{IDs: ids("MQTT-4.7.0-1", "MQTT-4.7.1-1"), Text: "Wildcards stand in Topic Filters only.", Judge: texts(name, noWildcard)},
		{IDs: ids("MQTT-3.3.2-13", ""), Text: "The Response Topic is a UTF-8 Encoded String.",
			Judge: texts(named("Response Topic"), wellFormed, noNull)},
		{IDs: ids("MQTT-3.3.2-14", ""), Text: "The Response Topic holds no wildcards.", Judge: texts(named("Response Topic"), noWildcard)},
		{IDs: ids("MQTT-3.3.2-19", ""), Text: "The Content Type is a UTF-8 Encoded String.",
			Judge: texts(named("Content Type"), wellFormed, noNull)},
		{IDs: ids("MQTT-4.7.3-1", "MQTT-4.7.3-1"), Text: "Topic Names and Topic Filters have at least one character.", Judge: each(notEmpty)},
		{IDs: ids("MQTT-4.7.3-2", "MQTT-4.7.3-2"), Text: "Topic Names and Topic Filters hold no null character.", Judge: texts(topic, noNull)},
		{IDs: ids("U5-019", ""), Text: "A PUBLISH has a Topic Name or a Topic Alias.", Judge: eachOf(topicOrAlias)},
	} {
		m.Level = must
		all = append(all, both(m)...)
	}
	// A server hands on what clients wrote. Only what it wrote itself is its own choice.
	own := func(t text) bool {
		switch t.what {
		case "Reason String", "Server Reference", "Response Information", "Assigned Client Identifier":
			return true
		}
		return false
	}
	all = append(all,
		Monitor{IDs: ids("U5-041", ""), Sender: wire.FromServer, Level: should,
			Text: "Strings of the server's own hold no control characters and no non-characters.", Judge: texts(own, printable)},
		Monitor{IDs: ids("U5-041", "U3-014"), Sender: wire.FromClient, Level: should,
			Text: "Strings hold no control characters and no non-characters.", Judge: texts(every, printable)})
	for _, m := range []Monitor{
		{IDs: ids("MQTT-3.1.3-4", "MQTT-3.1.3-4"), Text: "The Client Identifier is a UTF-8 Encoded String.",
			Judge: texts(named("Client Identifier"), wellFormed, noNull)},
		{IDs: ids("MQTT-3.1.3-11", "MQTT-3.1.3-10"), Text: "The Will Topic is a UTF-8 Encoded String.",
			Judge: texts(named("Will Topic"), wellFormed, noNull)},
		{IDs: ids("MQTT-3.1.3-12", "MQTT-3.1.3-11"), Text: "The User Name is a UTF-8 Encoded String.",
			Judge: texts(named("User Name"), wellFormed, noNull)},
		{IDs: ids("MQTT-3.8.3-1", "MQTT-3.8.3-1"), Text: "The Topic Filters of a SUBSCRIBE are UTF-8 Encoded Strings.",
			Judge: filters(wire.SUBSCRIBE, wellFormed, noNull)},
		{IDs: ids("MQTT-3.10.3-1", "MQTT-3.10.3-1"), Text: "The Topic Filters of an UNSUBSCRIBE are UTF-8 Encoded Strings.",
			Judge: filters(wire.UNSUBSCRIBE, wellFormed, noNull)},
		{IDs: ids("MQTT-4.7.1-1", "MQTT-4.7.1-2"), Text: "# stands alone on the last level of a Topic Filter.", Judge: filters(0, hashPlace)},
		{IDs: ids("MQTT-4.7.1-2", "MQTT-4.7.1-3"), Text: "+ takes a whole level of a Topic Filter.", Judge: filters(0, plusPlace)},
		{IDs: ids("MQTT-4.8.2-1", ""), Text: "The filter of a Shared Subscription has a share name.", Judge: filters(0, shareNamed)},
		{IDs: ids("MQTT-4.8.2-2", ""), Text: "A share name holds no wildcards and is followed by / and a Topic Filter.", Judge: filters(0, shareFollowed)},
	} {
		m.Sender, m.Level = wire.FromClient, must
		all = append(all, m)
	}
	return all
}

// check looks at one string. It reports whether the string could be wrong and what is.
type check func(value string) (applies bool, wrong string)

// texts makes a judge of checks on the strings of a packet that are meant.
func texts(meant func(text) bool, checks ...check) func(*History, *Judgement) {
	return each(func(_ *Conn, r *Record) (applies bool, breach string) {
		return run(textsOf(r.Packet), meant, checks)
	})
}

// filters is texts for the Topic Filters of SUBSCRIBE, UNSUBSCRIBE or, for type 0, both.
func filters(t wire.Type, checks ...check) func(*History, *Judgement) {
	isFilter := func(t text) bool { return t.what == "Topic Filter" }
	return each(func(_ *Conn, r *Record) (applies bool, breach string) {
		if t != 0 && r.typeOf() != t {
			return false, ""
		}
		return run(textsOf(r.Packet), isFilter, checks)
	})
}

func run(all []text, meant func(text) bool, checks []check) (applies bool, breach string) {
	for _, t := range all {
		if !meant(t) {
			continue
		}
		for _, c := range checks {
			could, wrong := c(t.value)
			if wrong != "" {
				return true, fmt.Sprintf("observed %s in the %s %q", wrong, t.what, t.value)
			}
			applies = applies || could
		}
	}
	return applies, ""
}

func wellFormed(s string) (bool, string) {
	if !utf8.ValidString(s) {
		return true, "ill-formed UTF-8"
	}
	return true, ""
}

func noNull(s string) (bool, string) {
	if strings.Contains(s, "\x00") {
		return true, "a null character"
	}
	return true, ""
}

func noWildcard(s string) (bool, string) {
	if strings.ContainsAny(s, "+#") {
		return true, "a wildcard"
	}
	return true, ""
}

// printable looks for what 1.5.4 advises against. The null character and ill-formed text break stronger rules.
func printable(s string) (bool, string) {
	if !utf8.ValidString(s) {
		return false, ""
	}
	for _, r := range s {
		switch {
		case r > 0 && r < 0x20, r >= 0x7F && r <= 0x9F:
			return true, fmt.Sprintf("the control character U+%04X", r)
		case r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE:
			return true, fmt.Sprintf("the non-character U+%04X", r)
		}
	}
	return true, ""
}

func hashPlace(s string) (bool, string) {
	i := strings.Index(s, "#")
	if i >= 0 && (i < len(s)-1 || i > 0 && s[i-1] != '/') {
		return true, "# elsewhere than alone on the last level"
	}
	return i >= 0, ""
}

func plusPlace(s string) (applies bool, wrong string) {
	for level := range strings.SplitSeq(s, "/") {
		if strings.Contains(level, "+") {
			applies = true
			if level != "+" {
				return true, "+ that shares its level"
			}
		}
	}
	return applies, ""
}

func shareNamed(s string) (bool, string) {
	rest, ok := strings.CutPrefix(s, "$share/")
	name, _, _ := strings.Cut(rest, "/")
	if ok && name == "" {
		return true, "no share name"
	}
	return ok, ""
}

func shareFollowed(s string) (bool, string) {
	rest, ok := strings.CutPrefix(s, "$share/")
	name, filter, _ := strings.Cut(rest, "/")
	switch {
	case !ok || name == "": // the latter breaks MQTT-4.8.2-1
		return false, ""
	case strings.ContainsAny(name, "+#"):
		return true, "a wildcard in the share name"
	case filter == "":
		return true, "no filter after the share name"
	}
	return true, ""
}

// topicFirst judges a PUBLISH also if it ends within its Topic Name.
func topicFirst(_ *Conn, r *Record) (bool, string) {
	if r.typeOf() != wire.PUBLISH {
		return false, ""
	}
	content := r.content()
	if len(content) < 2 || len(content)-2 < int(content[0])<<8|int(content[1]) {
		return true, fmt.Sprintf("expected a Topic Name, observed a PUBLISH that ends within it, after %d bytes", len(content))
	}
	return run(textsOf(r.Packet), func(t text) bool { return t.what == "Topic Name" }, []check{wellFormed, noNull})
}

// notEmpty knows that in 5.0 a Topic Alias may stand for the Topic Name; U5-019 is for neither.
func notEmpty(c *Conn, r *Record) (applies bool, breach string) {
	for _, t := range textsOf(r.Packet) {
		if !t.topic {
			continue
		}
		if t.what == "Topic Name" && c.Version == wire.V5 && wire.PropertiesOf(r.Packet).Has(wire.PropTopicAlias) {
			continue
		}
		if t.value == "" {
			return true, "expected at least one character, observed an empty " + t.what
		}
		applies = true
	}
	return applies, ""
}

func topicOrAlias(_ *Conn, p wire.Publish, _ *Record) (bool, string) {
	return expect(p.Topic != "" || p.Properties.Has(wire.PropTopicAlias), "a Topic Name or a Topic Alias", "neither")
}
