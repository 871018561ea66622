package device_test

import (
	"github.com/mqttspec/mqttspec/harness/wire"
)

const authenticating = "authenticating"

// auths spoils AUTH packets: those with a Reason Code, or all for Success, which no client sends.
func auths(code wire.ReasonCode, by func(wire.Auth) wire.Packet) func(*model, wire.Packet) []wire.Packet {
	return replaces(wire.AUTH, func(p wire.Packet) wire.Packet {
		a := p.(wire.Auth)
		if code != wire.Success && a.ReasonCode != code {
			return a
		}
		return by(a)
	})
}

// other is an AUTH with another Authentication Method.
func other(a wire.Auth) wire.Packet {
	a.Properties = a.Properties.Without(wire.PropAuthenticationMethod).With(wire.AuthenticationMethod("other"))
	return a
}

// authDefects are in Enhanced Authentication.
var authDefects = []defect{
	{name: "answers-unasked-auth", breaks: v5("MQTT-4.12.0-7"), at: []string{"DV-77"}},
	{name: "auth-flags", breaks: v5("MQTT-3.15.1-1"), who: authenticating, at: []string{"DV-78"}, spoil: auths(wire.Success, func(a wire.Auth) wire.Packet { return wire.WithFlags{Packet: a, Flags: 1} })},
	{name: "auth-code-unknown", breaks: v5("MQTT-3.15.2-1"), who: authenticating, spoil: auths(wire.Success, func(a wire.Auth) wire.Packet { a.ReasonCode = 0x42; return a })},
	{name: "auth-code-of-re-authentication", breaks: v5("MQTT-4.12.0-3"), who: authenticating, at: []string{"DV-78"},
		spoil: auths(wire.ContinueAuthentication, func(a wire.Auth) wire.Packet { a.ReasonCode = wire.ReAuthenticate; return a })},
	{name: "auth-with-other-method", breaks: v5("MQTT-4.12.0-5"), who: authenticating, at: []string{"DV-78"}, spoil: auths(wire.ContinueAuthentication, other)},
	{name: "auth-without-its-method", breaks: v5("U5-033"), who: authenticating, at: []string{"DV-78"},
		spoil: auths(wire.Success, func(a wire.Auth) wire.Packet {
			a.Properties = a.Properties.Without(wire.PropAuthenticationMethod)
			return a
		})},
	{name: "auth-method-twice", breaks: v5("U5-033"), who: authenticating, at: []string{"DV-78"},
		spoil: auths(wire.Success, func(a wire.Auth) wire.Packet {
			a.Properties = append(wire.Properties{wire.AuthenticationMethod("mqttspec-model")}, a.Properties...)
			return a
		})},
	{name: "re-authentication-with-other-method", breaks: v5("MQTT-4.12.1-1"), who: authenticating, at: []string{"DV-80"}, spoil: auths(wire.ReAuthenticate, other)},
	{name: "packets-before-connack", breaks: v5("MQTT-3.1.2-30"), who: authenticating, at: []string{"DV-78"}, spoil: after(wire.AUTH, wire.Pingreq{})},
	{name: "takes-another-method", breaks: v5("MQTT-4.12.1-2"), who: authenticating, at: []string{"DV-79", "DV-81"}},
	{name: "answers-by-the-servers-method", breaks: v5("MQTT-4.12.0-5"), who: authenticating, at: []string{"DV-79"}},
}
