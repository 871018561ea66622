package scenarios

import (
	"context"
	"math"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// SessionExpiry holds the specs of the Session Expiry Interval, which only 5.0 has.
var SessionExpiry = Section("Session expiry",
	Spec("SE-01", "keeps a session whose Session Expiry Interval is running", V5("MQTT-3.1.2-23", "MQTT-3.2.2-3"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 10), Topic(ctx, "a")
			p := Connect(ctx, Clean(ctx, "pub"))
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			left := time.Now()
			c.Disconnect(ctx)
			p.Publish(ctx, topic, "queued", q1)
			Wait(ctx, 4*second)
			c = Connect(ctx, me)
			inTime(ctx, left, 10*second, "the client is back")
			Must(ctx, "MQTT-3.1.2-23", "a session of 10 s has kept its messages 4 s later",
				string(c.Receive(Owed(ctx, "MQTT-3.1.2-23")).Payload), Equal("queued"))
			Must(ctx, "MQTT-3.2.2-3", "Session Present is 1, as the session is there", c.Connack.SessionPresent, BeTrue())
		}, Waits(4*second)),

	Spec("SE-02", "discards a session when its Session Expiry Interval has passed", V5("MQTT-4.1.0-2", "MQTT-3.2.2-3"),
		func(ctx context.Context) {
			me, other, topic := Persistent(ctx, "me", 2), Persistent(ctx, "other", 2), Topic(ctx, "a")
			leave(ctx, me, topic)
			leave(ctx, other, topic)
			publishOnce(ctx, topic, "queued")
			Wait(ctx, 3*second)
			Should(ctx, "", "a session is gone one second after its interval", Connect(ctx, other).Connack.SessionPresent, BeFalse())
			Wait(ctx, grace-1*second)
			c := Connect(ctx, me)
			nothingOld(ctx, c, topic, "MQTT-4.1.0-2")
			Must(ctx, "MQTT-3.2.2-3", "Session Present is 0, as nothing is left of the session", c.Connack.SessionPresent, BeFalse())
		}, Waits(5*second)),

	Spec("SE-03", "counts the Session Expiry Interval from the end of the link, not from CONNECT", V5("MQTT-4.1.0-1", "MQTT-3.1.2-23"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 5), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			Wait(ctx, 8*second)
			publishOnce(ctx, topic, "live")
			Must(ctx, "MQTT-4.1.0-1", "the session is in force while its link lasts",
				string(c.Receive(Owed(ctx, "MQTT-4.1.0-1")).Payload), Equal("live"))
			left := time.Now()
			c.Disconnect(ctx)
			Wait(ctx, 1*second)
			back := Connect(ctx, me)
			inTime(ctx, left, 5*second, "the client is back")
			Must(ctx, "MQTT-3.1.2-23", "the session is there 1 s after a link of 8 s with an interval of 5 s",
				back.Connack.SessionPresent, BeTrue())
		}, Waits(9*second)),

	Spec("SE-04", "counts the Session Expiry Interval from the moment it gives up a silent link", V5("MQTT-3.1.2-23"),
		func(ctx context.Context) {
			const interval = 6 * second // as long as the silence until the target gives up
			me, topic := Persistent(ctx, "me", uint32(interval/second)), Topic(ctx, "will")
			me.KeepAlive = 4
			// the Will shows when the target has noticed
			me.Will = &wire.Will{Topic: topic, QoS: q1, Payload: []byte("gone")}
			witness := Connect(ctx, Clean(ctx, "witness"))
			witness.Subscribe(ctx, topic, q1)
			link := Link(ctx)
			c := Connect(ctx, me, link)
			ka := c.KeepAlive(4)
			SkipIf(ctx, ka > keepAliveLimit, "the server replaced a Keep Alive of 4 s by "+ka.String())
			link.StallBoth()
			_, o := witness.TryPublish(ctx, closedBy(ka)+Timings(ctx).Reply)
			Step(ctx, "the Will shows that the link was given up", o, Equal(Arrived))
			gone := time.Now()
			Wait(ctx, interval-ka*3/2+1*second) // whoever counts from the last packet has come to the end by then
			back := Connect(ctx, me)
			inTime(ctx, gone, interval, "the client is back")
			Must(ctx, "MQTT-3.1.2-23", "the session is there when the interval of 6 s has passed since the last packet, but not since the end of its link",
				back.Connack.SessionPresent, BeTrue())
		}, Waits(7*second)),

	Spec("SE-05", "keeps a session with the Session Expiry Interval 0xFFFFFFFF", V5("MQTT-3.1.2-23", "U5-010"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", math.MaxUint32), Topic(ctx, "a")
			leave(ctx, me, topic)
			publishOnce(ctx, topic, "queued")
			Wait(ctx, 5*second)
			c := Connect(ctx, me)
			Must(ctx, "MQTT-3.1.2-23 U5-010", "a session that never expires has kept its messages",
				string(c.Receive(Owed(ctx, "MQTT-3.1.2-23 U5-010")).Payload), Equal("queued"))
			Must(ctx, "U5-010", "Session Present is 1 for a session that never expires", c.Connack.SessionPresent, BeTrue())
		}, Waits(5*second)),

	Spec("SE-07", "takes a shorter Session Expiry Interval from DISCONNECT", V5("U5-046", "MQTT-4.1.0-2"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic, expiry(1))
			publishOnce(ctx, topic, "queued")
			Wait(ctx, 1*second+grace)
			c := Connect(ctx, me)
			nothingOld(ctx, c, topic, "U5-046 MQTT-4.1.0-2")
			Must(ctx, "U5-046", "the session is gone after the 1 s that DISCONNECT asked for", c.Connack.SessionPresent, BeFalse())
		}, Waits(4*second)),

	Spec("SE-08", "takes a longer Session Expiry Interval from DISCONNECT", V5("U5-046"),
		func(ctx context.Context) {
			// a target that does not keep sessions for so long says it here, it could not in answer to DISCONNECT
			Connect(ctx, Persistent(ctx, "asking", 30)).Disconnect(ctx, expiry(0))
			me, topic := Persistent(ctx, "me", 2), Topic(ctx, "a")
			leave(ctx, me, topic, expiry(30))
			publishOnce(ctx, topic, "queued")
			Wait(ctx, 6*second)
			c := Connect(ctx, me)
			Must(ctx, "U5-046", "the session is there after 6 s: DISCONNECT made its 2 s to 30 s", c.Connack.SessionPresent, BeTrue())
			Must(ctx, "U5-046", "it has kept its messages", string(c.Receive(Owed(ctx, "U5-046")).Payload), Equal("queued"))
		}, Waits(6*second)),

	Spec("SE-09", "ends the session at a DISCONNECT with Session Expiry Interval 0", V5("U5-046", "MQTT-4.1.0-2"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic, expiry(0))
			publishOnce(ctx, topic, "late")
			c := Connect(ctx, me)
			nothingOld(ctx, c, topic, "U5-046 MQTT-4.1.0-2")
			Must(ctx, "U5-046", "the session ended with its link", c.Connack.SessionPresent, BeFalse())
		}),

	Spec("SE-10", "does not let DISCONNECT extend a session whose Session Expiry Interval was 0, and publishes its Will",
		V5("U5-030", "MQTT-4.13.1-1"),
		func(ctx context.Context) {
			witness, c, me := disconnecting(ctx)
			c.Send(ctx, wire.Disconnect{Properties: wire.Properties{wire.SessionExpiryInterval(30)}})
			_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
			Must(ctx, "MQTT-4.13.1-1", "the Network Connection is closed", closed, BeTrue())
			Must(ctx, "U5-030", "a DISCONNECT that is a Protocol Error does not take the Will away",
				string(witness.Receive(Owed(ctx, "U5-030")).Payload), Equal("gone"))
			me.CleanStart = false
			Should(ctx, "U5-030", "the session was not extended", Connect(ctx, me).Connack.SessionPresent, BeFalse())
		}),

	Spec("SE-11-twice", "treats a DISCONNECT with two Session Expiry Intervals as a Protocol Error", V5("MQTT-4.13.1-1"),
		func(ctx context.Context) {
			witness, c, _ := disconnecting(ctx)
			c.Send(ctx, wire.Disconnect{Properties: wire.Properties{wire.SessionExpiryInterval(0), wire.SessionExpiryInterval(0)}})
			c.Closed(ctx)
			// a server need not look so closely, see 4.13.1: to one that does not, this is an orderly end
			_, o := witness.TryPublish(ctx, Timings(ctx).Reply)
			Should(ctx, "MQTT-4.13.1-1", "a DISCONNECT that is an error does not take the Will away", o, Equal(Arrived))
		}),

	Spec("SE-11-cut", "treats a DISCONNECT whose Session Expiry Interval is cut short as malformed", V5("MQTT-4.13.1-1", "MQTT-3.1.2-8"),
		func(ctx context.Context) {
			// Property Length 3: the identifier and two of the four bytes
			wrongDisconnect(ctx, wire.Raw(wire.Frame(nil, byte(wire.DISCONNECT)<<4, []byte{0, 3, byte(wire.PropSessionExpiryInterval), 0, 0})))
		}),

	Spec("SE-12", "takes the Session Expiry Interval of the latest CONNECT", V5("MQTT-4.1.0-2", "MQTT-3.2.2-3"),
		func(ctx context.Context) {
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			leave(ctx, me, topic)
			back := Connect(ctx, Persistent(ctx, "me", 2))
			Step(ctx, "the session is resumed", back.Connack.SessionPresent, BeTrue())
			back.Drop(ctx)
			publishOnce(ctx, topic, "queued")
			Wait(ctx, 2*second+grace)
			c := Connect(ctx, me)
			nothingOld(ctx, c, topic, "MQTT-4.1.0-2")
			Must(ctx, "MQTT-3.2.2-3", "Session Present is 0, as nothing is left of the session", c.Connack.SessionPresent, BeFalse())
		}, Waits(5*second)),
)

// leave makes a session that is subscribed to topic at QoS 1 and leaves it with a DISCONNECT.
func leave(ctx context.Context, me wire.Connect, topic string, edit ...func(*wire.Disconnect)) {
	c := Connect(ctx, me)
	c.Subscribe(ctx, topic, q1)
	c.Disconnect(ctx, edit...)
}

// expiry puts a Session Expiry Interval into a DISCONNECT.
func expiry(seconds uint32) func(*wire.Disconnect) {
	return func(d *wire.Disconnect) {
		d.Properties = d.Properties.With(wire.SessionExpiryInterval(seconds))
	}
}

// publishOnce publishes a message at QoS 1 from a client of its own.
func publishOnce(ctx context.Context, topic, payload string, edit ...func(*wire.Publish)) {
	p := Connect(ctx, Clean(ctx, "pub"))
	p.Publish(ctx, topic, payload, q1, edit...)
	p.Disconnect(ctx)
}

// disconnecting returns a client with a Will and without Session Expiry Interval, and one that watches for the Will
// and has been seen to get messages.
func disconnecting(ctx context.Context) (witness, c *Client, me wire.Connect) {
	me = Clean(ctx, "me")
	me.Will = &wire.Will{Topic: Topic(ctx, "will"), QoS: q1, Payload: []byte("gone")}
	witness = Connect(ctx, Clean(ctx, "witness"))
	witness.Subscribe(ctx, me.Will.Topic, q1)
	c = Connect(ctx, me)
	c.Publish(ctx, me.Will.Topic, "control", q1)
	Step(ctx, "the witness gets messages", string(witness.Receive(ctx).Payload), Equal("control"))
	return witness, c, me
}

// wrongDisconnect demands that a faulty DISCONNECT ends the link and does not take the Will away.
func wrongDisconnect(ctx context.Context, p wire.Packet) {
	witness, c, _ := disconnecting(ctx)
	c.Send(ctx, p)
	_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
	Must(ctx, "MQTT-4.13.1-1", "the Network Connection is closed", closed, BeTrue())
	Must(ctx, "MQTT-3.1.2-8", "a DISCONNECT that is an error does not take the Will away",
		string(witness.Receive(Owed(ctx, "MQTT-3.1.2-8")).Payload), Equal("gone"))
}
