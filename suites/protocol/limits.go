package protocol

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Limits holds the specs of what a client says about itself in CONNECT.
var Limits = Section("Limits of the client",
	Spec("LM-SIZE", "drops a message that is larger than the client's Maximum Packet Size and goes on", V5("MQTT-3.1.2-24", "MQTT-3.1.2-25"), tooLarge),

	Spec("LM-EXPLANATION", "leaves out what would make an answer larger than the client's Maximum Packet Size",
		V5("MQTT-3.1.2-24", "MQTT-3.14.2-3", "MQTT-3.2.2-19"), explanations),

	Spec("LM-PROBLEM", "sends no Reason String and no User Property beside PUBLISH when Request Problem Information is 0", V5("MQTT-3.1.2-29"),
		func(ctx context.Context) {
			me := Clean(ctx, "me")
			me.Properties = wire.Properties{wire.RequestProblemInformation(0)}
			c := Connect(ctx, me)
			topic := Topic(ctx, "a")
			demand := func(p wire.Packet) {
				ps := wire.PropertiesOf(p)
				Must(ctx, "MQTT-3.1.2-29", fmt.Sprintf("%v has no Reason String and no User Property", p.Type()),
					ps.Has(wire.PropReasonString) || ps.Has(wire.PropUserProperty), BeFalse())
			}
			demand(c.SubscribeTo(ctx, wire.Subscribe{Subscriptions: []wire.Subscription{{Filter: topic, QoS: q1}}}))
			demand(c.Unsubscribe(ctx, topic, Topic(ctx, "never")))
			for i, name := range append(refusable(ctx), topic) { // an error is what is explained
				c.Send(ctx, wire.Publish{Topic: name, QoS: q1, PacketID: uint16(100 + i)})
				if a, o := Try[wire.Puback](ctx, c, Timings(ctx).Reply); o == Arrived {
					demand(a)
				} else {
					c = Connect(ctx, me)
				}
			}
			c.Send(ctx, wire.Pubrel{PacketID: 9})
			demand(Next[wire.Pubcomp](ctx, c))
		}),
)

// tooLarge publishes a large message between two small ones to a client with a small Maximum Packet Size.
func tooLarge(ctx context.Context) {
	const size = 500
	me, topic := Clean(ctx, "sub"), Topic(ctx, "a")
	me.Properties = wire.Properties{wire.MaximumPacketSize(size)}
	c, p := Connect(ctx, me), Connect(ctx, Clean(ctx, "pub"))
	all := Connect(ctx, Clean(ctx, "all"))
	for _, s := range []*Client{c, all} {
		s.Subscribe(ctx, topic, q2)
	}
	for _, qos := range []wire.QoS{q0, q1, q2} {
		large := strings.Repeat("x", size+1)
		p.Publish(ctx, topic, "before", qos)
		p.Publish(ctx, topic, large, qos)
		p.Publish(ctx, topic, "after", qos)
		Step(ctx, "a client without the limit gets all three", Payloads(all.ReceiveUntil(ctx, "after")), Equal([]string{"before", large, "after"}))
		goesOn := Owed(ctx, "MQTT-3.1.2-25")
		first := c.Receive(goesOn)
		next := c.Receive(goesOn)
		Must(ctx, "MQTT-3.1.2-24", fmt.Sprintf("no message of QoS %d above the limit is sent", qos), len(next.Payload), BeNumerically("<", size))
		Must(ctx, "MQTT-3.1.2-25", "delivery goes on behind the message that was too large", Payloads([]wire.Publish{first, next}), Equal([]string{"before", "after"}))
	}
}

// explanations provokes errors of a client whose Maximum Packet Size has room for CONNACK and little more.
func explanations(ctx context.Context) {
	topic := Topic(ctx, "a")
	size := uint32(len(wire.Bytes(Connect(ctx, Clean(ctx, "measure")).Connack, wire.V5)))
	limit := max(size+4, 20)
	limited := func(i int) wire.Connect {
		me := as(ctx, "me", i)
		me.Properties = wire.Properties{wire.MaximumPacketSize(limit)}
		return me
	}
	// tooLarge returns those of the packets up to the end of the connection that the client cannot take. What it
	// measures is the shortest form: it may overlook something, but not see what is not there.
	tooLarge := func(c *Client) (names []string, end Outcome) {
		for {
			p, o := TryWhere(ctx, c, Timings(ctx).Reply, func(wire.Packet) bool { return true })
			if o != Arrived {
				return names, o
			}
			if n := uint32(len(wire.Bytes(p, wire.V5))); n > limit {
				names = append(names, fmt.Sprintf("%v of %d bytes", p.Type(), n))
			}
		}
	}
	refused := limited(0)
	refused.Properties = refused.Properties.With(wire.AuthenticationMethod("mqttspec: there is no such method"))
	c := Open(ctx, "refused")
	c.Send(ctx, refused)
	names, _ := tooLarge(c)
	Must(ctx, "MQTT-3.1.2-24 MQTT-3.2.2-19", fmt.Sprintf("a CONNACK that refuses has at most the %d bytes that the client takes", limit), names, BeEmpty())
	errors := []wire.Packet{Clean(ctx, "again"), wire.Publish{Topic: topic, QoS: 3}, wire.Publish{Topic: "\xc3\x28"}, wire.Raw{0xC0, 1, 0}}
	found, ends := make([][]string, len(errors)), make([]Outcome, len(errors))
	each(ctx, len(errors), func(i int) {
		c := Connect(ctx, limited(i+1))
		c.Send(ctx, errors[i])
		found[i], ends[i] = tooLarge(c)
	})
	Step(ctx, "an error ends the Network Connection", ends, ContainElement(Ended)) // others may be overlooked
	Must(ctx, "MQTT-3.1.2-24 MQTT-3.14.2-3", fmt.Sprintf("a DISCONNECT has at most the %d bytes that the client takes", limit),
		slices.Concat(found...), BeEmpty())
}
