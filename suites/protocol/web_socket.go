package protocol

import (
	"bytes"
	"context"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// WebSocket holds the specs of MQTT over a WebSocket.
var WebSocket = Section("WebSocket",
	Spec("WS-SUBPROTOCOL", "selects the subprotocol mqtt when a client offers it", Both(V5("MQTT-6.0.0-4"), V311("MQTT-6.0.0-4")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			Must(ctx, "MQTT-6.0.0-4", "the subprotocol that the server selects is mqtt", c.Subprotocol(ctx), Equal("mqtt"))
		}, On(OverWebSocket)),

	Spec("WS-FRAMES", "takes packets that do not begin and end where WebSocket frames do", Both(V5("MQTT-6.0.0-2"), V311("MQTT-6.0.0-2")),
		func(ctx context.Context) {
			v, topic := Version(ctx), Topic(ctx, "a")
			taken := Owed(ctx, "MQTT-6.0.0-2")
			c := Open(ctx, "me")
			c.Subprotocol(ctx)
			connect := wire.Bytes(Credentialed(ctx, Clean(ctx, "me")), v)
			c.SendBytes(ctx, connect[:1]) // a message with half of a fixed header
			c.SendBytes(ctx, connect[1:7])
			// the rest of CONNECT and two more packets in one message
			c.SendBytes(ctx, bytes.Join([][]byte{connect[7:], wire.Bytes(subscribe(topic), v), wire.Bytes(wire.Pingreq{}, v)}, nil))
			Next[wire.Connack](taken, c)
			Next[wire.Suback](taken, c)
			Next[wire.Pingresp](taken, c)
			publish := wire.Bytes(wire.Publish{Topic: topic, Payload: []byte("in pieces")}, v)
			c.SendFragments(ctx, publish[:1], publish[1:5], publish[5:])
			Must(ctx, "MQTT-6.0.0-2", "a PUBLISH in one message of several frames arrives", string(c.ReceivePublish(taken).Payload), Equal("in pieces"))
		}, On(OverWebSocket)),

	Spec("WS-BINARY", "sends binary frames only, and closes the link when a text frame comes", Both(V5("MQTT-6.0.0-1"), V311("MQTT-6.0.0-1")),
		func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "me"))
			c.Subprotocol(ctx)
			c.Ping(ctx)
			Must(ctx, "MQTT-6.0.0-1", "the server's frames are binary", c.BinaryOnly(), BeTrue())
			c.SendText(ctx, wire.Bytes(wire.Pingreq{}, Version(ctx)))
			c.Closed(Owed(ctx, "MQTT-6.0.0-1"))
			first := Open(ctx, "first")
			first.SendText(ctx, wire.Bytes(Credentialed(ctx, Clean(ctx, "first")), Version(ctx)))
			first.Closed(Owed(ctx, "MQTT-6.0.0-1"))
		}, On(OverWebSocket)),
)
