package protocol

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// ServerLimits holds the specs of what a server announces in CONNACK that it does not serve. They run on a variant of
// the target that has such limits, or on its default configuration if that has them.
var ServerLimits = Section("Limits of the server",
	Spec("SL-SUBSCRIBE", "accepts a SUBSCRIBE whose QoS is above its Maximum QoS, and grants less", V5("MQTT-3.2.2-10"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			c := Connect(ctx, Clean(ctx, "sub"))
			most := maximumQoS(ctx, c)
			accepted := Owed(ctx, "MQTT-3.2.2-10")
			for q := most + 1; q <= q2; q++ {
				c.Send(ctx, wire.Subscribe{PacketID: 100 + uint16(q), Subscriptions: []wire.Subscription{{Filter: topic, QoS: q}}})
				a := NextWhere(accepted, c, func(a wire.Suback) bool { return a.PacketID == 100+uint16(q) })
				Must(ctx, "MQTT-3.2.2-10", fmt.Sprintf("a subscription of QoS %d is granted", q), a.ReasonCodes, HaveExactElements(BeNumerically("<=", most)))
			}
			p := Connect(ctx, Clean(ctx, "pub"))
			p.Publish(ctx, topic, "hello", most)
			Must(ctx, "MQTT-3.2.2-10", "the subscription gets messages", string(c.Receive(accepted).Payload), Equal("hello"))
		}, On(Limited)),

	Spec("SL-PUBLISH", "closes the link when a PUBLISH is above its Maximum QoS", V5("U5-016"),
		func(ctx context.Context) {
			most := maximumQoS(ctx, Connect(ctx, Clean(ctx, "look")))
			topic := Topic(ctx, "a")
			var offences []offence
			for q := most + 1; q <= q2; q++ {
				offences = append(offences, offence{"U5-016", fmt.Sprintf("QoS %d", q), wire.Publish{Topic: topic, QoS: q, PacketID: 7}, false})
			}
			punished(ctx, []wire.Packet{wire.Publish{Topic: topic}}, offences)
		}, On(Limited)),

	Spec("SL-WILL", "refuses a CONNECT whose Will is above its Maximum QoS", V5("MQTT-3.2.2-12"),
		func(ctx context.Context) {
			most := maximumQoS(ctx, Connect(ctx, Clean(ctx, "look")))
			wills(ctx, "MQTT-3.2.2-12", wire.QoSNotSupported, func(w *wire.Will) { w.QoS = most }, func(w *wire.Will) { w.QoS = most + 1 })
		}, On(Limited)),

	Spec("SL-RETAIN", "closes the link when a PUBLISH is to be retained, which it does not offer", V5("U5-017"),
		func(ctx context.Context) {
			denied(ctx, wire.PropRetainAvailable, "retained messages")
			topic := Topic(ctx, "a")
			punished(ctx, []wire.Packet{wire.Publish{Topic: topic, Payload: []byte("a")}},
				[]offence{{"U5-017", "RETAIN 1", wire.Publish{Topic: topic, Payload: []byte("a"), Retain: true}, false}})
		}, On(Limited)),

	Spec("SL-WILL-RETAIN", "refuses a CONNECT whose Will is to be retained, which it does not offer", V5("MQTT-3.2.2-13"),
		func(ctx context.Context) {
			denied(ctx, wire.PropRetainAvailable, "retained messages")
			wills(ctx, "MQTT-3.2.2-13", wire.RetainNotSupported, func(*wire.Will) {}, func(w *wire.Will) { w.Retain = true })
		}, On(Limited)),

	Spec("SL-WILDCARD", "does not grant a Wildcard Subscription, which it does not offer", V5("U5-061"),
		func(ctx context.Context) {
			denied(ctx, wire.PropWildcardSubscriptionAvailable, "Wildcard Subscriptions")
			topic := Topic(ctx, "a")
			punished(ctx, []wire.Packet{subscribe(topic)}, filters(ctx, "U5-061", topic+"/+", topic+"/#", "+/"+topic))
		}, On(Limited)),

	Spec("SL-SUBID", "does not grant a subscription with a Subscription Identifier, which it does not offer", V5("U5-062"),
		func(ctx context.Context) {
			denied(ctx, wire.PropSubscriptionIdentifierAvailable, "Subscription Identifiers")
			topic := Topic(ctx, "a")
			identified := subscribe(topic)
			identified.Properties = wire.Properties{wire.SubscriptionIdentifier(7)}
			punished(ctx, []wire.Packet{subscribe(topic)}, []offence{{"U5-062", "a Subscription Identifier", identified, true}})
		}, On(Limited)),

	Spec("SL-SHARED", "does not grant a Shared Subscription, which it does not offer", V5("U5-063"),
		func(ctx context.Context) {
			denied(ctx, wire.PropSharedSubscriptionAvailable, "Shared Subscriptions")
			topic := Topic(ctx, "a")
			punished(ctx, []wire.Packet{subscribe(topic)}, filters(ctx, "U5-063", share(ctx, "group", topic)))
		}, On(Limited)),

	Spec("SL-RECEIVE", "does not lose messages of a client that exceeds its Receive Maximum without a word", V5("U5-024"),
		exceedReceiveMaximum, On(Narrow), Needs(QoS2)),

	Spec("SL-SIZE", "closes the link when a packet is larger than its Maximum Packet Size", V5("MQTT-3.2.2-15", "U5-060"),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "look"))
			most := c.Connack.Properties.Int(wire.PropMaximumPacketSize, 0)
			SkipIf(ctx, most == 0, "the server announces no Maximum Packet Size (CONNACK)")
			SkipIf(ctx, most > 1<<20, fmt.Sprintf("the server's Maximum Packet Size of %d bytes is too large to be exceeded here", most))
			sized := func(size uint32) wire.Publish {
				p := wire.Publish{Topic: Topic(ctx, "a")}
				for len(wire.Bytes(p, wire.V5)) < int(size) {
					p.Payload = append(p.Payload, strings.Repeat("x", int(size)-len(wire.Bytes(p, wire.V5)))...)
				}
				p.Payload = p.Payload[:len(p.Payload)-(len(wire.Bytes(p, wire.V5))-int(size))]
				return p
			}
			punished(ctx, []wire.Packet{sized(most)}, []offence{
				{"MQTT-3.2.2-15 U5-060", fmt.Sprintf("a PUBLISH of %d bytes where %d are allowed", most+1, most), sized(most + 1), false},
				{"MQTT-3.2.2-15 U5-060", "a PUBLISH twice as large as allowed", sized(2 * most), false},
			})
		}, On(Narrow)),
)

// maximumQoS returns what the CONNACK announces. Without a limit the spec is skipped.
func maximumQoS(ctx context.Context, c *Client) wire.QoS {
	most := wire.QoS(c.Connack.Properties.Int(wire.PropMaximumQoS, 2))
	SkipIf(ctx, most >= q2, "the server serves every QoS (CONNACK)")
	return most
}

// denied skips the spec on a server whose CONNACK does not say by property id that it lacks something.
func denied(ctx context.Context, id wire.PropertyID, what string) {
	a := Connect(ctx, Clean(ctx, "look")).Connack
	SkipIf(ctx, a.Properties.Int(id, 1) == 1, "the server offers "+what+" (CONNACK)")
}

// wills shows that a Will as legal makes it is accepted, and demands that one as offence makes it is refused.
func wills(ctx context.Context, id string, advised wire.ReasonCode, legal, offence func(*wire.Will)) {
	me := willed(ctx, "legal")
	legal(me.Will)
	Connect(ctx, me)
	me = willed(ctx, "me")
	legal(me.Will)
	offence(me.Will)
	c := Open(ctx, "me")
	c.Send(ctx, me)
	a, o := Try[wire.Connack](ctx, c, Timings(ctx).Reply)
	Must(ctx, id, "the client is not accepted", o == Arrived && a.ReasonCode == wire.Success, BeFalse())
	c.Closed(Owed(ctx, id))
	if o == Arrived {
		Should(ctx, id, "the CONNACK says why", a.ReasonCode, Equal(advised))
	}
}

// exceedReceiveMaximum begins more exchanges of QoS 2 than the server allows and completes none. A server may close, or
// serve them all the same; it must not take them and say nothing.
func exceedReceiveMaximum(ctx context.Context) {
	c, topic := Connect(ctx, Clean(ctx, "pub")), Topic(ctx, "a")
	most := c.Connack.Properties.Int(wire.PropReceiveMaximum, 65_535)
	SkipIf(ctx, most > 1000, fmt.Sprintf("the server's Receive Maximum of %d is too large to be exceeded here", most))
	begin := func(id uint32) bool {
		c.Send(ctx, wire.Publish{Topic: topic, QoS: q2, PacketID: uint16(id), Payload: fmt.Append(nil, id)})
		_, o := TryWhere(ctx, c, Timings(ctx).Reply, func(p wire.Packet) bool {
			a, is := p.(wire.Pubrec)
			return is && a.PacketID == uint16(id)
		})
		return o == Arrived
	}
	for id := uint32(1); id <= most; id++ {
		Step(ctx, fmt.Sprintf("exchange %d of %d that may be open is served", id, most), begin(id), BeTrue())
	}
	served := begin(most + 1)
	_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
	if !served && !closed { // that it closes is all that the standard says, and not as a duty; this is what nobody may do
		Must(ctx, "U5-024", "the exchange above Receive Maximum is served, or the Network Connection is closed", "neither", Equal("either"))
	}
	if Should(ctx, "U5-024", "the Network Connection is closed", closed, BeTrue()) {
		d, o := Try[wire.Disconnect](ctx, c, 0)
		Should(ctx, "U5-024", "DISCONNECT says that Receive Maximum was exceeded", o == Arrived && d.ReasonCode == wire.ReceiveMaximumExceeded, BeTrue())
	}
}
