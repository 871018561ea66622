package protocol

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Aliases holds the specs of Topic Aliases.
var Aliases = Section("Topic Alias",
	Spec("TA-ACCEPT", "accepts each Topic Alias from 1 to its Topic Alias Maximum, also with another topic", V5("MQTT-3.3.2-12"),
		func(ctx context.Context) {
			p, most := aliasing(ctx)
			a, b := Topic(ctx, "a"), Topic(ctx, "b")
			c := listener(ctx, "sub", Topic(ctx, "+"), a)
			accepted := Owed(ctx, "MQTT-3.3.2-12")
			for _, alias := range []uint16{1, most} {
				for _, topic := range []string{a, b, a} {
					what := fmt.Sprintf("alias %d of %d stands for the topic that it was given last", alias, most)
					p.PublishPacket(accepted, aliased(topic, alias, "with a topic"))
					Must(ctx, "MQTT-3.3.2-12", what, c.Receive(accepted).Topic, Equal(topic))
					for range 2 {
						p.PublishPacket(accepted, aliased("", alias, "without"))
						Must(ctx, "MQTT-3.3.2-12", what, c.Receive(accepted).Topic, Equal(topic))
					}
				}
			}
		}, Needs(WildcardSubscriptions)),

	Spec("TA-ABOVE", "closes the link when a Topic Alias is 0 or above its Topic Alias Maximum",
		V5("MQTT-3.3.2-8", "MQTT-3.3.2-9", "MQTT-3.2.2-17"),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			c := Connect(ctx, Clean(ctx, "me"))
			most := c.Connack.Properties.Int(wire.PropTopicAliasMaximum, 0)
			const above = "MQTT-3.3.2-9 MQTT-3.2.2-17"
			offences := []offence{{"MQTT-3.3.2-8", "Topic Alias 0", aliased(topic, 0, "message"), true}}
			if most < 65_535 {
				offences = append(offences, offence{above, fmt.Sprintf("Topic Alias %d of %d", most+1, most), aliased(topic, uint16(most+1), "message"), true},
					offence{above, fmt.Sprintf("Topic Alias 65535 of %d", most), aliased(topic, 65_535, "message"), true})
			}
			punished(ctx, []wire.Packet{wire.Publish{Topic: topic, QoS: q1, PacketID: 7}}, offences)
		}, Needs(QoS1)),

	Spec("TA-UNKNOWN", "closes the link when a PUBLISH has a Topic Alias that stands for nothing, and no topic", V5("U5-021"),
		func(ctx context.Context) {
			p, _ := aliasing(ctx)
			p.PublishPacket(ctx, aliased(Topic(ctx, "a"), 1, "message"))
			punished(ctx, []wire.Packet{wire.Publish{Topic: Topic(ctx, "a"), QoS: q1, PacketID: 7}},
				[]offence{{"U5-021", "Topic Alias 1, unknown", aliased("", 1, "message"), false}})
		}),

	Spec("TA-CONNECTION", "has forgotten the Topic Aliases of a client when it connects again", V5("MQTT-3.3.2-7"),
		func(ctx context.Context) {
			_, most := aliasing(ctx)
			topic, me := Topic(ctx, "a"), Persistent(ctx, "me", 300)
			c := listener(ctx, "sub", topic, topic)
			p := Connect(ctx, me)
			for _, alias := range []uint16{1, most} {
				p.PublishPacket(ctx, aliased(topic, alias, "first"))
				p.PublishPacket(ctx, aliased("", alias, "second"))
				Step(ctx, "the alias is known", Payloads([]wire.Publish{c.Receive(ctx), c.Receive(ctx)}), Equal([]string{"first", "second"}))
			}
			p.Drop(ctx)
			p = resumed(ctx, me)
			p.Send(ctx, aliased("", 1, "by an alias of the connection before"))
			_, closed := p.ClosedWithin(ctx, Timings(ctx).Reply)
			Must(ctx, "MQTT-3.3.2-7", "nothing is delivered by the alias", Payloads(until(ctx, c, Connect(ctx, Clean(ctx, "pub")), topic, q1)), BeEmpty())
			Must(ctx, "MQTT-3.3.2-7", "the alias is unknown, which closes the Network Connection", closed, BeTrue())
		}),

	Spec("TA-SERVER", "uses Topic Aliases only as the client lets it", V5("MQTT-3.1.2-26", "MQTT-3.3.2-11", "MQTT-3.3.2-8"),
		func(ctx context.Context) {
			me := Clean(ctx, "sub")
			me.Properties = wire.Properties{wire.TopicAliasMaximum(2)}
			c, p := Connect(ctx, me), Connect(ctx, Clean(ctx, "pub"))
			c.Subscribe(ctx, Topic(ctx, "+"), q1)
			known, used := map[uint32]string{}, 0
			var zero, above []string
			for i := range 12 {
				topic := Topic(ctx, fmt.Sprint("topic", i%4))
				p.Publish(ctx, topic, "message", q1)
				m := c.Receive(ctx)
				if alias, has := m.Properties.Get(wire.PropTopicAlias); has {
					used++
					switch {
					case alias.Int == 0:
						zero = append(zero, topic)
					case alias.Int > 2:
						above = append(above, alias.String())
					}
					if m.Topic != "" {
						known[alias.Int] = m.Topic
					} else {
						m.Topic = known[alias.Int]
					}
				}
				if len(zero)+len(above) == 0 {
					Step(ctx, "the message has its topic, by name or by alias", m.Topic, Equal(topic))
				}
			}
			Must(ctx, "MQTT-3.1.2-26 MQTT-3.3.2-11", "no Topic Alias is above the client's maximum of 2", above, BeEmpty())
			Must(ctx, "MQTT-3.3.2-8", "no Topic Alias is 0", zero, BeEmpty())
			Record(ctx, "Topic Aliases towards a client that accepts 2", fmt.Sprintf("in %d of 12 messages", used))
		}, Needs(WildcardSubscriptions)),
)

// aliasing connects a client that may use Topic Aliases, and returns the highest.
func aliasing(ctx context.Context) (c *Client, most uint16) {
	c = Connect(ctx, Clean(ctx, "pub"))
	most = uint16(c.Connack.Properties.Int(wire.PropTopicAliasMaximum, 0))
	SkipIf(ctx, most == 0, "the server accepts no Topic Alias (CONNACK)")
	return c, most
}

// aliased returns a PUBLISH of QoS 1 with a Topic Alias.
func aliased(topic string, alias uint16, payload string) wire.Publish {
	return wire.Publish{Topic: topic, QoS: q1, PacketID: 7, Payload: []byte(payload), Properties: wire.Properties{wire.TopicAlias(alias)}}
}
