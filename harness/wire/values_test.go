package wire

import (
	"fmt"
	"reflect"
	"testing"
)

// TestConstructors gives each constructor's property the identifier and the form that the standard's table has, by
// writing it.
func TestConstructors(t *testing.T) {
	for _, tt := range []struct {
		p    Property
		want string
	}{
		{PayloadFormatIndicator(1), "01 01"}, {MessageExpiryInterval(0x01020304), "02 01020304"},
		{ContentType("t"), `03 0001"t"`}, {ResponseTopic("t"), `08 0001"t"`}, {CorrelationData("\xff"), `09 0001 FF`},
		{SubscriptionIdentifier(128), "0B 8001"}, {SessionExpiryInterval(7), "11 00000007"},
		{AssignedClientIdentifier("c"), `12 0001"c"`}, {ServerKeepAlive(0x0102), "13 0102"},
		{AuthenticationMethod("m"), `15 0001"m"`}, {AuthenticationData("\x00"), `16 0001 00`},
		{RequestProblemInformation(1), "17 01"}, {WillDelayInterval(9), "18 00000009"},
		{RequestResponseInformation(1), "19 01"}, {ResponseInformation("i"), `1A 0001"i"`}, {ServerReference("s"), `1C 0001"s"`},
		{ReasonString("r"), `1F 0001"r"`}, {ReceiveMaximum(65535), "21 FFFF"}, {TopicAliasMaximum(1), "22 0001"},
		{TopicAlias(2), "23 0002"}, {MaximumQoS(QoS1), "24 01"}, {RetainAvailable(0), "25 00"},
		{UserProperty("k", "vv"), `26 0001"k" 0002"vv"`}, {MaximumPacketSize(1), "27 00000001"},
		{WildcardSubscriptionAvailable(1), "28 01"}, {SubscriptionIdentifierAvailable(1), "29 01"}, {SharedSubscriptionAvailable(1), "2A 01"},
	} {
		if got := tt.p.Append(nil); string(got) != string(mustParse(t, tt.want)) {
			t.Errorf("%v: % X, want %s", tt.p, got, tt.want)
		}
	}
}

func TestProperties(t *testing.T) {
	ps := Properties{UserProperty("a", "1"), ReceiveMaximum(3), UserProperty("a", "2"), ReceiveMaximum(4)}
	if got := ps.Int(PropReceiveMaximum, 9); got != 3 {
		t.Errorf("the first of two: %d", got)
	}
	if got := ps.Int(PropTopicAlias, 9); got != 9 {
		t.Errorf("absent: %d", got)
	}
	if ps.Text(PropUserProperty) != "a" || ps.Text(PropContentType) != "" {
		t.Errorf("texts: %q, %q", ps.Text(PropUserProperty), ps.Text(PropContentType))
	}
	if got := ps.All(PropUserProperty); !reflect.DeepEqual(got, Properties{UserProperty("a", "1"), UserProperty("a", "2")}) {
		t.Errorf("all: %v", got)
	}
	// With and Without leave the original alone, also where it has room to grow
	room := append(make(Properties, 0, 8), ps...)
	one, two := room.With(TopicAlias(1)), room.With(TopicAlias(2))
	if one[4].Int != 1 || two[4].Int != 2 {
		t.Errorf("two lists made from one share memory: %v, %v", one, two)
	}
	if got := room.Without(PropReceiveMaximum); len(got) != 2 || !reflect.DeepEqual(room, ps) {
		t.Errorf("without: %v, original %v", got, room)
	}
}

func TestPacketIDOf(t *testing.T) {
	for _, tt := range []struct {
		p  Packet
		id uint16
		ok bool
	}{
		{Publish{QoS: 1, PacketID: 5}, 5, true}, {Publish{PacketID: 5}, 5, false},
		{Puback{PacketID: 6}, 6, true}, {Pubrec{PacketID: 6}, 6, true}, {Pubrel{PacketID: 6}, 6, true}, {Pubcomp{PacketID: 6}, 6, true},
		{Subscribe{PacketID: 7}, 7, true}, {Suback{PacketID: 7}, 7, true}, {Unsubscribe{PacketID: 7}, 7, true}, {Unsuback{PacketID: 7}, 7, true},
		{Connect{}, 0, false}, {Pingreq{}, 0, false}, {Raw{0x40, 2, 0, 1}, 0, false}, {nil, 0, false},
	} {
		if id, ok := PacketIDOf(tt.p); ok != tt.ok || ok && id != tt.id {
			t.Errorf("%#v: %d, %v", tt.p, id, ok)
		}
	}
}

func TestNames(t *testing.T) {
	for typ := CONNECT; typ <= AUTH; typ++ {
		if got, ok := ParseType(typ.String()); !ok || got != typ {
			t.Errorf("ParseType(%q): %v, %v", typ, got, ok)
		}
	}
	if typ, ok := ParseType("reserved"); ok {
		t.Errorf("type 0 has a name to parse: %v", typ)
	}
	for got, want := range map[string]string{
		ProtocolError.String():           "0x82 Protocol Error",
		ReasonCode(0x7F).String():        "0x7F undefined",
		Success.Name(DISCONNECT, V5):     "Normal disconnection",
		Success.Name(SUBACK, V5):         "Granted QoS 0",
		Success.Name(CONNACK, V5):        "Success",
		ReasonCode(5).Name(CONNACK, V5):  "not authorized",
		GrantedQoS1.Name(SUBACK, V5):     "Granted QoS 1",
		UnspecifiedError.Name(SUBACK, 4): "Failure",
		fmt.Sprint(V311, V5, Version(6)): "3.1.1 5.0 level 6",
		fmt.Sprint(FromClient):           "client",
		fmt.Sprint(FromServer):           "server",
		PropertyID(0x7F).String():        "property 0x7F",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if Success.Failed() || ReAuthenticate.Failed() || !UnspecifiedError.Failed() {
		t.Error("failures begin at 0x80")
	}
	v := &Violation{Fault: FaultQoS, Type: PUBLISH, Offset: 3}
	if v.Error() != "PUBLISH: QoS 3 at byte 3" {
		t.Error(v)
	}
	if v.Detail = "why"; v.Error() != "PUBLISH: QoS 3 at byte 3: why" {
		t.Error(v)
	}
}
