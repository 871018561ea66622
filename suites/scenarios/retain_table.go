package scenarios

import (
	"context"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// The statements on retained messages that both versions have.
var (
	stored      = Twin("MQTT-3.3.1-5", "MQTT-3.3.1-5")  // a message with RETAIN 1 is stored
	sentNew     = Twin("MQTT-3.3.1-9", "MQTT-3.3.1-6")  // a new subscription brings it
	sentAgain   = Twin("MQTT-3.8.4-4", "MQTT-3.8.4-3")  // so does a repeated one, and it loses nothing
	flagged     = Twin("U5-018", "MQTT-3.3.1-8")        // it comes with RETAIN 1 then
	unflagged   = Twin("MQTT-3.3.1-12", "MQTT-3.3.1-9") // live it comes with RETAIN 0
	cleared     = Twin("MQTT-3.3.1-6", "MQTT-3.3.1-10") // an empty one removes it and is delivered
	emptyUnkept = Twin("MQTT-3.3.1-7", "MQTT-3.3.1-11") // but not stored
	plainUnkept = Twin("MQTT-3.3.1-8", "MQTT-3.3.1-12") // one with RETAIN 0 changes nothing
	lowerQoS    = Twin("MQTT-3.8.4-8", "MQTT-3.8.4-6")  // the lower of two QoS counts
	matching    = Twin("U5-050", "U3-007")              // filters match as their wildcards say
	survives    = Twin("U5-053", "MQTT-3.1.2-7")        // the session of the publisher may end
)

// Claims that several specs have in common.
var (
	retainedClaims = Both(V5("MQTT-3.3.1-5", "U5-018", "MQTT-3.8.4-8"), V311("MQTT-3.3.1-5", "MQTT-3.3.1-8", "MQTT-3.8.4-6"))
	plainClaims    = Both(V5("MQTT-3.3.1-8"), V311("MQTT-3.3.1-12"))
	matchingClaims = Both(V5("MQTT-3.3.1-9", "U5-050"), V311("MQTT-3.3.1-6", "U3-007"))
	dollarClaims   = Both(V5("MQTT-4.7.2-1"), V311("MQTT-4.7.2-1"))
	overlapClaims  = Both(V5("MQTT-3.3.1-9", "MQTT-3.8.4-8"), V311("MQTT-3.3.1-6", "MQTT-3.8.4-6"))
	survivalClaims = Both(V5("U5-053"), V311("MQTT-3.1.2-7"))
)

// keep publishes a message with RETAIN 1 from a client of its own, which leaves when the target has read it.
func keep(ctx context.Context, topic, payload string, qos wire.QoS, edit ...func(*wire.Publish)) {
	p := Connect(ctx, Clean(ctx, "pub"))
	p.Publish(ctx, topic, payload, qos, append(edit, Retain)...)
	p.Ping(ctx)
	p.Disconnect(ctx)
}

// listener is a client that gets messages and can say that there are no more.
type listener struct {
	*Client
	sentinels int
}

// lateSubscriber connects a listener, by the CONNECT given or by one with Clean Start 1.
func lateSubscriber(ctx context.Context, name string, me ...wire.Connect) *listener {
	return &listener{Client: Connect(ctx, append(me, wire.Connect{ClientID: ID(ctx, name), CleanStart: true})[0])}
}

// rest returns what the listener gets besides a live sentinel on topic. Retained messages have no order in relation to
// live ones, so it also waits for silence.
func (l *listener) rest(ctx context.Context, topic string) (got []wire.Publish) {
	l.sentinels++
	sentinel := fmt.Sprint("sentinel ", l.sentinels)
	publishOnce(ctx, topic, sentinel)
	got = l.ReceiveUntil(ctx, sentinel)
	for {
		p, o := l.TryPublish(ctx, Timings(ctx).Quiet)
		if o != Arrived {
			break
		}
		l.Acknowledge(ctx, p)
		got = append(got, p)
	}
	return slices.DeleteFunc(got, func(p wire.Publish) bool { return strings.HasPrefix(string(p.Payload), "sentinel ") })
}

// brings demands under statement id that a retained message comes now.
func (l *listener) brings(ctx context.Context, id, what, payload string) {
	Must(ctx, id, what+" brings the retained message", string(l.Receive(Owed(ctx, id)).Payload), Equal(payload))
}

// retainedIs shows that a message is retained, as a step.
func retainedIs(ctx context.Context, topic, payload string) {
	c := Connect(ctx, Clean(ctx, "control"))
	c.Subscribe(ctx, topic, q1)
	Step(ctx, "the message is retained", string(c.Receive(ctx).Payload), Equal(payload))
	c.Disconnect(ctx)
}

// subscribeAt subscribes at a QoS that the target may lower. Where it does, the spec is skipped.
func subscribeAt(ctx context.Context, c *Client, filter string, qos wire.QoS) {
	a := c.SubscribeTo(ctx, wire.Subscribe{Subscriptions: []wire.Subscription{{Filter: filter, QoS: qos}}})
	Step(ctx, "SUBACK has a code", a.ReasonCodes, HaveLen(1))
	Step(ctx, "the subscription is granted", a.ReasonCodes[0].Failed(), BeFalse())
	SkipIf(ctx, a.ReasonCodes[0] < wire.ReasonCode(qos), fmt.Sprintf("the server grants QoS %d where QoS %d is asked for", a.ReasonCodes[0], qos))
}

// lateAtEachQoS publishes a retained message and demands it for a late subscriber at each QoS.
func lateAtEachQoS(ctx context.Context, qos wire.QoS) {
	topic := Topic(ctx, "a")
	keep(ctx, topic, "kept", qos)
	for _, granted := range []wire.QoS{q0, q1, q2} {
		c := lateSubscriber(ctx, fmt.Sprint("late", granted))
		subscribeAt(ctx, c.Client, topic, granted)
		p := c.ReceivePublish(Owed(ctx, stored))
		c.Acknowledge(ctx, p)
		Must(ctx, stored, "a late subscriber gets the retained message", string(p.Payload), Equal("kept"))
		Must(ctx, flagged, fmt.Sprintf("it has RETAIN 1 for a new subscription of QoS %d", granted), p.Retain, BeTrue())
		Must(ctx, lowerQoS, fmt.Sprintf("a retained message of QoS %d has the lower QoS for a subscription of QoS %d", qos, granted),
			p.QoS, Equal(min(qos, granted)))
		Should(ctx, "", "it comes once", Payloads(c.rest(ctx, topic)), BeEmpty())
	}
}

// nothingKept demands that nothing is retained after an empty message: neither the payload nor the empty message.
func nothingKept(ctx context.Context, topic, payload string) {
	c := lateSubscriber(ctx, "late")
	c.Subscribe(ctx, topic, q1)
	got := Payloads(c.rest(ctx, topic))
	Must(ctx, cleared, "a late subscriber does not get the message that was removed", got, Not(ContainElement(payload)))
	Must(ctx, emptyUnkept, "a late subscriber does not get the empty message", got, Not(ContainElement("")))
	c.Disconnect(ctx)
}

// plainChangesNothing publishes a message with RETAIN 0 over a retained one.
func plainChangesNothing(ctx context.Context, payload string) {
	topic := Topic(ctx, "a")
	keep(ctx, topic, "kept", q1)
	retainedIs(ctx, topic, "kept")
	publishOnce(ctx, topic, payload)
	c := lateSubscriber(ctx, "late")
	c.Subscribe(ctx, topic, q1)
	c.brings(ctx, plainUnkept, "after a message with RETAIN 0, a new subscription", "kept")
	Must(ctx, plainUnkept, "the message with RETAIN 0 is not stored", Payloads(c.rest(ctx, topic)), Not(ContainElement(payload)))
}

// repeatInTheFlow repeats a subscription while messages come, none of which may be lost. Where the target takes the
// Receive Maximum into account (5.0), nearly all have to wait in the meantime; that this alone loses none is shown first.
func repeatInTheFlow(ctx context.Context) {
	const n = 30
	topic := Topic(ctx, "a")
	keep(ctx, topic+"/kept", "kept", q1)
	me := Clean(ctx, "sub")
	me.Properties = wire.Properties{wire.ReceiveMaximum(2)}
	c := Connect(ctx, me)
	c.Subscribe(ctx, topic+"/#", q1)
	p := Connect(ctx, Clean(ctx, "pub"))
	flow := func(name string, before func(i int)) (published []string) {
		for i := range n {
			before(i)
			published = append(published, fmt.Sprint(name, i))
			p.Publish(ctx, topic+"/live", published[i], q1)
		}
		return published
	}
	live := func(ctx context.Context, last string) []string {
		return firsts(slices.DeleteFunc(Payloads(c.ReceiveUntil(ctx, last)), func(s string) bool { return s == "kept" }))
	}
	control := flow("control", func(int) {})
	Step(ctx, "all messages come while nothing happens to the subscription", live(ctx, control[n-1]), Equal(control))

	const firstID = 40_000 // far from the Packet Identifiers that the target is likely to use
	published := flow("m", func(i int) {
		c.Send(ctx, wire.Subscribe{PacketID: uint16(firstID + i), Subscriptions: []wire.Subscription{{Filter: topic + "/#", QoS: q1}}})
	})
	for i := range n {
		a := NextWhere(ctx, c, func(a wire.Suback) bool { return a.PacketID == uint16(firstID+i) })
		Step(ctx, "the repeated subscription is granted", a.ReasonCodes, Equal([]wire.ReasonCode{wire.GrantedQoS1}))
	}
	Must(ctx, sentAgain, "all messages come that were published while the subscription was repeated",
		live(Owed(ctx, sentAgain), published[n-1]), Equal(published))
}

// resumeWithoutSubscribe resumes a session with a subscription that matches a retained message.
func resumeWithoutSubscribe(ctx context.Context, handling wire.RetainHandling, id string) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	keep(ctx, topic, "kept", q1)
	if handling == wire.NoRetained {
		retainedIs(ctx, topic, "kept")
	}
	c := lateSubscriber(ctx, "", me)
	c.Subscribe(ctx, topic, q1, RetainHandling(handling))
	if handling != wire.NoRetained {
		c.brings(ctx, id, "a new subscription", "kept")
	}
	c.Disconnect(ctx)
	c = lateSubscriber(ctx, "", me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	const none = "a resumed session gets no retained message by the subscription that it has"
	got := c.rest(ctx, topic)
	if handling != wire.SendRetained {
		// Retain Handling says what is sent at the time of SUBSCRIBE, and leaves open what comes later (3.8.3.1)
		Should(ctx, id, none, Payloads(got), BeEmpty())
		return
	}
	if Version(ctx) == wire.V311 {
		flagged := slices.ContainsFunc(got, func(p wire.Publish) bool { return p.Retain })
		Must(ctx, "MQTT-3.3.1-9", "what comes for a subscription that the session has is not marked as retained", flagged, BeFalse())
	}
	// retained messages belong to SUBSCRIBE, but no statement of 5.0 forbids to send them again
	Should(ctx, "", none, Payloads(got), BeEmpty())
}

// eachFlag publishes to the topic "a" at QoS 0 and 1 with and without RETAIN and has each message judged.
func eachFlag(ctx context.Context, judge func(what string, retain bool)) {
	p := Connect(ctx, Clean(ctx, "pub"))
	for _, qos := range []wire.QoS{q0, q1} {
		for _, retain := range []bool{true, false} {
			p.Publish(ctx, Topic(ctx, "a"), "live", qos, func(m *wire.Publish) { m.Retain = retain })
			judge(fmt.Sprintf("a live message of QoS %d, published with RETAIN %d,", qos, digit(retain)), retain)
		}
	}
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// queuedFlags returns a message that was published with RETAIN 1 and one with RETAIN 0, as their payloads say, after
// they were queued for a subscriber.
func queuedFlags(ctx context.Context, edit ...func(*wire.Subscribe)) []wire.Publish {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	c := Connect(ctx, me)
	c.Subscribe(ctx, topic, q1, edit...)
	c.Disconnect(ctx)
	publishOnce(ctx, topic, "RETAIN 1", Retain)
	publishOnce(ctx, topic, "RETAIN 0")
	got := []wire.Publish{}
	c = Connect(ctx, me)
	for len(got) < 2 {
		got = append(got, c.Receive(ctx))
	}
	Step(ctx, "the queued messages come", Payloads(got), ConsistOf("RETAIN 1", "RETAIN 0"))
	return got
}

// tree is a choice of topics, below what [Topic] puts before them.
var tree = []string{"t", "t/", "t/a", "t/ab", "t/a/b", "t/a/b/c", "t//b"}

// keepTree retains a message on each topic of the tree, and on one beside it.
func keepTree(ctx context.Context) {
	for _, name := range append(slices.Clone(tree), "tt") {
		keep(ctx, Topic(ctx, name), "kept", q1)
	}
}

// findRetained demands that a new subscription brings retained messages, and under statement id that they are those of
// exactly the topics wanted. The client has a name that no other of the spec has: there are targets that tidy up after a
// client when the next one with its Client Identifier has subscribed already, which is another matter.
func findRetained(ctx context.Context, name, id, filter string, wanted ...string) {
	c := lateSubscriber(ctx, name)
	c.Subscribe(ctx, Topic(ctx, filter), q1)
	var found []string
	note := func(p wire.Publish) {
		if name := strings.TrimPrefix(p.Topic, Topic(ctx, "")); !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for len(found) < len(wanted) {
		p, o := c.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		c.Acknowledge(ctx, p)
		note(p)
	}
	Must(ctx, sentNew, "the filter …/"+filter+" brings retained messages", found, Not(BeEmpty()))
	for _, p := range c.rest(ctx, Topic(ctx, wanted[0])) {
		note(p)
	}
	Must(ctx, id, "the filter …/"+filter+" brings those of the topics that it matches, and no others", found, ConsistOf(wanted))
	c.Disconnect(ctx)
}

// withoutDollar demands that a filter, which matches the topic "a" and would match the $ topic but for its $, brings
// nothing of $ topics. Whether clients may publish on those is the target's choice.
func withoutDollar(ctx context.Context, dollar, filter string) {
	topic := Topic(ctx, "a")
	keep(ctx, topic, "kept", q1)
	p := Connect(ctx, Clean(ctx, "dollar"))
	p.Send(ctx, wire.Publish{Topic: dollar, QoS: q1, PacketID: p.NewID(), Retain: true, Payload: []byte("of a $ topic")})
	Try[wire.Puback](ctx, p, Timings(ctx).Reply)
	probe := Connect(ctx, Clean(ctx, "probe"))
	probe.Send(ctx, wire.Subscribe{PacketID: probe.NewID(), Subscriptions: []wire.Subscription{{Filter: dollar, QoS: q1}}})
	_, o := probe.TryPublish(ctx, Timings(ctx).Reply)
	SkipIf(ctx, o != Arrived, "the target retains no message of a client on a topic that begins with $")

	c := lateSubscriber(ctx, "late")
	c.Subscribe(ctx, filter, q1)
	got := []wire.Publish{c.Receive(ctx)}
	got = append(got, c.rest(ctx, topic)...)
	var topics []string
	for _, p := range got {
		topics = append(topics, p.Topic)
	}
	Step(ctx, "the retained message of a topic without $ comes", topics, ContainElement(topic))
	topics = slices.DeleteFunc(topics, func(topic string) bool { return !strings.HasPrefix(topic, "$") })
	Must(ctx, "MQTT-4.7.2-1", "the filter "+filter+" brings nothing of topics that begin with $", topics, BeEmpty())
}

// overlap subscribes with two filters that match a retained message, at QoS 1 and 0, in one SUBSCRIBE or in two.
func overlap(ctx context.Context, together bool) {
	topic := Topic(ctx, "a")
	keep(ctx, topic, "kept", q2)
	c := lateSubscriber(ctx, "late")
	filters := []wire.Subscription{{Filter: topic, QoS: q1}, {Filter: topic + "/#", QoS: q0}}
	var got []wire.Publish
	if together {
		c.SubscribeTo(ctx, wire.Subscribe{Subscriptions: filters})
		got = []wire.Publish{c.Receive(Owed(ctx, sentNew))}
	} else {
		c.SubscribeTo(ctx, wire.Subscribe{Subscriptions: filters[:1]})
		got = []wire.Publish{c.Receive(Owed(ctx, sentNew))}
		c.SubscribeTo(ctx, wire.Subscribe{Subscriptions: filters[1:]})
	}
	got = append(got, c.rest(ctx, topic)...)
	var levels []wire.QoS
	for _, p := range got {
		levels = append(levels, p.QoS)
	}
	Must(ctx, sentNew, "the retained message comes, once or for each filter", Payloads(got), And(Not(BeEmpty()), HaveEach("kept")))
	Must(ctx, lowerQoS, "no copy is above the highest QoS granted, 1, and one has it", slices.Max(levels), Equal(q1))
	Record(ctx, "copies of a retained message for two overlapping filters", fmt.Sprint(len(got)))
}

// retainedProperties gives a retained message every property that is passed on unaltered.
func retainedProperties(ctx context.Context) {
	pairs := wire.Properties{wire.UserProperty("k", "1"), wire.UserProperty("a", ""), wire.UserProperty("k", "2"), wire.UserProperty("", "x")}
	given := map[string]wire.Property{
		"MQTT-3.3.2-4":  wire.PayloadFormatIndicator(1),
		"MQTT-3.3.2-15": wire.ResponseTopic(Topic(ctx, "answer")),
		"MQTT-3.3.2-16": wire.CorrelationData("\x00\xff\x01"),
		"MQTT-3.3.2-20": wire.ContentType("text/plain"),
	}
	all := slices.Clone(pairs)
	for _, property := range given {
		all = append(all, property)
	}
	keep(ctx, Topic(ctx, "a"), "kept", q1, With(all...))
	c := Connect(ctx, Clean(ctx, "late"))
	c.Subscribe(ctx, Topic(ctx, "a"), q1)
	p := c.Receive(ctx)
	Step(ctx, "what comes is the retained message", string(p.Payload), Equal("kept"))
	for id, property := range given {
		Must(ctx, id, fmt.Sprintf("the retained message has its %v", property.ID), p.Properties.All(property.ID), Equal(wire.Properties{property}))
	}
	Must(ctx, "MQTT-3.3.2-17", "the retained message has all its User Properties", pairsOf(p.Properties, pairs), ConsistOf(pairs))
	Must(ctx, "MQTT-3.3.2-18", "its User Properties keep their order", pairsOf(p.Properties, pairs), Equal(pairs))
}

// updateCutBeforePuback replaces a retained message; the link is cut on the PUBACK, and the client sends it again.
func updateCutBeforePuback(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	keep(ctx, topic, "old", q1)
	retainedIs(ctx, topic, "old")
	link := Link(ctx)
	cut := link.On(netfault.Match{Dir: netfault.ToClient, Type: wire.PUBACK}, netfault.Reset{})
	update := wire.Publish{Topic: topic, Payload: []byte("new"), QoS: q1, PacketID: 7, Retain: true}
	c := Connect(ctx, me, link)
	c.Send(ctx, update)
	Fired(ctx, cut)
	c.Closed(ctx)
	c = Connect(ctx, me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	update.Dup = true
	c.PublishPacket(ctx, update)
	onlyNew(ctx, topic, "once PUBACK has come")
}

// updateCutBeforePubrel replaces a retained message at QoS 2; the link is cut before PUBREL, and the client goes on.
func updateCutBeforePubrel(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	keep(ctx, topic, "old", q1)
	retainedIs(ctx, topic, "old")
	c := Connect(ctx, me)
	c.Send(ctx, wire.Publish{Topic: topic, Payload: []byte("new"), QoS: q2, PacketID: 7, Retain: true})
	Next[wire.Pubrec](ctx, c)
	c.Drop(ctx)
	between := lateSubscriber(ctx, "between")
	between.Subscribe(ctx, topic, q1)
	p, o := between.TryPublish(ctx, Timings(ctx).Reply)
	Step(ctx, "a message is retained between PUBREC and PUBREL", o, Equal(Arrived))
	Record(ctx, "retained message between PUBREC and PUBREL of its replacement", string(p.Payload))
	c = Connect(ctx, me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	c.Send(ctx, wire.Pubrel{PacketID: 7})
	NextWhere(ctx, c, func(r wire.Pubcomp) bool { return r.PacketID == 7 })
	onlyNew(ctx, topic, "once PUBCOMP has come")
}

// onlyNew demands that a late subscriber gets the new message and not the old one.
func onlyNew(ctx context.Context, topic, when string) {
	c := lateSubscriber(ctx, "late")
	c.Subscribe(ctx, topic, q1)
	Must(ctx, stored, when+", a late subscriber gets the new message", string(c.Receive(Owed(ctx, stored)).Payload), Equal("new"))
	Must(ctx, stored, when+", it does not get the old one", Payloads(c.rest(ctx, topic)), Not(ContainElement("old")))
}
