package req

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
)

func ids(statements []Statement) []ID {
	var of []ID
	for _, s := range statements {
		of = append(of, s.ID)
	}
	return of
}

func TestQualify(t *testing.T) {
	for _, test := range []struct {
		v    Version
		id   string
		want ID
	}{
		{V5, "MQTT-3.1.2-24", "v5:MQTT-3.1.2-24"},
		{V311, "MQTT-3.1.2-24", "v311:MQTT-3.1.2-24"},
		{V5, "v5:MQTT-3.1.2-24", "v5:MQTT-3.1.2-24"},
		{V5, " mqtt-3.1.2-24 ", "v5:MQTT-3.1.2-24"},
		{V5, "3.1.2-24", "v5:MQTT-3.1.2-24"},
		{V5, "U5-001", "v5:U5-001"},
		{V311, "V311:u3-001", "v311:U3-001"},
		{V5, "MQTT-4.2.0-1", "v5:MQTT-4.2-1"},
		{V311, "MQTT-3.1.2.7", "v311:MQTT-3.1.2-7"},
		{V311, "MQTT-3-8.3-4", "v311:MQTT-3.8.3-4"},
	} {
		if got, err := Qualify(test.v, test.id); got != test.want || err != nil {
			t.Errorf("Qualify(%s, %q) = %q, %v; want %q", test.v, test.id, got, err, test.want)
		}
	}
	for _, s := range All() {
		for _, given := range []string{string(s.ID), s.bare(), s.Printed} {
			if given == "" {
				continue
			}
			if got, err := Qualify(s.Version, given); got != s.ID || err != nil {
				t.Errorf("Qualify(%s, %q) = %q, %v; want %q", s.Version, given, got, err, s.ID)
			}
		}
	}
}

func TestQualifyRefuses(t *testing.T) {
	for _, test := range []struct {
		v       Version
		id      string
		unknown bool
		says    string
	}{
		{V5, "MQTT-3.1.2-31", true, "near it: v5:MQTT-3.1.2-"},
		{V5, "MQTT-3.7.4-1", true, "v5:MQTT-3.7.2-1"},
		{V5, "MQTT-2.2.1-1", true, "v5:MQTT-2.2.1-2"},
		{V5, "MQTT-3.2.2.16", true, "v5:MQTT-3.2.2-16"},
		{V311, "MQTT-4.13.1-1", true, "near it: v5:MQTT-4.13.1-1"}, // it is of the other version
		{V5, "MQTT-3.1.2-*", true, ""},
		{V5, "3.1.2", true, ""},
		{V5, "", true, ""},
		{V5, "nonsense entirely", true, ErrUnknown.Error()},
		{V5, "v311:MQTT-3.1.2-24", false, "belongs to v311, not to v5"},
		{Version(3), "MQTT-3.1.2-24", false, "protocol level 3"},
	} {
		got, err := Qualify(test.v, test.id)
		if err == nil || got != "" {
			t.Errorf("Qualify(%s, %q) = %q, %v; want an error", test.v, test.id, got, err)
			continue
		}
		if errors.Is(err, ErrUnknown) != test.unknown || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Qualify(%s, %q): %v; want it to say %q", test.v, test.id, err, test.says)
		}
	}
}

func TestNearMissesAreFewAndNearestFirst(t *testing.T) {
	for typed, want := range map[string][]string{
		"MQTT-3.12.4-2": {"v5:MQTT-3.12.4-1", "v5:MQTT-3.1.4-2", "v5:MQTT-3.10.4-2"},
		"3.1.2-31":      {"v5:MQTT-3.1.2-3", "v5:MQTT-3.1.2-30", "v5:MQTT-3.1.2-1"},
	} {
		if got := nearest(typed, []Version{V5}); !slices.Equal(got, want) {
			t.Errorf("nearest to %s: %q, want %q", typed, got, want)
		}
	}
	if got := nearest("TOTALLY-DIFFERENT", versions); len(got) != 0 {
		t.Errorf("nearest to nonsense: %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"abc", "abd", 1}, {"abc", "abcd", 1}, {"abc", "bc", 1}, {"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		expr string
		want []ID
	}{
		{"v5:MQTT-3.1.2-24", []ID{"v5:MQTT-3.1.2-24"}},
		{"MQTT-3.1.2-24", []ID{"v5:MQTT-3.1.2-24", "v311:MQTT-3.1.2-24"}},
		{"mqtt-3.1.2-24", []ID{"v5:MQTT-3.1.2-24", "v311:MQTT-3.1.2-24"}},
		{"3.1.2-24", []ID{"v5:MQTT-3.1.2-24", "v311:MQTT-3.1.2-24"}},
		{"MQTT-4.13.1-1", []ID{"v5:MQTT-4.13.1-1"}},
		{"U5-001", []ID{"v5:U5-001"}},
		{"MQTT-3.1.2.7", []ID{"v311:MQTT-3.1.2-7"}},
		{"MQTT-3-8.3-4", []ID{"v311:MQTT-3.8.3-4"}},
		{"MQTT-4.2.0-1", []ID{"v5:MQTT-4.2-1"}},
		{"4.2", []ID{"v5:MQTT-4.2-1"}},
		{"3.12", []ID{"v5:MQTT-3.12.4-1", "v5:U5-028", "v311:MQTT-3.12.4-1", "v311:U3-017"}},
		{"v5:3.1.2.10", []ID{"v5:MQTT-3.1.2-20", "v5:MQTT-3.1.2-21", "v5:MQTT-3.1.2-22", "v5:U5-045", "v5:U5-048"}},
		{"v5:3.1.2.1", []ID{"v5:MQTT-3.1.2-1"}}, // not 3.1.2.10, 3.1.2.11
		{"3.1.0", []ID{"v5:MQTT-3.1.0-1", "v5:MQTT-3.1.0-2", "v311:MQTT-3.1.0-1", "v311:MQTT-3.1.0-2"}},
		{"v311:MQTT-4.5.0", []ID{"v311:MQTT-4.5.0-1", "v311:MQTT-4.5.0-2"}},
		{"MQTT-6.0.0-?", []ID{"v5:MQTT-6.0.0-1", "v5:MQTT-6.0.0-2", "v5:MQTT-6.0.0-3", "v5:MQTT-6.0.0-4",
			"v311:MQTT-6.0.0-1", "v311:MQTT-6.0.0-2", "v311:MQTT-6.0.0-3", "v311:MQTT-6.0.0-4"}},
		{"v5:3.14.4-[12]", []ID{"v5:MQTT-3.14.4-1", "v5:MQTT-3.14.4-2"}},
		{"v311:u3-00[12]", []ID{"v311:U3-001", "v311:U3-002"}},
	} {
		got, err := Match(test.expr)
		if err != nil || !slices.Equal(ids(got), test.want) {
			t.Errorf("Match(%q) = %q, %v; want %q", test.expr, ids(got), err, test.want)
		}
	}
}

func TestMatchWholes(t *testing.T) {
	for expr, want := range map[string][]Statement{"*": All(), "v5:*": Of(V5), "v311:*": Of(V311)} {
		if got, err := Match(expr); err != nil || !slices.Equal(ids(got), ids(want)) {
			t.Errorf("Match(%q): %d statements, %v; want %d", expr, len(got), err, len(want))
		}
	}
	chapter, err := Match("v5:3.1.2")
	if err != nil || len(chapter) != 42 { // 30 numbered, U5-001 to U5-008, U5-010, U5-045, U5-048, U5-055
		t.Errorf("Match(v5:3.1.2): %d statements, %v: %q", len(chapter), err, ids(chapter))
	}
}

func TestMatchRefuses(t *testing.T) {
	for _, test := range []struct {
		expr string
		is   error
		says string
	}{
		{"", ErrUnknown, ""},
		{"v5:", ErrUnknown, ""},
		{"MQTT-3.1.2-99", ErrUnknown, "near it: v5:MQTT-3.1.2-9"},
		{"v311:MQTT-4.13.1-1", ErrUnknown, "v5:MQTT-4.13.1-1"},
		{"9.9", ErrUnknown, ""},
		{"v6:MQTT-3.1.2-24", ErrUnknown, ""},
		{"MQTT-9.*", ErrUnknown, "matches the pattern"},
		{"MQTT-[", path.ErrBadPattern, "MQTT-["},
	} {
		got, err := Match(test.expr)
		if len(got) != 0 || !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Match(%q) = %q, %v; want an error that is %v and says %q", test.expr, ids(got), err, test.is, test.says)
		}
	}
}
