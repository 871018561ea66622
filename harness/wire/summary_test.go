package wire

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	name, flags := "me", byte(0xC3)
	long := strings.Repeat("x", 63) + "éy"
	for _, tt := range []struct {
		p    Packet
		v    Version
		want string
	}{
		{Publish{QoS: 1, Dup: true, PacketID: 7, Topic: "a/b", Payload: []byte("hello"), Properties: Properties{MessageExpiryInterval(9)}}, V5,
			`PUBLISH q1 dup id=7 "a/b" 5 bytes "hello" [Message Expiry Interval: 9]`},
		{Publish{Retain: true, Topic: "\u202Egro", Payload: []byte("a\r\n\x1b[2J\x00\xff\u2066é")}, V311,
			`PUBLISH q0 retain "\u202egro" 14 bytes "a\r\n\x1b[2J\x00\xff\u2066\u00e9"`},
		{Publish{Topic: "t", Payload: []byte(long)}, V311,
			`PUBLISH q0 "t" 66 bytes "` + strings.Repeat("x", 63) + `"...`},
		{Publish{Topic: "t", Payload: []byte(strings.Repeat("\xff", 65))}, V311,
			`PUBLISH q0 "t" 65 bytes "` + strings.Repeat(`\xff`, 64) + `"...`},
		{Publish{Topic: "t", Payload: []byte(strings.Repeat("\x80", 80))}, V311,
			`PUBLISH q0 "t" 80 bytes "` + strings.Repeat(`\x80`, 60) + `"...`},
		{Publish{QoS: 3, Topic: "t"}, V311, `PUBLISH q3 id=0 "t" 0 bytes`},
		{Connect{ClientID: "c", Username: &name, Password: []byte("secret"), KeepAlive: 5}, V311,
			`CONNECT 3.1.1 "c" keep-alive=5 user="me" password=***`},
		{Connect{Password: []byte{}, ConnectFlags: &flags, Properties: Properties{AuthenticationData("secret")}}, V5,
			`CONNECT 5.0 "" keep-alive=0 flags=0xC3 password=*** [Authentication Data: ***]`},
		{Connect{ProtocolName: "MQIsdp", ProtocolVersion: 3}, V5, `CONNECT "MQIsdp" level 3 "" keep-alive=0`},
		{Connack{ReservedFlags: 2, ReasonCode: 0x85}, V5, `CONNACK reserved-flags=0x02 0x85 Client Identifier not valid`},
		{Connack{ReasonCode: 2}, V311, `CONNACK 0x02 identifier rejected`},
		{Puback{PacketID: 1, ReasonCode: 0x77}, V5, `PUBACK id=1 0x77 undefined`},
		{Puback{PacketID: 1}, V311, `PUBACK id=1`},
		{Subscribe{PacketID: 1, Subscriptions: []Subscription{{Filter: "a", ReservedBits: 2, RetainHandling: 3}}}, V5,
			`SUBSCRIBE id=1 "a" q0 retain-handling=3 reserved-bits=2`},
		{Unsubscribe{PacketID: 1, Filters: make([]string, 18)}, V5,
			`UNSUBSCRIBE id=1 ` + strings.Repeat(`"", `, 15) + `"" and 2 more`},
		{Suback{PacketID: 1}, V5, `SUBACK id=1`},
		{Disconnect{}, V311, `DISCONNECT`},
		{WithFlags{Pubrel{PacketID: 3}, 0}, V311, `PUBREL id=3 flags=0000`},
		{WithTrailing{Pingreq{}, []byte{1}}, V5, `PINGREQ trailing 1 byte`},
		{Raw{0x10, 3, 's', 'e', 'c'}, V5, `CONNECT raw 5 bytes`},
		{Raw{}, V5, `reserved raw 0 bytes`},
		{Disconnect{Properties: Properties{{ID: 0x7F, Text: "\x00z"}}}, V5, `DISCONNECT 0x00 Normal disconnection [property 0x7F: 2 bytes "\x00z"]`},
		{nil, V5, "no packet"},
	} {
		if got := Summary(tt.p, tt.v); got != tt.want {
			t.Errorf("\n got %s\nwant %s", got, tt.want)
		}
		if tt.p != nil {
			checkSummary(t, tt.p, tt.v)
		}
	}
}

// dissection writes fields one per line.
func dissection(fields []Field) string {
	var b line
	for _, f := range fields {
		b.add("%d+%d %s: %s", f.Offset, f.Length, f.Name, f.Value)
		b.when(f.Secret, " (secret)")
		b.add("\n")
	}
	return b.String()
}

func TestDissect(t *testing.T) {
	for _, tt := range []struct {
		name   string
		v      Version
		from   Sender
		bytes  string
		fields string
	}{
		{"CONNECT", V5, FromClient,
			`10 2F 0004"MQTT" 05 CE 003C 07 16 0001"d" 21 0001 0001"c" 02 01 00 0001"w" 0003"bye" 0004"user" 0006"secret" 00`, `
0+1 packet type and flags: CONNECT
1+1 Remaining Length: 47
2+6 Protocol Name: "MQTT"
8+1 Protocol Version: 5
9+1 Connect Flags: 0xCE User Name, Password, Will, Clean Start, Will QoS 1
10+2 Keep Alive: 60
12+1 Property Length: 7
13+1 Property Identifier: 0x16 Authentication Data
14+3 Authentication Data: *** (secret)
17+1 Property Identifier: 0x21 Receive Maximum
18+2 Receive Maximum: 1
20+3 Client Identifier: "c"
23+1 Property Length: 2
24+1 Property Identifier: 0x01 Payload Format Indicator
25+1 Payload Format Indicator: 0
26+3 Will Topic: "w"
29+5 Will Payload: 3 bytes "bye"
34+6 User Name: "user"
40+8 Password: *** (secret)
48+1 after the last field: 1 byte (secret)`},
		{"CONNECT with the password cut", V311, FromClient, `10 14 0004"MQTT" 04 C3 0000 0000 0000 0006"secr"`, `
0+1 packet type and flags: CONNECT
1+1 Remaining Length: 20
2+6 Protocol Name: "MQTT"
8+1 Protocol Version: 4
9+1 Connect Flags: 0xC3 User Name, Password, Clean Session, reserved bit
10+2 Keep Alive: 0
12+2 Client Identifier: ""
14+2 User Name: ""
16+2 length of Password: 6
18+4 not understood: 4 bytes (secret)`},
		{"CONNECT of MQTT 3.1", V311, FromClient, `10 0E 0006"MQIsdp" 03 02 0000 0000`, `
0+1 packet type and flags: CONNECT
1+1 Remaining Length: 14
2+8 Protocol Name: "MQIsdp"
10+1 Protocol Version: 3
11+5 not understood: 5 bytes (secret)`},
		{"CONNACK", V5, FromServer, `20 03 81 87 00`, `
0+1 packet type and flags: CONNACK
1+1 Remaining Length: 3
2+1 Connect Acknowledge Flags: 0x81 Session Present, reserved bits
3+1 Reason Code: 0x87 Not authorized
4+1 Property Length: 0`},
		{"PUBLISH", V5, FromServer, `3D 8C00 0001"a" 0007 03 26 0000 0000 "x"`, `
0+1 packet type and flags: PUBLISH q2 dup retain
1+2 Remaining Length: 12 in more bytes than it needs
3+3 Topic Name: "a"
6+2 Packet Identifier: 7
8+1 Property Length: 3
9+1 Property Identifier: 0x26 User Property
10+2 User Property, name: ""
12+3 not understood: 3 bytes`},
		{"beginning of a PUBLISH", V311, FromServer, `30 0A 0001"a" "xy"`, `
0+1 packet type and flags: PUBLISH q0
1+1 Remaining Length: 10
2+3 Topic Name: "a"
5+2 Payload: 2 bytes "xy"`},
		{"PUBREL with flags of another", V311, FromServer, `60 02 0001`, `
0+1 packet type and flags: PUBREL flags=0000
1+1 Remaining Length: 2
2+2 Packet Identifier: 1`},
		{"SUBSCRIBE of 5.0", V5, FromClient, `82 0B 0001 00 0001"a" 6E 0001"b" 00`, `
0+1 packet type and flags: SUBSCRIBE
1+1 Remaining Length: 11
2+2 Packet Identifier: 1
4+1 Property Length: 0
5+3 Topic Filter: "a"
8+1 Subscription Options: 0x6E QoS 2, No Local, Retain As Published, Retain Handling 2, reserved bits
9+3 Topic Filter: "b"
12+1 Subscription Options: 0x00 QoS 0, Retain Handling 0`},
		{"SUBSCRIBE of 3.1.1", V311, FromClient, `82 06 0001 0001"a" 05`, `
0+1 packet type and flags: SUBSCRIBE
1+1 Remaining Length: 6
2+2 Packet Identifier: 1
4+3 Topic Filter: "a"
7+1 Subscription Options: 0x05 QoS 1, reserved bits`},
		{"undefined property", V5, FromServer, `B0 06 0001 02 05 00 11`, `
0+1 packet type and flags: UNSUBACK
1+1 Remaining Length: 6
2+2 Packet Identifier: 1
4+1 Property Length: 2
5+1 Property Identifier: 5
6+1 properties not understood: 1 byte
7+1 Reason Code: 0x11 No subscription existed`},
		{"AUTH in 3.1.1", V311, FromClient, `F0 02 1800`, `
0+1 packet type and flags: AUTH
1+1 Remaining Length: 2
2+2 not understood: 2 bytes (secret)`},
		{"endless Remaining Length", V5, FromClient, `C0 FFFFFFFF`, `
0+5 not understood: 5 bytes`},
		{"nothing", V5, FromClient, ``, `
`},
	} {
		frame := mustParse(t, tt.bytes)
		if got, want := dissection(Dissect(frame, tt.v, tt.from)), strings.TrimPrefix(tt.fields, "\n"); strings.TrimSuffix(got, "\n") != want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, want)
		}
	}
}

// TestSecrets looks for passwords and Authentication Data in everything that is printed.
func TestSecrets(t *testing.T) {
	const secret = "hunter2"
	name := "u"
	props := Properties{AuthenticationMethod("m"), AuthenticationData(secret)}
	for _, p := range []Packet{
		Connect{Username: &name, Password: []byte(secret), Properties: props},
		Connack{Properties: props},
		Auth{ReasonCode: ContinueAuthentication, Properties: props},
		WithTrailing{Connect{}, []byte(secret)},
	} {
		whole := Bytes(p, V5)
		for n := range len(whole) + 1 {
			for _, frame := range [][]byte{whole[:n], append([]byte{whole[0], byte(max(n, 2) - 2)}, whole[min(2, n):n]...)} {
				got, err := Decoder{Version: V5}.Decode(frame)
				text := Summary(got, V5) + Summary(Raw(frame), V5) + dissection(Dissect(frame, V5, FromClient))
				if err != nil {
					text += err.Error()
				}
				if strings.Contains(text, "hunt") {
					t.Errorf("%v cut to %d bytes: %s", p.Type(), n, text)
				}
				for _, f := range Dissect(frame, V5, FromClient) {
					if strings.Contains(string(frame[f.Offset:f.Offset+f.Length]), "hun") && !f.Secret {
						t.Errorf("%v cut to %d bytes: %+v is not marked as secret", p.Type(), n, f)
					}
				}
			}
		}
	}
}
