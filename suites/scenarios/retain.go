package scenarios

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Retained holds the specs of retained messages.
var Retained = Section("Retained messages",
	Spec("RT-01-QOS0", "replaces a retained message by one of QoS 0",
		Both(V5("MQTT-3.3.1-5", "U5-051"), V311("MQTT-3.3.1-7")),
		func(ctx context.Context) {
			topic, replaced := Topic(ctx, "a"), Twin("MQTT-3.3.1-5", "MQTT-3.3.1-7")
			keep(ctx, topic, "old", q1)
			live := Connect(ctx, Clean(ctx, "live"))
			live.Subscribe(ctx, topic, q1) // at QoS 0 the message of QoS 1 might come twice
			Step(ctx, "the first message was retained", string(live.Receive(ctx).Payload), Equal("old"))
			keep(ctx, topic, "new", q0)
			Step(ctx, "the second message is delivered live", string(live.Receive(ctx).Payload), Equal("new"))
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			got := c.rest(ctx, topic)
			Must(ctx, replaced, "the old message is gone", Payloads(got), Not(ContainElement("old")))
			if Should(ctx, Twin("U5-051", "MQTT-3.3.1-7"), "the new message of QoS 0 is retained", Payloads(got), ContainElement("new")) {
				Should(ctx, "", "it is sent with QoS 0 and RETAIN 1", fmt.Sprint(got[0].QoS, got[0].Retain), Equal(fmt.Sprint(q0, true)))
			}
		}, Needs(RetainedMessages)),

	Spec("RT-01-QOS1", "sends a retained message of QoS 1 to new subscriptions at the lower QoS and with RETAIN 1", retainedClaims,
		func(ctx context.Context) { lateAtEachQoS(ctx, q1) }, Needs(RetainedMessages, QoS2)),

	Spec("RT-01-QOS2", "sends a retained message of QoS 2 to new subscriptions at the lower QoS and with RETAIN 1", retainedClaims,
		func(ctx context.Context) { lateAtEachQoS(ctx, q2) }, Needs(RetainedMessages, QoS2)),

	Spec("RT-02", "replaces a retained message as a whole, properties included",
		Both(V5("MQTT-3.3.1-5"), V311("MQTT-3.3.1-5")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "the old message", q1, With(wire.PayloadFormatIndicator(1), wire.ContentType("text/old"),
				wire.ResponseTopic(Topic(ctx, "old")), wire.CorrelationData("old"), wire.UserProperty("message", "old")))
			keep(ctx, topic, "new", q1, With(wire.UserProperty("message", "new")))
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			p := c.Receive(Owed(ctx, stored))
			Must(ctx, stored, "a late subscriber gets the new message", string(p.Payload), Equal("new"))
			Must(ctx, stored, "it does not get the old one as well", Payloads(c.rest(ctx, topic)), Not(ContainElement("the old message")))
			if Version(ctx) == wire.V5 {
				Must(ctx, stored, "the new message has its own User Property, and not the old one's",
					pairsOf(p.Properties, wire.Properties{wire.UserProperty("message", "old"), wire.UserProperty("message", "new")}),
					Equal(wire.Properties{wire.UserProperty("message", "new")}))
				for _, id := range []wire.PropertyID{wire.PropPayloadFormatIndicator, wire.PropContentType, wire.PropResponseTopic, wire.PropCorrelationData} {
					Must(ctx, stored, fmt.Sprintf("the new message does not have the old one's %v", id), p.Properties.All(id), BeEmpty())
				}
			}
		}, Needs(RetainedMessages)),

	Spec("RT-KEPT", "keeps a retained message until a client deletes it", V311("U3-012"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "kept", q1)
			retainedIs(ctx, topic, "kept")
			Wait(ctx, 8*second)
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			p, o := c.TryPublish(ctx, Timings(ctx).Reply)
			Should(ctx, "U3-012", "the message is still retained after 8 s", o == Arrived && string(p.Payload) == "kept", BeTrue())
		}, Waits(8*second), Needs(RetainedMessages, QoS1)),

	Spec("RT-03", "removes a retained message when an empty one comes, and delivers that to those who have subscribed",
		Both(V5("MQTT-3.3.1-6", "MQTT-3.3.1-7"), V311("MQTT-3.3.1-10", "MQTT-3.3.1-11")),
		func(ctx context.Context) {
			for _, qos := range []wire.QoS{q1, q0} {
				topic := Topic(ctx, fmt.Sprint("qos", qos))
				live := Connect(ctx, Clean(ctx, fmt.Sprint("live", qos)))
				live.Subscribe(ctx, topic, q1) // at QoS 0 the message of QoS 1 might come twice
				keep(ctx, topic, "kept", q1)
				live.Receive(ctx)
				retainedIs(ctx, topic, "kept")
				keep(ctx, topic, "", qos)
				Must(ctx, cleared, fmt.Sprintf("a client that has subscribed gets the empty message of QoS %d", qos),
					string(live.Receive(Owed(ctx, cleared)).Payload), BeEmpty())
				nothingKept(ctx, topic, "kept")
			}
		}, Needs(RetainedMessages)),

	Spec("RT-04", "delivers an empty message with RETAIN 1 where nothing was retained, and does not store it",
		Both(V5("MQTT-3.3.1-6", "MQTT-3.3.1-7"), V311("MQTT-3.3.1-10", "MQTT-3.3.1-11")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			live := Connect(ctx, Clean(ctx, "live"))
			live.Subscribe(ctx, topic, q1)
			keep(ctx, topic, "", q1)
			Must(ctx, cleared, "a client that has subscribed gets the empty message", string(live.Receive(Owed(ctx, cleared)).Payload), BeEmpty())
			nothingKept(ctx, topic, "kept")
		}, Needs(RetainedMessages)),

	Spec("RT-05-EMPTY", "keeps a retained message when an empty one with RETAIN 0 comes", plainClaims,
		func(ctx context.Context) { plainChangesNothing(ctx, "") }, Needs(RetainedMessages)),

	Spec("RT-05-PLAIN", "keeps a retained message when another one with RETAIN 0 comes, and stores none where there was none", plainClaims,
		func(ctx context.Context) {
			plainChangesNothing(ctx, "plain")
			topic := Topic(ctx, "b")
			publishOnce(ctx, topic, "plain")
			c := lateSubscriber(ctx, "other")
			c.Subscribe(ctx, topic, q1)
			Must(ctx, plainUnkept, "a message with RETAIN 0 is not stored", Payloads(c.rest(ctx, topic)), BeEmpty())
		}, Needs(RetainedMessages)),

	Spec("RT-06", "sends retained messages to a new subscription and again to a repeated one (Retain Handling 0)",
		Both(V5("MQTT-3.3.1-9", "MQTT-3.8.4-4"), V311("MQTT-3.3.1-6", "MQTT-3.8.4-3")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "kept", q1)
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			c.brings(ctx, sentNew, "a new subscription", "kept")
			for range 2 {
				c.Subscribe(ctx, topic, q1)
				c.brings(ctx, sentAgain, "a repeated subscription", "kept")
			}
		}, Needs(RetainedMessages)),

	Spec("RT-06-FLOW", "loses no message while a subscription is repeated",
		Both(V5("MQTT-3.8.4-4"), V311("MQTT-3.8.4-3")), repeatInTheFlow, Needs(RetainedMessages, WildcardSubscriptions)),

	Spec("RT-07", "sends retained messages to a subscription only when it is new (Retain Handling 1)", V5("MQTT-3.3.1-10"),
		func(ctx context.Context) {
			topic, ifNew := Topic(ctx, "a"), RetainHandling(wire.SendRetainedIfNew)
			keep(ctx, topic, "kept", q1)
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1, ifNew)
			c.brings(ctx, "MQTT-3.3.1-10", "a new subscription", "kept")
			c.Subscribe(ctx, topic, q1, ifNew)
			Must(ctx, "MQTT-3.3.1-10", "repeated, the subscription brings nothing", Payloads(c.rest(ctx, topic)), BeEmpty())
			c.Unsubscribe(ctx, topic)
			c.Subscribe(ctx, topic, q1, ifNew)
			c.brings(ctx, "MQTT-3.3.1-10", "a subscription that is new after UNSUBSCRIBE", "kept")
		}, Needs(RetainedMessages)),

	Spec("RT-07-RESUME", "takes a resumed subscription as existing and one after Clean Start 1 as new (Retain Handling 1)", V5("MQTT-3.3.1-10"),
		func(ctx context.Context) {
			me, topic, ifNew := Persistent(ctx, "me", 300), Topic(ctx, "a"), RetainHandling(wire.SendRetainedIfNew)
			keep(ctx, topic, "kept", q1)
			c := lateSubscriber(ctx, "", me)
			c.Subscribe(ctx, topic, q1, ifNew)
			c.brings(ctx, "MQTT-3.3.1-10", "a new subscription", "kept")
			c.Disconnect(ctx)
			c = lateSubscriber(ctx, "", me)
			Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
			c.rest(ctx, topic) // what a server sends without SUBSCRIBE
			c.Subscribe(ctx, topic, q1, ifNew)
			Must(ctx, "MQTT-3.3.1-10", "a subscription that the resumed session has brings nothing", Payloads(c.rest(ctx, topic)), BeEmpty())
			c.Disconnect(ctx)
			me.CleanStart = true
			c = lateSubscriber(ctx, "", me)
			c.Subscribe(ctx, topic, q1, ifNew)
			c.brings(ctx, "MQTT-3.3.1-10", "a subscription that is new after Clean Start 1", "kept")
		}, Needs(RetainedMessages)),

	Spec("RT-08", "sends no retained message to a subscription that wants none (Retain Handling 2)", V5("MQTT-3.3.1-11"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "kept", q1)
			retainedIs(ctx, topic, "kept")
			c := lateSubscriber(ctx, "late")
			for _, which := range []string{"a new subscription", "a repeated subscription"} {
				c.Subscribe(ctx, topic, q1, RetainHandling(wire.NoRetained))
				Must(ctx, "MQTT-3.3.1-11", which+" brings no retained message; live ones come", Payloads(c.rest(ctx, topic)), BeEmpty())
			}
		}, Needs(RetainedMessages)),

	Spec("RT-09", "treats Retain Handling 3 as a Protocol Error", V5("U5-026", "MQTT-4.13.1-1"),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			c.Subscribe(ctx, Topic(ctx, "a"), q1, RetainHandling(wire.NoRetained))
			wrong := wire.Subscribe{PacketID: c.NewID(), Subscriptions: []wire.Subscription{{Filter: Topic(ctx, "b"), QoS: q1, RetainHandling: 3}}}
			c.Send(ctx, wrong)
			_, o := TryWhere(ctx, c, Timings(ctx).Reply, func(a wire.Suback) bool {
				return a.PacketID == wrong.PacketID && len(a.ReasonCodes) > 0 && !a.ReasonCodes[0].Failed()
			})
			// a server need not look so closely, see 4.13.1
			Should(ctx, "U5-026", "a SUBSCRIBE with Retain Handling 3 is not granted", o, Not(Equal(Arrived)))
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			Should(ctx, "MQTT-4.13.1-1", "the Protocol Error ends the Network Connection", closed, BeTrue())
		}),

	Spec("RT-10-0", "sends retained messages for a SUBSCRIBE, not for a session that is resumed (Retain Handling 0)",
		Both(V5("MQTT-3.3.1-9"), V311("MQTT-3.3.1-6", "MQTT-3.3.1-9")),
		func(ctx context.Context) { resumeWithoutSubscribe(ctx, wire.SendRetained, sentNew) }, Needs(RetainedMessages)),

	Spec("RT-10-1", "sends retained messages for a new subscription, not for a session that is resumed (Retain Handling 1)", V5("MQTT-3.3.1-10"),
		func(ctx context.Context) { resumeWithoutSubscribe(ctx, wire.SendRetainedIfNew, "MQTT-3.3.1-10") }, Needs(RetainedMessages)),

	Spec("RT-10-2", "sends no retained messages for a session that is resumed (Retain Handling 2)", V5("MQTT-3.3.1-11"),
		func(ctx context.Context) { resumeWithoutSubscribe(ctx, wire.NoRetained, "MQTT-3.3.1-11") }, Needs(RetainedMessages)),

	Spec("RT-11-0", "sends live messages with RETAIN 0 (Retain As Published 0)",
		Both(V5("MQTT-3.3.1-12"), V311("MQTT-3.3.1-9")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "sub"))
			c.Subscribe(ctx, Topic(ctx, "a"), q1)
			eachFlag(ctx, func(what string, _ bool) {
				Must(ctx, unflagged, what+" comes with RETAIN 0", c.Receive(ctx).Retain, BeFalse())
			})
		}, Needs(RetainedMessages)),

	Spec("RT-11-1", "sends live messages with the RETAIN flag they were published with (Retain As Published 1)", V5("MQTT-3.3.1-13"),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "sub"))
			c.Subscribe(ctx, Topic(ctx, "a"), q1, RetainAsPublished)
			eachFlag(ctx, func(what string, retain bool) {
				Must(ctx, "MQTT-3.3.1-13", what+" keeps its flag", c.Receive(ctx).Retain, Equal(retain))
			})
		}, Needs(RetainedMessages)),

	Spec("RT-12-0", "sends queued messages with RETAIN 0 (Retain As Published 0)",
		Both(V5("MQTT-3.3.1-12"), V311("MQTT-3.3.1-9")),
		func(ctx context.Context) {
			for _, p := range queuedFlags(ctx) {
				Must(ctx, unflagged, fmt.Sprintf("the message that was queued with %s comes with RETAIN 0", p.Payload), p.Retain, BeFalse())
			}
		}, Needs(RetainedMessages)),

	Spec("RT-12-1", "sends queued messages with the RETAIN flag they were published with (Retain As Published 1)", V5("MQTT-3.3.1-13"),
		func(ctx context.Context) {
			for _, p := range queuedFlags(ctx, RetainAsPublished) {
				Must(ctx, "MQTT-3.3.1-13", fmt.Sprintf("the message that was queued with %s keeps its flag", p.Payload),
					p.Retain, Equal(string(p.Payload) == "RETAIN 1"))
			}
		}, Needs(RetainedMessages)),

	Spec("RT-13", "sends retained messages to new subscriptions with RETAIN 1, whatever Retain As Published says", V5("U5-018"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "kept", q1)
			c := Connect(ctx, Clean(ctx, "late"))
			for _, asPublished := range []bool{false, true} {
				c.Subscribe(ctx, topic, q1, func(s *wire.Subscribe) { s.Subscriptions[0].RetainAsPublished = asPublished })
				p := c.Receive(Owed(ctx, "U5-018"))
				Must(ctx, "U5-018", fmt.Sprintf("with Retain As Published %t the retained message has RETAIN 1", asPublished), p.Retain, BeTrue())
			}
		}, Needs(RetainedMessages)),

	Spec("RT-14-PLUS", "finds the retained messages that match a filter with +", matchingClaims,
		func(ctx context.Context) {
			keepTree(ctx)
			findRetained(ctx, "first", matching, "t/+", "t/", "t/a", "t/ab")
			findRetained(ctx, "second", matching, "t/+/b", "t/a/b", "t//b")
		}, Needs(RetainedMessages, WildcardSubscriptions)),

	Spec("RT-14-HASH", "finds the retained messages that match a filter with #, its parent level included", matchingClaims,
		func(ctx context.Context) {
			keepTree(ctx)
			findRetained(ctx, "first", matching, "t/a/#", "t/a", "t/a/b", "t/a/b/c")
			findRetained(ctx, "second", matching, "t/#", tree...)
		}, Needs(RetainedMessages, WildcardSubscriptions)),

	Spec("RT-14-EXACT", "finds only the retained message whose topic equals a filter without wildcards",
		Both(V5("MQTT-3.3.1-9", "MQTT-4.7.3-4"), V311("MQTT-3.3.1-6", "MQTT-4.7.3-4")),
		func(ctx context.Context) {
			keepTree(ctx)
			unaltered := Twin("MQTT-4.7.3-4", "MQTT-4.7.3-4")
			findRetained(ctx, "first", unaltered, "t/a", "t/a")
			findRetained(ctx, "second", unaltered, "t/", "t/")
		}, Needs(RetainedMessages)),

	Spec("RT-15-PLUS", "does not send retained messages of $ topics to a filter that begins with +", dollarClaims,
		func(ctx context.Context) {
			first, rest, _ := strings.Cut(Topic(ctx, "a"), "/")
			withoutDollar(ctx, "$"+first+"/"+rest, "+/"+rest)
		}, Needs(RetainedMessages, WildcardSubscriptions)),

	Spec("RT-15-HASH", "does not send retained messages of $ topics to the filter #", dollarClaims,
		func(ctx context.Context) {
			withoutDollar(ctx, "$"+Topic(ctx, "a"), "#")
		}, Own(), Needs(RetainedMessages, WildcardSubscriptions)),

	Spec("RT-16", "sends no retained message when a shared subscription is made", V5("U5-034"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "kept", q1)
			retainedIs(ctx, topic, "kept")
			for _, handling := range []wire.RetainHandling{wire.SendRetained, wire.SendRetainedIfNew} {
				c := lateSubscriber(ctx, fmt.Sprint("late", handling))
				c.Subscribe(ctx, fmt.Sprintf("$share/%s/%s", ID(ctx, fmt.Sprint("group", handling)), topic), q1, RetainHandling(handling))
				Must(ctx, "U5-034", fmt.Sprintf("a new shared subscription with Retain Handling %d brings nothing", handling),
					Payloads(c.rest(ctx, topic)), BeEmpty())
				keep(ctx, topic, "kept", q1)
				Step(ctx, "a live message with RETAIN 1 comes", string(c.Receive(ctx).Payload), Equal("kept"))
			}
		}, Needs(RetainedMessages, SharedSubscriptions)),

	Spec("RT-17-ONE", "honours the highest QoS when one SUBSCRIBE has two filters that match a retained message", overlapClaims,
		func(ctx context.Context) { overlap(ctx, true) }, Needs(RetainedMessages, WildcardSubscriptions, QoS2)),

	Spec("RT-17-TWO", "honours the highest QoS when two SUBSCRIBEs have filters that match a retained message", overlapClaims,
		func(ctx context.Context) { overlap(ctx, false) }, Needs(RetainedMessages, WildcardSubscriptions, QoS2)),

	Spec("RT-18", "sends retained messages with the Subscription Identifier", V5("MQTT-3.3.4-3"),
		func(ctx context.Context) {
			keep(ctx, Topic(ctx, "a"), "kept", q1)
			c := Connect(ctx, Clean(ctx, "late"))
			c.Subscribe(ctx, Topic(ctx, "a"), q1, Identified(77))
			p := c.Receive(Owed(ctx, "MQTT-3.3.4-3"))
			Must(ctx, "MQTT-3.3.4-3", "the retained message has the identifier 77 of its subscription",
				p.Properties.All(wire.PropSubscriptionIdentifier), Equal(wire.Properties{wire.SubscriptionIdentifier(77)}))
		}, Needs(RetainedMessages, SubscriptionIdentifiers)),

	Spec("RT-19", "sends retained messages with all the properties they were published with, and in their order",
		V5("MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-18", "MQTT-3.3.2-20"),
		retainedProperties, Needs(RetainedMessages)),

	Spec("RT-20", "keeps a retained message when the session of its publisher ends", survivalClaims,
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			keep(ctx, topic, "kept", q1)
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			c.brings(ctx, survives, "after the publisher's session ended with its link, a subscription", "kept")

			me := Persistent(ctx, "me", 300)
			p := Connect(ctx, me)
			p.Publish(ctx, topic, "kept by a session", q1, Retain)
			p.Disconnect(ctx)
			me.CleanStart = true
			Connect(ctx, me).Disconnect(ctx)
			c = lateSubscriber(ctx, "later")
			c.Subscribe(ctx, topic, q1)
			c.brings(ctx, survives, "after the publisher's session was discarded by a new one, a subscription", "kept by a session")
		}, Needs(RetainedMessages)),

	Spec("RT-20-EXPIRY", "keeps a retained message when the session of its publisher expires", V5("U5-053"),
		func(ctx context.Context) {
			topic, me := Topic(ctx, "a"), Persistent(ctx, "me", 1)
			p := Connect(ctx, me)
			p.Publish(ctx, topic, "kept", q1, Retain)
			p.Disconnect(ctx)
			Wait(ctx, 1*second+grace)
			c := lateSubscriber(ctx, "late")
			c.Subscribe(ctx, topic, q1)
			c.brings(ctx, survives, "after the publisher's session expired, a subscription", "kept")
		}, Waits(4*second), Needs(RetainedMessages)),

	Spec("RT-21", "has stored a retained message of QoS 1 when it is acknowledged, also at the second attempt",
		Both(V5("MQTT-3.3.1-5"), V311("MQTT-3.3.1-5")), updateCutBeforePuback, Needs(RetainedMessages)),

	Spec("RT-22", "has stored a retained message of QoS 2 when its exchange is complete, also after a cut",
		Both(V5("MQTT-3.3.1-5"), V311("MQTT-3.3.1-5")), updateCutBeforePubrel, Needs(RetainedMessages, QoS2)),

	Spec("RT-23", "sends an unacknowledged retained message again as it was, with DUP 1",
		Both(V5("MQTT-4.4.0-1", "MQTT-3.3.1-1", "U5-018"), V311("MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-3.3.1-8")),
		func(ctx context.Context) {
			me, topic, resent := Persistent(ctx, "me", 300), Topic(ctx, "a"), Twin("MQTT-4.4.0-1", "MQTT-4.4.0-1")
			keep(ctx, topic, "kept", q1)
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			first := c.ReceivePublish(ctx)
			Must(ctx, flagged, "the retained message comes with RETAIN 1", first.Retain, BeTrue())
			c.Drop(ctx)
			c = Connect(ctx, me)
			Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
			again := c.Receive(Owed(ctx, resent))
			Must(ctx, resent, "the retained message that was not acknowledged comes again under its Packet Identifier",
				identified([]wire.Publish{again}), Equal(identified([]wire.Publish{first})))
			Must(ctx, resent, "it has RETAIN 1 as before", again.Retain, BeTrue())
			Must(ctx, Twin("MQTT-3.3.1-1", "MQTT-3.3.1-1"), "it is marked DUP", again.Dup, BeTrue())
		}, Needs(RetainedMessages)),
)
