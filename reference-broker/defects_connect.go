package broker

// Connecting and disconnecting.
const (
	sessionPresentAlways0         defect = "session-present-always-0"
	sessionPresentAlways1         defect = "session-present-always-1"
	sessionPresentAfterCleanStart defect = "session-present-after-clean-start"
	sessionPresentOnRefusal       defect = "session-present-on-refusal"
	connectAwaitedForEver         defect = "connect-awaited-for-ever"
	connackFlagsReserved          defect = "connack-flags-reserved"
	connackCodeUnknown            defect = "connack-code-unknown"
	packetBeforeConnack           defect = "packet-before-connack"
	secondConnack                 defect = "second-connack"
	connackPropertyRepeated       defect = "connack-property-repeated"
	receiveMaximum0Announced      defect = "receive-maximum-0-announced"
	maximumQoS2Announced          defect = "maximum-qos-2-announced"
	maximumPacketSize0Announced   defect = "maximum-packet-size-0-announced"
	availability2Announced        defect = "availability-2-announced"
	responseInformationUnasked    defect = "response-information-unasked"
	authenticationMethodUnasked   defect = "authentication-method-unasked"
	authenticationMethodIgnored   defect = "authentication-method-ignored"
	badCredentialsAccepted        defect = "bad-credentials-accepted"
	noCloseAfterRefusal           defect = "no-close-after-refusal"
	refusalEndsSession            defect = "refusal-ends-session"
	willOfRefusedConnect          defect = "will-of-refused-connect"
	willQoSAboveMaximumAccepted   defect = "will-qos-above-maximum-accepted"
	willRetainAccepted            defect = "will-retain-accepted"
	firstPacketIgnored            defect = "first-packet-ignored"
	versionRefusedSilently        defect = "version-refused-silently"
	malformedConnectAnswered      defect = "malformed-connect-answered"
	secondConnectIgnored          defect = "second-connect-ignored"
	secondConnectExecuted         defect = "second-connect-executed"
	disconnectBeforeConnack       defect = "disconnect-before-connack"
	disconnectCodeUnknown         defect = "disconnect-code-unknown"
	disconnectWithSessionExpiry   defect = "disconnect-with-session-expiry"
	disconnectTo311               defect = "disconnect-to-311"
	packetAfterDisconnect         defect = "packet-after-disconnect"
	errorEndsOthers               defect = "error-ends-others"
	noCloseAfterMalformed         defect = "no-close-after-malformed"
)

var connectDefects = []defectRow{
	{sessionPresentAlways0, "v5:MQTT-3.2.2-3 v311:MQTT-3.2.2-2",
		"Session Present is 0 also when a session is resumed."},
	{sessionPresentAlways1, "v5:MQTT-3.2.2-3 v311:MQTT-3.2.2-3",
		"Session Present is 1 for every Clean Start 0."},
	{sessionPresentAfterCleanStart, "v5:MQTT-3.2.2-2 v311:MQTT-3.2.2-1",
		"Session Present is 1 for every Clean Start 1."},
	{sessionPresentOnRefusal, "v5:MQTT-3.2.2-6 v311:MQTT-3.2.2-4",
		"Session Present is 1 in a CONNACK that refuses."},
	{connackFlagsReserved, "v5:MQTT-3.2.2-1 v311:U3-009",
		"A reserved bit of the Connect Acknowledge Flags is set."},
	{connackCodeUnknown, "v5:MQTT-3.2.2-8 v311:MQTT-3.2.2-6",
		"A CONNACK that refuses has a Reason Code that no CONNACK has."},
	{packetBeforeConnack, "v5:MQTT-3.2.0-1 v311:MQTT-3.2.0-1",
		"A PINGRESP is sent before CONNACK."},
	{secondConnack, "v5:MQTT-3.2.0-2",
		"CONNACK is sent twice."},
	{connackPropertyRepeated, "v5:U5-015",
		"CONNACK has two Reason Strings."},
	{receiveMaximum0Announced, "v5:U5-012",
		"CONNACK announces Receive Maximum 0."},
	{maximumQoS2Announced, "v5:U5-013",
		"CONNACK announces Maximum QoS 2, a value that the property does not have."},
	{maximumPacketSize0Announced, "v5:U5-058",
		"CONNACK announces Maximum Packet Size 0."},
	{availability2Announced, "v5:U5-059",
		"CONNACK announces Shared Subscription Available 2, a value that the property does not have."},
	{responseInformationUnasked, "v5:MQTT-3.1.2-28",
		"CONNACK has Response Information for clients that did not ask for it."},
	{authenticationMethodUnasked, "v5:MQTT-4.12.0-6",
		"CONNACK has an Authentication Method that no CONNECT named."},
	{authenticationMethodIgnored, "v5:MQTT-4.12.0-1 v5:MQTT-4.12.0-5",
		"An unknown Authentication Method is passed over, and the client is let in."},
	{badCredentialsAccepted, "v5:MQTT-3.1.4-2",
		"The password is not looked at."},
	{noCloseAfterRefusal, "v5:MQTT-3.2.2-7 v5:MQTT-3.1.4-2 v311:MQTT-3.2.2-5 v311:U3-008",
		"The connection stays open after a CONNACK that refuses."},
	{refusalEndsSession, "v5:MQTT-3.1.4-2 v5:MQTT-3.2.2-6 v311:MQTT-3.2.2-4",
		"A CONNECT that is refused ends the session of its Client Identifier."},
	{willOfRefusedConnect, "v5:MQTT-3.1.4-6 v311:MQTT-3.1.4-5",
		"The will of a CONNECT that is refused is published."},
	{willQoSAboveMaximumAccepted, "v5:MQTT-3.2.2-12",
		"A will above Maximum QoS is accepted."},
	{willRetainAccepted, "v5:MQTT-3.2.2-13",
		"A retained will is accepted although retained messages are not available."},
	{firstPacketIgnored, "v5:MQTT-3.1.0-1 v311:MQTT-3.1.0-1",
		"A first packet that is no CONNECT is passed over."},
	{versionRefusedSilently, "v311:MQTT-3.1.2-2",
		"3.1.1: an unsupported protocol level gets no CONNACK."},
	{malformedConnectAnswered, "v311:MQTT-3.1.4-1",
		"3.1.1: a malformed CONNECT is answered by a CONNACK."},
	{secondConnectIgnored, "v5:MQTT-3.1.0-2 v311:MQTT-3.1.0-2",
		"A second CONNECT is passed over."},
	{secondConnectExecuted, "v5:MQTT-3.1.0-2 v311:MQTT-3.1.0-2",
		"A second CONNECT opens the session that it names before the connection closes."},
	{disconnectBeforeConnack, "v5:MQTT-3.14.0-1",
		"A DISCONNECT is sent on a connection that has had no CONNACK."},
	{disconnectCodeUnknown, "v5:MQTT-3.14.2-1",
		"DISCONNECT has a Reason Code that no DISCONNECT has."},
	{disconnectWithSessionExpiry, "v5:MQTT-3.14.2-2",
		"A DISCONNECT from the server has a Session Expiry Interval."},
	{disconnectTo311, "v311:U3-020",
		"A client of 3.1.1 is sent DISCONNECT, a packet that only clients send there."},
	{packetAfterDisconnect, "v5:MQTT-3.14.4-1",
		"A PINGRESP follows DISCONNECT."},
	{errorEndsOthers, "v5:U5-072",
		"A malformed packet of one client ends the connections of all."},
	{connectAwaitedForEver, "v5:U5-040 v311:U3-002",
		"A connection on which no CONNECT comes stays open."},
	{noCloseAfterMalformed, "v5:MQTT-4.13.1-1 v311:MQTT-4.8.0-1 v311:MQTT-2.2.2-2",
		"Malformed packets are passed over, and the connection stays open."},
}
