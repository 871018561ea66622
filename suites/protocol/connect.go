package protocol

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Connecting holds the specs of CONNECT and CONNACK.
var Connecting = Section("CONNECT",
	Spec("CN-FIRST", "closes the link when the first packet is no CONNECT",
		Both(V5("MQTT-3.1.0-1", "MQTT-3.14.0-1"), V311("MQTT-3.1.0-1")), firstPackets),

	Spec("CN-NONE", "closes a link on which no CONNECT comes within a reasonable time", Both(V5("U5-040"), V311("U3-002")),
		awaitNothing, Waits(reasonable)),

	Spec("CN-VERSION-CODE", "tells a client by CONNACK that its protocol version is not supported", V311("MQTT-3.1.2-2"),
		func(ctx context.Context) {
			// a duty in 3.1.1, but a server of 5.0 as well may close without a word, or say 0x84
			pass(ctx, []wire.Packet{Clean(ctx, "")})
			b := wire.Bytes(Clean(ctx, "me"), wire.V311)
			b[8] = 6 // behind the fixed header, the length and the name
			c := Open(ctx, "me")
			c.SendBytes(ctx, b)
			a, o := Try[wire.Connack](ctx, c, Timings(ctx).Reply)
			if Should(ctx, "MQTT-3.1.2-2", "CONNACK comes before the close", o, Equal(Arrived)) {
				Should(ctx, "MQTT-3.1.2-2", "it says that the version is not supported", a.ReasonCode,
					Or(Equal(wire.RefusedProtocolVersion), Equal(wire.UnsupportedProtocolVersion)))
			}
		}),

	Spec("CN-MALFORMED", "does not accept a CONNECT whose protocol name, version or flags are wrong",
		Both(V5("MQTT-3.1.2-1", "MQTT-3.1.2-2", "MQTT-3.1.2-3", "MQTT-3.1.2-11", "MQTT-3.1.2-12", "MQTT-3.1.2-13"),
			V311("MQTT-3.1.2-1", "MQTT-3.1.2-2", "MQTT-3.1.2-3", "MQTT-3.1.2-11", "MQTT-3.1.2-14", "MQTT-3.1.2-22")),
		func(ctx context.Context) {
			offences := wrongConnects(ctx)
			for i, version := range []byte{6, 9, 127} {
				me := as(ctx, "v", i)
				b := wire.Bytes(me, Version(ctx))
				b[8] = version // behind the fixed header, the length and the name
				offences = append(offences, offence{"MQTT-3.1.2-2", fmt.Sprintf("version %d", version), wire.Raw(b), false})
			}
			punished(ctx, []wire.Packet{Clean(ctx, ""), willed(ctx, "will")}, offences)
			for i, name := range []string{"mqtt", "MQTTX", "MQ", "HTTP"} {
				me := as(ctx, "n", i)
				me.ProtocolName = name
				// the server may go on by another standard or not at all, so an open link proves nothing
				c := Open(ctx, name)
				c.Send(ctx, me)
				a, o := Try[wire.Connack](ctx, c, Timings(ctx).Quiet)
				Must(ctx, "MQTT-3.1.2-1", fmt.Sprintf("the protocol name %q is not taken for MQTT", name), o == Arrived && a.ReasonCode == wire.Success, BeFalse())
			}
		}),

	Spec("CN-SILENT", "closes the link without CONNACK when a CONNECT is malformed", V311("MQTT-3.1.4-1"),
		func(ctx context.Context) {
			pass(ctx, []wire.Packet{Clean(ctx, ""), willed(ctx, "will")})
			offences := wrongConnects(ctx)
			var answered, passed []string
			for i, r := range react(ctx, offences) {
				if r.answered {
					answered = append(answered, offences[i].name)
				}
				if r.passed {
					passed = append(passed, offences[i].name)
				}
			}
			Must(ctx, "MQTT-3.1.4-1", "a malformed CONNECT closes the Network Connection", passed, beClosed{})
			Must(ctx, "MQTT-3.1.4-1", "a malformed CONNECT gets no CONNACK", answered, beClosed{})
		}),

	Spec("CN-REFUSED", "disconnects a client that it refuses and does nothing of what that client sent",
		Both(V5("MQTT-3.2.2-7", "MQTT-3.1.4-2", "MQTT-3.1.4-6"), V311("MQTT-3.2.2-5", "MQTT-3.1.4-5")), refusedClient),

	Spec("CN-REFUSED-SESSION", "leaves the session of a Client Identifier alone when it refuses a CONNECT that names it",
		V5("MQTT-3.1.4-2", "MQTT-3.1.2-5"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			c.Disconnect(ctx)
			refused := me
			refused.CleanStart = true
			refused.Properties = refused.Properties.With(wire.AuthenticationMethod("mqttspec: there is no such method"))
			refuse(ctx, refused, "MQTT-3.1.4-2")
			pub := Connect(ctx, Clean(ctx, "pub"))
			pub.Publish(ctx, topic, "queued", q1)
			// whether the refused CONNECT was carried out or the next one did not resume cannot be told from outside
			untouched := "MQTT-3.1.4-2 MQTT-3.1.2-5"
			Must(ctx, untouched, "the session that the refused CONNECT named delivers what waited for it",
				string(Connect(ctx, me).Receive(Owed(ctx, untouched)).Payload), Equal("queued"))
		}),

	Spec("CN-METHOD", "refuses a client with an Authentication Method that there is not", V5("MQTT-4.12.0-1"),
		func(ctx context.Context) {
			Connect(ctx, as(ctx, "without", 0))
			me := Clean(ctx, "me")
			me.Properties = wire.Properties{wire.AuthenticationMethod("mqttspec: there is no such method")}
			c := Open(ctx, "me")
			c.Send(ctx, me)
			a, o := Try[wire.Connack](ctx, c, Timings(ctx).Reply)
			Must(ctx, "MQTT-4.12.0-1", "the client is not accepted", o == Arrived && a.ReasonCode == wire.Success, BeFalse())
			c.Closed(Owed(ctx, "MQTT-4.12.0-1"))
		}),

	Spec("CN-EXPIRY", "keeps a session as long as its CONNACK says", V5("U5-011", "MQTT-3.1.2-23"), announcedExpiry, Waits(4*second)),
)

// firstPackets begins connections with other packets than CONNECT.
func firstPackets(ctx context.Context) {
	topic := Topic(ctx, "a")
	packets := []wire.Packet{
		wire.Pingreq{}, wire.Publish{Topic: topic}, subscribe(topic), wire.Unsubscribe{PacketID: 7, Filters: []string{topic}},
		wire.Puback{PacketID: 7}, wire.Pubrel{PacketID: 7}, wire.Connack{},
	}
	if Version(ctx) == wire.V5 {
		packets = append(packets, wire.Auth{})
	}
	pass(ctx, packets[:4])
	passes, greets := make([]bool, len(packets)), make([]bool, len(packets))
	each(ctx, len(packets), func(i int) {
		c := Open(ctx, fmt.Sprint("first", i))
		c.Send(ctx, packets[i])
		_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
		_, o := TryWhere(ctx, c, 0, func(p wire.Packet) bool { return p.Type() == wire.DISCONNECT })
		passes[i], greets[i] = !closed, o == Arrived
	})
	var passed, greeted []string
	for i, p := range packets {
		if passes[i] {
			passed = append(passed, p.Type().String())
		}
		if greets[i] {
			greeted = append(greeted, p.Type().String())
		}
	}
	if Version(ctx) == wire.V5 {
		Must(ctx, "MQTT-3.14.0-1", "no DISCONNECT is sent where there was no CONNACK", greeted, beClosed{})
	}
	Must(ctx, "MQTT-3.1.0-1", "a first packet that is no CONNECT closes the Network Connection", passed, beClosed{})
}

// willed returns a CONNECT with a Will.
func willed(ctx context.Context, name string) wire.Connect {
	c := Clean(ctx, name)
	c.Will = &wire.Will{Topic: Topic(ctx, "will"), Payload: []byte("gone")}
	return c
}

// wrongConnects returns CONNECT packets whose flags are wrong.
func wrongConnects(ctx context.Context) (offences []offence) {
	add := func(id, name string, edit func(*wire.Connect)) {
		c := as(ctx, "c", len(offences))
		edit(&c)
		offences = append(offences, offence{id, name, c, false})
	}
	flagged := func(flags byte) func(*wire.Connect) {
		return func(c *wire.Connect) {
			flags |= c.Flags()
			c.ConnectFlags = &flags
		}
	}
	add("MQTT-3.1.2-3", "the reserved flag set", flagged(wire.FlagReserved))
	add(Twin("MQTT-3.1.2-12", "MQTT-3.1.2-14"), "Will QoS 3", func(c *wire.Connect) {
		c.Will = &wire.Will{Topic: Topic(ctx, "will"), QoS: 3}
	})
	add("MQTT-3.1.2-11", "Will QoS 1 without Will Flag", flagged(wire.FlagWillQoS1))
	add("MQTT-3.1.2-11", "Will QoS 2 without Will Flag", flagged(wire.FlagWillQoS2))
	add(Twin("MQTT-3.1.2-13", "MQTT-3.1.2-11"), "Will Retain without Will Flag", flagged(wire.FlagWillRetain))
	if Version(ctx) == wire.V311 {
		add("MQTT-3.1.2-22", "a password without User Name", func(c *wire.Connect) { c.Password = []byte("secret") })
	}
	return offences
}

// refuse sends a CONNECT that the target refuses, and demands the end of the link under statement id.
func refuse(ctx context.Context, p wire.Connect, id string) {
	c := Open(ctx, "refused")
	c.Send(ctx, p)
	a, o := Try[wire.Connack](ctx, c, Timings(ctx).Reply)
	Step(ctx, "the client is refused", o == Arrived && a.ReasonCode == wire.Success || o == Silent, BeFalse())
	c.Closed(Owed(ctx, id))
}

// refusedClient sends a CONNECT that is well-formed and refused in any case, and more behind it.
func refusedClient(ctx context.Context) {
	topic := Topic(ctx, "a")
	witness := listener(ctx, "witness", topic+"/#", topic)
	me := willed(ctx, "me")
	me.Will.Topic, me.Will.QoS = topic+"/will", q1
	if Version(ctx) == wire.V5 {
		me.Properties = wire.Properties{wire.AuthenticationMethod("mqttspec: there is no such method")}
	} else {
		me.ClientID, me.CleanStart = "", false
	}
	refuse(ctx, me, Twin("MQTT-3.2.2-7 MQTT-3.1.4-2", "MQTT-3.2.2-5"))
	c := Open(ctx, "eager")
	c.SendBytes(ctx, append(wire.Bytes(me, Version(ctx)), wire.Bytes(wire.Publish{Topic: topic, Payload: []byte("of a client that is refused")}, Version(ctx))...))
	c.Closed(ctx)
	nothing := Twin("MQTT-3.1.4-6", "MQTT-3.1.4-5")
	pub := Connect(ctx, Clean(ctx, "pub"))
	Must(ctx, nothing, "neither what the refused client published nor its Will is delivered",
		Payloads(until(ctx, witness, pub, topic, q1)), BeEmpty())
}

// announcedExpiry asks for a session of ten seconds and looks for it after four.
func announcedExpiry(ctx context.Context) {
	me, topic := Persistent(ctx, "me", 10), Topic(ctx, "a")
	c := Open(ctx, "me")
	c.Handshake(ctx, me)
	Step(ctx, "the client is accepted", c.Connack.ReasonCode, Equal(wire.Success))
	inForce := c.Connack.Properties.Int(wire.PropSessionExpiryInterval, 10)
	c.Subscribe(ctx, topic, q1)
	c.Disconnect(ctx)
	Wait(ctx, 4*second)
	pub := Connect(ctx, Clean(ctx, "pub"))
	pub.Publish(ctx, topic, "queued", q1)
	c = Connect(ctx, wire.Connect{ClientID: me.ClientID})
	says := fmt.Sprintf("by a Session Expiry Interval of %d s in force, the session", inForce)
	switch {
	case inForce > 6:
		// whether it is not kept or another interval is in force cannot be told from outside
		kept := "U5-011 MQTT-3.1.2-23"
		Must(ctx, kept, says+" is there after 4 s", string(c.Receive(Owed(ctx, kept)).Payload), Equal("queued"))
	case inForce <= 1:
		c.Subscribe(ctx, topic+"/sentinel", q1)
		Must(ctx, "U5-011", says+" is gone after 4 s", Payloads(until(ctx, c, pub, topic+"/sentinel", q1)), Not(ContainElement("queued")))
	default:
		SkipIf(ctx, true, fmt.Sprintf("the server keeps sessions for %d s, which this spec cannot tell from 10 s", inForce))
	}
}

// reasonable is how long a server may wait for CONNECT. The standard names no time; servers that are in use give up after
// 5 s to 90 s.
const reasonable = 2 * time.Minute

// awaitNothing opens links on which no CONNECT comes, or not the whole of one.
func awaitNothing(ctx context.Context) {
	Connect(ctx, Clean(ctx, "known")).Ping(ctx)
	start := time.Now()
	wait := func(name, text string, begun []byte) func() {
		return func() {
			c := Open(ctx, name)
			if begun != nil {
				c.SendBytes(ctx, begun)
			}
			_, closed := c.ClosedWithin(ctx, reasonable-time.Since(start))
			Should(ctx, Twin("U5-040", "U3-002"), fmt.Sprintf("a link with %s is closed within %s", text, reasonable), closed, BeTrue())
			if closed {
				Record(ctx, "a link with "+text+" is closed after", fmt.Sprintf("%.0f s", time.Since(start).Seconds()))
			}
		}
	}
	Together(ctx,
		wait("silent", "no packet", nil),
		wait("half", "the beginning of a CONNECT", wire.Bytes(Clean(ctx, "half"), Version(ctx))[:9]))
}
