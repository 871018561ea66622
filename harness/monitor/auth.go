package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// authMonitors judge Enhanced Authentication, which only 5.0 has.
func authMonitors() (all []Monitor) {
	for _, m := range []Monitor{
		{IDs: ids("MQTT-4.12.0-5", ""), Text: "AUTH and the accepting CONNACK have the Authentication Method of the CONNECT.", Judge: each(sameMethod)},
		{IDs: ids("U5-033", ""), Text: "AUTH has the Authentication Method exactly once.", Judge: eachOf(oneMethod)},
	} {
		m.Level = must
		all = append(all, both(m)...)
	}
	return append(all,
		Monitor{IDs: ids("MQTT-4.12.0-2", ""), Sender: wire.FromServer, Level: must,
			Text: "AUTH from a server that asks for more has Reason Code 0x18.", Judge: serverContinues},
		Monitor{IDs: ids("MQTT-4.12.0-6", ""), Sender: wire.FromServer, Level: must,
			Text: "Without an Authentication Method in CONNECT a server sends no AUTH and no method in CONNACK.", Judge: each(serverNoMethod)},
		Monitor{IDs: ids("MQTT-4.12.0-3", ""), Sender: wire.FromClient, Level: must,
			Text: "AUTH from a client that answers an AUTH has Reason Code 0x18.", Judge: clientContinues},
		Monitor{IDs: ids("MQTT-4.12.0-7", ""), Sender: wire.FromClient, Level: must,
			Text: "Without an Authentication Method in CONNECT a client sends no AUTH.", Judge: each(clientNoMethod)},
		Monitor{IDs: ids("MQTT-4.12.1-1", ""), Sender: wire.FromClient, Level: must,
			Text: "Re-authentication has the Authentication Method of the CONNECT.",
			Judge: each(func(c *Conn, r *Record) (bool, string) {
				if p, ok := r.Packet.(wire.Auth); !ok || p.ReasonCode != wire.ReAuthenticate {
					return false, ""
				}
				return sameMethod(c, r)
			})},
		Monitor{IDs: ids("MQTT-3.1.2-30", ""), Sender: wire.FromClient, Level: must,
			Text: "A client that gave an Authentication Method sends only AUTH and DISCONNECT before the CONNACK.", Judge: onlyAuthBeforeConnack})
}

// method returns the Authentication Method of the CONNECT, and whether that is known.
func (c *Conn) method() (method string, has, known bool) {
	q, ok := c.connect()
	return q.Properties.Text(wire.PropAuthenticationMethod), q.Properties.Has(wire.PropAuthenticationMethod), ok
}

// bareSuccess is an AUTH of Remaining Length 0. Section 3.15.2.1 allows it, 3.15.2.2.2 demands a method in every AUTH:
// it is not held against anybody.
func bareSuccess(p wire.Auth) bool { return p.ReasonCode == wire.Success && len(p.Properties) == 0 }

func sameMethod(c *Conn, r *Record) (bool, string) {
	want, has, known := c.method()
	if !known || !has {
		return false, ""
	}
	switch p := r.Packet.(type) {
	case wire.Auth:
		if bareSuccess(p) {
			return false, ""
		}
	case wire.Connack:
		if p.ReasonCode != wire.Success {
			return false, ""
		}
	default:
		return false, ""
	}
	got := wire.PropertiesOf(r.Packet).Text(wire.PropAuthenticationMethod)
	return expect(got == want, fmt.Sprintf("Authentication Method %q in %v, as in CONNECT", want, r.typeOf()), fmt.Sprintf("%q", got))
}

func oneMethod(_ *Conn, p wire.Auth, _ *Record) (bool, string) {
	if bareSuccess(p) {
		return false, ""
	}
	n := len(p.Properties.All(wire.PropAuthenticationMethod))
	return expect(n == 1, "one Authentication Method in AUTH", fmt.Sprint(n))
}

func serverNoMethod(c *Conn, r *Record) (bool, string) {
	if _, has, known := c.method(); !known || has {
		return false, ""
	}
	switch r.typeOf() {
	case wire.AUTH:
		return true, "expected no AUTH, as CONNECT has no Authentication Method, observed one"
	case wire.CONNACK:
		p, ok := wire.PropertiesOf(r.Packet).Get(wire.PropAuthenticationMethod)
		return expect(!ok, "no Authentication Method in CONNACK, as CONNECT has none", p.String())
	}
	return false, ""
}

func clientNoMethod(c *Conn, r *Record) (bool, string) {
	if _, has, known := c.method(); !known || has || r.typeOf() == wire.CONNECT {
		return false, ""
	}
	return expect(r.typeOf() != wire.AUTH, "no AUTH, as CONNECT has no Authentication Method", "one")
}

// serverContinues judges AUTH before the CONNACK: after it Success ends a re-authentication.
func serverContinues(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		for i, r := range c.Records {
			p, ok := r.Packet.(wire.Auth)
			if !ok || r.Sender != wire.FromServer || c.connackAt >= 0 && i > c.connackAt {
				continue
			}
			if p.ReasonCode == wire.ContinueAuthentication {
				j.kept(c)
			} else {
				j.broken(c, r.Seq, "expected AUTH 0x18 before the CONNACK, observed 0x%02X", byte(p.ReasonCode))
			}
		}
	}
}

// clientContinues judges AUTH before the CONNACK, where 0x18 is the only code, and a Success after it, which no client
// has a use for.
func clientContinues(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		for i, r := range c.Records {
			p, ok := r.Packet.(wire.Auth)
			if !ok || r.Sender != wire.FromClient {
				continue
			}
			before := c.connackAt < 0 || i < c.connackAt
			switch {
			case p.ReasonCode == wire.ContinueAuthentication:
				j.kept(c)
			case before || p.ReasonCode == wire.Success:
				j.broken(c, r.Seq, "expected AUTH 0x18 as the answer to an AUTH, observed 0x%02X", byte(p.ReasonCode))
			}
		}
	}
}

// onlyAuthBeforeConnack judges what was received before the CONNACK was sent. What came soon after it may have been
// sent before it, but that cannot be known.
func onlyAuthBeforeConnack(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		if _, has, known := c.method(); !known || !has {
			continue
		}
		for i, r := range c.Records {
			if c.connackAt >= 0 && i > c.connackAt {
				break
			}
			if r.Sender != wire.FromClient || r.Loose || i <= c.connectAt {
				continue
			}
			switch t := r.typeOf(); t {
			case wire.AUTH, wire.DISCONNECT:
				j.kept(c)
			default:
				j.broken(c, r.Seq, "expected only AUTH and DISCONNECT before the CONNACK, observed %v", t)
			}
		}
	}
}
