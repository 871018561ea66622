package broker

// Wills and Keep Alive.
const (
	willNeverPublished         defect = "will-never-published"
	willOnNormalDisconnect     defect = "will-on-normal-disconnect"
	willNotOn0x04              defect = "will-not-on-code-04"
	willNotOnErrorCodes        defect = "will-not-on-error-codes"
	willNotAfterFIN            defect = "will-not-after-fin"
	willNotAfterProtocolError  defect = "will-not-after-protocol-error"
	willNotAfterKeepAlive      defect = "will-not-after-keep-alive"
	willAlwaysRetained         defect = "will-always-retained"
	willRetainIgnored          defect = "will-retain-ignored"
	willQoSIgnored             defect = "will-qos-ignored"
	willPayloadDropped         defect = "will-payload-dropped"
	willNotQueued              defect = "will-not-queued"
	willDelayLeaks             defect = "will-delay-leaks"
	willDelayIgnored           defect = "will-delay-ignored"
	willDelayOutlivesSession   defect = "will-delay-outlives-session"
	willDelayOutlivesResume    defect = "will-delay-outlives-resume"
	willExpiryFromConnect      defect = "will-expiry-from-connect"
	willLate                   defect = "will-late"
	willDelaysOneTimer         defect = "will-delays-one-timer"
	willFiresTwice             defect = "will-fires-twice"
	willNotReplaced            defect = "will-not-replaced"
	takeoverWithoutWill        defect = "takeover-without-will"
	takeoverWillTwice          defect = "takeover-will-twice"
	keepAliveNever             defect = "keep-alive-never"
	keepAliveLate              defect = "keep-alive-late"
	keepAliveCountsOnlyPingreq defect = "keep-alive-counts-only-pingreq"
	keepAliveIgnoresPingreq    defect = "keep-alive-ignores-pingreq"
	keepAliveCountsBytes       defect = "keep-alive-counts-bytes"
	keepAliveCountsOwnPackets  defect = "keep-alive-counts-own-packets"
	keepAlive0Closes           defect = "keep-alive-0-closes"
	keepAliveOverflows         defect = "keep-alive-overflows"
	keepAliveOwnValue          defect = "keep-alive-own-value"
	pingrespMissing            defect = "pingresp-missing"
)

var willDefects = []defectRow{
	{willNeverPublished, "v5:MQTT-3.1.2-8 v311:MQTT-3.1.2-8",
		"Wills are not published."},
	{willOnNormalDisconnect, "v5:MQTT-3.14.4-3 v5:MQTT-3.1.2-10 v5:U5-031 v311:MQTT-3.14.4-3 v311:MQTT-3.1.2-10",
		"The will is published after DISCONNECT 0x00 too."},
	{willNotOn0x04, "v5:U5-032 v5:MQTT-3.1.2-8",
		"The will is not published after DISCONNECT 0x04."},
	{willNotOnErrorCodes, "v5:MQTT-3.1.2-8",
		"The will is not published after DISCONNECT with an error."},
	{willNotAfterFIN, "v5:MQTT-3.1.2-8 v311:MQTT-3.1.2-8",
		"The will is not published if the client just closes the connection."},
	{willNotAfterProtocolError, "v5:MQTT-3.1.2-8 v311:MQTT-3.1.2-8",
		"The will is not published if the server closes because of an error of the client."},
	{willNotAfterKeepAlive, "v5:MQTT-3.1.2-8 v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-8 v311:MQTT-3.1.2-24",
		"The will is not published if the client falls silent."},
	{willAlwaysRetained, "v5:MQTT-3.1.2-14 v311:MQTT-3.1.2-16",
		"The will is retained although Will Retain is 0."},
	{willRetainIgnored, "v5:MQTT-3.1.2-15 v311:MQTT-3.1.2-17",
		"The will is not retained although Will Retain is 1."},
	{willQoSIgnored, "v5:MQTT-3.8.4-8 v311:MQTT-3.1.2-9 v311:MQTT-3.8.4-6",
		"The will is published at QoS 0."},
	{willPayloadDropped, "v5:MQTT-3.1.2-7 v311:MQTT-3.1.2-8",
		"The will is published without its payload."},
	{willNotQueued, "v5:MQTT-4.5.0-1 v311:MQTT-4.5.0-1",
		"The will does not wait for clients that are away."},
	{willDelayLeaks, "v5:U5-043",
		"The published will has the Will Delay Interval as a property."},
	{willDelayIgnored, "v5:MQTT-3.1.2-8",
		"The Will Delay Interval has no effect."},
	{willDelayOutlivesSession, "v5:MQTT-3.1.2-8",
		"The Will Delay Interval goes on after the end of the session."},
	{willDelayOutlivesResume, "v5:MQTT-3.1.3-9",
		"The will is published after its delay although the client has come back."},
	{willExpiryFromConnect, "v5:U5-054",
		"The will's Message Expiry Interval counts from CONNECT."},
	{willLate, "v5:U5-055 v311:U3-016",
		"A will without a delay is published four seconds late."},
	{willDelaysOneTimer, "v5:U5-055",
		"There is one timer for all delayed wills, and each will that is added starts it anew."},
	{willFiresTwice, "v5:MQTT-3.1.2-10 v311:MQTT-3.1.2-10",
		"A will that has been published stays in the session and is published again."},
	{willNotReplaced, "v5:MQTT-3.1.2-7 v311:MQTT-3.1.2-8",
		"A resumed session keeps the will of its first CONNECT."},
	{takeoverWithoutWill, "v5:U5-047 v5:MQTT-3.1.2-8 v311:MQTT-3.1.2-8",
		"The will is not published when its client takes over its own connection."},
	{takeoverWillTwice, "v5:MQTT-3.1.2-10 v311:MQTT-3.1.2-10",
		"The will is published twice when its client takes over its own connection."},
	{keepAliveNever, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"Keep Alive has no effect."},
	{keepAliveLate, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"A silent client is disconnected after six Keep Alives."},
	{keepAliveCountsOnlyPingreq, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"Only PINGREQ counts as a sign of life."},
	{keepAliveIgnoresPingreq, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"A PINGREQ does not count as a sign of life."},
	{keepAliveCountsBytes, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"Any byte counts as a sign of life, not only a whole packet."},
	{keepAliveCountsOwnPackets, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"What the server sends counts as a sign of life."},
	{keepAlive0Closes, "v5:U5-045 v311:U3-001",
		"Keep Alive 0 closes silent connections."},
	{keepAliveOverflows, "v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"A large Keep Alive is taken for a small one."},
	{keepAliveOwnValue, "v5:MQTT-3.2.2-22 v5:MQTT-3.1.2-22 v311:MQTT-3.1.2-24",
		"The server enforces another Keep Alive than it let the client know."},
	{pingrespMissing, "v5:MQTT-3.12.4-1 v311:MQTT-3.12.4-1",
		"PINGREQ is not answered."},
}
