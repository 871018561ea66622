package netfault

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Fault is a rule as a text says it, for a command line, a configuration or an API.
type Fault struct {
	Text   string // as it was read
	Match  Match
	Action Action
	Conn   int // only for the nth connection that a Proxy accepts, from 1; 0: for each
}

// Syntax explains one part of the language of [ParseFault].
type Syntax struct {
	Form    string // such as "delay=TIME"
	Text    string // what it does
	Example string // a whole fault
}

// FaultSyntax returns the parts of the language of [ParseFault]: first the actions, then the places, which begin with
// "@", then the options, which begin with a comma.
func FaultSyntax() []Syntax {
	return []Syntax{
		{"close", "end both directions with a FIN", "close@to-client:CONNACK"},
		{"reset", "end the connection with a RST on either side", "reset@to-server:PUBACK:2"},
		{"half-close", "end one direction with a FIN, that of the place", "half-close@to-server:SUBSCRIBE,after"},
		{"half-close=DIRECTION", "end that direction with a FIN", "half-close=to-client@to-server:PINGREQ"},
		{"stall", "let nothing pass any more, no FIN and no RST, in the direction of the place", "stall@to-client:PUBREC"},
		{"stall=DIRECTION|both", "the same in that direction, or in both", "stall=both@to-server:PUBREL"},
		{"delay=TIME", "delay what passes in the direction of the place, from there on", "delay=200ms@to-client"},
		{"drop", "do not forward the packet", "drop@to-client:PINGRESP,every"},
		{"slice=N,N…[/GAP]", "forward the packet in pieces cut at these offsets, with a gap between", "slice=1,2,5/50ms@to-server:CONNECT"},
		{"replace=HEX", "forward these bytes in the place of the packet", "replace=d0017f@to-client:PINGRESP"},
		{"@connect", "when a connection opens, before its first byte; also meant where no place is given", "stall@connect"},
		{"@DIRECTION", "the same, for that direction alone: to-server or to-client", "delay=1s@to-server"},
		{"@DIRECTION:TYPE[:N]", "at the nth packet of that type (or of any type), before it is forwarded", "drop@to-server:any:3"},
		{",after", "act right after the packet has been forwarded", "reset@to-server:PUBLISH,after"},
		{",every", "act on each further such packet too", "drop@to-client:PUBACK:2,every"},
		{",conn=N", "only on the nth connection that the proxy accepts", "reset@to-client:CONNACK,conn=1"},
	}
}

// ParseFault reads a fault such as "reset@to-server:PUBACK:2": an action, a place and options, as [FaultSyntax] lists
// them. Packet types may be in lower case. The error says what would be right.
func ParseFault(text string) (Fault, error) {
	f := Fault{Text: text}
	action, place, _ := strings.Cut(text, "@")
	options := strings.Split(place, ",")
	place = options[0]
	options = options[1:]
	if !strings.Contains(text, "@") { // options may follow the action, except where a slice's offsets do
		place = "connect"
		if name, _, _ := strings.Cut(action, "="); name != "slice" {
			options = strings.Split(action, ",")
			action, options = options[0], options[1:]
		}
	}
	err := f.parsePlace(place)
	if err == nil {
		err = f.parseAction(action, place == "connect")
	}
	for _, o := range options {
		if err == nil {
			err = f.parseOption(o)
		}
	}
	if err == nil && f.Match.Open {
		switch {
		case f.Action.needsPacket():
			err = fmt.Errorf("%s acts on a packet: say which, as in %s@to-server:PUBLISH", action, action)
		case actsAfter(f.Action):
			err = fmt.Errorf("after needs a packet, as in %s@to-server:PUBLISH,after", action)
		}
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

func (f *Fault) parsePlace(place string) error {
	if place == "connect" {
		f.Match.Open = true
		return nil
	}
	parts := strings.Split(place, ":")
	d, err := parseDir(parts[0])
	if err != nil {
		return fmt.Errorf("the place %q is neither connect, nor to-server or to-client with a packet type", place)
	}
	f.Match.Dir = d
	switch len(parts) {
	case 1:
		f.Match.Open = true
		return nil
	case 2:
	case 3:
		if f.Match.Nth, err = parseCount(parts[2]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the place %q has more than a direction, a packet type and a number", place)
	}
	if strings.EqualFold(parts[1], "any") {
		return nil
	}
	t, ok := wire.ParseType(strings.ToUpper(parts[1]))
	if !ok {
		var names []string
		for t := wire.CONNECT; t <= wire.AUTH; t++ {
			names = append(names, t.String())
		}
		return fmt.Errorf("%q is no packet type; there are any, %s", parts[1], strings.Join(names, ", "))
	}
	f.Match.Type = t
	return nil
}

func (f *Fault) parseAction(text string, bothWays bool) (err error) {
	name, value, hasValue := strings.Cut(text, "=")
	d := f.Match.Dir
	switch name {
	case "close", "reset", "drop":
		if hasValue {
			return fmt.Errorf("%s takes no value", name)
		}
		f.Action = map[string]Action{"close": Close{}, "reset": Reset{}, "drop": Drop{}}[name]
	case "half-close":
		switch {
		case hasValue:
			d, err = parseDir(value)
		case bothWays:
			err = fmt.Errorf("half-close wants a direction: half-close=to-server or half-close=to-client")
		}
		f.Action = HalfClose{Dir: d}
	case "stall":
		both := bothWays && !hasValue || value == "both"
		if hasValue && !both {
			d, err = parseDir(value)
		}
		f.Action = Stall{Dir: d, Both: both}
	case "delay":
		by, err := parseTime(value)
		if err != nil {
			return err
		}
		f.Action = Delay{For: by, Both: bothWays}
	case "slice":
		f.Action, err = parseSlice(value)
	case "replace":
		b, err := hex.DecodeString(value)
		if err != nil || len(b) == 0 {
			return fmt.Errorf("%q is no hexadecimal bytes, such as d000", value)
		}
		f.Action = Rewrite{With: func([]byte, wire.Packet) []byte { return b }}
	default:
		return fmt.Errorf("%q is no action; there are close, reset, half-close, stall, delay=TIME, drop, slice=OFFSETS, replace=HEX", name)
	}
	return err
}

func (f *Fault) parseOption(text string) (err error) {
	name, value, _ := strings.Cut(text, "=")
	switch name {
	case "every":
		f.Match.Every = true
	case "conn":
		f.Conn, err = parseCount(value)
	case "after":
		switch a := f.Action.(type) {
		case Close:
			f.Action = Close{After: true}
		case Reset:
			f.Action = Reset{After: true}
		case HalfClose:
			a.After = true
			f.Action = a
		case Stall:
			a.After = true
			f.Action = a
		case Delay:
			a.After = true
			f.Action = a
		default:
			return fmt.Errorf("after has no meaning for %s", a)
		}
	default:
		return fmt.Errorf("%q is no option; there are after, every, conn=N", text)
	}
	return err
}

func parseDir(text string) (Dir, error) {
	for _, d := range []Dir{ToServer, ToClient} {
		if text == dirName(d) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no direction; there are to-server and to-client", text)
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number from 1 on", text)
	}
	return n, nil
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time, such as 200ms or 1.5s", text)
	}
	return d, nil
}

func parseSlice(text string) (Slice, error) {
	offsets, gap, hasGap := strings.Cut(text, "/")
	var s Slice
	for o := range strings.SplitSeq(offsets, ",") {
		n, err := parseCount(o)
		if err != nil {
			return s, fmt.Errorf("the offset %w", err)
		}
		if len(s.At) > 0 && n <= s.At[len(s.At)-1] {
			return s, fmt.Errorf("the offset %d does not rise", n)
		}
		s.At = append(s.At, n)
	}
	if hasGap {
		var err error
		if s.Gap, err = parseTime(gap); err != nil {
			return s, err
		}
	}
	return s, nil
}

// String returns the text.
func (f Fault) String() string { return f.Text }

// Arm arms the fault on a link. It does not look at Conn.
func (f Fault) Arm(l *Link) *Rule { return l.On(f.Match, f.Action) }

// Inject lets a fault whose place is a packet wait for it, and one whose place is the opening of a connection act at
// once on the connections that are open.
func (f Fault) Inject(l *Link) {
	if !f.Match.Open {
		f.Arm(l)
		return
	}
	switch a := f.Action.(type) {
	case Close:
		l.CutFIN()
	case Reset:
		l.Reset()
	case HalfClose:
		l.HalfClose(a.Dir)
	case Stall:
		if a.Both {
			l.StallBoth()
		} else {
			l.Stall(a.Dir)
		}
	case Delay:
		if a.Both {
			l.Delay(f.Match.Dir^1, a.For)
		}
		l.Delay(f.Match.Dir, a.For)
	}
}
