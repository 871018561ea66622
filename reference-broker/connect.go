package broker

import (
	"fmt"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// firstPacket handles the first packet of a Network Connection. It is called without the lock.
func (c *conn) firstPacket(bytes []byte, p wire.Packet, v *wire.Violation) {
	b := c.b
	connect, ok := p.(wire.Connect)
	c.introduce(connect.ClientID)
	c.logPacket(trace.ToServer, bytes, connect.ProtocolVersion)
	if ok && (v == nil || connect.ProtocolVersion != 0 && b.overlooks(v)) {
		code, state := b.authenticate(connect, c.nc), tlsState(c.nc)
		b.mu.Lock()
		defer b.mu.Unlock()
		if !c.closing {
			c.about.tls = state
			c.connect(b.config.Service.connect(connect), code)
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case c.closing:
	case !ok:
		if b.defect(firstPacketIgnored) { // v5:MQTT-3.1.0-1, v311:MQTT-3.1.0-1
			return
		}
		c.fail(wire.ProtocolError, "the first packet is no CONNECT") // v5:MQTT-3.1.0-1, v311:MQTT-3.1.0-1
	case v.Fault == wire.FaultProtocolVersion:
		c.version = wire.V311
		if !b.defect(versionRefusedSilently) { // v311:MQTT-3.1.2-2
			// Whatever version the client speaks, this is how a server of 3.1.1 refuses it.
			c.send(wire.Connack{ReasonCode: wire.RefusedProtocolVersion}) // v311:MQTT-3.1.2-2, v5:MQTT-3.1.2-2
		}
		c.close() // v5:MQTT-3.1.2-2, v311:MQTT-3.1.2-2
	default:
		c.malformedConnect(connect, v)
	}
}

// malformedConnect ends the connection. 5.0 may say why, 3.1.1 must not.
func (c *conn) malformedConnect(p wire.Connect, v *wire.Violation) {
	if p.ProtocolVersion == wire.V5 {
		c.version = wire.V5
		code := v.Code
		if !code.Allowed(wire.CONNACK, wire.V5) {
			code = wire.ProtocolError
		}
		c.refuse(code, v.Error()) // v5:MQTT-3.1.4-1, v5:MQTT-3.1.2-3, v5:MQTT-4.13.1-1
		return
	}
	if c.b.defect(malformedConnectAnswered) && p.ProtocolVersion == wire.V311 { // v311:MQTT-3.1.4-1
		c.version = wire.V311
		c.send(wire.Connack{ReasonCode: wire.RefusedServerUnavailable})
	}
	c.close() // v311:MQTT-3.1.4-1, v311:MQTT-3.1.2-3, v5:MQTT-3.1.2-1, v311:MQTT-3.1.2-1
}

// returnCodes are the Connect Return codes of 3.1.1 for the Reason Codes of 5.0. What is not there has none.
var returnCodes = map[wire.ReasonCode]wire.ReasonCode{
	wire.ClientIdentifierNotValid: wire.RefusedIdentifier,
	wire.BadUserNameOrPassword:    wire.RefusedUserOrPassword,
	wire.NotAuthorized:            wire.RefusedNotAuthorized,
	wire.Banned:                   wire.RefusedNotAuthorized,
	wire.ServerUnavailable:        wire.RefusedServerUnavailable,
	wire.ServerBusy:               wire.RefusedServerUnavailable,
	wire.QuotaExceeded:            wire.RefusedServerUnavailable,
	wire.ConnectionRateExceeded:   wire.RefusedServerUnavailable,
}

// refuse answers a CONNECT with an error and closes.
func (c *conn) refuse(code wire.ReasonCode, text string) {
	b := c.b
	answer := wire.Connack{ReasonCode: b.config.Service.listed(wire.CONNACK, b.otherCode(code)), Properties: b.config.Service.reason(text)} // v5:MQTT-3.2.2-6, v311:MQTT-3.2.2-4
	known := true
	if c.version == wire.V311 {
		answer.ReasonCode, known = returnCodes[code]
	}
	if b.defect(sessionPresentOnRefusal) { // v5:MQTT-3.2.2-6, v311:MQTT-3.2.2-4
		answer.SessionPresent = true
	}
	if b.defect(connackCodeUnknown) { // v5:MQTT-3.2.2-8
		answer.ReasonCode = 0x42
	}
	if known && !(c.version == wire.V5 && b.tolerates(closeWithoutConnack)) {
		c.send(answer)
	}
	if b.defect(noCloseAfterRefusal) { // v5:MQTT-3.2.2-7, v5:MQTT-3.1.4-2, v311:MQTT-3.2.2-5
		c.version = 0
		return
	}
	c.close() // v5:MQTT-3.2.2-7, v5:MQTT-3.1.4-2, v5:MQTT-3.1.4-6, v311:MQTT-3.2.2-5, v311:MQTT-3.2.2-6, v311:MQTT-3.1.4-5
}

// connect handles a well-formed CONNECT, whose credentials have been judged.
func (c *conn) connect(p wire.Connect, credentials wire.ReasonCode) {
	b := c.b
	c.version = p.ProtocolVersion
	c.readLimits(p.Properties)
	given := p.ClientID
	if code, text := c.judgeConnect(&p, credentials); code.Failed() {
		if b.defect(willOfRefusedConnect) && p.Will != nil { // v5:MQTT-3.1.4-6, v311:MQTT-3.1.4-5
			b.accept(b.willMessage(newWill(p), p.ClientID))
		}
		if b.defect(refusalEndsSession) { // v5:MQTT-3.1.4-2, v5:MQTT-3.2.2-6, v311:MQTT-3.2.2-4
			b.openSession(p.ClientID, true)
		}
		c.refuse(code, text)
		return
	}
	c.clientID = p.ClientID
	if p.Username != nil {
		c.username = *p.Username
	}
	s, resumed := b.openSession(p.ClientID, p.CleanStart || b.foreignSession(p))
	s.version = c.version
	asked, granted := b.sessionExpiry(p)
	c.volatile = asked == 0
	s.attach(c, granted, newWill(p))
	if resumed {
		s.loseOnResume()
		c.inherit(s)
	}
	s.firstReceiveMaximum, s.aliases = c.receiveMaximum, c.aliasesIn
	c.startKeepAlive(b.keepAliveInForce(p))
	c.connectTimer.Stop()
	answer := wire.Connack{SessionPresent: resumed, Properties: c.announcements(p, given)} // v5:MQTT-3.2.2-2, v5:MQTT-3.2.2-3, v311:MQTT-3.2.2-1, v311:MQTT-3.2.2-2, v311:MQTT-3.2.2-3
	c.accepted = true
	b.connected++
	c.sendConnack(answer, p)
	if c.closing {
		return // CONNACK itself was too large for the client
	}
	c.countStored()
	c.resume()
	c.pump()
	c.told(func(h Hook) []wire.Publish { return h.Connected(c.client()) })
}

// readLimits takes over what the client's properties say about itself.
func (c *conn) readLimits(ps wire.Properties) {
	b := c.b
	c.maximumPacket = int(ps.Int(wire.PropMaximumPacketSize, 0))
	c.requestProblem = ps.Int(wire.PropRequestProblemInformation, 1) == 1
	c.receiveMaximum = b.config.Service.inflight(int(ps.Int(wire.PropReceiveMaximum, maximumReceiveMaximum)))
	c.quota = c.receiveMaximum // v5:MQTT-4.9.0-1, v5:U5-037
	c.incoming = map[uint16]bool{}
	c.aliasesIn = map[uint16]string{} // v5:MQTT-3.3.2-7
	c.aliasesOut = map[string]uint16{}
	// v5:MQTT-3.1.2-26, v5:MQTT-3.1.2-27
	c.aliasMaximum = min(int(ps.Int(wire.PropTopicAliasMaximum, 0)), int(b.config.TopicAliasMaximum))
	if b.tolerates(noTopicAlias) {
		c.aliasMaximum = 0
	}
}

// judgeConnect says whether a CONNECT is accepted, and assigns a Client Identifier where there is none.
func (c *conn) judgeConnect(p *wire.Connect, credentials wire.ReasonCode) (wire.ReasonCode, string) {
	b := c.b
	switch {
	case p.Properties.Has(wire.PropAuthenticationMethod) && !b.defect(authenticationMethodIgnored):
		return wire.BadAuthenticationMethod, "unknown Authentication Method" // v5:MQTT-4.12.0-1
	case credentials.Failed() && !b.defect(badCredentialsAccepted): // v5:MQTT-3.1.4-2
		return credentials, "the credentials are not accepted" // v5:MQTT-3.1.4-2
	case p.ClientID == "":
		if c.version == wire.V311 && !p.CleanStart && !b.defect(emptyClientIDKept) { // v311:MQTT-3.1.3-8
			return wire.ClientIdentifierNotValid, "no Client Identifier" // v311:MQTT-3.1.3-7, v311:MQTT-3.1.3-8
		}
		if b.config.NoEmptyClientID {
			return wire.ClientIdentifierNotValid, "no Client Identifier" // v5:MQTT-3.1.3-8, v311:MQTT-3.1.3-9
		}
		p.ClientID = b.assignClientID() // v5:MQTT-3.1.3-6, v311:MQTT-3.1.3-6
	case len(p.ClientID) == 23 && b.defect(longClientIDRefused): // v5:MQTT-3.1.3-5, v311:MQTT-3.1.3-5
		return wire.ClientIdentifierNotValid, "the Client Identifier is too long"
	}
	if code, text := b.config.Service.judgeConnect(*p); code.Failed() {
		return code, text
	}
	if code, text := c.judgeWill(*p); code.Failed() {
		return code, text
	}
	old := b.sessions[b.sessionKey(p.ClientID)]
	switch {
	case b.connected >= b.config.MaximumConnections && (old == nil || old.conn == nil):
		return wire.QuotaExceeded, "too many connections"
	case old == nil && len(b.sessions) >= b.config.MaximumSessions:
		return wire.QuotaExceeded, "too many sessions"
	}
	return wire.Success, ""
}

// judgeWill says whether the Will Message of a CONNECT could be published.
func (c *conn) judgeWill(p wire.Connect) (wire.ReasonCode, string) {
	b := c.b
	if p.Will == nil {
		return wire.Success, ""
	}
	if b.defect(willQoS3Accepted) { // v5:MQTT-3.1.2-12, v311:MQTT-3.1.2-14
		p.Will.QoS = min(p.Will.QoS, wire.QoS2)
	}
	if p.Will.QoS > b.maximumQoS() && !b.defect(willQoSAboveMaximumAccepted) {
		return wire.QoSNotSupported, "Will QoS above Maximum QoS" // v5:MQTT-3.2.2-12
	}
	if p.Will.Retain && b.config.NoRetain && !b.defect(willRetainAccepted) {
		return wire.RetainNotSupported, "retained messages are not available" // v5:MQTT-3.2.2-13
	}
	c.clientID = p.ClientID
	if p.Username != nil {
		c.username = *p.Username
	}
	will := wire.Publish{Topic: p.Will.Topic, Payload: p.Will.Payload, Retain: p.Will.Retain}
	if code := c.judge(will); code.Failed() {
		return code, "the Will Message could not be published"
	}
	return wire.Success, ""
}

// assignClientID returns a Client Identifier that no session has.
func (b *Broker) assignClientID() string {
	if b.defect(emptyClientIDShared) { // v5:MQTT-3.2.2-16, v5:MQTT-3.1.3-6, v311:MQTT-3.1.3-6
		return "anonymous"
	}
	for {
		b.assigned++
		id := fmt.Sprintf("assigned%d", b.assigned)
		if b.sessions[b.sessionKey(id)] == nil { // v5:MQTT-3.2.2-16
			return id
		}
	}
}

// sessionExpiry returns the Session Expiry Interval that a CONNECT asks for and the one that it gets.
func (b *Broker) sessionExpiry(p wire.Connect) (asked, granted uint32) {
	if p.ProtocolVersion == wire.V311 {
		if p.CleanStart {
			return 0, 0 // v311:MQTT-3.1.2-6
		}
		asked = forever // v311:MQTT-3.1.2-4
	} else {
		asked = p.Properties.Int(wire.PropSessionExpiryInterval, 0) // v5:U5-010
	}
	granted = b.config.Service.sessionExpiry(b.capExpiry(asked), p.ProtocolVersion)
	if p.CleanStart && b.defect(cleanStartMakesVolatile) { // v5:MQTT-3.1.2-23
		return 0, 0 // without saying so in CONNACK, which would make it a limit like any other
	}
	return asked, granted
}

// capExpiry returns the Session Expiry Interval that the broker grants.
func (b *Broker) capExpiry(asked uint32) uint32 {
	if limit := b.config.MaximumSessionExpiry; limit > 0 {
		return min(asked, limit) // v5:U5-011
	}
	return asked
}

// connectAgain handles a CONNECT on a connection that has had one.
func (c *conn) connectAgain(p wire.Connect) {
	b := c.b
	if b.defect(secondConnectIgnored) { // v5:MQTT-3.1.0-2, v311:MQTT-3.1.0-2
		return
	}
	if b.defect(secondConnectExecuted) && p.ClientID != c.clientID { // v5:MQTT-3.1.0-2, v311:MQTT-3.1.0-2
		b.openSession(p.ClientID, p.CleanStart)
	}
	c.fail(wire.ProtocolError, "a second CONNECT") // v5:MQTT-3.1.0-2, v311:MQTT-3.1.0-2
}
