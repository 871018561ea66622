package req

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func count(statements []Statement, is func(Statement) bool) int {
	n := 0
	for _, s := range statements {
		if is(s) {
			n++
		}
	}
	return n
}

func TestCounts(t *testing.T) {
	numbered := func(s Statement) bool { return s.Numbered() }
	for _, test := range []struct {
		what string
		of   Version
		is   func(Statement) bool
		want int
	}{
		{"numbered", V5, numbered, 251},
		{"numbered", V311, numbered, 141},
		{"unnumbered", V5, func(s Statement) bool { return !s.Numbered() }, 73},
		{"unnumbered", V311, func(s Statement) bool { return !s.Numbered() }, 20},
		{"numbered that a device shows", V5, func(s Statement) bool { return s.Numbered() && s.ObservableAt(Client) }, 131},
		{"numbered that a device shows", V311, func(s Statement) bool { return s.Numbered() && s.ObservableAt(Client) }, 67},
		{"numbered that a server shows", V5, func(s Statement) bool { return s.Numbered() && s.ObservableAt(Server) }, 234},
		{"numbered that a server shows", V311, func(s Statement) bool { return s.Numbered() && s.ObservableAt(Server) }, 125},
		{"numbered that bind clients", V5, func(s Statement) bool { return s.Numbered() && s.Binds(Client) }, 133},
		{"numbered that bind clients", V311, func(s Statement) bool { return s.Numbered() && s.Binds(Client) }, 73},
		{"numbered that bind servers", V5, func(s Statement) bool { return s.Numbered() && s.Binds(Server) }, 202},
		{"numbered that bind servers", V311, func(s Statement) bool { return s.Numbered() && s.Binds(Server) }, 106},
	} {
		if got := count(Of(test.of), test.is); got != test.want {
			t.Errorf("%s: %d %s statements, want %d", test.of, got, test.what, test.want)
		}
	}
	if got, want := len(All()), len(Of(V5))+len(Of(V311)); got != want {
		t.Errorf("All has %d statements, its versions have %d", got, want)
	}
}

// numbers are the statements that each group of ids has. The standards number each from 1, with one exception.
var numbers = map[Version]string{
	V5: `1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:6 2.2.2:1
		3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2 3.2.2:22 3.3.1:13 3.3.2:20 3.3.4:10
		3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5 3.8.4:8 3.9.2:2 3.9.3:2
		3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4 3.14.4:3 3.15.1:1 3.15.2:3
		4.1.0:2 4.2:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6
		4.9.0:3 4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4`,
	V311: `1.5.3:3 2.2.2:2 2.3.1:7
		3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3 3.3.4:1 3.3.5:2 3.6.1:1
		3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1 3.14.4:3
		4.1.0:2 4.3.1:1 4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2
		6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1`,
}

// missing are the numbers that the standards skip.
var missing = []ID{"v5:MQTT-2.2.1-1"}

func TestNumberingHasNoOtherGap(t *testing.T) {
	for v, groups := range numbers {
		var want []ID
		for group := range strings.FieldsSeq(groups) {
			section, last, _ := strings.Cut(group, ":")
			n, err := strconv.Atoi(last)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				id := ID(fmt.Sprintf("%s:MQTT-%s-%d", v, section, i+1))
				if !slices.Contains(missing, id) {
					want = append(want, id)
				}
			}
		}
		var got []ID
		for _, s := range Of(v) {
			if s.Numbered() {
				got = append(got, s.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: ids or their order differ from the standard's:\n got %q\nwant %q", v, got, want)
		}
	}
	for v, prefix := range map[Version]string{V5: "v5:U5", V311: "v311:U3"} {
		n := 0
		for _, s := range Of(v) {
			if s.Numbered() {
				continue
			}
			n++
			if want := ID(fmt.Sprintf("%s-%03d", prefix, n)); s.ID != want {
				t.Errorf("%s stands where %s should", s.ID, want)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^(v5:(MQTT-\d+(\.\d+){1,2}-[1-9]\d*|U5-\d{3})|v311:(MQTT-\d+(\.\d+){2}-[1-9]\d*|U3-\d{3}))$`)
	seen := make(map[ID]bool)
	for _, s := range All() {
		if !form.MatchString(string(s.ID)) {
			t.Errorf("%s has not the form of an id", s.ID)
		}
		if seen[s.ID] {
			t.Errorf("%s stands twice", s.ID)
		}
		seen[s.ID] = true
		if !strings.HasPrefix(string(s.ID), s.Version.String()+":") {
			t.Errorf("%s is listed under %s", s.ID, s.Version)
		}
		if got, ok := Lookup(s.ID); !ok || got.ID != s.ID {
			t.Errorf("Lookup(%s) = %q, %v", s.ID, got.ID, ok)
		}
	}
	for _, id := range []ID{"", "MQTT-3.1.2-24", "v5:MQTT-2.2.1-1", "v5:MQTT-3.7.4-1", "v5:MQTT-4.2.0-1", "v5:U3-001"} {
		if s, ok := Lookup(id); ok {
			t.Errorf("Lookup(%q) = %q, want nothing", id, s.ID)
		}
	}
}

func TestFields(t *testing.T) {
	actors := []Actor{Client, Server, Both}
	levels := []Level{Must, MustNot, Should, ShouldNot, May}
	observabilities := []Observability{Direct, Reaction, NotObservable}
	methods := []Method{ActiveSpec, PassiveMonitor, FaultInjection, ServerReaction, DeviceMode}
	needs := regexp.MustCompile(`^[a-z0-9]*(-[a-z0-9]+)*$`)
	for _, s := range All() {
		for field, ok := range map[string]bool{
			"Actor":            slices.Contains(actors, s.Actor),
			"Level":            slices.Contains(levels, s.Level),
			"ServerObservable": slices.Contains(observabilities, s.ServerObservable),
			"Title":            s.Title != "",
			"SubsectionTitle":  s.SubsectionTitle != "",
			"Section":          strings.HasPrefix(s.Subsection+".", s.Section+"."),
			"Needs":            needs.MatchString(s.Needs),
			"URL":              strings.HasPrefix(s.URL, documents[s.Version]),
		} {
			if !ok {
				t.Errorf("%s: %s of %+v", s.ID, field, s)
			}
		}
		for _, m := range s.Method {
			if !slices.Contains(methods, m) {
				t.Errorf("%s: unknown method %q", s.ID, m)
			}
		}
		if group := s.number(); s.Numbered() && !strings.HasPrefix(group, s.Section) {
			t.Errorf("%s stands in section %s", s.ID, s.Section)
		}
	}
}

func TestTexts(t *testing.T) {
	clean := regexp.MustCompile(`^[!-~]+( [!-~]+)*$`) // ASCII, single spaces, none at the ends
	for _, s := range All() {
		if s.Text == "" {
			t.Errorf("%s has no text", s.ID)
		}
		for field, text := range map[string]string{
			"Text": s.Text, "How": s.How, "NotObservable": s.NotObservable, "Errata": s.Errata,
			"Title": s.Title, "SubsectionTitle": s.SubsectionTitle,
		} {
			if text == "" {
				continue
			}
			if !clean.MatchString(text) {
				t.Errorf("%s: %s is not clean ASCII: %q", s.ID, field, text)
			}
			if strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s ends with a period: %q", s.ID, field, text)
			}
		}
		if first := s.Text[:1]; first != strings.ToUpper(first) {
			t.Errorf("%s: Text begins with a small letter: %q", s.ID, s.Text)
		}
		if len(s.Text) > 120 {
			t.Errorf("%s: Text has %d characters, too long for a line of a report", s.ID, len(s.Text))
		}
	}
}

// What the columns say of one statement must agree.
func TestObservability(t *testing.T) {
	for _, s := range All() {
		does := func(m Method) bool { return slices.Contains(s.Method, m) }
		for rule, holds := range map[string]bool{
			"direct means that the server is bound":  s.ServerObservable != Direct || s.Binds(Server),
			"reaction means that only the client is": s.ServerObservable != Reaction || s.Actor == Client,
			"a reaction is a method":                 s.ServerObservable != Reaction || does(ServerReaction),
			"a device shows duties of clients only":  !s.DeviceObservable || s.Binds(Client),
			"device mode is how":                     s.DeviceObservable == does(DeviceMode),
			"a server shows by another method": (s.ServerObservable != NotObservable) ==
				(does(ActiveSpec) || does(PassiveMonitor) || does(FaultInjection) || does(ServerReaction)),
			"a reason stands if nothing shows":     s.NotObservable != "" || s.ObservableAt(Both),
			"or if a side that is bound does not":  s.NotObservable == "" || !s.ObservableAt(Both) || s.Binds(Client) && !s.ObservableAt(Client),
			"a sketch stands if something does":    (s.How != "") == s.ObservableAt(Both),
			"why not, for servers":                 (s.WhyNotAt(Server) == "") == s.ObservableAt(Server),
			"why not, for clients":                 (s.WhyNotAt(Client) == "") == s.ObservableAt(Client),
			"a bound server that does not show it": !s.Binds(Server) || s.ObservableAt(Server) || s.NotObservable != "",
			"a bound client that does not show it": !s.Binds(Client) || s.ObservableAt(Client) || s.NotObservable != "",
		} {
			if !holds {
				t.Errorf("%s: not so: %s", s.ID, rule)
			}
		}
	}
}

func TestTwins(t *testing.T) {
	for _, s := range All() {
		for _, id := range s.Twins {
			twin, ok := Lookup(id)
			switch {
			case !ok:
				t.Errorf("%s: twin %s is unknown", s.ID, id)
			case twin.Version == s.Version:
				t.Errorf("%s: twin %s is of the same version", s.ID, id)
			case !slices.Contains(twin.Twins, s.ID):
				t.Errorf("%s has the twin %s, but not the reverse", s.ID, id)
			case s.Actor != Both && !twin.Binds(s.Actor):
				t.Errorf("%s binds the %s, its twin %s does not", s.ID, s.Actor, id)
			}
		}
	}
	for id, want := range map[ID][]ID{
		"v5:MQTT-3.1.2-4":    {"v311:MQTT-3.1.2-6"},
		"v5:MQTT-3.1.2-22":   {"v311:MQTT-3.1.2-24"},
		"v5:MQTT-3.1.2-24":   nil,
		"v5:MQTT-4.6.0-5":    {"v311:MQTT-4.6.0-6"},
		"v5:MQTT-3.14.4-1":   {"v311:MQTT-3.14.4-2"},
		"v311:MQTT-3.1.2-22": nil, // 5.0 allows a password without a user name
		"v311:MQTT-4.3.2-2":  {"v5:MQTT-4.3.2-4", "v5:MQTT-4.3.2-5"},
		"v311:MQTT-4.8.0-1":  {"v5:MQTT-4.13.1-1", "v5:U5-049"},
	} {
		if s, _ := Lookup(id); !slices.Equal(s.Twins, want) {
			t.Errorf("twins of %s: %q, want %q", id, s.Twins, want)
		}
	}
}

// Every statement of 3.1.1 lives on in 5.0, except these.
func TestStatementsWithoutTwin(t *testing.T) {
	var got []ID
	for _, s := range Of(V311) {
		if s.Numbered() && len(s.Twins) == 0 {
			got = append(got, s.ID)
		}
	}
	want := []ID{
		"v311:MQTT-3.1.2-12", // no will without Will Flag: prose in 5.0
		"v311:MQTT-3.1.2-22", // dropped: 5.0 allows a password alone
		"v311:MQTT-3.1.3-7",  // dropped: 5.0 allows an empty identifier with Clean Start 0
		"v311:MQTT-3.1.3-8",  // dropped with it
		"v311:MQTT-3.2.2-6",  // dropped: 5.0 has a general reason code
		"v311:MQTT-3.3.5-2",  // dropped: 5.0 has negative acknowledgements
		"v311:MQTT-3.8.3-2",  // replaced by Wildcard Subscription Available
		"v311:MQTT-4.8.0-2",  // prose in 5.0
		"v311:MQTT-7.0.0-1",  // prose in 5.0
		"v311:MQTT-7.0.0-2",  // prose in 5.0
	}
	if !slices.Equal(got, want) {
		t.Errorf("without twin: %q\nwant %q", got, want)
	}
}

func TestSameAs(t *testing.T) {
	for _, s := range All() {
		for _, id := range s.SameAs {
			other, ok := Lookup(id)
			if !ok || other.Version != s.Version || other.ID == s.ID || !slices.Contains(other.SameAs, s.ID) {
				t.Errorf("%s: same as %s, found %v: %q", s.ID, id, ok, other.SameAs)
			}
		}
	}
	for id, want := range map[ID][]ID{
		"v5:MQTT-3.2.2-21":  {"v5:MQTT-3.1.2-21"},
		"v5:MQTT-3.3.2-11":  {"v5:MQTT-3.1.2-26"},
		"v5:MQTT-3.3.2-9":   {"v5:MQTT-3.2.2-17"},
		"v5:MQTT-4.7.0-1":   {"v5:MQTT-3.3.2-2"},
		"v5:MQTT-2.2.1-6":   {"v5:MQTT-3.8.4-2", "v5:MQTT-3.10.4-5"},
		"v5:MQTT-3.2.2-16":  {"v5:MQTT-3.1.3-6", "v5:MQTT-3.1.3-7"},
		"v5:MQTT-4.9.0-2":   {"v5:MQTT-3.3.4-7", "v5:MQTT-3.3.4-9"},
		"v5:MQTT-3.1.4-4":   {"v5:MQTT-3.1.2-4", "v5:MQTT-3.1.2-5", "v5:MQTT-3.1.2-6"},
		"v311:MQTT-4.7.1-1": {"v311:MQTT-3.3.2-2"},
	} {
		if s, _ := Lookup(id); !slices.Equal(s.SameAs, want) {
			t.Errorf("%s is the same as %q, want %q", id, s.SameAs, want)
		}
	}
}

func TestHeadingsAndLinks(t *testing.T) {
	for id, want := range map[ID][5]string{
		"v5:MQTT-3.1.2-24":   {"3.1.2", "CONNECT Variable Header", "3.1.2.11.4", "Maximum Packet Size", documents[V5] + "#_Toc3901050"},
		"v5:MQTT-3.1.0-1":    {"3.1", "CONNECT", "3.1", "CONNECT", documents[V5] + "#_Toc3901033"},
		"v5:MQTT-4.1.0-2":    {"4.1", "Session State", "4.1.1", "Storing Session State", documents[V5] + "#_Toc3901231"},
		"v5:MQTT-4.7.0-1":    {"4.7", "Topic Names and Topic Filters", "4.7.1", "Topic wildcards", documents[V5] + "#_Toc3901242"},
		"v5:MQTT-6.0.0-1":    {"6", "Using WebSocket as a network transport", "6", "Using WebSocket as a network transport", documents[V5] + "#_Toc3901285"},
		"v311:MQTT-3.1.2-24": {"3.1.2", "CONNECT Variable header", "3.1.2.10", "Keep Alive", documents[V311] + "#_Toc398718030"},
		"v311:MQTT-4.4.0-1":  {"4.4", "Message delivery retry", "4.4", "Message delivery retry", documents[V311] + "#_Toc398718103"},
		"v311:MQTT-7.0.0-1":  {"7", "Conformance", "7", "Conformance", documents[V311]},
	} {
		s, _ := Lookup(id)
		if got := [5]string{s.Section, s.Title, s.Subsection, s.SubsectionTitle, s.URL}; got != want {
			t.Errorf("%s: %q\nwant %q", id, got, want)
		}
	}
}

func TestEveryPrintedFormAndErratum(t *testing.T) {
	printed := make(map[ID]string)
	for _, s := range All() {
		if s.Printed == "" {
			continue
		}
		printed[s.ID] = s.Printed
		if s.Errata == "" {
			t.Errorf("%s is printed as %s, and no erratum says so", s.ID, s.Printed)
		}
	}
	want := map[ID]string{
		"v5:MQTT-3.2.2-8":   "T-3.2.2-8",
		"v5:MQTT-4.2-1":     "MQTT-4.2.0-1",
		"v311:MQTT-3.1.2-7": "MQTT-3.1.2.7",
		"v311:MQTT-3.3.1-1": "MQTT-3.3.1.-1",
		"v311:MQTT-3.8.3-4": "MQTT-3-8.3-4",
	}
	if !maps.Equal(printed, want) {
		t.Errorf("misprints: %q, want %q", printed, want)
	}
	for id, want := range map[ID]string{
		"v5:MQTT-3.3.1-10":  "inverts the condition",
		"v5:MQTT-2.2.1-2":   "no MQTT-2.2.1-1 exists",
		"v5:MQTT-4.12.0-2":  "authorization",
		"v311:MQTT-4.3.3-1": "six duties",
	} {
		if s, _ := Lookup(id); !strings.Contains(s.Errata, want) {
			t.Errorf("%s: erratum %q does not speak of %q", id, s.Errata, want)
		}
	}
}

func TestCallersCannotDisorderTheCatalogue(t *testing.T) {
	first := All()[0].ID
	slices.Reverse(All())
	if got := All()[0].ID; got != first {
		t.Errorf("after a caller reversed its slice, All begins with %s", got)
	}
}

func TestAdvisory(t *testing.T) {
	for level, want := range map[Level]bool{Must: false, MustNot: false, Should: true, ShouldNot: true, May: true} {
		if got := level.Advisory(); got != want {
			t.Errorf("%s: advisory %v, want %v", level, got, want)
		}
	}
	for _, s := range All() {
		if s.Numbered() && s.Level.Advisory() {
			t.Errorf("%s is %s, but the standards number duties only", s.ID, s.Level)
		}
	}
}
