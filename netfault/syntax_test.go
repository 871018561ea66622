package netfault

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

func TestParseFault(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Fault
	}{
		{"reset", Fault{Match: Match{Open: true}, Action: Reset{}}},
		{"reset,conn=2", Fault{Match: Match{Open: true}, Action: Reset{}, Conn: 2}},
		{"reset@to-server:PUBACK:2", Fault{Match: Match{Type: wire.PUBACK, Nth: 2}, Action: Reset{}}},
		{"reset@to-client:connack,after,conn=3", Fault{Match: Match{Dir: ToClient, Type: wire.CONNACK}, Action: Reset{After: true}, Conn: 3}},
		{"close@to-client:any:7", Fault{Match: Match{Dir: ToClient, Nth: 7}, Action: Close{}}},
		{"close@to-client:any,after,every", Fault{Match: Match{Dir: ToClient, Every: true}, Action: Close{After: true}}},
		{"stall", Fault{Match: Match{Open: true}, Action: Stall{Both: true}}},
		{"stall@connect", Fault{Match: Match{Open: true}, Action: Stall{Both: true}}},
		{"stall=to-client", Fault{Match: Match{Open: true}, Action: Stall{Dir: ToClient}}},
		{"stall@to-client", Fault{Match: Match{Open: true, Dir: ToClient}, Action: Stall{Dir: ToClient}}},
		{"stall@to-client:PUBREC,after", Fault{Match: Match{Dir: ToClient, Type: wire.PUBREC}, Action: Stall{Dir: ToClient, After: true}}},
		{"stall=both@to-client:PUBREC", Fault{Match: Match{Dir: ToClient, Type: wire.PUBREC}, Action: Stall{Dir: ToClient, Both: true}}},
		{"stall=to-server@to-client:PUBREC", Fault{Match: Match{Dir: ToClient, Type: wire.PUBREC}, Action: Stall{Dir: ToServer}}},
		{"half-close=to-client", Fault{Match: Match{Open: true}, Action: HalfClose{Dir: ToClient}}},
		{"half-close@to-client:SUBACK,after", Fault{Match: Match{Dir: ToClient, Type: wire.SUBACK}, Action: HalfClose{Dir: ToClient, After: true}}},
		{"delay=200ms", Fault{Match: Match{Open: true}, Action: Delay{For: 200 * time.Millisecond, Both: true}}},
		{"delay=200ms@to-client", Fault{Match: Match{Open: true, Dir: ToClient}, Action: Delay{For: 200 * time.Millisecond}}},
		{"delay=1s@to-server:PUBREL,after", Fault{Match: Match{Type: wire.PUBREL}, Action: Delay{For: time.Second, After: true}}},
		{"drop@to-server:PINGREQ,every", Fault{Match: Match{Type: wire.PINGREQ, Every: true}, Action: Drop{}}},
		{"slice=1,2,9@to-server:CONNECT", Fault{Match: Match{Type: wire.CONNECT}, Action: Slice{At: []int{1, 2, 9}}}},
		{"slice=3/50ms@to-server:CONNECT", Fault{Match: Match{Type: wire.CONNECT}, Action: Slice{At: []int{3}, Gap: 50 * time.Millisecond}}},
	} {
		got, err := ParseFault(tt.text)
		tt.want.Text = tt.text
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseFaultErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "no action",
		"rset@to-server:PUBACK":          `"rset" is no action; there are close, reset`,
		"reset@":                         "neither connect, nor to-server or to-client",
		"reset@PUBACK":                   "neither connect, nor to-server or to-client",
		"reset@to-server:PUBAK":          `"PUBAK" is no packet type; there are any, CONNECT`,
		"reset@to-server:PUBACK:0":       `"0" is no number from 1 on`,
		"reset@to-server:PUBACK:x":       `"x" is no number from 1 on`,
		"reset@to-server:PUBACK:1:2":     "more than a direction",
		"reset=5@to-server:PUBACK":       "reset takes no value",
		"reset@to-server:PUBACK,afer":    `"afer" is no option; there are after, every, conn=N`,
		"reset@to-server:PUBACK,conn=":   `"" is no number`,
		"reset,after":                    "after needs a packet",
		"drop":                           "say which, as in drop@to-server:PUBLISH",
		"drop@to-client":                 "acts on a packet",
		"drop@to-client:PUBACK,after":    "after has no meaning for drop",
		"half-close":                     "half-close wants a direction",
		"half-close=up":                  `"up" is no direction`,
		"stall=none":                     `"none" is no direction`,
		"delay@to-client":                `"" is no time, such as 200ms`,
		"delay=-1s":                      `"-1s" is no time`,
		"slice=@to-server:CONNECT":       `the offset "" is no number`,
		"slice=4,2@to-server:CONNECT":    "the offset 2 does not rise",
		"slice=4/x@to-server:CONNECT":    `"x" is no time`,
		"slice=1,2":                      "acts on a packet",
		"replace=xy@to-server:CONNECT":   `"xy" is no hexadecimal bytes`,
		"replace=@to-server:CONNECT":     "no hexadecimal bytes",
		"replace=d000@to-server:PUBACK,": `"" is no option`,
	} {
		f, err := ParseFault(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %+v, %v, want an error with %q", text, f, err, want)
		}
	}
}

// The text of a rule is a fault again, with the same text.
func TestFaultSyntaxExamplesAndRuleTexts(t *testing.T) {
	l := NewLink(nil, nil, "")
	for _, s := range FaultSyntax() {
		f, err := ParseFault(s.Example)
		if err != nil {
			t.Errorf("%s: %v", s.Form, err)
			continue
		}
		if _, rewrites := f.Action.(Rewrite); rewrites {
			continue
		}
		text := f.Arm(l).String()
		again, err := ParseFault(text)
		if err != nil || again.Arm(l).String() != text {
			t.Errorf("%s: its rule says %s, which reads as %+v, %v", s.Example, text, again, err)
		}
		f.Text, f.Conn, again.Text = "", 0, ""
		if !reflect.DeepEqual(f, again) && !f.Match.Open {
			f.Match.Nth, again.Match.Nth = max(f.Match.Nth, 1), max(again.Match.Nth, 1)
			if !reflect.DeepEqual(f, again) {
				t.Errorf("%s: its rule reads as %+v, want %+v", s.Example, again, f)
			}
		}
	}
}
