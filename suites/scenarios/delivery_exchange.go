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

// sender is a client that publishes one message through a link, and a witness that sees what is delivered.
type sender struct {
	*Client
	me      wire.Connect
	link    *netfault.Link
	message wire.Publish
	witness *Client
}

// sending connects a sender and its witness and shows that messages reach the witness.
func sending(ctx context.Context, qos wire.QoS) *sender {
	topic := Topic(ctx, "a")
	s := &sender{me: Persistent(ctx, "me", 300), link: Link(ctx), witness: Connect(ctx, Clean(ctx, "witness"))}
	s.message = wire.Publish{Topic: topic, QoS: qos, PacketID: 7, Payload: []byte("once")}
	s.witness.Subscribe(ctx, topic, q2)
	s.Client = Connect(ctx, s.me, s.link)
	s.Publish(ctx, topic, "control", q0)
	Step(ctx, "the witness gets messages", string(s.witness.Receive(ctx).Payload), Equal("control"))
	return s
}

// lose sends a packet, loses on the link the first packet of type t in a direction, and connects again. What is lost is
// owed under statement id; with an empty id it is a step.
func (s *sender) lose(ctx context.Context, id string, d netfault.Dir, t wire.Type, p wire.Packet) {
	cut := s.link.On(netfault.Match{Dir: d, Type: t}, netfault.Drop{})
	s.Send(ctx, p)
	if id != "" {
		Fired(Owed(ctx, id), cut)
	}
	Fired(ctx, cut)
	s.back(ctx)
}

// back cuts the link and resumes the session on a new one.
func (s *sender) back(ctx context.Context) {
	s.link.Reset()
	s.Closed(ctx)
	s.Client = Connect(ctx, s.me)
	Step(ctx, "the session is resumed", s.Connack.SessionPresent, BeTrue())
}

// sendAgain sends the message with DUP 1 and waits for the PUBACK or the PUBREC.
func (s *sender) sendAgain(ctx context.Context) {
	s.message.Dup = true
	s.Send(ctx, s.message)
	if s.message.QoS == q1 {
		NextWhere(ctx, s.Client, func(a wire.Puback) bool { return a.PacketID == s.message.PacketID })
	} else {
		NextWhere(ctx, s.Client, func(a wire.Pubrec) bool { return a.PacketID == s.message.PacketID })
	}
}

// refusesRepeat repeats a message whose PUBREC was lost. A PUBREC that refuses it ends the exchange for the client, which
// takes its message for lost and its Packet Identifier for free.
func refusesRepeat(ctx context.Context) {
	s := sending(ctx, q2)
	s.lose(ctx, "", netfault.ToClient, wire.PUBREC, s.message)
	s.Ping(ctx) // behind a PUBREC that the server sends of its own accord
	s.message.Dup = true
	s.Send(ctx, s.message)
	answer := func() (refused bool) {
		for within := Timings(ctx).Reply; ; within = Timings(ctx).Quiet {
			a, o := TryWhere(ctx, s.Client, within, func(a wire.Pubrec) bool { return a.PacketID == s.message.PacketID })
			if o != Arrived {
				return refused
			}
			refused = refused || a.ReasonCode.Failed()
		}
	}
	refused := answer()
	Should(ctx, "MQTT-4.3.3-9", "PUBREC does not refuse a message that it has accepted", refused, BeFalse())
	if !refused || !slices.Contains(s.delivered(ctx, 1), "once") {
		return // if it was not delivered, it was refused from the beginning
	}
	s.message.Dup, s.message.Payload = false, []byte("another one")
	s.Send(ctx, s.message)
	answer()
	s.Send(ctx, wire.Pubrel{PacketID: s.message.PacketID})
	Must(ctx, "MQTT-4.3.3-9", "a PUBLISH after a PUBREC that refuses is a new message", s.delivered(ctx, 1), ContainElement("another one"))
}

// complete releases the QoS 2 message and demands that PUBCOMP comes and that the message was delivered once.
func (s *sender) complete(ctx context.Context) {
	s.Send(ctx, wire.Pubrel{PacketID: s.message.PacketID})
	NextWhere(Owed(ctx, completed), s.Client, func(a wire.Pubcomp) bool { return a.PacketID == s.message.PacketID })
	Must(ctx, onlyOnce, "the message is delivered once", s.delivered(ctx, 1), Equal([]string{"once"}))
}

// delivered returns what the witness has got. It waits for at least n messages, if they come.
func (s *sender) delivered(ctx context.Context, n int) []string {
	publishOnce(ctx, s.message.Topic, "sentinel")
	got := s.witness.ReceiveUntil(ctx, "sentinel")
	got = got[:len(got)-1]
	for len(got) < n { // another publisher's sentinel has no order in relation to the message
		p, o := s.witness.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		s.witness.Acknowledge(ctx, p)
		got = append(got, p)
	}
	return Payloads(got)
}

// receiver is a client with a session that gets messages through a link.
type receiver struct {
	*Client
	me    wire.Connect
	link  *netfault.Link
	topic string
	pub   *Client
	got   wire.Publish
}

// receiving connects a receiver that takes one message at a time (5.0), subscribed at the given QoS.
func receiving(ctx context.Context, qos wire.QoS) *receiver { return receivingAt(ctx, qos, 1) }

// receivingAt is receiving with another Receive Maximum.
func receivingAt(ctx context.Context, qos wire.QoS, maximum uint16) *receiver {
	r := &receiver{me: Persistent(ctx, "me", 300), link: Link(ctx), topic: Topic(ctx, "a"), pub: Connect(ctx, Clean(ctx, "pub"))}
	r.me = limited(r.me, maximum)
	r.Client = Connect(ctx, r.me, r.link)
	subscribeAt(ctx, r.Client, r.topic, qos)
	r.got.QoS = qos
	return r
}

// publish publishes a message to the receiver at its QoS.
func (r *receiver) publish(ctx context.Context, payload string) {
	r.pub.Publish(ctx, r.topic, payload, r.got.QoS)
}

// get publishes the message and receives it without an acknowledgement.
func (r *receiver) get(ctx context.Context) {
	qos := r.got.QoS
	r.publish(ctx, "message")
	r.got = r.ReceivePublish(ctx)
	Step(ctx, "the message comes at its QoS", r.got.QoS, Equal(qos))
}

// losePublish publishes the message, loses it on the link and connects again.
func (r *receiver) losePublish(ctx context.Context) {
	cut := r.link.On(netfault.Match{Dir: netfault.ToClient, Type: wire.PUBLISH, When: func(p wire.Packet) bool {
		r.got = p.(wire.Publish) // read after the rule has fired
		return true
	}}, netfault.Drop{})
	qos := r.got.QoS
	r.publish(ctx, "message")
	Fired(ctx, cut)
	Step(ctx, "the message is sent at its QoS", r.got.QoS, Equal(qos))
	r.back(ctx)
}

// lose sends a packet that the link loses, and connects again.
func (r *receiver) lose(ctx context.Context, p wire.Packet) {
	cut := r.link.On(netfault.Match{Dir: netfault.ToServer, Type: p.Type()}, netfault.Drop{})
	r.Send(ctx, p)
	Fired(ctx, cut)
	r.back(ctx)
}

// back cuts the link and resumes the session on a new one.
func (r *receiver) back(ctx context.Context) {
	r.link.Reset()
	r.Closed(ctx)
	r.Client = Connect(ctx, r.me)
	Step(ctx, "the session is resumed", r.Connack.SessionPresent, BeTrue())
}

// again demands under statement id that the message comes again, as it was but with DUP 1.
func (r *receiver) again(ctx context.Context, id string) {
	p := r.ReceivePublish(Owed(ctx, id))
	Must(ctx, id, "the message comes again under its Packet Identifier", identified([]wire.Publish{p}), Equal(identified([]wire.Publish{r.got})))
	Must(ctx, markedDup, "it is marked DUP", p.Dup, BeTrue())
	r.Acknowledge(ctx, p)
	r.onlySentinel(ctx, id, "once acknowledged, it does not come a third time")
}

// releasedAgain demands that PUBREL comes again, and PUBLISH does not.
func (r *receiver) releasedAgain(ctx context.Context) {
	NextWhere(Owed(ctx, resentRel), r.Client, func(p wire.Pubrel) bool { return p.PacketID == r.got.PacketID })
	r.Send(ctx, wire.Pubcomp{PacketID: r.got.PacketID})
	r.onlySentinel(ctx, noPublish, "PUBLISH does not come again")
}

// onlySentinel demands under statement id that nothing comes before a new message.
func (r *receiver) onlySentinel(ctx context.Context, id, what string) {
	r.publish(ctx, "sentinel")
	Must(ctx, id, what, Payloads(r.ReceiveUntil(ctx, "sentinel")), Equal([]string{"sentinel"}))
}

// finished demands under statement id that the exchange, which the client has just ended, is over: after a cut neither
// PUBLISH nor PUBREL comes for it. That the target has read the end of it is known by the next message, for which the
// Receive Maximum has room only then, in 3.1.1 by PINGRESP.
func (r *receiver) finished(ctx context.Context, id string) {
	r.Ping(ctx)
	r.publish(ctx, "next")
	next := r.ReceivePublish(ctx)
	Step(ctx, "the next message comes", string(next.Payload), Equal("next"))
	r.back(ctx)
	next = r.Receive(ctx)
	Must(ctx, id, "after the cut, the message that is open comes first", string(next.Payload), Equal("next"))
	r.onlySentinel(ctx, id, "the message that was done with does not come again")
	_, o := TryWhere(ctx, r.Client, 0, func(p wire.Pubrel) bool { return p.PacketID == r.got.PacketID && p.PacketID != next.PacketID })
	Must(ctx, id, "PUBREL does not come again for it", o, Equal(Silent))
}

// mixedStates leaves exchanges in all their states, with messages queued behind them, and resumes.
func mixedStates(ctx context.Context) {
	resent := Twin("MQTT-4.4.0-1", "MQTT-4.4.0-1")
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	p, link := Connect(ctx, Clean(ctx, "pub")), Link(ctx)
	c := Connect(ctx, me, link)
	subscribeAt(ctx, c, topic, q2)
	open := map[wire.QoS][]wire.Publish{}
	var released []uint16
	for i := range 12 {
		p.Publish(ctx, topic, fmt.Sprint("m", i), wire.QoS(1+i%2))
		m := c.ReceivePublish(ctx)
		switch i % 6 {
		case 0, 1: // done with
			c.Acknowledge(ctx, m)
		case 3: // of QoS 2, received
			c.Send(ctx, wire.Pubrec{PacketID: m.PacketID})
			Next[wire.Pubrel](ctx, c)
			released = append(released, m.PacketID)
		default:
			open[m.QoS] = append(open[m.QoS], m)
		}
	}
	c.Ping(ctx)
	link.Reset()
	c.Closed(ctx)
	for i := range 4 {
		p.Publish(ctx, topic, fmt.Sprint("queued ", i), wire.QoS(1+i%2))
	}
	c = Connect(ctx, me)
	Step(ctx, "the session is resumed", c.Connack.SessionPresent, BeTrue())
	var order []uint16
	for range released {
		r := Next[wire.Pubrel](Owed(ctx, resent), c)
		order = append(order, r.PacketID)
		c.Send(ctx, wire.Pubcomp{PacketID: r.PacketID})
	}
	Must(ctx, resent, "each PUBREL comes again", order, ConsistOf(released))
	Should(ctx, "", "the PUBRELs come in the order of the PUBRECs", order, Equal(released))
	got := map[wire.QoS][]wire.Publish{}
	for range 6 + 4 {
		m, o := c.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		c.Acknowledge(ctx, m)
		got[m.QoS] = append(got[m.QoS], m)
	}
	for i, qos := range []wire.QoS{q1, q2} {
		Must(ctx, resent, fmt.Sprintf("the open messages of QoS %d come again, each under its Packet Identifier", qos),
			identified(got[qos]), ContainElements(identified(open[qos])))
		want := append(Payloads(open[qos]), fmt.Sprint("queued ", i), fmt.Sprint("queued ", i+2))
		Must(ctx, inOrder, fmt.Sprintf("the open messages of QoS %d come in their order, and then what was queued", qos),
			Payloads(got[qos]), Equal(want))
	}
	publishOnce(ctx, topic, "sentinel")
	Must(ctx, noPublish, "nothing comes again whose PUBREL was sent", Payloads(c.ReceiveUntil(ctx, "sentinel")), Equal([]string{"sentinel"}))
}

// queuedInOrder publishes to a session that is not connected.
func queuedInOrder(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
	c, p := Connect(ctx, me), Connect(ctx, Clean(ctx, "pub"))
	c.Subscribe(ctx, topic, q2)
	c.Disconnect(ctx)
	want := map[wire.QoS][]string{}
	for i := range 40 {
		qos := wire.QoS(1 + i%2)
		payload := fmt.Sprintf("%d at QoS %d", i, qos)
		p.Publish(ctx, topic, payload, qos)
		want[qos] = append(want[qos], payload)
	}
	c = Connect(ctx, me)
	var got []string
	for range 40 {
		m, o := c.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		c.Acknowledge(ctx, m)
		got = append(got, string(m.Payload))
	}
	for _, qos := range []wire.QoS{q1, q2} {
		Must(ctx, accepted, fmt.Sprintf("all messages of QoS %d are delivered", qos), got, ContainElements(want[qos]))
		var ofQoS []string
		for _, payload := range got {
			if payload[len(payload)-1] == '0'+byte(qos) {
				ofQoS = append(ofQoS, payload)
			}
		}
		Must(ctx, inOrder, fmt.Sprintf("the messages of QoS %d come in the order they were published", qos), firsts(ofQoS), Equal(want[qos]))
	}
}

// overlapLive subscribes to filters that overlap, at different QoS, and publishes at each.
func overlapLive(ctx context.Context) {
	highest := Twin("MQTT-3.3.4-2", "MQTT-3.3.5-1")
	topic := Topic(ctx, "t/a")
	p, c := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "sub"))
	most := q0
	for _, s := range []wire.Subscription{{Filter: Topic(ctx, "t/+"), QoS: q1}, {Filter: topic, QoS: q2}, {Filter: Topic(ctx, "t/#"), QoS: q0}} {
		most = max(most, c.Subscribe(ctx, s.Filter, s.QoS))
	}
	for _, qos := range []wire.QoS{q0, q1, q2} {
		p.Publish(ctx, topic, "message", qos)
		c.Subscribe(ctx, Topic(ctx, "sentinel"), q1)
		p.Publish(ctx, Topic(ctx, "sentinel"), "sentinel", q1)
		levels := []wire.QoS{c.Receive(Owed(ctx, highest)).QoS}
		for {
			m, o := c.TryPublish(ctx, Timings(ctx).Quiet)
			if o != Arrived {
				break
			}
			c.Acknowledge(ctx, m)
			if string(m.Payload) == "message" {
				levels = append(levels, m.QoS)
			}
		}
		Must(ctx, highest, fmt.Sprintf("a message of QoS %d comes at the highest QoS that a matching subscription grants", qos), slices.Max(levels), Equal(min(qos, most)))
		Record(ctx, fmt.Sprintf("copies of a message of QoS %d for three overlapping subscriptions", qos), fmt.Sprint(len(levels)))
	}
}

// sharedCut cuts the link of a member between PUBLISH and PUBREC, twice: it comes back, and then its session ends.
func sharedCut(ctx context.Context) {
	topic := Topic(ctx, "a")
	filter := "$share/" + ID(ctx, "group") + "/" + topic
	var me []wire.Connect
	var cs []*Client
	for i := range 2 {
		me = append(me, Persistent(ctx, fmt.Sprint("me", i), 300))
		cs = append(cs, Connect(ctx, me[i]))
		subscribeAt(ctx, cs[i], filter, q2)
		cs[i].Subscribe(ctx, fmt.Sprint(topic, "/", i), q1)
	}
	Connect(ctx, Clean(ctx, "pub")).Publish(ctx, topic, "message", q2)
	holder, first := -1, wire.Publish{}
	for start := time.Now(); holder < 0 && Since(start) < 2*Timings(ctx).Reply; {
		for i, c := range cs {
			if p, o := c.TryPublish(ctx, Timings(ctx).Quiet); o == Arrived {
				holder, first = i, p
			}
		}
	}
	Step(ctx, "a member gets the message", holder, BeNumerically(">=", 0))
	cs[holder].Drop(ctx)
	other := cs[1-holder]
	publishOnce(ctx, fmt.Sprint(topic, "/", 1-holder), "sentinel")
	Must(ctx, "MQTT-4.8.2-4", "the other member does not get the message", Payloads(other.ReceiveUntil(ctx, "sentinel")), Equal([]string{"sentinel"}))
	back := Connect(ctx, me[holder])
	Step(ctx, "the session is resumed", back.Connack.SessionPresent, BeTrue())
	again := back.ReceivePublish(Owed(ctx, "MQTT-4.8.2-4"))
	Must(ctx, "MQTT-4.8.2-4", "the member that is back gets the message", identified([]wire.Publish{again}), Equal(identified([]wire.Publish{first})))
	_, o := other.TryPublish(ctx, Timings(ctx).Quiet)
	Must(ctx, "MQTT-4.8.2-4", "the other member does not get it then either", o, Equal(Silent))
	back.Drop(ctx)
	fresh := me[holder]
	fresh.CleanStart = true
	Connect(ctx, fresh) // the session with the unfinished exchange has ended
	publishOnce(ctx, fmt.Sprint(topic, "/", 1-holder), "sentinel")
	Must(ctx, "MQTT-4.8.2-5", "the other member does not get the message when that session has ended",
		Payloads(other.ReceiveUntil(ctx, "sentinel")), Equal([]string{"sentinel"}))
	_, o = other.TryPublish(ctx, Timings(ctx).Quiet)
	Must(ctx, "MQTT-4.8.2-5", "it does not come later either", o, Equal(Silent))
}
