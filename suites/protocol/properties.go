package protocol

import (
	"context"
	"fmt"
	"slices"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// MalformedProperties holds the specs of properties that a packet may not have: each closes the Network Connection.
var MalformedProperties = Section("Malformed properties",
	Spec("MP-PROPERTY-UNKNOWN", "closes the link when a property is not defined", V5("U5-043"),
		func(ctx context.Context) {
			var offences []offence
			for _, id := range []wire.PropertyID{0x00, 0x04, 0x0A, 0x10, 0x14, 0x1B, 0x20, 0x2B, 0x7F} {
				for _, p := range carriers(ctx, len(offences), wire.Property{ID: id, Text: "\x00"}) {
					p.name, p.id = fmt.Sprintf("0x%02X in %s", byte(id), p.name), "U5-043"
					offences = append(offences, p.offence)
				}
			}
			punished(ctx, plain(ctx), offences)
		}),

	Spec("MP-PROPERTY-PLACE", "closes the link when a property is not one of its packet's", V5("U5-043"),
		func(ctx context.Context) {
			var offences []offence
			for _, id := range wire.AllPropertyIDs() {
				for _, p := range carriers(ctx, len(offences), example(ctx, id)) {
					if !p.allows(id) {
						p.name, p.id = fmt.Sprintf("%v in %s", id, p.name), "U5-043"
						offences = append(offences, p.offence)
					}
				}
			}
			punished(ctx, plain(ctx), offences)
		}),

	Spec("MP-PROPERTY-REPEATED", "closes the link when a property that may stand once stands twice",
		V5("U5-001", "U5-002", "U5-003", "U5-004", "U5-005", "U5-006", "U5-009", "U5-022", "U5-025"),
		func(ctx context.Context) {
			punished(ctx, plain(ctx), repeated(ctx))
		}),

	Spec("MP-PROPERTY-VALUE", "closes the link when a property has a value that it must not have",
		V5("U5-002", "U5-003", "U5-005", "U5-006", "U5-008", "U5-025"),
		func(ctx context.Context) {
			var offences []offence
			connect := func(id string, p wire.Property) {
				c := as(ctx, "c", len(offences))
				c.Properties = wire.Properties{p}
				offences = append(offences, offence{id, p.String(), c, false})
			}
			connect("U5-002", wire.ReceiveMaximum(0))
			connect("U5-003", wire.MaximumPacketSize(0))
			connect("U5-005", wire.RequestResponseInformation(2))
			connect("U5-006", wire.RequestProblemInformation(2))
			connect("U5-008", wire.AuthenticationData("data without method"))
			s := subscribe(Topic(ctx, "a"))
			s.Properties = wire.Properties{wire.SubscriptionIdentifier(0)}
			offences = append(offences, offence{"U5-025", "Subscription Identifier: 0", s, false})
			punished(ctx, plain(ctx), offences)
		}),
)

// carrier is a packet with properties.
type carrier struct {
	offence
	allows func(wire.PropertyID) bool
}

// carriers returns each kind of packet of a client with the given properties, numbered from n on.
func carriers(ctx context.Context, n int, ps ...wire.Property) []carrier {
	topic := Topic(ctx, "a")
	s := subscribe(topic)
	s.Properties = ps
	c, w := as(ctx, "c", n), as(ctx, "w", n)
	c.Properties = ps
	w.Will = &wire.Will{Topic: topic, Payload: []byte("gone"), Properties: ps}
	var all []carrier
	for _, p := range []wire.Packet{
		c, s,
		wire.Publish{Topic: topic, Properties: ps},
		wire.Pubrel{PacketID: 7, Properties: ps},
		wire.Unsubscribe{PacketID: 7, Filters: []string{topic}, Properties: ps},
	} {
		all = append(all, carrier{offence{name: p.Type().String(), packet: p}, func(id wire.PropertyID) bool { return id.AllowedIn(p.Type()) }})
	}
	return append(all, carrier{offence{name: "the Will", packet: w}, wire.PropertyID.AllowedInWill})
}

// plain returns the packets of the carriers without properties.
func plain(ctx context.Context) (ps []wire.Packet) {
	for _, c := range carriers(ctx, 0) {
		ps = append(ps, c.packet)
	}
	return ps
}

// example returns a property with a value that would be allowed where the property is.
func example(ctx context.Context, id wire.PropertyID) wire.Property {
	p := wire.Property{ID: id, Int: 1, Text: "text", Value: "value"}
	if id == wire.PropResponseTopic {
		p.Text = Topic(ctx, "answers")
	}
	return p
}

// singleInPublish are the properties of which the standard says that a second one in a PUBLISH is an error. Of Payload
// Format Indicator and Message Expiry Interval it says so in Will Properties only.
var singleInPublish = []wire.PropertyID{wire.PropTopicAlias, wire.PropResponseTopic, wire.PropCorrelationData, wire.PropContentType}

// repeated returns packets that have a property twice.
func repeated(ctx context.Context) (offences []offence) {
	of := map[wire.PropertyID]string{
		wire.PropSessionExpiryInterval:      "U5-001",
		wire.PropReceiveMaximum:             "U5-002",
		wire.PropMaximumPacketSize:          "U5-003",
		wire.PropTopicAliasMaximum:          "U5-004",
		wire.PropRequestResponseInformation: "U5-005",
		wire.PropRequestProblemInformation:  "U5-006",
	}
	for _, id := range wire.AllPropertyIDs() {
		one := example(ctx, id)
		if id == wire.PropMaximumPacketSize {
			one.Int = 10_000
		}
		for _, p := range carriers(ctx, len(offences), one, one) {
			switch {
			case !p.allows(id) || id == wire.PropUserProperty:
				continue
			case p.name == "the Will":
				p.id = "U5-009"
			case p.packet.Type() == wire.CONNECT:
				p.id = of[id]
			case p.packet.Type() == wire.PUBLISH && slices.Contains(singleInPublish, id):
				p.id = "U5-022"
			case p.packet.Type() == wire.SUBSCRIBE:
				p.id = "U5-025"
			}
			if p.id != "" {
				p.name = fmt.Sprintf("%v twice in %s", id, p.name)
				offences = append(offences, p.offence)
			}
		}
	}
	return offences
}
