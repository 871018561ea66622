package protocol

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Shared holds the specs of Shared Subscriptions.
var Shared = Section("Shared Subscriptions",
	Spec("SH-FILTER", "does not grant a Shared Subscription with a malformed filter", V5("MQTT-4.8.2-1", "MQTT-4.8.2-2"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			punished(ctx, []wire.Packet{subscribe(share(ctx, "group", topic))}, append(
				filters(ctx, "MQTT-4.8.2-1", "$share//"+topic),
				filters(ctx, "MQTT-4.8.2-2", "$share/a+/"+topic, "$share/a#b/"+topic, "$share/+/"+topic, "$share/"+ID(ctx, "group"), "$share/"+ID(ctx, "group")+"/")...))
		}, Needs(SharedSubscriptions)),

	Spec("SH-ONE", "delivers each message to one member of the group", V5("U5-035"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			g := members(ctx, "member", topic, share(ctx, "group", topic), q1, 3)
			all := publishMany(ctx, topic, 12, q1)
			Must(ctx, "U5-035", "the members together get each message once", Payloads(g.receive(ctx, len(all))), ConsistOf(all))
		}, Needs(SharedSubscriptions)),

	Spec("SH-NAMES", "treats the same filter under another ShareName, and without one, as another subscription", V5("U5-036", "U5-069"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			one := members(ctx, "one", topic, share(ctx, "one", topic), q1, 1)
			two := members(ctx, "two", topic, share(ctx, "two", topic), q1, 1)
			three := members(ctx, "three", topic, topic, q1, 1)
			all := publishMany(ctx, topic, 4, q1)
			for i, g := range []*group{one, two} {
				Must(ctx, "U5-036", fmt.Sprintf("group %d gets all messages", i+1), Payloads(g.receive(ctx, len(all))), ConsistOf(all))
			}
			Must(ctx, "U5-069", "who has subscribed without a ShareName gets all messages", Payloads(three.receive(ctx, len(all))), ConsistOf(all))
		}, Needs(SharedSubscriptions)),

	Spec("SH-AGAIN", "does not count a member twice that subscribes twice: its first UNSUBSCRIBE ends it", V5("U5-068"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			filter := share(ctx, "group", topic)
			left := members(ctx, "left", topic, filter, q1, 1)
			gone := members(ctx, "gone", topic, filter, q1, 1)
			gone.clients[0].Subscribe(ctx, filter, q1)
			gone.clients[0].Unsubscribe(ctx, filter)
			all := publishMany(ctx, topic, 6, q1)
			Must(ctx, "U5-068", "the member that is left gets all messages", Payloads(left.receive(ctx, len(all))), ConsistOf(all))
		}, Needs(SharedSubscriptions)),

	Spec("SH-QOS", "delivers to a member at the QoS that it was granted at most", V5("MQTT-4.8.2-3"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			for _, asked := range []wire.QoS{q0, q1} {
				g := members(ctx, fmt.Sprint("at", asked), topic, share(ctx, fmt.Sprint("group", asked), topic), asked, 1)
				publishMany(ctx, topic, 2, q2)
				for range 2 {
					m := g.clients[0].Receive(ctx)
					Must(ctx, "MQTT-4.8.2-3", "a message of QoS 2 comes at the granted QoS", m.QoS, Equal(g.granted))
				}
			}
		}, Needs(SharedSubscriptions, QoS2)),

	Spec("SH-REFUSED", "gives a message that a member refused to nobody else", V5("MQTT-4.8.2-6"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			g := members(ctx, "member", topic, share(ctx, "group", topic), q1, 2)
			publishMany(ctx, topic, 1, q1)
			holder, m := g.next(ctx)
			g.clients[holder].Send(ctx, wire.Puback{PacketID: m.PacketID, ReasonCode: wire.ImplementationSpecificError})
			g.clients[holder].Ping(ctx)
			Must(ctx, "MQTT-4.8.2-6", "the other member does not get the message", Payloads(g.rest(ctx, 1-holder)), BeEmpty())
			Must(ctx, "MQTT-4.8.2-6", "the member that refused it does not get it again", Payloads(g.rest(ctx, holder)), BeEmpty())
		}, Needs(SharedSubscriptions)),

	Spec("SH-MOVES", "gives a message of QoS 1 to another member if the session of the one that has not acknowledged it ends", V5("U5-067"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			g := members(ctx, "member", topic, share(ctx, "group", topic), q1, 2)
			publishMany(ctx, topic, 1, q1)
			holder, m := g.next(ctx)
			Step(ctx, "the message comes with QoS 1", m.QoS, Equal(q1))
			g.clients[holder].Drop(ctx) // its session ends with its link
			p, o := g.clients[1-holder].TryPublish(ctx, Timings(ctx).Reply)
			Should(ctx, "U5-067", "the other member gets the message", o == Arrived && string(p.Payload) == string(m.Payload), BeTrue())
		}, Needs(SharedSubscriptions, QoS1)),

	Spec("SH-EXPIRED", "does not count a member whose session has expired", V5("MQTT-4.1.0-2", "U5-035"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			filter := share(ctx, "group", topic)
			gone := Connect(ctx, Persistent(ctx, "gone", 1))
			gone.Subscribe(ctx, filter, q1)
			g := members(ctx, "left", topic, filter, q1, 1)
			gone.Disconnect(ctx)
			Wait(ctx, 1*second+grace)
			all := publishMany(ctx, topic, 6, q1)
			// whether the session is there or only its place in the group cannot be told from outside
			Must(ctx, "MQTT-4.1.0-2 U5-035", "the member that is left gets all messages", Payloads(g.receive(ctx, len(all))), ConsistOf(all))
		}, Waits(4*second), Needs(SharedSubscriptions)),
)

// group are the members of a share group, or clients with an ordinary subscription.
type group struct {
	clients []*Client
	granted wire.QoS
	topic   string // where its sentinels are
}

// members connects n clients and subscribes them to the filter. Each has an ordinary subscription too, for sentinels.
func members(ctx context.Context, name, topic, filter string, qos wire.QoS, n int) *group {
	g := &group{topic: topic + "/" + name}
	for i := range n {
		c := Connect(ctx, as(ctx, name, i))
		g.granted = c.Subscribe(ctx, filter, qos)
		c.Subscribe(ctx, g.sentinel(i), q1)
		g.clients = append(g.clients, c)
	}
	return g
}

// sentinel is the topic of a member's sentinels.
func (g *group) sentinel(member int) string { return fmt.Sprint(g.topic, member) }

// rest returns what a member gets until it falls silent.
func (g *group) rest(ctx context.Context, member int) []wire.Publish {
	c := g.clients[member]
	got := until(ctx, c, Connect(ctx, Clean(ctx, "sentinel")), g.sentinel(member), q1)
	for { // the sentinel has another topic and may come before what it should show
		p, o := c.TryPublish(ctx, Timings(ctx).Quiet)
		if o != Arrived {
			return got
		}
		c.Acknowledge(ctx, p)
		got = append(got, p)
	}
}

// receive returns what all members together get until they fall silent, and waits for at least n messages.
func (g *group) receive(ctx context.Context, n int) (got []wire.Publish) {
	start := time.Now()
	for len(got) < n && Since(start) < 2*Timings(ctx).Reply {
		for i := range g.clients {
			got = append(got, g.rest(ctx, i)...)
		}
	}
	return got
}

// next returns the next message, which it does not acknowledge, and the member that got it.
func (g *group) next(ctx context.Context) (member int, p wire.Publish) {
	start := time.Now()
	for Since(start) < 2*Timings(ctx).Reply {
		for i, c := range g.clients {
			if p, o := c.TryPublish(ctx, Timings(ctx).Quiet); o == Arrived {
				return i, p
			}
		}
	}
	Step(ctx, "a member gets the message", false, BeTrue())
	return 0, p
}

// publishMany publishes n messages from a client of its own.
func publishMany(ctx context.Context, topic string, n int, qos wire.QoS) (payloads []string) {
	p := Connect(ctx, Clean(ctx, "pub"))
	for i := range n {
		payloads = append(payloads, fmt.Sprint("message ", i))
		p.Publish(ctx, topic, payloads[i], qos)
	}
	return payloads
}
