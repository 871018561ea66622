package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestAppendVarint(t *testing.T) {
	for _, tt := range []struct {
		n    uint32
		want string
	}{
		// the borders that the standard's table of sizes gives
		{0, "00"}, {127, "7F"}, {128, "8001"}, {16383, "FF7F"}, {16384, "808001"}, {2097151, "FFFF7F"},
		{2097152, "80808001"}, {MaxVarint, "FFFFFF7F"}, {MaxVarint + 1, "8080808001"},
	} {
		if got := AppendVarint([]byte{9}, tt.n); !bytes.Equal(got, append([]byte{9}, mustParse(t, tt.want)...)) {
			t.Errorf("%d: % X", tt.n, got)
		}
	}
	for _, tt := range []struct {
		n    uint32
		size int
		want string
	}{
		{0, 1, "00"}, {0, 2, "8000"}, {5, 4, "85808000"}, {200, 3, "C88100"}, {200, 2, "C801"},
	} {
		if got := AppendPaddedVarint(nil, tt.n, tt.size); !bytes.Equal(got, mustParse(t, tt.want)) {
			t.Errorf("%d in %d bytes: % X", tt.n, tt.size, got)
		}
	}
}

// TestAppendIllegal writes what the standard forbids, which is what Append is for.
func TestAppendIllegal(t *testing.T) {
	flags := byte(0xFF)
	for _, tt := range []struct {
		name string
		p    Packet
		v    Version
		want string
	}{
		{"CONNECT of 3.1.1 on a connection of 5.0", Connect{ProtocolVersion: V311, ClientID: "c", Properties: Properties{ReceiveMaximum(1)}}, V5, `10 0D 0004"MQTT" 04 00 0000 0001"c"`},
		{"CONNECT of 5.0 on a connection of 3.1.1", Connect{ProtocolVersion: V5, ClientID: "c"}, V311, `10 0E 0004"MQTT" 05 00 0000 00 0001"c"`},
		{"CONNECT of MQTT 3.1", Connect{ProtocolName: "MQIsdp", ProtocolVersion: 3, ClientID: "c"}, V5, `10 0F 0006"MQIsdp" 03 00 0000 0001"c"`},
		{"CONNECT of level 6 as one of 5.0", Connect{ProtocolVersion: 6, ClientID: "c"}, V5, `10 0E 0004"MQTT" 06 00 0000 00 0001"c"`},
		{"CONNECT of level 6 as one of 3.1.1", Connect{ProtocolVersion: 6, ClientID: "c"}, V311, `10 0D 0004"MQTT" 06 00 0000 0001"c"`},
		{"flags that the payload contradicts", Connect{ConnectFlags: &flags}, V311, `10 0C 0004"MQTT" 04 FF 0000 0000`},
		{"Will QoS 3", Connect{Will: &Will{QoS: 3, Topic: "w"}}, V311, `10 11 0004"MQTT" 04 1C 0000 0000 0001"w" 0000`},
		{"CONNACK with reserved flags", Connack{ReservedFlags: 0xFF, SessionPresent: false}, V311, `20 02 FE 00`},
		{"PUBLISH QoS 3 without Packet Identifier", Publish{QoS: 3, Topic: "+"}, V311, `36 05 0001"+" 0000`},
		{"PUBLISH QoS 0 with DUP", Publish{Dup: true, Topic: "t"}, V5, `38 04 0001"t" 00`},
		{"properties that do not belong there", Puback{PacketID: 1, Properties: Properties{ReceiveMaximum(0), ReceiveMaximum(0)}}, V5, `40 0A 0001 00 06 21 0000 21 0000`},
		{"a property that is not defined", Disconnect{Properties: Properties{{ID: 0x80, Text: "x"}}}, V5, `E0 05 00 03 8001 "x"`},
		{"no Topic Filter", Subscribe{PacketID: 1}, V5, `82 03 0001 00`},
		{"reserved option bits", Subscribe{Subscriptions: []Subscription{{Filter: "", QoS: 3, RetainHandling: 3, ReservedBits: 3}}}, V311, `82 05 0000 0000 F3`},
		{"AUTH in 3.1.1", Auth{}, V311, `F0 00`},
		{"other flags", WithFlags{Pubrel{PacketID: 1}, 0xF5}, V311, `65 02 0001`},
		{"other flags on nothing", WithFlags{Raw{}, 1}, V311, ``},
		{"a surplus", WithTrailing{Pingreq{}, []byte{1, 2}}, V5, `C0 02 01 02`},
		{"a surplus that makes the length longer", WithTrailing{Raw(mustParse(t, `30 05 0001"t" 00 00`)), make([]byte, 123)}, V5, `30 8001 0001"t" 00 00` + strings.Repeat("00", 123)},
		{"a surplus after no packet", WithTrailing{Raw{0xC0}, []byte{7}}, V5, `C0 07`},
		{"no packet", Raw{1, 2}, V5, `0102`},
	} {
		if got := Bytes(tt.p, tt.v); !bytes.Equal(got, mustParse(t, tt.want)) {
			t.Errorf("%s: % X", tt.name, got)
		}
	}
	long := Bytes(Publish{Topic: strings.Repeat("x", 65537)}, V311)
	if !bytes.Equal(long[4:8], []byte{0, 1, 'x', 'x'}) || len(long) != 1+3+2+65537 {
		t.Errorf("a text of 65,537 bytes: % X, %d bytes", long[:8], len(long))
	}
}

// TestLargePackets writes packets around the sizes where the Remaining Length grows.
func TestLargePackets(t *testing.T) {
	for _, n := range []int{127, 128, 16383, 16384, 2097151, 2097152} {
		p := Publish{Topic: "t", Payload: make([]byte, n-3)}
		b := Bytes(p, V311)
		h, size, err := ParseHeader(b)
		if err != nil || h.Length != n || h.Padded || len(b) != size+n {
			t.Errorf("Remaining Length %d: %+v, %d bytes, %v", n, h, len(b), err)
		}
		if got, err := (Decoder{Version: V311}).Decode(b); err != nil || len(got.(Publish).Payload) != n-3 {
			t.Errorf("Remaining Length %d: %v", n, err)
		}
	}
}

// TestPartialPackets holds what Decode returns beside a violation.
func TestPartialPackets(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		v           Version
		want        string // Summary, "no packet" for none
	}{
		{"MQTT 3.1", `10 0E 0006"MQIsdp" 03 02 0000 0000`, V5, `CONNECT "MQIsdp" level 3 "" keep-alive=0`},
		{"another protocol", `10 06 0002"XX" 07 00`, V5, `CONNECT "XX" 5.0 "" keep-alive=0`},
		{"level 6", `10 0D 0004"MQTT" 06 02 0000 00 0000`, V5, `CONNECT level 6 "" keep-alive=0`},
		{"CONNECT cut", `10 0B 0004"MQTT" 04 02 0000 00`, V311, "no packet"},
		{"CONNECT cut before its level", `10 06 0004"MQTT"`, V311, "no packet"},
		{"wrong flags", `60 02 0001`, V311, "PUBREL id=1"},
		{"surplus", `C0 01 00`, V311, "PINGREQ"},
		{"undefined property", `E0 04 04 02 05 00`, V5, "DISCONNECT 0x04 Disconnect with Will Message"},
		{"reserved type", `00 00`, V5, "no packet"},
	} {
		p, err := Decoder{Version: tt.v}.Decode(mustParse(t, tt.bytes))
		if err == nil {
			t.Errorf("%s: no violation", tt.name)
		}
		if got := Summary(p, tt.v); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
