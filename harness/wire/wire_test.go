package wire

import (
	"reflect"
	"testing"
)

// TestRoundTrip writes every packet in both versions and reads it back.
func TestRoundTrip(t *testing.T) {
	name := "user"
	some := Properties{UserProperty("a", "b"), ReasonString("why")}
	packets := []struct {
		p    Packet
		from Sender
		v311 bool
	}{
		{Connect{CleanStart: true, KeepAlive: 60, ClientID: "me", Properties: Properties{SessionExpiryInterval(5)}}, FromClient, false},
		{Connect{ClientID: "me", Username: &name, Password: []byte{}, Will: &Will{QoS: 2, Retain: true, Topic: "w", Payload: []byte("x")}}, FromClient, true},
		{Connack{SessionPresent: true, Properties: Properties{ReceiveMaximum(9), MaximumQoS(1)}}, FromServer, false},
		{Connack{ReasonCode: NotAuthorized}, FromServer, false},
		{Publish{QoS: 1, Dup: true, Retain: true, Topic: "a/b", PacketID: 77, Payload: []byte("hello")}, FromClient, true},
		{Publish{Topic: "a", Payload: []byte{}, Properties: Properties{SubscriptionIdentifier(1), SubscriptionIdentifier(300)}}, FromServer, false},
		{Puback{PacketID: 1}, FromClient, true},
		{Pubrec{PacketID: 1, ReasonCode: NotAuthorized}, FromClient, false},
		{Pubrel{PacketID: 1, LongForm: true}, FromClient, false},
		{Pubcomp{PacketID: 1, ReasonCode: PacketIdentifierNotFound, Properties: some}, FromServer, false},
		{Subscribe{PacketID: 3, Subscriptions: []Subscription{{Filter: "a/#", QoS: 2}, {Filter: "+"}}}, FromClient, true},
		{Subscribe{PacketID: 3, Subscriptions: []Subscription{{Filter: "a", NoLocal: true, RetainAsPublished: true, RetainHandling: 2}}}, FromClient, false},
		{Suback{PacketID: 3, ReasonCodes: []ReasonCode{0, 1, 2, 0x80}}, FromServer, true},
		{Unsubscribe{PacketID: 4, Filters: []string{"a", "b/+"}}, FromClient, true},
		{Unsuback{PacketID: 4}, FromServer, true},
		{Unsuback{PacketID: 4, ReasonCodes: []ReasonCode{0, 0x11}}, FromServer, false},
		{Pingreq{}, FromClient, true},
		{Pingresp{}, FromServer, true},
		{Disconnect{}, FromClient, true},
		{Disconnect{ReasonCode: DisconnectWithWillMessage, Properties: Properties{SessionExpiryInterval(1)}}, FromClient, false},
		{Auth{ReasonCode: ContinueAuthentication, Properties: Properties{AuthenticationMethod("m"), AuthenticationData("\x00")}}, FromClient, false},
	}
	for _, tt := range packets {
		versions := []Version{V5}
		if tt.v311 {
			versions = append(versions, V311)
		}
		for _, v := range versions {
			want := tt.p
			if c, ok := want.(Connect); ok {
				c.ProtocolName, c.ProtocolVersion = "MQTT", v
				want = c
			}
			if u, ok := want.(Unsuback); ok && v == V5 && len(u.ReasonCodes) == 0 {
				continue
			}
			got, err := Decoder{Version: v, Sender: tt.from}.Decode(Bytes(tt.p, v))
			if err != nil {
				t.Errorf("%v %v: %v", v, tt.p.Type(), err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v %v:\n got %#v\nwant %#v", v, tt.p.Type(), got, want)
			}
		}
	}
}
