package device_test

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// reauthEvery is how often a device that uses Enhanced Authentication authenticates again.
const reauthEvery = 40 * time.Second

// authenticate handles an AUTH. The model's mechanism takes everything for an answer.
func (m *model) authenticate(p wire.Auth) error {
	if m.method == "" && m.has("answers-unasked-auth") {
		m.send(wire.Auth{ReasonCode: wire.ContinueAuthentication, Properties: p.Properties})
		return nil
	}
	if m.method == "" && !m.has("malformed-packets-overlooked") {
		m.protest(wire.ProtocolError)
		return errHangUp
	}
	method := p.Properties.Text(wire.PropAuthenticationMethod)
	if method != m.method && !m.has("takes-another-method") && !m.has("answers-by-the-servers-method") {
		m.protest(wire.ProtocolError)
		return errHangUp
	}
	switch {
	case p.ReasonCode == wire.ContinueAuthentication && m.has("answers-by-the-servers-method"):
		m.send(m.auth(wire.ContinueAuthentication, method))
	case p.ReasonCode == wire.ContinueAuthentication:
		m.send(m.auth(wire.ContinueAuthentication, m.method))
	case p.ReasonCode == wire.Success:
		m.reauthing = false
	}
	return nil
}

func (m *model) auth(code wire.ReasonCode, method string) wire.Auth {
	return wire.Auth{ReasonCode: code, Properties: wire.Properties{wire.AuthenticationMethod(method), wire.AuthenticationData("me")}}
}

// reauthenticate begins a re-authentication when it is time.
func (m *model) reauthenticate(now time.Time) {
	if m.method != "" && !m.reauthing && now.After(m.reauth) {
		m.reauth, m.reauthing = now.Add(reauthEvery), true
		m.send(m.auth(wire.ReAuthenticate, m.method))
	}
}
