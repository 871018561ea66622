package protocol

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Access holds the specs of who is let in and what they may do. They run on the variant of the target that has users, or
// on its default configuration if that wants a User Name.
var Access = Section("User names and rights",
	Spec("AU-REFUSED", "disconnects a client whose User Name and Password it does not accept",
		Both(V5("MQTT-3.1.4-2"), V311("MQTT-3.2.2-5", "U3-008", "U3-010")),
		func(ctx context.Context) {
			id := Twin("MQTT-3.1.4-2", "MQTT-3.2.2-5 U3-008")
			name, password := Credentials(ctx)
			Connect(ctx, Clean(ctx, "known")).Ping(ctx)
			wrong, unknown := password+"x", name+"-nobody"
			for i, who := range []struct {
				text     string
				name     *string
				password string
			}{
				{"a wrong Password", &name, wrong},
				{"an empty Password", &name, ""},
				{"an unknown User Name", &unknown, password},
			} {
				me := as(ctx, "me", i)
				me.Username, me.Password = who.name, []byte(who.password)
				c := Open(ctx, me.ClientID)
				c.Send(ctx, me)
				a, o := Try[wire.Connack](ctx, c, Timings(ctx).Reply)
				notAccepted := fmt.Sprintf("a client with %s is not accepted", who.text)
				accepted := o == Arrived && a.ReasonCode == wire.Success
				if Version(ctx) == wire.V5 {
					Must(ctx, id, notAccepted, accepted, BeFalse())
				} else if !Should(ctx, "", notAccepted, accepted, BeFalse()) {
					return // no statement of 3.1.1 wants it, only that one who is refused is disconnected
				} else {
					Should(ctx, "U3-010", "CONNACK comes before the close", o, Equal(Arrived))
				}
				c.Closed(Owed(ctx, id))
				if o == Arrived {
					Should(ctx, "", "the CONNACK says that the client is not authorized", a.ReasonCode, Or(
						Equal(wire.BadUserNameOrPassword), Equal(wire.NotAuthorized), Equal(wire.RefusedUserOrPassword), Equal(wire.RefusedNotAuthorized)))
				}
			}
		}, On(Auth)),

	Spec("AU-REFUSED-SESSION", "leaves session and client alone when somebody without the Password asks for their Client Identifier",
		Both(V5("MQTT-3.1.4-2", "MQTT-3.2.2-6"), V311("MQTT-3.2.2-5", "MQTT-3.2.2-4")),
		func(ctx context.Context) {
			name, password := Credentials(ctx)
			wrong := []byte(password + "x")
			me, topic := Persistent(ctx, "me", 300), Topic(ctx, "a")
			c := Connect(ctx, me)
			c.Subscribe(ctx, topic, q1)
			thief := Clean(ctx, "me")
			thief.Username, thief.Password = &name, wrong
			refusal := Twin("MQTT-3.1.4-2", "MQTT-3.2.2-5")
			steal := func() {
				t := Open(ctx, "thief")
				t.Send(ctx, thief)
				a, o := Try[wire.Connack](ctx, t, Timings(ctx).Reply)
				Step(ctx, "the client with the wrong Password is not accepted", o == Arrived && a.ReasonCode == wire.Success, BeFalse())
				t.Closed(Owed(ctx, refusal))
				if o == Arrived {
					Must(ctx, Twin("MQTT-3.2.2-6", "MQTT-3.2.2-4"), "a CONNACK that refuses has Session Present 0", a.SessionPresent, BeFalse())
				}
			}
			steal()
			Must(ctx, refusal, "the client that is connected stays so", c.Alive(ctx), BeTrue())
			c.Disconnect(ctx)
			steal()
			pub := Connect(ctx, Clean(ctx, "pub"))
			pub.Publish(ctx, topic, "queued", q1)
			Must(ctx, refusal, "the session delivers what waited for it",
				string(Connect(ctx, me).Receive(Owed(ctx, refusal)).Payload), Equal("queued"))
		}, On(Auth)),

	Spec("AU-PUBLISH", "keeps to itself what a client publishes where it may not, and acknowledges it or closes",
		V311("MQTT-3.3.5-2"), forbiddenPublish, On(Auth)),
)

// forbiddenPublish publishes where the client has no right to. Another client, who has it, sees what comes of it.
func forbiddenPublish(ctx context.Context) {
	topic := Forbidden(ctx, "a")
	witness := Connect(ctx, AsWitness(ctx, Clean(ctx, "witness")))
	witness.Subscribe(ctx, topic, q2)
	control := Connect(ctx, AsWitness(ctx, Clean(ctx, "control")))
	control.Publish(ctx, topic, "control", q1)
	Step(ctx, "the witness gets what those publish who may", string(witness.Receive(ctx).Payload), Equal("control"))
	for _, qos := range []wire.QoS{q0, q1, q2} {
		c := Connect(ctx, as(ctx, "me", int(qos)))
		c.Send(ctx, wire.Publish{Topic: topic, QoS: qos, PacketID: packetID(qos), Payload: []byte("forbidden")})
		answered := true
		switch qos {
		case q1:
			_, o := Try[wire.Puback](ctx, c, Timings(ctx).Reply)
			answered = o != Silent
		case q2:
			_, o := Try[wire.Pubrec](ctx, c, Timings(ctx).Reply)
			answered = o != Silent
			c.Send(ctx, wire.Pubrel{PacketID: packetID(qos)})
		}
		Must(ctx, "MQTT-3.3.5-2", fmt.Sprintf("a PUBLISH of QoS %d that is not allowed is acknowledged, or the Network Connection closed", qos), answered, BeTrue())
		c.Send(ctx, wire.Pingreq{}) // behind the PUBLISH, so that it has been looked at
		Try[wire.Pingresp](ctx, c, Timings(ctx).Reply)
	}
	Must(ctx, "MQTT-3.3.5-2", "nobody gets what was published without the right to", Payloads(until(ctx, witness, control, topic, q1)), BeEmpty())
}

// packetID is the Packet Identifier of the only exchange on a connection.
func packetID(qos wire.QoS) uint16 {
	if qos == q0 {
		return 0
	}
	return 7
}
