package wire

import (
	"strings"

	"pgregory.net/rapid"
)

// Generators of random legal packets. What is legal stands here a third time, in the way of somebody who writes packets:
// tables_test.go has it in the way of the standard, the package in the way of somebody who reads them.

// sent is a packet with who sends it in which version.
type sent struct {
	d Decoder
	p Packet
}

func genSent() *rapid.Generator[sent] {
	return rapid.Custom(func(t *rapid.T) sent {
		d := Decoder{
			Version: rapid.SampledFrom([]Version{V311, V5}).Draw(t, "version"),
			Sender:  rapid.SampledFrom([]Sender{FromClient, FromServer}).Draw(t, "sender"),
		}
		return sent{d, genPacket(t, d)}
	})
}

func genPacket(t *rapid.T, d Decoder) Packet {
	client := []Type{CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT}
	server := []Type{CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP}
	if d.Version == V5 {
		client, server = append(client, AUTH), append(server, AUTH, DISCONNECT)
	}
	typ := rapid.SampledFrom(client).Draw(t, "type")
	if d.Sender == FromServer {
		typ = rapid.SampledFrom(server).Draw(t, "type")
	}
	props := func(typ Type) Properties { return genProperties(t, typ, d) }
	switch typ {
	case CONNECT:
		return genConnect(t, d)
	case CONNACK:
		return Connack{SessionPresent: rapid.Bool().Draw(t, "session present"), ReasonCode: genCode(t, typ, d.Version), Properties: props(typ)}
	case PUBLISH:
		p := Publish{
			QoS: genQoS(t), Retain: rapid.Bool().Draw(t, "retain"), Topic: genTopic(t), Properties: props(typ), Payload: genBytes(t),
		}
		if p.QoS > 0 {
			p.Dup, p.PacketID = rapid.Bool().Draw(t, "dup"), genID(t)
		}
		if p.Properties.Has(PropTopicAlias) && rapid.Bool().Draw(t, "alias only") {
			p.Topic = ""
		}
		return p
	case PUBACK:
		return Puback(genAck(t, typ, d))
	case PUBREC:
		return Pubrec(genAck(t, typ, d))
	case PUBREL:
		return Pubrel(genAck(t, typ, d))
	case PUBCOMP:
		return Pubcomp(genAck(t, typ, d))
	case SUBSCRIBE:
		return Subscribe{PacketID: genID(t), Properties: props(typ), Subscriptions: rapid.SliceOfN(genSubscription(d.Version), 1, 5).Draw(t, "subscriptions")}
	case SUBACK:
		return Suback{PacketID: genID(t), Properties: props(typ), ReasonCodes: genCodes(t, typ, d.Version)}
	case UNSUBSCRIBE:
		return Unsubscribe{PacketID: genID(t), Properties: props(typ), Filters: rapid.SliceOfN(genFilter(d.Version), 1, 5).Draw(t, "filters")}
	case UNSUBACK:
		u := Unsuback{PacketID: genID(t), Properties: props(typ)}
		if d.Version == V5 {
			u.ReasonCodes = genCodes(t, typ, d.Version)
		}
		return u
	case PINGREQ:
		return Pingreq{}
	case PINGRESP:
		return Pingresp{}
	case DISCONNECT:
		if d.Version == V311 {
			return Disconnect{}
		}
		a := genAck(t, typ, d)
		return Disconnect{ReasonCode: a.ReasonCode, Properties: a.Properties, LongForm: a.LongForm}
	}
	a := genAck(t, AUTH, d)
	if a.ReasonCode != Success || len(a.Properties) > 0 {
		a.Properties, a.LongForm = a.Properties.Without(PropAuthenticationMethod).With(AuthenticationMethod(genText(t))), false
	}
	return Auth{ReasonCode: a.ReasonCode, Properties: a.Properties, LongForm: a.LongForm}
}

func genConnect(t *rapid.T, d Decoder) Packet {
	c := Connect{
		ProtocolName: "MQTT", ProtocolVersion: d.Version, CleanStart: rapid.Bool().Draw(t, "clean"),
		KeepAlive: rapid.Uint16().Draw(t, "keep alive"), Properties: genProperties(t, CONNECT, d), ClientID: genText(t),
	}
	if c.Properties.Has(PropAuthenticationData) && !c.Properties.Has(PropAuthenticationMethod) {
		c.Properties = c.Properties.With(AuthenticationMethod(genText(t)))
	}
	if rapid.Bool().Draw(t, "will") {
		c.Will = &Will{
			QoS: genQoS(t), Retain: rapid.Bool().Draw(t, "will retain"), Properties: genProperties(t, willFields, d),
			Topic: genTopic(t), Payload: genBytes(t),
		}
	}
	if rapid.Bool().Draw(t, "user name") {
		name := genText(t)
		c.Username = &name
	}
	if (c.Username != nil || d.Version == V5) && rapid.Bool().Draw(t, "password") {
		c.Password = genBytes(t)
	}
	return c
}

// genAck gives the fields of an acknowledgement; the others that end with a code and properties borrow them.
func genAck(t *rapid.T, typ Type, d Decoder) Ack {
	a := Ack{PacketID: genID(t)}
	if d.Version == V311 {
		return a
	}
	a.ReasonCode, a.Properties = genCode(t, typ, d.Version), genProperties(t, typ, d)
	a.LongForm = len(a.Properties) == 0 && rapid.Bool().Draw(t, "long form")
	return a
}

// genCode picks a code from what the package itself allows, which TestReasonCodes checks.
func genCode(t *rapid.T, typ Type, v Version) ReasonCode {
	var allowed []ReasonCode
	for c := range 256 {
		if ReasonCode(c).Allowed(typ, v) {
			allowed = append(allowed, ReasonCode(c))
		}
	}
	return rapid.SampledFrom(allowed).Draw(t, "code")
}

func genCodes(t *rapid.T, typ Type, v Version) (codes []ReasonCode) {
	for range rapid.IntRange(1, 5).Draw(t, "number of codes") {
		codes = append(codes, genCode(t, typ, v))
	}
	return codes
}

func genID(t *rapid.T) uint16 { return rapid.Uint16Range(1, 0xFFFF).Draw(t, "packet id") }

func genQoS(t *rapid.T) QoS { return rapid.SampledFrom([]QoS{0, 1, 2}).Draw(t, "qos") }

// genBytes gives any bytes; now and then so many that a length takes two or three bytes.
func genBytes(t *rapid.T) []byte {
	b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
	if n := rapid.SampledFrom([]int{0, 0, 0, 0, 0, 127, 128, 16384}).Draw(t, "more bytes"); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	return b
}

func genText(t *rapid.T) string {
	return strings.ReplaceAll(rapid.StringN(0, 100, 0xFFFF).Draw(t, "text"), "\x00", "")
}

func genTopic(t *rapid.T) string {
	topic := strings.NewReplacer("+", "", "#", "").Replace(genText(t))
	return topic + rapid.SampledFrom([]string{"/", "a/b", "$x", " "}).Draw(t, "end of topic")
}

func genFilter(v Version) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		f := rapid.StringMatching(`((\+|[a-c]{0,2}|\$SYS)/){0,4}(\+|#|[a-c]|é)`).Draw(t, "filter")
		if rapid.Bool().Draw(t, "shared") && v == V5 {
			f = "$share/" + rapid.StringMatching(`[a-z ]{1,3}`).Draw(t, "share name") + "/" + f
		}
		return f
	})
}

func genSubscription(v Version) *rapid.Generator[Subscription] {
	return rapid.Custom(func(t *rapid.T) Subscription {
		s := Subscription{Filter: genFilter(v).Draw(t, "filter"), QoS: genQoS(t)}
		if v == V5 {
			_, _, shared := SharedFilter(s.Filter)
			s.NoLocal = !shared && rapid.Bool().Draw(t, "no local")
			s.RetainAsPublished = rapid.Bool().Draw(t, "retain as published")
			s.RetainHandling = rapid.SampledFrom([]RetainHandling{0, 1, 2}).Draw(t, "retain handling")
		}
		return s
	})
}

// genProperties gives properties that place may hold, in any order.
func genProperties(t *rapid.T, place Type, d Decoder) (ps Properties) {
	if d.Version == V311 {
		return nil
	}
	var allowed []PropertyID
	for _, id := range AllPropertyIDs() {
		switch {
		case !id.AllowedIn(place),
			id == PropSubscriptionIdentifier && place == PUBLISH && d.Sender == FromClient,
			id == PropSessionExpiryInterval && place == DISCONNECT && d.Sender == FromServer:
		default:
			allowed = append(allowed, id)
		}
	}
	for _, id := range rapid.SliceOfN(rapid.SampledFrom(allowed), 0, 6).Draw(t, "properties") {
		repeats := id == PropUserProperty || id == PropSubscriptionIdentifier && place == PUBLISH
		if !ps.Has(id) || repeats {
			ps = append(ps, genProperty(t, id))
		}
	}
	return ps
}

func genProperty(t *rapid.T, id PropertyID) Property {
	number := func(least, most uint32) Property {
		return Property{ID: id, Int: rapid.Uint32Range(least, most).Draw(t, id.String())}
	}
	switch id {
	case PropUserProperty:
		return UserProperty(genText(t), genText(t))
	case PropResponseTopic:
		return ResponseTopic(genTopic(t))
	case PropCorrelationData, PropAuthenticationData:
		return Property{ID: id, Text: string(genBytes(t))}
	case PropContentType, PropAssignedClientIdentifier, PropAuthenticationMethod, PropResponseInformation,
		PropServerReference, PropReasonString:
		return Property{ID: id, Text: genText(t)}
	case PropReceiveMaximum, PropTopicAlias:
		return number(1, 0xFFFF)
	case PropServerKeepAlive, PropTopicAliasMaximum:
		return number(0, 0xFFFF)
	case PropMaximumPacketSize:
		return number(1, 0xFFFF_FFFF)
	case PropMessageExpiryInterval, PropSessionExpiryInterval, PropWillDelayInterval:
		return number(0, 0xFFFF_FFFF)
	case PropSubscriptionIdentifier:
		return number(1, MaxVarint)
	}
	return number(0, 1)
}
