package wire

import "testing"

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		filter  string
		yes, no []string
	}{
		{"#", []string{"a", "a/b", "/", "/a"}, []string{"$SYS", "$SYS/a"}},
		{"sport/tennis/player1/#", []string{"sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon", "sport/tennis/player1/"}, []string{"sport/tennis/player2", "sport/tennis/player11", "sport/tennis"}},
		{"sport/tennis/+", []string{"sport/tennis/player1", "sport/tennis/"}, []string{"sport/tennis/player1/ranking", "sport/tennis"}},
		{"sport/+", []string{"sport/"}, []string{"sport"}},
		{"+", []string{"finance"}, []string{"/finance", "a/", "$SYS"}},
		{"+/+", []string{"/finance", "a/b", "/"}, []string{"finance", "$SYS/a"}},
		{"/+", []string{"/finance", "/"}, []string{"finance", "a/b"}},
		{"+/monitor/Clients", []string{"a/monitor/Clients"}, []string{"$SYS/monitor/Clients"}},
		{"$SYS/#", []string{"$SYS", "$SYS/a/b"}, []string{"SYS", "$SYSTEM"}},
		{"$SYS/monitor/+", []string{"$SYS/monitor/Clients"}, nil},
		{"a/+/c/#", []string{"a/b/c", "a//c/d"}, []string{"a/b", "a/c"}},
		{"ACCOUNTS", []string{"ACCOUNTS"}, []string{"Accounts", "ACCOUNTS/", "/ACCOUNTS"}},
		{"a/$b/+", []string{"a/$b/c"}, nil},
		{"a/+", []string{"a/$b"}, nil}, // only a leading $ is special
	} {
		for _, topic := range tt.yes {
			if !Matches(tt.filter, topic) {
				t.Errorf("%q does not match %q", tt.filter, topic)
			}
		}
		for _, topic := range tt.no {
			if Matches(tt.filter, topic) {
				t.Errorf("%q matches %q", tt.filter, topic)
			}
		}
	}
}

func TestCheckFilter(t *testing.T) {
	for _, tt := range []struct {
		filter   string
		v311, v5 bool
	}{
		{"", false, false},
		{"/", true, true},
		{" ", true, true},
		{"#", true, true},
		{"a/#", true, true},
		{"a#", false, false},
		{"#/a", false, false},
		{"+#", false, false},
		{"++", false, false},
		{"+/a/+", true, true},
		{"a+/b", false, false},
		{"$share", true, true},
		{"$shared/a", true, true},
		{"$share/", true, false},
		{"$share/g", true, false},
		{"$share/g/", true, false},
		{"$share//a", true, false},
		{"$share/g/a", true, true},
		{"$share/g//", true, true},
		{"$share/g/#", true, true},
		{"$share/g/#/a", false, false},
		{"$share/+/a", true, false},
		{"$share/g+/a", false, false},
		{"$share/#", true, false},
	} {
		for v, legal := range map[Version]bool{V311: tt.v311, V5: tt.v5} {
			if err := CheckFilter(tt.filter, v); (err == nil) != legal {
				t.Errorf("%v, %q: %v", v, tt.filter, err)
			}
		}
	}
}

func TestSharedFilter(t *testing.T) {
	for _, tt := range []struct {
		in, name, filter string
		shared           bool
	}{
		{"$share/g/a/b", "g", "a/b", true},
		{"$share/g//a", "g", "/a", true},
		{"$share/g h/#", "g h", "#", true},
		{"$share/g", "", "$share/g", false},
		{"$share//a", "", "$share//a", false},
		{"$SHARE/g/a", "", "$SHARE/g/a", false},
		{"a", "", "a", false},
	} {
		name, filter, shared := SharedFilter(tt.in)
		if name != tt.name || filter != tt.filter || shared != tt.shared {
			t.Errorf("%q: %q, %q, %v", tt.in, name, filter, shared)
		}
	}
}
