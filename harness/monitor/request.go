package monitor

import (
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// requestMonitors judge what only clients send: SUBSCRIBE, UNSUBSCRIBE, and packets that they must not send at all.
func requestMonitors() (all []Monitor) {
	someFilter := func(types ...wire.Type) func(*History, *Judgement) {
		return each(func(_ *Conn, r *Record) (bool, string) {
			for _, t := range types {
				if r.typeOf() == t && r.Packet != nil {
					return expect(r.Bad == nil || r.Bad.Fault != wire.FaultNoFilters, "at least one Topic Filter in "+t.String(), "none")
				}
			}
			return false, ""
		})
	}
	for _, m := range []Monitor{
		{IDs: ids("MQTT-3.8.3-2", "MQTT-3.8.3-3"), Text: "SUBSCRIBE has at least one Topic Filter.", Judge: someFilter(wire.SUBSCRIBE)},
		{IDs: ids("MQTT-3.10.3-2", "MQTT-3.10.3-2"), Text: "UNSUBSCRIBE has at least one Topic Filter.", Judge: someFilter(wire.UNSUBSCRIBE)},
		{IDs: ids("U5-027", ""), Text: "SUBSCRIBE and UNSUBSCRIBE have a payload.", Judge: someFilter(wire.SUBSCRIBE, wire.UNSUBSCRIBE)},
		{IDs: ids("MQTT-3.8.3-4", ""), Text: "No Local is not set on a Shared Subscription.",
			Judge: eachOf(func(_ *Conn, p wire.Subscribe, _ *Record) (applies bool, breach string) {
				for _, s := range p.Subscriptions {
					if !strings.HasPrefix(s.Filter, "$share/") {
						continue
					}
					applies = true
					if s.NoLocal {
						return true, "expected No Local 0 for " + s.Filter + ", observed 1"
					}
				}
				return applies, ""
			})},
		{IDs: ids("U5-026", ""), Text: "Subscription Options hold neither QoS 3 nor Retain Handling 3.",
			Judge: eachOf(func(_ *Conn, p wire.Subscribe, _ *Record) (bool, string) {
				for _, s := range p.Subscriptions {
					if s.QoS > 2 || s.RetainHandling > 2 {
						return true, "expected neither QoS 3 nor Retain Handling 3, observed one for " + s.Filter
					}
				}
				return len(p.Subscriptions) > 0, ""
			})},
		{IDs: ids("U5-029", "U3-019"), Text: "A client sends no PINGRESP.",
			Judge: each(func(_ *Conn, r *Record) (bool, string) {
				t := r.typeOf()
				if t != wire.PINGREQ && t != wire.PINGRESP {
					return false, ""
				}
				return expect(t == wire.PINGREQ, "PINGREQ from a client", "PINGRESP")
			})},
	} {
		m.Sender, m.Level = wire.FromClient, must
		all = append(all, m)
	}
	return all
}
