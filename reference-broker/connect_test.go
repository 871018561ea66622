package broker

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

var users = Config{Users: map[string]string{"ann": "secret"}}

// as is a CONNECT with credentials.
func as(id, user, password string) wire.Connect {
	return wire.Connect{ClientID: id, Username: &user, Password: []byte(password)}
}

// refused expects a CONNECT to be refused with a code of 5.0 or of 3.1.1, and the connection to be closed.
func refused(w *world, v wire.Version, p wire.Connect, code5, code3 wire.ReasonCode) {
	w.t.Helper()
	c := w.open(v)
	c.send(p)
	ack := next[wire.Connack](c)
	want := code5
	if v == wire.V311 {
		want = code3
	}
	equal(w, "code", ack.ReasonCode, want)
	equal(w, "Session Present", ack.SessionPresent, false)
	if told := c.closed(time.Second); told.sent {
		w.t.Fatalf("DISCONNECT after a CONNACK that refuses")
	}
}

var connectBehaviours = []behaviour{
	{"lets in who knows the password", both, users, func(w *world, v wire.Version) {
		w.connect(v, as("a", "ann", "secret")).leave()
		refused(w, v, as("a", "ann", "wrong"), wire.BadUserNameOrPassword, wire.RefusedUserOrPassword)
		refused(w, v, as("a", "bob", ""), wire.BadUserNameOrPassword, wire.RefusedUserOrPassword)
		refused(w, v, clean("a"), wire.BadUserNameOrPassword, wire.RefusedUserOrPassword)
	}},
	{"leaves all as it is when it refuses", both, users, func(w *world, v wire.Version) {
		p := as("a", "ann", "secret")
		p.Properties = wire.Properties{wire.SessionExpiryInterval(300)}
		live := w.connect(v, p)
		live.subscribe("s", wire.QoS1)
		bad := as("a", "ann", "wrong")
		bad.CleanStart = true
		bad.Will = &wire.Will{Topic: "s", Payload: []byte("refused will")}
		refused(w, v, bad, wire.BadUserNameOrPassword, wire.RefusedUserOrPassword)
		live.publish("s", "x", wire.QoS0)
		live.got("x")
	}},
	{"refuses an unknown Authentication Method", only5, Config{}, func(w *world, v wire.Version) {
		refused(w, v, wire.Connect{ClientID: "a", Properties: wire.Properties{wire.AuthenticationMethod("m")}}, wire.BadAuthenticationMethod, 0)
	}},
	{"closes when the first packet is no CONNECT", both, Config{}, func(w *world, v wire.Version) {
		c := w.open(v)
		c.send(wire.Pingreq{})
		if told := c.closed(time.Second); told.sent {
			w.t.Fatalf("DISCONNECT before CONNACK")
		}
	}},
	{"refuses unknown protocol levels as 3.1.1 does", both, Config{}, func(w *world, v wire.Version) {
		for _, level := range []wire.Version{3, 6, 127} {
			c := w.open(wire.V311)
			c.send(wire.Connect{ProtocolVersion: level, ClientID: "a"})
			equal(w, "code", next[wire.Connack](c).ReasonCode, wire.RefusedProtocolVersion)
			c.closed(time.Second)
		}
	}},
	{"closes at an unknown protocol name", both, Config{}, func(w *world, v wire.Version) {
		c := w.open(v)
		c.send(wire.Connect{ProtocolName: "MQTTX", ClientID: "a"})
		if _, err := c.receive(time.Second); err == nil {
			w.t.Fatalf("answered")
		}
	}},
	{"answers a malformed CONNECT only in 5.0", both, Config{}, func(w *world, v wire.Version) {
		flags := wire.FlagReserved
		c := w.open(v)
		c.send(wire.Connect{ClientID: "a", ConnectFlags: &flags})
		if v == wire.V5 {
			equal(w, "code", next[wire.Connack](c).ReasonCode, wire.MalformedPacket)
		}
		if p, err := c.receive(time.Second); err == nil {
			w.t.Fatalf("got %#v, want a close", p)
		}
		c = w.open(v)
		c.send(wire.WithTrailing{Packet: clean("a"), Bytes: []byte{1}})
		if v == wire.V5 {
			next[wire.Connack](c)
		}
		if p, err := c.receive(time.Second); err == nil {
			w.t.Fatalf("got %#v, want a close", p)
		}
	}},
	{"closes at a second CONNECT and does not act on it", both, Config{}, func(w *world, v wire.Version) {
		other := w.connect(v, persistent("other", 300))
		c := w.connect(v, clean("a"))
		c.send(wire.Connect{ClientID: "other", CleanStart: true})
		told := c.closed(time.Second)
		if v == wire.V5 {
			equal(w, "reason", told.ReasonCode, wire.ProtocolError)
		}
		other.send(wire.Pingreq{})
		next[wire.Pingresp](other)
	}},
	{"says what it offers less than everything", only5, Config{NoRetain: true, NoWildcardSubscriptions: true, NoSubscriptionIdentifiers: true,
		NoSharedSubscriptions: true, MaximumQoS: new(wire.QoS), ReceiveMaximum: 7, MaximumPacketSize: 1000, TopicAliasMaximum: 3, MaximumKeepAlive: 60,
		ResponseInformation: "answers"}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", KeepAlive: 61, Properties: wire.Properties{wire.RequestResponseInformation(1)}})
		for _, want := range []wire.Property{
			wire.RetainAvailable(0), wire.WildcardSubscriptionAvailable(0), wire.SubscriptionIdentifierAvailable(0), wire.SharedSubscriptionAvailable(0),
			wire.MaximumQoS(0), wire.ReceiveMaximum(7), wire.MaximumPacketSize(1000), wire.TopicAliasMaximum(3), wire.ServerKeepAlive(60),
			wire.ResponseInformation("answers"),
		} {
			got, _ := c.connack.Properties.Get(want.ID)
			equal(w, want.ID.String(), got, want)
		}
	}},
	{"says no more than it must", only5, Config{NoTopicAliases: true, MaximumPacketSize: wire.MaxVarint + 5, ResponseInformation: "answers"}, func(w *world, v wire.Version) {
		c := w.connect(v, wire.Connect{ClientID: "a", KeepAlive: 60})
		equal(w, "properties in CONNACK", len(c.connack.Properties), 0)
	}},
	{"closes what sends no CONNECT in time", both, Config{}, func(w *world, v wire.Version) {
		c := w.open(v)
		begin := time.Now()
		c.sendBytes([]byte{0x10, 100, 0})
		c.closed(time.Minute)
		equal(w, "after", time.Since(begin), 10*time.Second)
	}},
	{"limits connections", both, Config{MaximumConnections: 2}, func(w *world, v wire.Version) {
		a := w.connect(v, clean("a"))
		w.connect(v, clean("b"))
		refused(w, v, clean("c"), wire.QuotaExceeded, wire.RefusedServerUnavailable)
		w.connect(v, clean("b")) // a takeover needs no more room
		a.leave()
		w.connect(v, clean("c"))
	}},
	{"limits sessions", both, Config{MaximumSessions: 1}, func(w *world, v wire.Version) {
		w.connect(v, persistent("a", 300)).drop()
		refused(w, v, clean("b"), wire.QuotaExceeded, wire.RefusedServerUnavailable)
		w.connect(v, persistent("a", 300))
	}},
	{"refuses wills that it could not publish", both, Config{NoRetain: true, MaximumQoS: new(wire.QoS), MaximumTopicLevels: 3}, func(w *world, v wire.Version) {
		for _, x := range []struct {
			will wire.Will
			code wire.ReasonCode
		}{
			{wire.Will{Topic: "w", QoS: 1}, wire.QoSNotSupported},
			{wire.Will{Topic: "w", Retain: true}, wire.RetainNotSupported},
			{wire.Will{Topic: "w/w/w/w"}, wire.TopicNameInvalid},
		} {
			c := w.open(v)
			c.send(wire.Connect{ClientID: "a", Will: &x.will})
			if v == wire.V5 {
				equal(w, "code", next[wire.Connack](c).ReasonCode, x.code)
			}
			if p, err := c.receive(time.Second); err == nil {
				w.t.Fatalf("got %#v, want a close", p) // 3.1.1 has no fitting code
			}
		}
	}},
	{"refuses an empty Client Identifier if told to", both, Config{NoEmptyClientID: true}, func(w *world, v wire.Version) {
		refused(w, v, clean(""), wire.ClientIdentifierNotValid, wire.RefusedIdentifier)
	}},
	{"says goodbye when it closes", both, Config{}, func(w *world, v wire.Version) {
		c := w.connect(v, clean("a"))
		half := w.open(v)
		w.b.Close()
		told := c.closed(time.Second)
		equal(w, "DISCONNECT", told.sent, v == wire.V5)
		half.closed(tick)
		late := w.open(v)
		late.closed(time.Second)
	}},
}
