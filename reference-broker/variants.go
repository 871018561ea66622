package broker

import "github.com/mqttspec/mqttspec/harness/wire"

// Who is let in by the variant "auth" of [Config.Variant]: one who may not use the topics that begin with
// mqttspec-forbidden/, and one who may use all.
const (
	UserName, UserPassword       = "mqttspec", "mqttspec-secret"
	WitnessName, WitnessPassword = "mqttspec-witness", "mqttspec-witness-secret"
)

// Variant returns the configuration with the limits of a variant of the broker that specs ask for: "limited", "narrow",
// "auth" or "websocket", which is served by [Broker.Handler] and has no limits of its own. It reports false for any other
// name.
func (c Config) Variant(name string) (Config, bool) {
	switch name {
	case "limited":
		one := wire.QoS1
		if c.MaximumQoS == nil {
			c.MaximumQoS = &one
		}
		c.NoRetain, c.NoWildcardSubscriptions, c.NoSubscriptionIdentifiers, c.NoSharedSubscriptions = true, true, true, true
	case "narrow":
		c.ReceiveMaximum = least(c.ReceiveMaximum, 5)
		c.MaximumPacketSize = least(c.MaximumPacketSize, 1000)
	case "auth":
		c.Users = map[string]string{UserName: UserPassword, WitnessName: WitnessPassword}
		c.Access = []AccessRule{
			{Username: WitnessName, Allow: true},
			{Filter: "mqttspec-forbidden/#", Allow: false},
			{Allow: true},
		}
	case "websocket":
	default:
		return c, false
	}
	return c, true
}

// least is the smaller limit; 0 is none.
func least[N uint16 | uint32](a, b N) N {
	if a == 0 || b < a {
		return b
	}
	return a
}
