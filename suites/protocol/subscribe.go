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

// Subscribing holds the specs of SUBSCRIBE and SUBACK.
var Subscribing = Section("SUBSCRIBE",
	Spec("SB-ANSWER", "answers SUBSCRIBE by SUBACK with its Packet Identifier",
		Both(V5("MQTT-3.8.4-1", "MQTT-3.8.4-2"), V311("MQTT-3.8.4-1", "MQTT-3.8.4-2")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			for _, id := range []uint16{1, 256, 65_535} {
				s := subscribe(Topic(ctx, "a"))
				s.PacketID = id
				c.Send(ctx, s)
				a := Next[wire.Suback](Owed(ctx, "MQTT-3.8.4-1"), c)
				Must(ctx, "MQTT-3.8.4-2", "SUBACK has the Packet Identifier of its SUBSCRIBE", a.PacketID, Equal(id))
			}
		}),

	Spec("SB-MANY", "handles several filters in one SUBSCRIBE as several SUBSCRIBEs, with one Reason Code for each, in order",
		Both(V5("MQTT-3.8.4-5", "MQTT-3.8.4-6", "MQTT-3.8.4-7", "MQTT-3.9.3-1"), V311("MQTT-3.8.4-4", "MQTT-3.8.4-5", "MQTT-3.9.3-1")),
		func(ctx context.Context) {
			c, p := Connect(ctx, Clean(ctx, "sub")), Connect(ctx, Clean(ctx, "pub"))
			asked := []wire.QoS{q1, q0, q2, q0, q1}
			var s wire.Subscribe
			for i, qos := range asked {
				s.Subscriptions = append(s.Subscriptions, wire.Subscription{Filter: Topic(ctx, fmt.Sprint(i)), QoS: qos})
			}
			codes := c.SubscribeTo(ctx, s).ReasonCodes
			Must(ctx, Twin("MQTT-3.8.4-6", "MQTT-3.8.4-5"), "SUBACK has a Reason Code for each filter", codes, HaveLen(len(asked)))
			for i, qos := range asked {
				Must(ctx, Twin("MQTT-3.8.4-7 MQTT-3.9.3-1", "MQTT-3.8.4-5 MQTT-3.9.3-1"),
					fmt.Sprintf("the code of filter %d, asked for at QoS %d, is the QoS granted", i, qos), codes[i], BeNumerically("<=", qos))
			}
			sequence := Twin("MQTT-3.8.4-5", "MQTT-3.8.4-4")
			for i := range asked {
				p.Publish(ctx, Topic(ctx, fmt.Sprint(i)), fmt.Sprint("message ", i), q2)
				m := c.Receive(Owed(ctx, sequence))
				Must(ctx, sequence, "each filter is subscribed to", string(m.Payload), Equal(fmt.Sprint("message ", i)))
				Must(ctx, Twin("MQTT-3.9.3-1", "MQTT-3.9.3-1"), "the message comes at the QoS that the code in its place grants", wire.ReasonCode(m.QoS), Equal(codes[i]))
			}
		}, Needs(QoS2)),

	Spec("SB-REPLACE", "replaces a subscription by another one with the same filter",
		Both(V5("MQTT-3.8.4-3"), V311("MQTT-3.8.4-3")), replaceSubscription),

	Spec("SB-REFUSED", "does not subscribe to a filter that SUBACK refuses",
		Both(V5("MQTT-3.8.4-7"), V311("MQTT-3.8.4-5")), refusedFilter, Needs(WildcardSubscriptions)),

	Spec("SB-NO-LOCAL-SHARED", "does not grant a Shared Subscription with No Local", V5("MQTT-3.8.3-4"),
		func(ctx context.Context) {
			s := subscribe(share(ctx, "group", Topic(ctx, "a")))
			legal := []wire.Packet{s}
			s.Subscriptions = slices.Clone(s.Subscriptions)
			s.Subscriptions[0].NoLocal = true
			punished(ctx, legal, []offence{{"MQTT-3.8.3-4", "No Local in a Shared Subscription", s, true}})
		}, Needs(SharedSubscriptions)),

	Spec("SB-ID", "sends Subscription Identifiers of the subscriptions that match, and no others",
		V5("MQTT-3.3.4-3", "MQTT-3.3.4-4", "MQTT-3.3.4-5", "U5-056"), subscriptionIDs, Needs(SubscriptionIdentifiers, WildcardSubscriptions)),

	Spec("SB-ID-AGAIN", "replaces the Subscription Identifier when a filter is subscribed to again, also by none", V5("U5-057"),
		func(ctx context.Context) {
			p, c, topic := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub")), Topic(ctx, "a")
			for i, id := range []uint32{1, 2, 0, 3} {
				if id > 0 {
					c.Subscribe(ctx, topic, q1, Identified(id))
				} else {
					c.Subscribe(ctx, topic, q1)
				}
				payload := fmt.Sprint("message ", i)
				p.Publish(ctx, topic, payload, q1)
				m := c.Receive(ctx)
				Step(ctx, "the message comes", string(m.Payload), Equal(payload))
				var want wire.Properties
				if id > 0 {
					want = wire.Properties{wire.SubscriptionIdentifier(id)}
				}
				Must(ctx, "U5-057", fmt.Sprintf("SUBSCRIBE number %d decides on the Subscription Identifier", i+1),
					m.Properties.All(wire.PropSubscriptionIdentifier), Equal(want))
			}
		}, Needs(SubscriptionIdentifiers)),
)

// Unsubscribing holds the specs of UNSUBSCRIBE and UNSUBACK.
var Unsubscribing = Section("UNSUBSCRIBE",
	Spec("US-ANSWER", "answers UNSUBSCRIBE by UNSUBACK with its Packet Identifier, whether or not there was a subscription",
		Both(V5("MQTT-3.10.4-4", "MQTT-3.10.4-5"), V311("MQTT-3.10.4-4", "MQTT-3.10.4-5")),
		func(ctx context.Context) {
			c, topic := Connect(ctx, Clean(ctx, "me")), Topic(ctx, "a")
			answered := func(id string, packet uint16) {
				c.Send(ctx, wire.Unsubscribe{PacketID: packet, Filters: []string{topic}})
				NextWhere(Owed(ctx, id), c, func(a wire.Unsuback) bool { return a.PacketID == packet })
			}
			for _, packet := range []uint16{1, 256, 65_535} {
				c.Subscribe(ctx, topic, q1)
				answered("MQTT-3.10.4-4", packet)
			}
			answered("MQTT-3.10.4-5", 7)
		}),

	Spec("US-ENDS", "delivers nothing new for a subscription that UNSUBSCRIBE has ended, and goes on with others",
		Both(V5("MQTT-3.10.4-2"), V311("MQTT-3.10.4-2")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			p, c := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub"))
			c.Subscribe(ctx, topic, q1)
			c.Subscribe(ctx, topic+"/other", q1)
			p.Publish(ctx, topic, "before", q1)
			Step(ctx, "the subscription is in force", string(c.Receive(ctx).Payload), Equal("before"))
			c.Unsubscribe(ctx, topic)
			p.Publish(ctx, topic, "after", q1)
			var got []wire.Publish
			for range 2 { // on another topic, the first sentinel may come before what should not come
				got = append(got, until(ctx, c, p, topic+"/other", q1)...)
			}
			Must(ctx, "MQTT-3.10.4-2", "no message comes for the subscription that was ended", Payloads(got), BeEmpty())
		}),

	Spec("US-LITERAL", "compares the filters of UNSUBSCRIBE character by character",
		Both(V5("MQTT-3.10.4-1"), V311("MQTT-3.10.4-1")),
		func(ctx context.Context) {
			p, c := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub"))
			for _, filter := range []string{"t/a", "t/a/b", "t/+/b"} {
				c.Subscribe(ctx, Topic(ctx, filter), q1)
			}
			c.Unsubscribe(ctx, Topic(ctx, "#"), Topic(ctx, "t/+"), Topic(ctx, "t/#"), Topic(ctx, "T/a"), Topic(ctx, "t/a/"))
			for _, topic := range []string{"t/a", "t/a/b", "t/c/b"} {
				p.Publish(ctx, Topic(ctx, topic), topic, q1)
				m, o := TryWhere(ctx, c, Timings(ctx).Reply, func(m wire.Publish) bool { return string(m.Payload) == topic })
				Must(ctx, "MQTT-3.10.4-1", "UNSUBSCRIBE with other filters leaves the subscription that matches "+topic, o, Equal(Arrived))
				c.Acknowledge(ctx, m)
			}
			c.Unsubscribe(ctx, Topic(ctx, "t/+/b"))
			c.Subscribe(ctx, Topic(ctx, "sentinel"), q1)
			p.Publish(ctx, Topic(ctx, "t/c/b"), "to the filter that is gone", q1)
			Must(ctx, "MQTT-3.10.4-1", "UNSUBSCRIBE with the same filter, wildcard included, ends the subscription",
				Payloads(until(ctx, c, p, Topic(ctx, "sentinel"), q1)), Not(ContainElement("to the filter that is gone")))
		}, Needs(WildcardSubscriptions)),

	Spec("US-CODES", "answers each filter of UNSUBSCRIBE with a Reason Code, in order", V5("MQTT-3.11.3-1", "MQTT-3.10.4-6"),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			// a server has to use one of the codes of the list, but no statement says that it has to be the right one
			none := c.Unsubscribe(ctx, Topic(ctx, "never")).ReasonCodes
			Should(ctx, "MQTT-3.11.3-1", "UNSUBACK says that no subscription existed", none, Equal([]wire.ReasonCode{wire.NoSubscriptionExisted}))
			SkipIf(ctx, slices.Equal(none, []wire.ReasonCode{wire.Success}), "the server tells no difference between filters with and without a subscription")
			c.Subscribe(ctx, Topic(ctx, "there"), q1)
			codes := c.Unsubscribe(ctx, Topic(ctx, "never"), Topic(ctx, "nowhere"), Topic(ctx, "there")).ReasonCodes
			Must(ctx, "MQTT-3.11.3-1", "the codes are those of the filters, in their order", codes,
				Equal([]wire.ReasonCode{wire.NoSubscriptionExisted, wire.NoSubscriptionExisted, wire.Success}))
			codes = c.Unsubscribe(ctx, Topic(ctx, "there"), Topic(ctx, "there")).ReasonCodes
			Must(ctx, "MQTT-3.10.4-6", "a subscription that one UNSUBSCRIBE has ended is gone for the next", codes,
				Equal([]wire.ReasonCode{wire.NoSubscriptionExisted, wire.NoSubscriptionExisted}))
		}),
)

// replaceSubscription subscribes to the same filter with other options.
func replaceSubscription(ctx context.Context) {
	topic := Topic(ctx, "a")
	p, c := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub"))
	for i, qos := range []wire.QoS{q0, q1, q0} {
		granted := c.Subscribe(ctx, topic, qos)
		payload := fmt.Sprintf("%d at %d", i, qos)
		p.Publish(ctx, topic, payload, q1)
		m := NextWhere(ctx, c, func(m wire.Publish) bool { return string(m.Payload) == payload })
		c.Acknowledge(ctx, m)
		Must(ctx, "MQTT-3.8.4-3", fmt.Sprintf("the options of the subscription at QoS %d are in force", qos), m.QoS, Equal(min(granted, q1)))
		rest := Payloads(until(ctx, c, p, topic, q1))
		if granted > q0 { // what is lowered from QoS 1 to 0 may be sent twice
			Must(ctx, "MQTT-3.8.4-3", "a message comes once: there is one subscription", rest, Not(ContainElement(payload)))
		}
	}
	if Version(ctx) == wire.V5 {
		c.Subscribe(ctx, topic, q1, NoLocal)
		c.Publish(ctx, topic, "own", q1)
		Must(ctx, "MQTT-3.8.4-3", "No Local is in force when a second SUBSCRIBE sets it", Payloads(until(ctx, c, p, topic, q1)), Not(ContainElement("own")))
		c.Subscribe(ctx, topic, q1)
		c.Publish(ctx, topic, "own again", q1)
		Must(ctx, "MQTT-3.8.4-3", "No Local is not in force any more when another SUBSCRIBE clears it",
			string(c.Receive(Owed(ctx, "MQTT-3.8.4-3")).Payload), Equal("own again"))
	}
}

// depths are numbers of levels that servers have as a limit.
var depths = []int{8, 10, 16, 32, 64, 100, 128, 200, 256, 1000}

// refusedFilter subscribes with one level more than the server takes, and publishes to a topic that just passes and
// that the filter matches: # stands for the parent level too.
func refusedFilter(ctx context.Context) {
	p, c := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub"))
	c.Subscribe(ctx, Topic(ctx, "sentinel"), q1)
	for _, depth := range depths {
		topic := Topic(ctx, "")
		topic += strings.Repeat("/", depth-1-strings.Count(topic, "/"))
		s := subscribe(topic + "/#")
		s.PacketID = c.NewID()
		c.Send(ctx, s)
		a, o := Try[wire.Suback](ctx, c, Timings(ctx).Reply)
		if o != Arrived {
			break // refused by closing: nothing can be delivered
		}
		if !a.ReasonCodes[0].Failed() {
			c.Unsubscribe(ctx, topic+"/#")
			continue
		}
		p.Publish(ctx, topic, "to a refused filter", q1)
		var got []wire.Publish
		for range 2 { // on another topic, the first sentinel may come before what should not come
			got = append(got, until(ctx, c, p, Topic(ctx, "sentinel"), q1)...)
		}
		Must(ctx, Twin("MQTT-3.8.4-7", "MQTT-3.8.4-5"), "nothing comes for a filter whose code is a failure", Payloads(got), BeEmpty())
		return
	}
	SkipIf(ctx, true, "the server refuses no filter by SUBACK")
}

// subscriptionIDs publishes where no, one and three subscriptions with identifiers match.
func subscriptionIDs(ctx context.Context) {
	p, c := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub"))
	c.Subscribe(ctx, Topic(ctx, "none"), q1)
	c.Subscribe(ctx, Topic(ctx, "t/+"), q1, Identified(1))
	c.Subscribe(ctx, Topic(ctx, "t/#"), q1, Identified(wire.MaxVarint))
	c.Subscribe(ctx, Topic(ctx, "t/a"), q1, Identified(77))
	ids := func(topic string) (copies [][]uint32) {
		p.Publish(ctx, Topic(ctx, topic), "message", q1)
		for i, m := range append([]wire.Publish{c.Receive(ctx)}, until(ctx, c, p, Topic(ctx, topic), q1)...) {
			copies = append(copies, nil)
			for _, id := range m.Properties.All(wire.PropSubscriptionIdentifier) {
				copies[i] = append(copies[i], id.Int)
			}
			slices.Sort(copies[i])
		}
		// the sentinel has as many copies
		for range len(copies) - 1 {
			c.Receive(ctx)
		}
		return copies
	}
	Must(ctx, "U5-056", "a message for a subscription without identifier has none", ids("none"), Equal([][]uint32{nil}))
	Must(ctx, "MQTT-3.3.4-3 U5-056", "a message has the identifier of its subscription, and no other", ids("t/a/b"), Equal([][]uint32{{wire.MaxVarint}}))
	copies := ids("t/a")
	if len(copies) == 1 {
		Record(ctx, "copies of a message for overlapping subscriptions", "one")
		Must(ctx, "MQTT-3.3.4-4 MQTT-3.3.4-5", "the one copy has the identifiers of all subscriptions that match", copies[0], Equal([]uint32{1, 77, wire.MaxVarint}))
		return
	}
	Record(ctx, "copies of a message for overlapping subscriptions", "one for each")
	var all []uint32
	for _, one := range copies {
		all = append(all, one...)
	}
	Must(ctx, "MQTT-3.3.4-4 MQTT-3.3.4-5", "the copies have the identifiers of their subscriptions", all, ConsistOf(uint32(1), uint32(77), uint32(wire.MaxVarint)))
}
