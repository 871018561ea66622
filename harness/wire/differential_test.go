package wire

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
	paho3 "github.com/eclipse/paho.mqtt.golang/packets"
	"pgregory.net/rapid"
)

// The tests here compare with two codecs of other authors: their reader with our bytes and our reader with theirs. Where
// one of them is known to be wrong, a packet is kept from it, with the reason at that place.

// TestAgainstPaho5 compares with paho.golang, which speaks 5.0.
func TestAgainstPaho5(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sender := rapid.SampledFrom([]Sender{FromClient, FromServer}).Draw(t, "sender")
		d := Decoder{Version: V5, Sender: sender}
		p := fitForPaho5(genPacket(t, d))
		compare(t, d, p, asPaho5Writes(p), func(r io.Reader) (Packet, io.WriterTo, error) {
			theirs, err := paho5.ReadPacket(r)
			if err != nil {
				return nil, nil, err
			}
			return fromPaho5(theirs), theirs, nil
		})
	})
}

// TestAgainstPaho3 compares with paho.mqtt.golang, which speaks 3.1.1.
func TestAgainstPaho3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sender := rapid.SampledFrom([]Sender{FromClient, FromServer}).Draw(t, "sender")
		d := Decoder{Version: V311, Sender: sender}
		p := genPacket(t, d)
		compare(t, d, p, p, func(r io.Reader) (Packet, io.WriterTo, error) {
			theirs, err := paho3.ReadPacket(r)
			if err != nil {
				return nil, nil, err
			}
			return fromPaho3(theirs), writerTo(theirs.Write), nil
		})
	})
}

// writerTo is the method that paho.mqtt.golang calls Write.
type writerTo func(io.Writer) error

func (f writerTo) WriteTo(w io.Writer) (int64, error) { return 0, f(w) }

// compare has them read what we write, and has us read what they write, which should be written.
func compare(t *rapid.T, d Decoder, p, written Packet, read func(io.Reader) (Packet, io.WriterTo, error)) {
	ours := Bytes(p, d.Version)
	got, theirs, err := read(bytes.NewReader(ours))
	if err != nil {
		t.Fatalf("they cannot read %s: %v\n% X", Summary(p, d.Version), err, ours)
	}
	if want := plain(p); !reflect.DeepEqual(plain(got), want) {
		t.Fatalf("they read it otherwise\nours   %#v\ntheirs %#v\n% X", want, plain(got), ours)
	}
	var b bytes.Buffer
	if _, err := theirs.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	back, err := d.Decode(b.Bytes())
	if err != nil {
		t.Fatalf("what they write is a violation: %v\nours   % X\ntheirs % X", err, ours, b.Bytes())
	}
	if want := plain(written); !reflect.DeepEqual(plain(back), want) {
		t.Fatalf("we read otherwise what they write\nours   %#v\ntheirs %#v\nours   % X\ntheirs % X", want, plain(back), ours, b.Bytes())
	}
}

// plain removes from a packet what the other codecs have no notion of: the order of properties other than User Property,
// the long form, and the difference between an absent and an empty list.
func plain(p Packet) Packet {
	if p == nil {
		return nil
	}
	v := reflect.New(reflect.TypeOf(p)).Elem()
	v.Set(reflect.ValueOf(p))
	if f := v.FieldByName("Properties"); f.IsValid() {
		f.Set(reflect.ValueOf(sorted(f.Interface().(Properties))))
	}
	if f := v.FieldByName("LongForm"); f.IsValid() {
		f.SetBool(false)
	}
	if f := v.FieldByName("Payload"); f.IsValid() && f.Len() == 0 {
		f.Set(reflect.ValueOf([]byte(nil)))
	}
	if f := v.FieldByName("Will"); f.IsValid() && !f.IsNil() {
		w := *f.Interface().(*Will)
		w.Properties = sorted(w.Properties)
		if len(w.Payload) == 0 {
			w.Payload = nil
		}
		f.Set(reflect.ValueOf(&w))
	}
	return v.Interface().(Packet)
}

// sorted orders properties by identifier, each User Property after the one it came after.
func sorted(ps Properties) (out Properties) {
	for _, id := range AllPropertyIDs() {
		out = append(out, ps.All(id)...)
	}
	return out
}

func codesOf(b []byte) (codes []ReasonCode) {
	for _, c := range b {
		codes = append(codes, ReasonCode(c))
	}
	return codes
}

// fromPaho5 gives our value for theirs.
func fromPaho5(cp *paho5.ControlPacket) Packet {
	switch p := cp.Content.(type) {
	case *paho5.Connect:
		c := Connect{
			ProtocolName: p.ProtocolName, ProtocolVersion: Version(p.ProtocolVersion), CleanStart: p.CleanStart,
			KeepAlive: p.KeepAlive, Properties: fromProperties(p.Properties), ClientID: p.ClientID,
		}
		if p.WillFlag {
			c.Will = &Will{
				QoS: QoS(p.WillQOS), Retain: p.WillRetain, Properties: fromProperties(p.WillProperties), Topic: p.WillTopic, Payload: p.WillMessage,
			}
		}
		if p.UsernameFlag {
			c.Username = &p.Username
		}
		if p.PasswordFlag {
			c.Password = append([]byte{}, p.Password...)
		}
		return c
	case *paho5.Connack:
		return Connack{SessionPresent: p.SessionPresent, ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	case *paho5.Publish:
		return Publish{
			Dup: p.Duplicate, QoS: QoS(p.QoS), Retain: p.Retain, Topic: p.Topic, PacketID: p.PacketID,
			Properties: fromProperties(p.Properties), Payload: p.Payload,
		}
	case *paho5.Puback:
		return Puback{PacketID: p.PacketID, ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	case *paho5.Pubrec:
		return Pubrec{PacketID: p.PacketID, ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	case *paho5.Pubrel:
		return Pubrel{PacketID: p.PacketID, ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	case *paho5.Pubcomp:
		return Pubcomp{PacketID: p.PacketID, ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	case *paho5.Subscribe:
		s := Subscribe{PacketID: p.PacketID, Properties: fromProperties(p.Properties)}
		for _, o := range p.Subscriptions {
			s.Subscriptions = append(s.Subscriptions, Subscription{
				Filter: o.Topic, QoS: QoS(o.QoS), NoLocal: o.NoLocal, RetainAsPublished: o.RetainAsPublished, RetainHandling: RetainHandling(o.RetainHandling),
			})
		}
		return s
	case *paho5.Suback:
		return Suback{PacketID: p.PacketID, Properties: fromProperties(p.Properties), ReasonCodes: codesOf(p.Reasons)}
	case *paho5.Unsubscribe:
		return Unsubscribe{PacketID: p.PacketID, Properties: fromProperties(p.Properties), Filters: p.Topics}
	case *paho5.Unsuback:
		return Unsuback{PacketID: p.PacketID, Properties: fromProperties(p.Properties), ReasonCodes: codesOf(p.Reasons)}
	case *paho5.Pingreq:
		return Pingreq{}
	case *paho5.Pingresp:
		return Pingresp{}
	case *paho5.Disconnect:
		return Disconnect{ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	case *paho5.Auth:
		return Auth{ReasonCode: ReasonCode(p.ReasonCode), Properties: fromProperties(p.Properties)}
	}
	panic(fmt.Sprintf("%T", cp.Content))
}

func fromProperties(p *paho5.Properties) (ps Properties) {
	if p == nil {
		return nil
	}
	text := func(id PropertyID, s string) {
		if s != "" {
			ps = append(ps, Property{ID: id, Text: s})
		}
	}
	text(PropContentType, p.ContentType)
	text(PropResponseTopic, p.ResponseTopic)
	text(PropCorrelationData, string(p.CorrelationData))
	text(PropAssignedClientIdentifier, p.AssignedClientID)
	text(PropAuthenticationMethod, p.AuthMethod)
	text(PropAuthenticationData, string(p.AuthData))
	text(PropResponseInformation, p.ResponseInfo)
	text(PropServerReference, p.ServerReference)
	text(PropReasonString, p.ReasonString)
	number(&ps, PropPayloadFormatIndicator, p.PayloadFormat)
	number(&ps, PropMessageExpiryInterval, p.MessageExpiry)
	number(&ps, PropSubscriptionIdentifier, p.SubscriptionIdentifier)
	number(&ps, PropSessionExpiryInterval, p.SessionExpiryInterval)
	number(&ps, PropServerKeepAlive, p.ServerKeepAlive)
	number(&ps, PropRequestProblemInformation, p.RequestProblemInfo)
	number(&ps, PropWillDelayInterval, p.WillDelayInterval)
	number(&ps, PropRequestResponseInformation, p.RequestResponseInfo)
	number(&ps, PropReceiveMaximum, p.ReceiveMaximum)
	number(&ps, PropTopicAliasMaximum, p.TopicAliasMaximum)
	number(&ps, PropTopicAlias, p.TopicAlias)
	number(&ps, PropMaximumQoS, p.MaximumQOS)
	number(&ps, PropRetainAvailable, p.RetainAvailable)
	number(&ps, PropMaximumPacketSize, p.MaximumPacketSize)
	number(&ps, PropWildcardSubscriptionAvailable, p.WildcardSubAvailable)
	number(&ps, PropSubscriptionIdentifierAvailable, p.SubIDAvailable)
	number(&ps, PropSharedSubscriptionAvailable, p.SharedSubAvailable)
	for _, u := range p.User {
		ps = append(ps, UserProperty(u.Key, u.Value))
	}
	return ps
}

func number[N byte | uint16 | uint32 | int](ps *Properties, id PropertyID, n *N) {
	if n != nil {
		*ps = append(*ps, Property{ID: id, Int: uint32(*n)})
	}
}

// fromPaho3 gives our value for theirs.
func fromPaho3(cp paho3.ControlPacket) Packet {
	switch p := cp.(type) {
	case *paho3.ConnectPacket:
		c := Connect{
			ProtocolName: p.ProtocolName, ProtocolVersion: Version(p.ProtocolVersion), CleanStart: p.CleanSession,
			KeepAlive: p.Keepalive, ClientID: p.ClientIdentifier,
		}
		if p.WillFlag {
			c.Will = &Will{QoS: QoS(p.WillQos), Retain: p.WillRetain, Topic: p.WillTopic, Payload: p.WillMessage}
		}
		if p.UsernameFlag {
			c.Username = &p.Username
		}
		if p.PasswordFlag {
			c.Password = p.Password
		}
		return c
	case *paho3.ConnackPacket:
		return Connack{SessionPresent: p.SessionPresent, ReasonCode: ReasonCode(p.ReturnCode)}
	case *paho3.PublishPacket:
		return Publish{Dup: p.Dup, QoS: QoS(p.Qos), Retain: p.Retain, Topic: p.TopicName, PacketID: p.MessageID, Payload: p.Payload}
	case *paho3.PubackPacket:
		return Puback{PacketID: p.MessageID}
	case *paho3.PubrecPacket:
		return Pubrec{PacketID: p.MessageID}
	case *paho3.PubrelPacket:
		return Pubrel{PacketID: p.MessageID}
	case *paho3.PubcompPacket:
		return Pubcomp{PacketID: p.MessageID}
	case *paho3.SubscribePacket:
		s := Subscribe{PacketID: p.MessageID}
		for i, filter := range p.Topics {
			s.Subscriptions = append(s.Subscriptions, Subscription{Filter: filter, QoS: QoS(p.Qoss[i])})
		}
		return s
	case *paho3.SubackPacket:
		return Suback{PacketID: p.MessageID, ReasonCodes: codesOf(p.ReturnCodes)}
	case *paho3.UnsubscribePacket:
		return Unsubscribe{PacketID: p.MessageID, Filters: p.Topics}
	case *paho3.UnsubackPacket:
		return Unsuback{PacketID: p.MessageID}
	case *paho3.PingreqPacket:
		return Pingreq{}
	case *paho3.PingrespPacket:
		return Pingresp{}
	case *paho3.DisconnectPacket:
		return Disconnect{}
	}
	panic(fmt.Sprintf("%T", cp))
}
