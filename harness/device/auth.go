package device

import (
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Challenge asks the device for more with AUTH, as Enhanced Authentication lets a server do, before its CONNECT is
// accepted and when it re-authenticates. Only a device that gives an Authentication Method is asked; see
// [conn.authenticated].
type Challenge struct {
	Times  int    `yaml:"times"`  // how often; 0 means at every occasion once and again
	Method string `yaml:"method"` // instead of the device's own
	Data   string `yaml:"data"`   // Authentication Data, which no mechanism understands
}

// authenticated takes part in Enhanced Authentication in the place of the broker, which knows no method. Every method is
// taken and every answer is good, unless a plan asks for more. It returns what is passed on to the broker: a CONNECT
// without a method, anything else as it is, and nil for what ends here.
func (n *conn) authenticated(p wire.Packet, malformed bool, frame []byte) []byte {
	switch p := p.(type) {
	case wire.Connect:
		method, has := p.Properties.Get(wire.PropAuthenticationMethod)
		if !has || malformed || n.method != "" {
			return frame
		}
		n.method = method.Text
		p.Properties = p.Properties.Without(wire.PropAuthenticationMethod).Without(wire.PropAuthenticationData)
		n.connect = wire.Bytes(p, p.ProtocolVersion)
		return n.challenge()
	case wire.Auth:
		// without a method, or in the place of an answer, it is one more error that a broker ends
		if n.method == "" || n.connect != nil && p.ReasonCode != wire.ContinueAuthentication {
			return frame
		}
		return n.challenge()
	}
	return frame
}

// challenge asks for more if a plan wants it, and otherwise returns the CONNECT that has waited for it, or ends a
// re-authentication.
func (n *conn) challenge() []byte {
	c := n.client
	c.mu.Lock()
	asked := c.judge(trace.ToClient, wire.AUTH, (*rule).ordinary)
	c.mu.Unlock()
	for _, f := range asked.fired {
		n.tell("%s", f)
	}
	if ch := asked.challenge; ch != nil {
		method := n.method
		if ch.Method != "" {
			method = ch.Method
		}
		ps := wire.Properties{wire.AuthenticationMethod(method)}
		if ch.Data != "" {
			ps = ps.With(wire.AuthenticationData(ch.Data))
		}
		n.send(wire.Auth{ReasonCode: wire.ContinueAuthentication, Properties: ps})
		return nil
	}
	if connect := n.connect; connect != nil {
		n.connect = nil
		return connect
	}
	n.send(wire.Auth{Properties: wire.Properties{wire.AuthenticationMethod(n.method)}})
	return nil
}
