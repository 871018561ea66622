package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The tables here are written from the standard independently of those that the package works with.

// faultOf returns the fault of an error of Decode, "" for none.
func faultOf(err error) Fault {
	if v, ok := errors.AsType[*Violation](err); ok {
		return v.Fault
	}
	return ""
}

// least holds the least content of each packet type and who sends it.
var least = map[Type]struct {
	v311, v5 string // of a body
	from     Sender
}{
	CONNECT:     {`0004"MQTT" 04 00 0000 0001"c"`, `0004"MQTT" 05 00 0000 00 0001"c"`, FromClient},
	CONNACK:     {`0000`, `0000 00`, FromServer},
	PUBLISH:     {`0001"t"`, `0001"t" 00`, FromServer},
	PUBACK:      {`0001`, `0001`, FromServer},
	PUBREC:      {`0001`, `0001`, FromServer},
	PUBREL:      {`0001`, `0001`, FromServer},
	PUBCOMP:     {`0001`, `0001`, FromServer},
	SUBSCRIBE:   {`0001 0001"t" 00`, `0001 00 0001"t" 00`, FromClient},
	SUBACK:      {`0001 00`, `0001 00 00`, FromServer},
	UNSUBSCRIBE: {`0001 0001"t"`, `0001 00 0001"t"`, FromClient},
	UNSUBACK:    {`0001`, `0001 00 00`, FromServer},
	PINGREQ:     {``, ``, FromClient},
	PINGRESP:    {``, ``, FromServer},
	DISCONNECT:  {``, ``, FromClient},
	AUTH:        {``, ``, FromServer},
}

// TestFixedHeaderFlags tries every first byte in both versions.
func TestFixedHeaderFlags(t *testing.T) {
	required := map[Type]int{PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2} // all others: 0
	for _, version := range []Version{V311, V5} {
		for first := range 256 {
			typ, flags := Type(first>>4), first&15
			body := least[typ].v5
			if version == V311 {
				body = least[typ].v311
			}
			var want Fault
			switch {
			case typ == 0, typ == AUTH && version == V311:
				want = FaultType
			case typ == PUBLISH && flags>>1&3 == 3:
				want = FaultQoS
			case typ == PUBLISH && flags>>1 == 4:
				want = FaultDup
			case typ == PUBLISH && flags>>1&3 > 0:
				body = strings.Replace(body, `"t"`, `"t" 0001`, 1)
			case typ != PUBLISH && flags != required[typ]:
				want = FaultFlags
			}
			content, err := parseBytes(body)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Decoder{Version: version, Sender: least[typ].from}.Decode(Frame(nil, byte(first), content))
			if got := faultOf(err); got != want {
				t.Errorf("%v, first byte 0x%02X (%v): %q, want %q", version, first, typ, got, want)
			}
			if v, ok := errors.AsType[*Violation](err); ok && (v.Offset != 0 || v.Code != MalformedPacket) {
				t.Errorf("%v, first byte 0x%02X: at %d, %v", version, first, v.Offset, v.Code)
			}
		}
	}
}

// Where each property may stand, and a legal value. W stands for the Will Properties.
var propertyTable = []struct {
	id     byte
	name   string
	value  string
	places string
	twice  string // where it may stand twice
}{
	{0x01, "Payload Format Indicator", "01", "PUBLISH W", ""},
	{0x02, "Message Expiry Interval", "00000001", "PUBLISH W", ""},
	{0x03, "Content Type", `0001"t"`, "PUBLISH W", ""},
	{0x08, "Response Topic", `0001"t"`, "PUBLISH W", ""},
	{0x09, "Correlation Data", `0001 FF`, "PUBLISH W", ""},
	{0x0B, "Subscription Identifier", "8001", "PUBLISH SUBSCRIBE", "PUBLISH"},
	{0x11, "Session Expiry Interval", "00000001", "CONNECT CONNACK DISCONNECT", ""},
	{0x12, "Assigned Client Identifier", `0001"c"`, "CONNACK", ""},
	{0x13, "Server Keep Alive", "0001", "CONNACK", ""},
	{0x15, "Authentication Method", `0001"m"`, "CONNECT CONNACK AUTH", ""},
	{0x16, "Authentication Data", `0001 FF`, "CONNECT CONNACK AUTH", ""},
	{0x17, "Request Problem Information", "01", "CONNECT", ""},
	{0x18, "Will Delay Interval", "00000001", "W", ""},
	{0x19, "Request Response Information", "01", "CONNECT", ""},
	{0x1A, "Response Information", `0001"i"`, "CONNACK", ""},
	{0x1C, "Server Reference", `0001"s"`, "CONNACK DISCONNECT", ""},
	{0x1F, "Reason String", `0001"r"`, "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH", ""},
	{0x21, "Receive Maximum", "0001", "CONNECT CONNACK", ""},
	{0x22, "Topic Alias Maximum", "0001", "CONNECT CONNACK", ""},
	{0x23, "Topic Alias", "0001", "PUBLISH", ""},
	{0x24, "Maximum QoS", "01", "CONNACK", ""},
	{0x25, "Retain Available", "01", "CONNACK", ""},
	{0x26, "User Property", `0001"k" 0001"v"`, everywhere, everywhere},
	{0x27, "Maximum Packet Size", "00000001", "CONNECT CONNACK", ""},
	{0x28, "Wildcard Subscription Available", "01", "CONNACK", ""},
	{0x29, "Subscription Identifier Available", "01", "CONNACK", ""},
	{0x2A, "Shared Subscription Available", "01", "CONNACK", ""},
}

const everywhere = "CONNECT CONNACK PUBLISH W PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH"

// propertyPlaces holds what stands before and after the property list.
var propertyPlaces = []struct {
	name          string
	first         byte
	before, after string
	from          Sender
}{
	{"CONNECT", 0x10, `0004"MQTT" 05 00 0000`, `0001"c"`, FromClient},
	{"W", 0x10, `0004"MQTT" 05 04 0000 00 0001"c"`, `0001"w" 0000`, FromClient},
	{"CONNACK", 0x20, `0000`, ``, FromServer},
	{"PUBLISH", 0x30, `0001"t"`, `"x"`, FromServer},
	{"PUBACK", 0x40, `0001 00`, ``, FromClient},
	{"PUBREC", 0x50, `0001 00`, ``, FromServer},
	{"PUBREL", 0x62, `0001 00`, ``, FromClient},
	{"PUBCOMP", 0x70, `0001 00`, ``, FromServer},
	{"SUBSCRIBE", 0x82, `0001`, `0001"t" 00`, FromClient},
	{"SUBACK", 0x90, `0001`, `00`, FromServer},
	{"UNSUBSCRIBE", 0xA2, `0001`, `0001"t"`, FromClient},
	{"UNSUBACK", 0xB0, `0001`, `00`, FromServer},
	{"DISCONNECT", 0xE0, `00`, ``, FromClient},
	{"AUTH", 0xF0, `18`, ``, FromClient},
}

func mustParse(t testing.TB, text string) []byte {
	t.Helper()
	b, err := parseBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPropertyPlaces puts each property once and twice into each place, and cuts its value at each byte.
func TestPropertyPlaces(t *testing.T) {
	if len(propertyTable) != 27 || len(AllPropertyIDs()) != 27 {
		t.Fatal("MQTT 5.0 has 27 properties")
	}
	for _, place := range propertyPlaces {
		before, after := mustParse(t, place.before), mustParse(t, place.after)
		frame := func(list []byte) []byte {
			return Frame(nil, place.first, slices.Concat(before, []byte{byte(len(list))}, list, after))
		}
		d := Decoder{Version: V5, Sender: place.from}
		for _, p := range propertyTable {
			value := mustParse(t, p.value)
			one := append([]byte{p.id}, value...)
			// AUTH needs a method besides; Authentication Data in CONNECT does
			var first []byte
			if p.id != 0x15 && (place.name == "AUTH" || place.name == "CONNECT" && p.id == 0x16) {
				first = mustParse(t, `15 0001"m"`)
			}
			allowed := slices.Contains(strings.Fields(p.places), place.name)
			want := map[bool]Fault{false: FaultPropertyPlace}[allowed]
			got, err := d.Decode(frame(slices.Concat(first, one)))
			if faultOf(err) != want {
				t.Errorf("%s in %s: %v, want %q", p.name, place.name, err, want)
			}
			if allowed {
				ps := PropertiesOf(got)
				if place.name == "W" {
					ps = got.(Connect).Will.Properties
				}
				if n := len(ps); n == 0 || !strings.HasPrefix(ps[n-1].String(), p.name+": ") || !slices.Equal(ps[n-1].Append(nil), one) {
					t.Errorf("%s in %s: decoded as %v", p.name, place.name, ps)
				}
				if ps := PropertyID(p.id); place.name == "W" && !ps.AllowedInWill() || place.name != "W" && !ps.AllowedIn(TypeOf(place.first)) {
					t.Errorf("%s in %s: AllowedIn says no", p.name, place.name)
				}
			} else if v := err.(*Violation); v.Offset != 2+len(before)+1+len(first) {
				t.Errorf("%s in %s: at %d", p.name, place.name, v.Offset)
			}
			if !allowed {
				continue
			}
			want = FaultPropertyRepeated
			if slices.Contains(strings.Fields(p.twice), place.name) {
				want = ""
			}
			_, err = d.Decode(frame(slices.Concat(first, one, one)))
			if faultOf(err) != want {
				t.Errorf("%s twice in %s: %v, want %q", p.name, place.name, err, want)
			}
			for cut := range value {
				_, err = d.Decode(frame(slices.Concat(first, one[:1+cut])))
				if faultOf(err) != FaultTruncated {
					t.Errorf("%s in %s, cut after %d bytes: %v", p.name, place.name, cut, err)
				}
			}
		}
	}
}

// TestUndefinedProperties tries every identifier that the standard does not define.
func TestUndefinedProperties(t *testing.T) {
	defined := map[uint32]bool{}
	for _, p := range propertyTable {
		defined[uint32(p.id)] = true
	}
	for id := range uint32(1024) {
		if defined[id] {
			continue
		}
		list := append(AppendVarint(nil, id), 0, 0, 0, 0)
		_, err := Decoder{Version: V5}.Decode(Frame(nil, 0xE0, append([]byte{0, byte(len(list))}, list...)))
		if v, ok := errors.AsType[*Violation](err); !ok || v.Fault != FaultPropertyUnknown || v.Offset != 4 || v.Code != MalformedPacket {
			t.Errorf("property 0x%X: %v", id, err)
		}
	}
}

// TestReasonCodes tries all codes in all packets that bear one.
func TestReasonCodes(t *testing.T) {
	for _, tt := range []struct {
		version       Version
		first         byte
		before, after string
		allowed       string // as a list of hexadecimal bytes
	}{
		{V311, 0x20, `00`, ``, "00 01 02 03 04 05"},
		{V311, 0x90, `0001`, ``, "00 01 02 80"},
		{V5, 0x20, `00`, `00`, "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F"},
		{V5, 0x40, `0001`, ``, "00 10 80 83 87 90 91 97 99"},
		{V5, 0x50, `0001`, ``, "00 10 80 83 87 90 91 97 99"},
		{V5, 0x62, `0001`, ``, "00 92"},
		{V5, 0x70, `0001`, ``, "00 92"},
		{V5, 0x90, `0001 00`, ``, "00 01 02 80 83 87 8F 91 97 9E A1 A2"},
		{V5, 0xB0, `0001 00`, ``, "00 11 80 83 87 8F 91"},
		// 3.14.2.1 and, for 8C, the table of section 2.4
		{V5, 0xE0, ``, ``, "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2"},
		{V5, 0xF0, ``, `04 15 0001"m"`, "00 18 19"},
	} {
		before, after, allowed := mustParse(t, tt.before), mustParse(t, tt.after), strings.Fields(tt.allowed)
		for code := range 256 {
			want := Fault("")
			if !slices.Contains(allowed, fmt.Sprintf("%02X", code)) {
				want = FaultReasonCode
			}
			_, err := Decoder{Version: tt.version, Sender: FromServer}.
				Decode(Frame(nil, tt.first, slices.Concat(before, []byte{byte(code)}, after)))
			if got := faultOf(err); got != want {
				t.Errorf("%v %v, code 0x%02X: %q, want %q", tt.version, TypeOf(tt.first), code, got, want)
			}
			if v, ok := errors.AsType[*Violation](err); ok && (v.Offset != 2+len(before) || v.Code != ProtocolError) {
				t.Errorf("%v %v, code 0x%02X: %v, %v", tt.version, TypeOf(tt.first), code, err, v.Code)
			}
			name := ReasonCode(code).Name(TypeOf(tt.first), tt.version)
			if want == "" && name == "undefined" {
				t.Errorf("%v %v: code 0x%02X has no name", tt.version, TypeOf(tt.first), code)
			}
		}
	}
}

// TestTruncation cuts the content of full packets at every byte, with a Remaining Length that fits. Nearly always a
// field then reaches past the end; the exceptions are listed by how many bytes of the content are left.
func TestTruncation(t *testing.T) {
	for _, tt := range []struct {
		version    Version
		first      byte
		body       string
		exceptions map[int]Fault // "" is legal
	}{
		{V311, 0x10, `0004"MQTT" 04 C6 0001 0001"c" 0001"w" 0001"p" 0001"u" 0001"s"`, nil},
		{V5, 0x10, `0004"MQTT" 05 C6 0001 03 21 0001 0001"c" 02 01 01 0001"w" 0001"p" 0001"u" 0001"s"`, nil},
		{V311, 0x20, `0000`, nil},
		{V5, 0x20, `0000 03 21 0001`, nil},
		{V311, 0x32, `0001"t" 0001 "xyz"`, map[int]Fault{5: "", 6: "", 7: ""}},
		{V5, 0x32, `0001"t" 0001 03 23 0001 "xyz"`, map[int]Fault{9: "", 10: "", 11: ""}},
		{V311, 0x40, `0001`, nil},
		{V5, 0x40, `0001 10 04 1F 0001"r"`, map[int]Fault{2: "", 3: ""}},
		{V5, 0x50, `0001 10 04 1F 0001"r"`, map[int]Fault{2: "", 3: ""}},
		{V5, 0x62, `0001 92 04 1F 0001"r"`, map[int]Fault{2: "", 3: ""}},
		{V5, 0x70, `0001 92 04 1F 0001"r"`, map[int]Fault{2: "", 3: ""}},
		{V311, 0x82, `0001 0001"a" 00 0001"b" 01`, map[int]Fault{2: FaultNoFilters, 6: ""}},
		{V5, 0x82, `0001 02 0B 01 0001"a" 00 0001"b" 01`, map[int]Fault{5: FaultNoFilters, 9: ""}},
		{V311, 0x90, `0001 00 01`, map[int]Fault{2: FaultNoReasonCodes, 3: ""}},
		{V5, 0x90, `0001 04 1F 0001"r" 00 01`, map[int]Fault{7: FaultNoReasonCodes, 8: ""}},
		{V311, 0xA2, `0001 0001"a" 0001"b"`, map[int]Fault{2: FaultNoFilters, 5: ""}},
		{V5, 0xA2, `0001 05 26 0000 0000 0001"a" 0001"b"`, map[int]Fault{8: FaultNoFilters, 11: ""}},
		{V311, 0xB0, `0001`, nil},
		{V5, 0xB0, `0001 04 1F 0001"r" 00 11`, map[int]Fault{7: FaultNoReasonCodes, 8: ""}},
		{V5, 0xE0, `81 04 1F 0001"r"`, map[int]Fault{0: "", 1: ""}},
		{V5, 0xF0, `18 04 15 0001"m"`, map[int]Fault{0: "", 1: FaultPropertyMissing}},
	} {
		body := mustParse(t, tt.body)
		d := Decoder{Version: tt.version, Sender: FromServer}
		if _, err := d.Decode(Frame(nil, tt.first, body)); err != nil {
			t.Errorf("%v %v whole: %v", tt.version, TypeOf(tt.first), err)
		}
		for n := range body {
			want, special := tt.exceptions[n]
			if !special {
				want = FaultTruncated
			}
			p, err := d.Decode(Frame(nil, tt.first, body[:n]))
			if got := faultOf(err); got != want {
				t.Errorf("%v %v cut to %d bytes: %v, want %q", tt.version, TypeOf(tt.first), n, err, want)
			}
			if want == FaultTruncated && p != nil {
				t.Errorf("%v %v cut to %d bytes: got %#v", tt.version, TypeOf(tt.first), n, p)
			}
		}
	}
}
