package scenarios

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// aging is a message with a Message Expiry Interval that the target has. It was accepted between the two moments.
type aging struct {
	interval       uint32 // seconds
	sent, accepted time.Time
}

// publishAging publishes a message with a Message Expiry Interval in seconds at QoS 1, from a client of its own.
func publishAging(ctx context.Context, topic, payload string, seconds uint32, edit ...func(*wire.Publish)) aging {
	p := Connect(ctx, Clean(ctx, "pub"))
	m := aging{interval: seconds, sent: time.Now()}
	p.Publish(ctx, topic, payload, q1, append(edit, With(wire.MessageExpiryInterval(seconds)))...)
	m.accepted = time.Now()
	p.Disconnect(ctx)
	return m
}

// left returns between which values the Message Expiry Interval of a PUBLISH lies that has come just now and was sent
// after asked. A target may count whole seconds, begun or completed, by a clock that shows seconds: each end has one
// second more than that. What was just received cannot have gained time.
func (m aging) left(asked time.Time) (least, most uint32) {
	longest := uint32(time.Since(m.sent) / time.Second)
	shortest := uint32(max(0, asked.Sub(m.accepted)) / time.Second)
	if longest+1 < m.interval {
		least = m.interval - longest - 1
	}
	return least, m.interval - max(shortest, 1) + 1
}

// demand demands that p, which has come just now and was sent after asked, carries what is left of the interval.
func (m aging) demand(ctx context.Context, what string, p wire.Publish, asked time.Time) {
	least, most := m.left(asked)
	Must(ctx, "MQTT-3.3.2-6", what+" carries a Message Expiry Interval", p.Properties.Has(wire.PropMessageExpiryInterval), BeTrue())
	Must(ctx, "MQTT-3.3.2-6", fmt.Sprintf("%s carries %d s less the time it waited: %d to %d s", what, m.interval, least, most),
		p.Properties.Int(wire.PropMessageExpiryInterval, 0), And(BeNumerically(">=", least), BeNumerically("<=", most)))
}

// demandCapped is demand for an interval that a target may find too long: it may carry less, but not 0. To leave so long
// an interval out is not what the standard says, but no more than that: nobody will see it end.
func (m aging) demandCapped(ctx context.Context, what string, p wire.Publish, asked time.Time) {
	least, most := m.left(asked)
	if !Should(ctx, "MQTT-3.3.2-6", what+" carries a Message Expiry Interval", p.Properties.Has(wire.PropMessageExpiryInterval), BeTrue()) {
		return
	}
	value := p.Properties.Int(wire.PropMessageExpiryInterval, 0)
	Must(ctx, "MQTT-3.3.2-6", fmt.Sprintf("%s carries 1 to %d s", what, most), value, And(BeNumerically(">", 0), BeNumerically("<=", most)))
	if value < least {
		Record(ctx, "longest Message Expiry Interval", fmt.Sprintf("%d s", value))
	}
}

// expireBehindWindow lets a message of 2 s wait for 4 s behind one that is not acknowledged, with others behind it.
func expireBehindWindow(ctx context.Context) {
	topic := Topic(ctx, "a")
	me := Clean(ctx, "me")
	me.Properties = wire.Properties{wire.ReceiveMaximum(1)}
	c := Connect(ctx, me)
	c.Subscribe(ctx, topic, q1)
	p := Connect(ctx, Clean(ctx, "pub"))
	p.Publish(ctx, topic, "first", q1)
	p.Publish(ctx, topic, "expired", q1, With(wire.MessageExpiryInterval(2)))
	p.Publish(ctx, topic, "third", q1)
	first := c.ReceivePublish(ctx)
	Step(ctx, "the first message comes first", string(first.Payload), Equal("first"))
	Wait(ctx, 4*second)
	c.Ping(ctx)
	Must(ctx, "MQTT-3.3.4-9", "nothing more is sent while one message is unacknowledged and the Receive Maximum is 1",
		Payloads(c.Pending()), BeEmpty())
	c.Acknowledge(ctx, first)
	got := []string{}
	receive := func(wanted ...string) {
		for _, payload := range wanted {
			for !slices.Contains(got, payload) {
				m, o := c.TryPublish(ctx, Timings(ctx).Reply)
				if o != Arrived {
					return
				}
				c.Acknowledge(ctx, m)
				got = append(got, string(m.Payload))
			}
		}
	}
	receive("third")
	Should(ctx, "", "the message behind the expired one comes when there is room", got, ContainElement("third"))
	// whoever has stopped may go on with another message
	p.Publish(ctx, topic, "sentinel", q1)
	receive("sentinel", "third")
	Must(ctx, "MQTT-3.3.2-5", "the message of 2 s that was held back for 4 s is gone", got, Not(ContainElement("expired")))
	Must(ctx, "MQTT-4.5.0-1", "the messages behind it are delivered", got, ContainElements("third", "sentinel"))
	Must(ctx, "MQTT-4.6.0-5", "they come in the order they were published", firsts(got), Equal([]string{"third", "sentinel"}))
}

// expireInFlight makes a session whose client got a message of 2 s, and one without expiry, and acknowledged neither. It
// resumes the session after 4 s and returns the PUBLISH of 2 s and all that comes after the resumption, a sentinel last.
// If the message without expiry does not come again, the target has another fault and the step fails.
func expireInFlight(ctx context.Context, me wire.Connect, topic string, qos wire.QoS) (first wire.Publish, got []wire.Publish) {
	c := Connect(ctx, me)
	subscribeAt(ctx, c, topic, qos)
	p := Connect(ctx, Clean(ctx, "pub"))
	first, _ = putInFlight(ctx, p, c, topic, qos)
	c.Drop(ctx)
	Wait(ctx, 4*second)
	c = Connect(ctx, me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	p.Publish(ctx, topic, "sentinel", qos)
	got = c.ReceiveUntil(ctx, "sentinel")
	Step(ctx, "a message without expiry that was in flight is sent again", Payloads(got), ContainElement("control"))
	return first, got
}

// putInFlight publishes a message of 2 s and one without expiry, and has c get both.
func putInFlight(ctx context.Context, p, c *Client, topic string, qos wire.QoS) (first, control wire.Publish) {
	p.Publish(ctx, topic, "in flight", qos, With(wire.MessageExpiryInterval(2)))
	p.Publish(ctx, topic, "control", qos)
	first, control = c.ReceivePublish(ctx), c.ReceivePublish(ctx)
	for i, m := range []wire.Publish{first, control} {
		Step(ctx, "the messages are in flight", fmt.Sprintf("%s, QoS %d", m.Payload, m.QoS),
			Equal(fmt.Sprintf("%s, QoS %d", []string{"in flight", "control"}[i], qos)))
	}
	return first, control
}

// withPayload returns the first of the messages that has the payload.
func withPayload(ps []wire.Publish, payload string) (p wire.Publish) {
	for _, p := range ps {
		if string(p.Payload) == payload {
			return p
		}
	}
	return p
}

// identified returns the Packet Identifiers and payloads of messages.
func identified(ps []wire.Publish) (s []string) {
	for _, p := range ps {
		s = append(s, fmt.Sprint(p.PacketID, " ", string(p.Payload)))
	}
	return s
}

// expireBeforePubrel cuts the link on the PUBREL for a message of 2 s, and on that for one without expiry, and resumes
// the session after 4 s.
func expireBeforePubrel(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	link := Link(ctx)
	c := Connect(ctx, me, link)
	subscribeAt(ctx, c, topic, q2)
	// PUBREL shows that the target has the PUBREC; it does not reach the client
	lost := link.On(netfault.Match{Dir: netfault.ToClient, Type: wire.PUBREL}, netfault.Drop{})
	cut := link.On(netfault.Match{Dir: netfault.ToClient, Type: wire.PUBREL, Nth: 2}, netfault.Reset{})
	p := Connect(ctx, Clean(ctx, "pub"))
	first, control := putInFlight(ctx, p, c, topic, q2)
	c.Send(ctx, wire.Pubrec{PacketID: first.PacketID})
	Fired(ctx, lost)
	c.Send(ctx, wire.Pubrec{PacketID: control.PacketID})
	Fired(ctx, cut)
	c.Closed(ctx)
	Wait(ctx, 4*second)

	c = Connect(ctx, me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	_, others := TryWhere(ctx, c, Timings(ctx).Reply, func(r wire.Pubrel) bool { return r.PacketID == control.PacketID })
	_, o := TryWhere(ctx, c, Timings(ctx).Reply, func(r wire.Pubrel) bool { return r.PacketID == first.PacketID })
	Must(ctx, "MQTT-4.3.3-6", "no PUBLISH is sent again after its PUBREL", Payloads(c.Pending()), BeEmpty())
	Step(ctx, "the PUBREL of a message without expiry is sent again", others, Equal(Arrived))
	Must(ctx, "MQTT-4.3.3-7", "the PUBREL of a message of 2 s is sent again 4 s later: its exchange goes on", o, Equal(Arrived))
	c.Send(ctx, wire.Pubcomp{PacketID: control.PacketID})
	c.Send(ctx, wire.Pubcomp{PacketID: first.PacketID})
	p.Publish(ctx, topic, "next", q2)
	Must(ctx, "MQTT-4.3.3-6", "after PUBCOMP the next message comes alone", Payloads(c.ReceiveUntil(ctx, "next")), Equal([]string{"next"}))
}

// expireAtOnce publishes with Message Expiry Interval 0. The standard does not forbid it and does not say what becomes
// of a message whose lifetime is over as it begins.
func expireAtOnce(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	leave(ctx, me, topic)
	live := Connect(ctx, Clean(ctx, "live"))
	live.Subscribe(ctx, topic, q1)
	p := Connect(ctx, Clean(ctx, "pub"))
	m := wire.Publish{Topic: topic, QoS: q1, PacketID: p.NewID(), Payload: []byte("no time"), Properties: wire.Properties{wire.MessageExpiryInterval(0)}}
	p.Send(ctx, m)
	_, o := TryWhere(ctx, p, Timings(ctx).Reply, func(a wire.Puback) bool { return a.PacketID == m.PacketID })
	Must(ctx, "MQTT-3.3.4-1", "a PUBLISH with Message Expiry Interval 0 is answered by PUBACK: it is no error", o, Equal(Arrived))
	p.Publish(ctx, topic, "sentinel", q1)
	fate := "not delivered"
	for _, m := range live.ReceiveUntil(ctx, "sentinel") {
		if string(m.Payload) == "no time" {
			fate = "delivered with " + intervalOf(m)
			Should(ctx, "", "what is delivered carries a Message Expiry Interval of 0 or 1 s", intervalOf(m), BeElementOf("0 s", "1 s"))
		}
	}
	Record(ctx, "live message with Message Expiry Interval 0", fate)
	Wait(ctx, 2*second)
	c := Connect(ctx, me)
	p.Publish(ctx, topic, "another sentinel", q1)
	Should(ctx, "", "a message of 0 s is not delivered 2 s later", Payloads(c.ReceiveUntil(ctx, "another sentinel")), Not(ContainElement("no time")))
}

// intervalOf says which Message Expiry Interval a PUBLISH carries.
func intervalOf(p wire.Publish) string {
	v, ok := p.Properties.Get(wire.PropMessageExpiryInterval)
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%d s", v.Int)
}
