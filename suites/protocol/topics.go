package protocol

import (
	"context"
	"fmt"
	"hash/crc32"
	"strings"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// The statements on topics that both versions have.
var (
	matching     = Twin("U5-050", "U3-007") // a filter matches as its wildcards say
	unnormalized = "MQTT-4.7.3-4"           // topics and filters are compared as they are
)

// tree are the topics, below a prefix, on which matching is tried.
var tree = []string{"t", "t/", "t/a", "t/ab", "t/A", "t/a/", "t/a/b", "t//b", "t/a/b/c", "ta", "/t"}

// Topics holds the specs of Topic Names and Topic Filters.
var Topics = Section("Topic Names and Topic Filters",
	Spec("TP-PLUS", "matches + with exactly one level, also an empty one", Both(V5("U5-050"), V311("U3-007")),
		func(ctx context.Context) {
			matches(ctx, matching, "t/+", "t/", "t/a", "t/ab", "t/A")
			matches(ctx, matching, "+", "t", "ta")
			matches(ctx, matching, "t/+/b", "t/a/b", "t//b")
			matches(ctx, matching, "t/+/+", "t/a/", "t/a/b", "t//b")
			matches(ctx, matching, "+/t", "/t")
		}, Needs(WildcardSubscriptions)),

	Spec("TP-HASH", "matches # with any number of levels, the parent level included", Both(V5("U5-050"), V311("U3-007")),
		func(ctx context.Context) {
			matches(ctx, matching, "t/#", "t", "t/", "t/a", "t/ab", "t/A", "t/a/", "t/a/b", "t//b", "t/a/b/c")
			matches(ctx, matching, "t/a/#", "t/a", "t/a/", "t/a/b", "t/a/b/c")
			matches(ctx, matching, "t/+/#", "t/", "t/a", "t/ab", "t/A", "t/a/", "t/a/b", "t//b", "t/a/b/c")
			matches(ctx, matching, "#", tree...)
		}, Needs(WildcardSubscriptions)),

	Spec("TP-EXACT", "compares topics and filters byte by byte", Both(V5("MQTT-4.7.3-4"), V311("MQTT-4.7.3-4")),
		func(ctx context.Context) {
			for _, topic := range tree {
				matches(ctx, unnormalized, topic, topic)
			}
			// é as one code point and as e with an accent, and a space, which nothing may take away
			alike := []string{"\u00e9", "e\u0301", "E\u0301", "e\u0301 ", " e\u0301", "e\u0301/", "e\u0301//"}
			for _, topic := range alike[:2] {
				matchesOf(ctx, unnormalized, alike, topic, topic)
			}
		}),

	Spec("TP-DOLLAR-PLUS", "does not deliver messages of $ topics to a filter that begins with +",
		Both(V5("MQTT-4.7.2-1"), V311("MQTT-4.7.2-1")),
		func(ctx context.Context) {
			first, rest, _ := strings.Cut(Topic(ctx, "a"), "/")
			hidden(ctx, "$"+first+"/"+rest, "+/"+rest)
		}, Needs(WildcardSubscriptions)),

	Spec("TP-DOLLAR-HASH", "does not deliver messages of $ topics to the filter #",
		Both(V5("MQTT-4.7.2-1"), V311("MQTT-4.7.2-1")),
		func(ctx context.Context) { hidden(ctx, "$"+Topic(ctx, "a"), "#") }, Own(), Needs(WildcardSubscriptions)),

	Spec("TP-BOM", "leaves the bytes EF BB BF in topics alone", Both(V5("MQTT-1.5.4-3"), V311("MQTT-1.5.3-3")),
		func(ctx context.Context) {
			kept, topic := Twin("MQTT-1.5.4-3", "MQTT-1.5.3-3"), Topic(ctx, "a")
			c := Connect(ctx, Clean(ctx, "sub"))
			p := Connect(ctx, Clean(ctx, "pub"))
			for _, marked := range []string{topic + "/\ufeffb", topic + "/b\ufeff", "\ufeff" + topic} {
				c.Subscribe(ctx, marked, q1)
				p.Publish(ctx, marked, "marked", q1)
				Must(ctx, kept, "the message arrives with its Topic Name as it was sent", c.Receive(Owed(ctx, kept)).Topic, Equal(marked))
			}
		}),

	Spec("TP-NAME", "does not accept a Topic Name with a wildcard",
		Both(V5("MQTT-3.3.2-2", "MQTT-4.7.0-1", "MQTT-3.3.2-14"), V311("MQTT-3.3.2-2", "MQTT-4.7.1-1")),
		func(ctx context.Context) {
			wild, topic := Twin("MQTT-3.3.2-2 MQTT-4.7.0-1", "MQTT-3.3.2-2 MQTT-4.7.1-1"), Topic(ctx, "a")
			var offences []offence
			for _, name := range []string{topic + "/#", topic + "/+", topic + "/+/b", topic + "+"} {
				offences = append(offences, offence{wild, "PUBLISH to " + quote(ctx, name), wire.Publish{Topic: name, QoS: q1, PacketID: 7}, true})
			}
			if Version(ctx) == wire.V5 {
				offences = append(offences, offence{"MQTT-3.3.2-14", "a Response Topic with a wildcard",
					wire.Publish{Topic: topic, QoS: q1, PacketID: 7, Properties: wire.Properties{wire.ResponseTopic(topic + "/+")}}, true})
			}
			punished(ctx, []wire.Packet{wire.Publish{Topic: topic, QoS: q1, PacketID: 7}}, offences)
		}, Needs(QoS1)),

	Spec("TP-EMPTY", "does not accept Topic Names and Topic Filters of no characters",
		Both(V5("U5-019", "MQTT-4.7.3-1"), V311("MQTT-4.7.3-1")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			legal := []wire.Packet{subscribe(topic), wire.Publish{Topic: topic, QoS: q1, PacketID: 7}}
			punished(ctx, legal, []offence{
				{Twin("U5-019", "MQTT-4.7.3-1"), "PUBLISH", wire.Publish{QoS: q1, PacketID: 7}, true},
				{"MQTT-4.7.3-1", "SUBSCRIBE", subscribe(""), true},
			})
		}, Needs(QoS1)),

	Spec("TP-FILTER", "does not grant a subscription with a malformed Topic Filter",
		Both(V5("MQTT-4.7.1-1", "MQTT-4.7.1-2"), V311("MQTT-4.7.1-2", "MQTT-4.7.1-3")),
		func(ctx context.Context) {
			topic := Topic(ctx, "a")
			punished(ctx, []wire.Packet{subscribe(topic + "/+/#")}, append(
				filters(ctx, Twin("MQTT-4.7.1-1", "MQTT-4.7.1-2"), topic+"#", topic+"/#/b", "#/"+topic, topic+"/##", topic+"/#+"),
				filters(ctx, Twin("MQTT-4.7.1-2", "MQTT-4.7.1-3"), topic+"+", topic+"/+b", topic+"/b+/c", topic+"/++")...))
		}, Needs(WildcardSubscriptions)),
)

// quote shows a topic or filter without the part that is the spec's own.
func quote(ctx context.Context, topic string) string {
	return fmt.Sprintf("%q", strings.ReplaceAll(topic, Topic(ctx, ""), ".../"))
}

// filters returns SUBSCRIBE packets with the filters, whose grant breaks statement id.
func filters(ctx context.Context, id string, filters ...string) (offences []offence) {
	for _, f := range filters {
		offences = append(offences, offence{id, "SUBSCRIBE to " + quote(ctx, f), subscribe(f), true})
	}
	return offences
}

// matches demands under statement id that of all topics in the tree exactly the wanted ones match the filter.
func matches(ctx context.Context, id, filter string, wanted ...string) {
	matchesOf(ctx, id, tree, filter, wanted...)
}

// matchesOf is matches for the given topics.
func matchesOf(ctx context.Context, id string, all []string, filter string, wanted ...string) {
	prefix := Topic(ctx, "x/")
	// a client of its own for each filter, so that nothing late comes to the next one
	c := Connect(ctx, Clean(ctx, fmt.Sprintf("%x", crc32.ChecksumIEEE([]byte(filter)))))
	c.Subscribe(ctx, prefix+filter, q1)
	for _, topic := range all {
		c.Publish(ctx, prefix+topic, topic, q1)
	}
	c.Subscribe(ctx, Topic(ctx, "sentinel"), q1)
	c.Publish(ctx, Topic(ctx, "sentinel"), "sentinel", q1)
	found := map[string]bool{}
	collect := func(p wire.Publish) {
		if p.Topic != Topic(ctx, "sentinel") {
			found[strings.TrimPrefix(p.Topic, prefix)] = true
		}
	}
	for _, p := range c.ReceiveUntil(ctx, "sentinel") {
		collect(p)
	}
	for len(found) < len(wanted) { // on another topic, the sentinel may come first
		p, o := c.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		c.Acknowledge(ctx, p)
		collect(p)
	}
	var got []string
	for _, topic := range all {
		if found[topic] {
			got = append(got, topic)
		}
	}
	Must(ctx, id, fmt.Sprintf("the filter %q brings the messages of %q", filter, wanted), strings.Join(got, ", "), Equal(strings.Join(inOrder(all, wanted), ", ")))
	c.Disconnect(ctx)
}

// inOrder returns the wanted topics in the order of all.
func inOrder(all, wanted []string) (s []string) {
	for _, topic := range all {
		for _, w := range wanted {
			if topic == w {
				s = append(s, w)
			}
		}
	}
	return s
}

// hidden demands that a filter with a leading wildcard does not bring messages of a topic that begins with $.
func hidden(ctx context.Context, dollar, filter string) {
	topic := Topic(ctx, "a")
	p, control := Connect(ctx, Clean(ctx, "pub")), Connect(ctx, Clean(ctx, "control"))
	control.Send(ctx, subscribe(dollar))
	Try[wire.Suback](ctx, control, Timings(ctx).Reply)
	c := listener(ctx, "sub", filter, topic)
	p.Send(ctx, wire.Publish{Topic: dollar, QoS: q1, PacketID: 60_000, Payload: []byte("of a $ topic")})
	_, o := control.TryPublish(ctx, Timings(ctx).Reply)
	SkipIf(ctx, o != Arrived, "the target delivers no message of a client on a topic that begins with $")
	again := Connect(ctx, Clean(ctx, "again"))
	var got []string
	for _, name := range topics(until(ctx, c, again, topic, q1)) {
		if strings.HasPrefix(name, "$") {
			got = append(got, name)
		}
	}
	Must(ctx, "MQTT-4.7.2-1", "the filter "+quote(ctx, filter)+" brings nothing of topics that begin with $", got, BeEmpty())
}
