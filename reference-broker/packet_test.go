package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// connectBytes is a CONNECT with these flags and this payload, whatever they mean.
func connectBytes(v wire.Version, flags byte, props wire.Properties, payload ...string) []byte {
	b := wire.AppendString(nil, "MQTT")
	b = append(b, byte(v), flags, 0, 0)
	if v == wire.V5 {
		b = props.Append(b)
	}
	for _, s := range payload {
		b = append(b, s...)
	}
	return wire.Frame(nil, 0x10, b)
}

func text(s string) string { return string(wire.AppendString(nil, s)) }

// malformed lists packets that end a connection, by name.
func malformed(v wire.Version) map[string]wire.Packet {
	some := []wire.Subscription{{Filter: "s"}}
	all := map[string]wire.Packet{
		"reserved type":                wire.Raw{0x00, 0},
		"PINGREQ flags":                wire.WithFlags{Packet: wire.Pingreq{}, Flags: 1},
		"PUBREL flags":                 wire.WithFlags{Packet: wire.Pubrel{PacketID: 1}, Flags: 0},
		"SUBSCRIBE flags":              wire.WithFlags{Packet: wire.Subscribe{PacketID: 1, Subscriptions: some}, Flags: 0},
		"UNSUBSCRIBE flags":            wire.WithFlags{Packet: wire.Unsubscribe{PacketID: 1, Filters: []string{"s"}}, Flags: 0},
		"DISCONNECT flags":             wire.WithFlags{Packet: wire.Disconnect{}, Flags: 1},
		"CONNACK":                      wire.Connack{},
		"SUBACK":                       wire.Suback{PacketID: 1, ReasonCodes: []wire.ReasonCode{0}},
		"UNSUBACK":                     wire.Unsuback{PacketID: 1, ReasonCodes: []wire.ReasonCode{0}},
		"bytes after PINGREQ":          wire.WithTrailing{Packet: wire.Pingreq{}, Bytes: []byte{0}},
		"bytes after UNSUBSCRIBE":      wire.WithTrailing{Packet: wire.Unsubscribe{PacketID: 1, Filters: []string{"s"}}, Bytes: []byte{0}},
		"QoS 3":                        wire.Publish{QoS: 3, PacketID: 1, Topic: "s"},
		"DUP with QoS 0":               wire.Publish{Dup: true, Topic: "s"},
		"PUBLISH identifier 0":         wire.Publish{QoS: 1, Topic: "s"},
		"SUBSCRIBE identifier 0":       wire.Subscribe{Subscriptions: some},
		"empty topic":                  wire.Publish{},
		"wildcard in topic":            wire.Publish{Topic: "s/+"},
		"ill-formed UTF-8":             wire.Publish{Topic: "s\xFF"},
		"surrogate":                    wire.Publish{Topic: "s\xED\xA0\x80"},
		"null":                         wire.Publish{Topic: "s\x00"},
		"filter null":                  wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s\x00"}}},
		"no filter":                    wire.Subscribe{PacketID: 1},
		"nothing to unsubscribe":       wire.Unsubscribe{PacketID: 1},
		"empty filter":                 wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{}}},
		"filter a/#/b":                 wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a/#/b"}}},
		"filter a+":                    wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a+"}}},
		"QoS 3 in SUBSCRIBE":           wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s", QoS: 3}}},
		"reserved option bits":         wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s", ReservedBits: 1}}},
		"PUBLISH cut short":            wire.Raw{0x32, 3, 0, 1, 's'},
		"Remaining Length of 5 bytes":  wire.Raw{0xC0, 0x80, 0x80, 0x80, 0x80, 0},
		"PUBACK without an identifier": wire.Raw{0x40, 0},
	}
	if v == wire.V311 {
		all["AUTH"] = wire.Raw{0xF0, 0}
		all["No Local"] = wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s", NoLocal: true}}}
		return all
	}
	for name, p := range map[string]wire.Packet{
		"AUTH":                       wire.Auth{ReasonCode: wire.ReAuthenticate},
		"padded length":              wire.Raw{0xC0, 0x80, 0},
		"Retain Handling 3":          wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s", RetainHandling: 3}}},
		"No Local on a shared one":   wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "$share/g/s", NoLocal: true}}},
		"$share without a name":      wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "$share//s"}}},
		"unknown property":           wire.Publish{Topic: "s", Properties: wire.Properties{{ID: 0x3F}}},
		"property of CONNECT":        wire.Publish{Topic: "s", Properties: wire.Properties{wire.ReceiveMaximum(1)}},
		"two expiries":               wire.Publish{Topic: "s", Properties: wire.Properties{wire.MessageExpiryInterval(1), wire.MessageExpiryInterval(1)}},
		"two expiries, DISCONNECT":   wire.Disconnect{ReasonCode: wire.DisconnectWithWillMessage, Properties: wire.Properties{wire.SessionExpiryInterval(1), wire.SessionExpiryInterval(1)}},
		"payload format 2":           wire.Publish{Topic: "s", Properties: wire.Properties{wire.PayloadFormatIndicator(2)}},
		"alias 0":                    wire.Publish{Topic: "s", Properties: wire.Properties{wire.TopicAlias(0)}},
		"alias above the maximum":    wire.Publish{Topic: "s", Properties: wire.Properties{wire.TopicAlias(1000)}},
		"unknown alias":              wire.Publish{Properties: wire.Properties{wire.TopicAlias(9)}},
		"wildcard response topic":    wire.Publish{Topic: "s", Properties: wire.Properties{wire.ResponseTopic("a/#")}},
		"subscription id 0":          wire.Subscribe{PacketID: 1, Subscriptions: some, Properties: wire.Properties{wire.SubscriptionIdentifier(0)}},
		"subscription id in PUBLISH": wire.Publish{Topic: "s", Properties: wire.Properties{wire.SubscriptionIdentifier(1)}},
		"PUBACK code":                wire.Puback{PacketID: 1, ReasonCode: 0x42},
		"DISCONNECT code":            wire.Disconnect{ReasonCode: 0x05},
		"user property":              wire.Publish{Topic: "s", Properties: wire.Properties{wire.UserProperty("a", "\xFF")}},
	} {
		all[name] = p
	}
	return all
}

// malformedConnects lists CONNECT packets that end a connection, by name.
func malformedConnects(v wire.Version) map[string][]byte {
	all := map[string][]byte{
		"reserved flag":         connectBytes(v, 1, nil, text("a")),
		"Will QoS 3":            connectBytes(v, 0x1C, nil, text("a"), willProperties(v), text("w"), text("")),
		"Will QoS without will": connectBytes(v, 0x08, nil, text("a")),
		"retain without will":   connectBytes(v, 0x20, nil, text("a")),
		"will missing":          connectBytes(v, 0x04, nil, text("a")),
		"user name missing":     connectBytes(v, 0x80, nil, text("a")),
		"password missing":      connectBytes(v, 0xC0, nil, text("a"), text("u")),
		"no client identifier":  connectBytes(v, 0, nil),
		"surplus":               connectBytes(v, 0, nil, text("a"), text("u")),
		"client identifier":     connectBytes(v, 0, nil, text("\xFF")),
		"user name":             connectBytes(v, 0x80, nil, text("a"), text("\xFF")),
		"wildcard will topic":   connectBytes(v, 0x04, nil, text("a"), willProperties(v), text("w/#"), text("")),
	}
	if v == wire.V311 {
		all["password without user name"] = connectBytes(v, 0x42, nil, text("a"), text("p"))
		return all
	}
	for name, ps := range map[string]wire.Properties{
		"two Session Expiry Intervals":  {wire.SessionExpiryInterval(1), wire.SessionExpiryInterval(1)},
		"Receive Maximum 0":             {wire.ReceiveMaximum(0)},
		"Maximum Packet Size 0":         {wire.MaximumPacketSize(0)},
		"Request Problem Information 2": {wire.RequestProblemInformation(2)},
		"data without method":           {wire.AuthenticationData("x")},
		"Topic Alias":                   {wire.TopicAlias(1)},
	} {
		all[name] = connectBytes(v, 0, ps, text("a"))
	}
	return all
}

func willProperties(v wire.Version) string {
	if v == wire.V5 {
		return "\x00"
	}
	return ""
}

var packetBehaviours = []behaviour{
	{"ends only the connection that a malformed packet came on", both, Config{}, func(w *world, v wire.Version) {
		other, c := w.connect(v, clean("other")), w.connect(v, clean("a"))
		c.sendBytes([]byte{0x00, 0})
		c.closed(time.Second)
		other.send(wire.Pingreq{})
		next[wire.Pingresp](other)
	}},
	{"closes at malformed packets", both, Config{}, func(w *world, v wire.Version) {
		for name, p := range malformed(v) {
			c := w.connect(v, clean("a"))
			c.send(p)
			told := c.closedAtOnce(name)
			if v == wire.V5 && (!told.sent || !told.ReasonCode.Failed()) {
				w.t.Fatalf("%s: told %+v", name, told)
			}
		}
	}},
	{"closes at a malformed CONNECT", both, Config{}, func(w *world, v wire.Version) {
		for name, bytes := range malformedConnects(v) {
			c := w.open(v)
			c.sendBytes(bytes)
			p, err := c.receive(time.Second)
			if ack, ok := p.(wire.Connack); ok && (v == wire.V311 || !ack.ReasonCode.Failed()) {
				w.t.Fatalf("%s: %+v", name, ack)
			} else if ok {
				_, err = c.receive(time.Second)
			}
			if err == nil {
				w.t.Fatalf("%s: got %#v", name, p)
			}
			c.closedAtOnce(name)
		}
	}},
	{"says why in a list that the standard gives", only5, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.WithFlags{Packet: wire.Pingreq{}, Flags: 1})
		told := c.closed(time.Second)
		equal(w, "reason", told.ReasonCode, wire.MalformedPacket)
		equal(w, "Reason String", told.Properties.Has(wire.PropReasonString), true)
	}},
	{"reads packets however they are cut", both, Config{}, func(w *world, v wire.Version) {
		bytes := wire.Bytes(clean("a"), v)
		bytes = append(bytes, wire.Bytes(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s"}}}, v)...)
		bytes = append(bytes, wire.Bytes(wire.Publish{Topic: "s", Payload: []byte("x")}, v)...)
		for _, step := range []int{1, len(bytes)} {
			c := w.open(v)
			for at := 0; at < len(bytes); at += step {
				c.sendBytes(bytes[at : at+step])
				sleep(tick)
			}
			next[wire.Connack](c)
			next[wire.Suback](c)
			c.got("x")
		}
	}},
	{"writes packets in their shortest form", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Publish{QoS: 2, PacketID: 7, Topic: "s"})
		c.send(wire.Pubrel{PacketID: 7})
		c.send(wire.Pingreq{})
		raw := make([]byte, 10)
		n := 0
		for n < len(raw) {
			m, err := c.nc.Read(raw[n:])
			equal(w, "error", err, nil)
			n += m
		}
		equal(w, "bytes", fmt.Sprintf("% X", raw), "50 02 00 07 70 02 00 07 D0 00")
	}},
	{"ends with FIN and not with a reset", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		c.send(wire.Connect{})
		c.send(wire.Pingreq{}) // is thrown away
		for {
			p, err := c.receive(time.Second)
			if err == nil {
				_, ok := p.(wire.Disconnect)
				equal(w, "DISCONNECT", ok && v == wire.V5, true)
				continue
			}
			equal(w, "end", err.Error(), "EOF")
			return
		}
	}},
}

// closedAtOnce is closed, which names what was sent.
func (c *client) closedAtOnce(name string) (told farewell) {
	c.t.Helper()
	for {
		c.nc.SetReadDeadline(time.Now().Add(time.Second))
		frame, err := wire.ReadFrame(c.nc, 0)
		if err != nil {
			if len(frame) == 0 && err.Error() != "EOF" {
				c.t.Fatalf("%s: %v", name, err)
			}
			return told
		}
		p, _ := wire.Decoder{Version: c.version, Sender: wire.FromServer}.Decode(frame)
		if d, ok := p.(wire.Disconnect); ok {
			told = farewell{d, true}
		}
	}
}

// TestPingrespFromAClient is not among the behaviours because the monitors take both directions' PINGRESP for the
// broker's.
func TestPingrespFromAClient(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		c := w.connect(wire.V5, clean("a"))
		c.send(wire.Pingresp{})
		equal(w, "reason", c.closed(time.Second).ReasonCode, wire.ProtocolError)
	})
}
