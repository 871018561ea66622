package wire

import (
	"errors"
	"strings"
)

// SharedFilter splits a Topic Filter of a Shared Subscription, $share/{ShareName}/{filter}. Share is false for other
// filters, also for those that begin with $share but have not that form.
func SharedFilter(f string) (name, filter string, shared bool) {
	rest, ok := strings.CutPrefix(f, "$share/")
	if !ok {
		return "", f, false
	}
	name, filter, ok = strings.Cut(rest, "/")
	if !ok || name == "" || filter == "" || strings.ContainsAny(name, "+#") {
		return "", f, false
	}
	return name, filter, true
}

// CheckFilter says what is wrong with a Topic Filter: no characters at all (MQTT-4.7.3-1), # elsewhere than alone on
// the last level (MQTT-4.7.1-1 of 5.0), + that shares its level (MQTT-4.7.1-2 of 5.0), and in 5.0 a $share filter
// without a name or a filter (MQTT-4.8.2-1, MQTT-4.8.2-2). In 3.1.1 $share is a topic level like any other; so is in
// 5.0 a filter of $share alone, for only $share/ makes a Shared Subscription.
func CheckFilter(f string, v Version) error {
	if f == "" {
		return errors.New("it is empty")
	}
	if v != V311 && strings.HasPrefix(f, "$share/") {
		_, inner, shared := SharedFilter(f)
		if !shared {
			return errors.New("a shared subscription wants $share/name/filter")
		}
		f = inner
	}
	ended := false
	for level := range strings.SplitSeq(f, "/") {
		switch {
		case ended:
			return errors.New("# is not the last level")
		case len(level) > 1 && strings.Contains(level, "#"):
			return errors.New("# shares its level")
		case len(level) > 1 && strings.Contains(level, "+"):
			return errors.New("+ shares its level")
		}
		ended = level == "#"
	}
	return nil
}

// Matches reports whether a Topic Name matches a Topic Filter, which must not be that of a Shared Subscription. A
// filter that begins with a wildcard does not match a topic that begins with $ (MQTT-4.7.2-1); a/# matches a.
func Matches(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		fl, frest, fmore := strings.Cut(filter, "/")
		if fl == "#" {
			return true
		}
		tl, trest, tmore := strings.Cut(topic, "/")
		if fl != "+" && fl != tl {
			return false
		}
		switch {
		case !fmore && !tmore:
			return true
		case fmore && !tmore:
			return frest == "#"
		case !fmore:
			return false
		}
		filter, topic = frest, trest
	}
}
