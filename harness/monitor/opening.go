package monitor

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// openingMonitors judge how a connection begins, on both sides.
func openingMonitors() []Monitor {
	return []Monitor{
		{IDs: ids("MQTT-3.2.0-1", "MQTT-3.2.0-1"), Sender: wire.FromServer, Level: must,
			Text: "CONNACK comes before every other packet of a server; in 5.0 AUTH may come before it.", Judge: connackFirst},
		{IDs: ids("MQTT-3.2.0-2", ""), Sender: wire.FromServer, Level: must, Text: "A server sends CONNACK only once.", Judge: connackOnce},
		{IDs: ids("MQTT-3.2.2-2", "MQTT-3.2.2-1"), Sender: wire.FromServer, Level: must,
			Text: "An accepted CONNECT with Clean Start 1 is answered with Session Present 0.",
			Judge: eachOf(func(c *Conn, p wire.Connack, _ *Record) (bool, string) {
				q, ok := c.connect()
				if !ok || !q.CleanStart || p.ReasonCode != wire.Success {
					return false, ""
				}
				return expect(!p.SessionPresent, "Session Present 0 after Clean Start 1", "Session Present 1")
			})},
		{IDs: ids("MQTT-3.2.2-6", "MQTT-3.2.2-4"), Sender: wire.FromServer, Level: must, Text: "A CONNACK that refuses has Session Present 0.",
			Judge: eachOf(func(_ *Conn, p wire.Connack, _ *Record) (bool, string) {
				if p.ReasonCode == wire.Success {
					return false, ""
				}
				return expect(!p.SessionPresent, fmt.Sprintf("Session Present 0 with code 0x%02X", byte(p.ReasonCode)), "Session Present 1")
			})},
		{IDs: ids("MQTT-3.2.2-9", ""), Sender: wire.FromServer, Level: must,
			Text: "A server that does not support QoS 1 or 2 says so with Maximum QoS.", Judge: announcesQoS},
		{IDs: ids("MQTT-3.14.0-1", ""), Sender: wire.FromServer, Level: must,
			Text: "A server sends DISCONNECT only after it has accepted the CONNECT.", Judge: noEarlyDisconnect},
		{IDs: ids("MQTT-3.1.0-1", "MQTT-3.1.0-1"), Sender: wire.FromClient, Level: must,
			Text: "The first packet of a client is CONNECT.", Judge: connectFirst},
		{IDs: ids("MQTT-3.1.0-2", "MQTT-3.1.0-2"), Sender: wire.FromClient, Level: must,
			Text: "A client sends CONNECT only once.", Judge: connectOnce},
	}
}

// connackFirst judges each packet up to the accepting CONNACK. After a refusal 5.0 allows none; 3.1.1 speaks of the
// first packet only.
func connackFirst(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		for _, r := range c.Records {
			t := r.typeOf()
			if r.Sender != wire.FromServer || r.Loose || t == wire.AUTH && c.Version == wire.V5 {
				continue
			}
			if t != wire.CONNACK {
				j.broken(c, r.Seq, "expected CONNACK before every other packet, observed %v", t)
				break
			}
			j.kept(c)
			if p, ok := r.Packet.(wire.Connack); !ok || p.ReasonCode == wire.Success || c.Version == wire.V311 {
				break
			}
		}
	}
}

func connackOnce(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		n := 0
		for _, r := range c.Records {
			if r.Sender != wire.FromServer || r.Loose || r.typeOf() != wire.CONNACK {
				continue
			}
			if n++; n > 1 {
				j.broken(c, r.Seq, "expected one CONNACK, observed number %d", n)
			} else {
				j.kept(c)
			}
		}
	}
}

func noEarlyDisconnect(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		accepted := false
		for _, r := range c.Records {
			if r.Sender != wire.FromServer || r.Loose {
				continue
			}
			switch r.typeOf() {
			case wire.CONNACK:
				// one that cannot be understood may have accepted
				p, ok := r.Packet.(wire.Connack)
				accepted = accepted || !ok || p.ReasonCode == wire.Success
			case wire.DISCONNECT:
				if accepted {
					j.kept(c)
				} else {
					j.broken(c, r.Seq, "expected DISCONNECT only after a CONNACK of code 0x00, observed one before")
				}
			}
		}
	}
}

// announcesQoS is exercised by the first answer to a PUBLISH of QoS 1 or 2. It is broken by a DISCONNECT for an
// unsupported QoS on a connection where every PUBLISH was within what the CONNACK announced.
func announcesQoS(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		if !c.accepted() {
			continue
		}
		limit := wire.QoS(c.Connack.Properties.Int(wire.PropMaximumQoS, 2))
		highest, excess := wire.QoS0, false
		for _, r := range c.sound() {
			switch p := r.Packet.(type) {
			case wire.Publish:
				if r.Sender == wire.FromClient {
					highest, excess = max(highest, p.QoS), excess || p.QoS > limit
				}
			case wire.Puback, wire.Pubrec:
				if r.Sender == wire.FromServer && highest > 0 {
					j.kept(c)
				}
			case wire.Disconnect:
				if r.Sender == wire.FromServer && p.ReasonCode == wire.QoSNotSupported && highest > 0 && !excess {
					j.broken(c, r.Seq, "expected QoS %d to be served, as Maximum QoS was %d, observed DISCONNECT 0x9B", highest, limit)
				}
			}
		}
	}
}

// connectFirst also judges connections of unknown version.
func connectFirst(h *History, j *Judgement) {
	for _, c := range h.Conns {
		for _, r := range c.Records {
			if r.Sender != wire.FromClient {
				continue
			}
			if t := r.typeOf(); t == wire.CONNECT {
				j.kept(c)
			} else if !r.Loose {
				j.broken(c, r.Seq, "expected CONNECT as the first packet, observed %v", t)
			}
			break
		}
	}
}

func connectOnce(h *History, j *Judgement) {
	for _, c := range h.bound(j) {
		n := 0
		for _, r := range c.Records {
			if r.Sender != wire.FromClient || r.Loose || r.typeOf() != wire.CONNECT {
				continue
			}
			if n++; n > 1 {
				j.broken(c, r.Seq, "expected one CONNECT, observed number %d", n)
			} else {
				j.kept(c)
			}
		}
	}
}
