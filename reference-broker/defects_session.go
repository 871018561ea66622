package broker

// Sessions and their expiry.
const (
	cleanStartKeepsSubscriptions     defect = "clean-start-keeps-subscriptions"
	cleanStartKeepsQueue             defect = "clean-start-keeps-queue"
	cleanStartKeepsInflight          defect = "clean-start-keeps-inflight"
	cleanStartKeepsReceivedIDs       defect = "clean-start-keeps-received-ids"
	cleanStartHidesSession           defect = "clean-start-hides-session"
	cleanStartMakesVolatile          defect = "clean-start-makes-volatile"
	cleanSessionPersists             defect = "clean-session-persists"
	resumeNever                      defect = "resume-never"
	resumeLosesSubscriptions         defect = "resume-loses-subscriptions"
	resumeLosesQueue                 defect = "resume-loses-queue"
	resumeLosesReceivedIDs           defect = "resume-loses-received-ids"
	resumeLosesNoLocal               defect = "resume-loses-no-local"
	resumeLosesRetainAsPublished     defect = "resume-loses-retain-as-published"
	resumeLosesSubscriptionID        defect = "resume-loses-subscription-id"
	resumeLosesQoS                   defect = "resume-loses-qos"
	resumeKeepsOldExpiry             defect = "resume-keeps-old-expiry"
	nothingQueuedOffline             defect = "nothing-queued-offline"
	expiryAbsentMeansForever         defect = "expiry-absent-means-forever"
	expiryForeverEnds                defect = "expiry-forever-ends"
	expiryAnnouncedNotUsed           defect = "expiry-announced-not-used"
	sessionExpiryIgnored             defect = "session-expiry-ignored"
	sessionExpiresEarly              defect = "session-expires-early"
	sessionExpiryFromConnect         defect = "session-expiry-from-connect"
	expiredSessionKeepsSubscriptions defect = "expired-session-keeps-subscriptions"
	expiredSessionKeepsReceivedIDs   defect = "expired-session-keeps-received-ids"
	expiredSessionStaysInGroup       defect = "expired-session-stays-in-group"
	disconnectExpiryIgnored          defect = "disconnect-expiry-ignored"
	disconnectEndsSession            defect = "disconnect-ends-session"
	expiryAfter0Accepted             defect = "expiry-after-0-accepted"
	expiryAfter0DropsWill            defect = "expiry-after-0-drops-will"
	takeoverKeepsOldLink             defect = "takeover-keeps-old-link"
	takeoverDropsBacklog             defect = "takeover-drops-backlog"
	clientIDCaseIgnored              defect = "client-id-case-ignored"
	clientIDCutAt23                  defect = "client-id-cut-at-23"
	longClientIDRefused              defect = "long-client-id-refused"
	emptyClientIDShared              defect = "empty-client-id-shared"
	emptyClientIDKept                defect = "empty-client-id-kept"
	assignedIDNotReturned            defect = "assigned-id-not-returned"
	assignedIDNotUsed                defect = "assigned-id-not-used"
)

var sessionDefects = []defectRow{
	{cleanStartKeepsSubscriptions, "v5:MQTT-3.1.2-4 v311:MQTT-3.1.2-6",
		"A session that begins with Clean Start 1 still has the subscriptions of the earlier one."},
	{cleanStartKeepsQueue, "v5:MQTT-3.1.2-4 v311:MQTT-3.1.2-6",
		"A session that begins with Clean Start 1 gets the messages that waited for the earlier one."},
	{cleanStartKeepsInflight, "v5:MQTT-3.1.2-4 v311:MQTT-3.1.2-6",
		"A session that begins with Clean Start 1 gets redeliveries of the earlier one."},
	{cleanStartKeepsReceivedIDs, "v5:MQTT-3.1.2-4 v311:MQTT-3.1.2-6",
		"A session that begins with Clean Start 1 takes a new QoS 2 PUBLISH for a repetition of one of the earlier session."},
	{cleanStartHidesSession, "v5:MQTT-3.1.2-4 v311:MQTT-3.1.2-6",
		"Clean Start 1 only hides the earlier session: the next Clean Start 0 brings it back."},
	{cleanStartMakesVolatile, "v5:MQTT-3.1.2-23",
		"A session that begins with Clean Start 1 ends with its connection, whatever its Session Expiry Interval."},
	{cleanSessionPersists, "v311:MQTT-3.1.2-6",
		"A session of Clean Session 1 outlives its connection."},
	{resumeNever, "v5:MQTT-3.1.2-5 v311:MQTT-3.1.2-4",
		"Clean Start 0 always begins a new session."},
	{resumeLosesSubscriptions, "v5:MQTT-3.1.2-5 v311:MQTT-3.1.2-4",
		"A resumed session has no subscriptions."},
	{resumeLosesQueue, "v5:MQTT-3.1.2-5 v5:MQTT-4.5.0-1 v311:MQTT-3.1.2-5",
		"A resumed session has lost what waited for it."},
	{resumeLosesReceivedIDs, "v5:MQTT-4.3.3-10 v5:MQTT-3.1.2-5 v311:MQTT-4.3.3-2 v311:MQTT-3.1.2-4",
		"A resumed session has forgotten the QoS 2 exchanges that the client began."},
	{resumeLosesNoLocal, "v5:MQTT-3.8.3-3 v5:MQTT-3.1.2-5",
		"No Local is forgotten when a session is resumed."},
	{resumeLosesRetainAsPublished, "v5:MQTT-3.3.1-13 v5:MQTT-3.1.2-5",
		"Retain As Published is forgotten when a session is resumed."},
	{resumeLosesSubscriptionID, "v5:MQTT-3.3.4-3 v5:MQTT-3.1.2-5",
		"Subscription Identifiers are forgotten when a session is resumed."},
	{resumeLosesQoS, "v5:MQTT-3.8.4-8 v5:MQTT-3.1.2-5 v311:MQTT-3.8.4-6 v311:MQTT-3.1.2-4",
		"Subscriptions have QoS 0 when a session is resumed."},
	{resumeKeepsOldExpiry, "v5:MQTT-4.1.0-2 v5:MQTT-3.1.2-23",
		"A resumed session keeps the Session Expiry Interval of its first CONNECT."},
	{nothingQueuedOffline, "v5:MQTT-4.5.0-1 v5:MQTT-3.1.2-5 v311:MQTT-3.1.2-5 v311:MQTT-4.5.0-1",
		"Nothing is stored for a session while its client is away."},
	{expiryAbsentMeansForever, "v5:U5-010 v5:MQTT-4.1.0-2",
		"A session without Session Expiry Interval never ends."},
	{expiryForeverEnds, "v5:U5-010 v5:MQTT-3.1.2-23",
		"A session with Session Expiry Interval 0xFFFFFFFF ends after a second."},
	{expiryAnnouncedNotUsed, "v5:U5-011",
		"CONNACK announces a Session Expiry Interval of 1 s, but the client's is in force."},
	{sessionExpiryIgnored, "v5:U5-010 v5:MQTT-4.1.0-2",
		"Sessions never expire."},
	{sessionExpiresEarly, "v5:MQTT-3.1.2-23",
		"Sessions expire after a quarter of their Session Expiry Interval."},
	{sessionExpiryFromConnect, "v5:MQTT-3.1.2-23 v5:MQTT-4.1.0-1",
		"The Session Expiry Interval counts from CONNECT, not from the end of the connection."},
	{expiredSessionKeepsSubscriptions, "v5:MQTT-4.1.0-2 v5:MQTT-3.2.2-3",
		"An expired session leaves its subscriptions and what they collect to the next session of its client."},
	{expiredSessionKeepsReceivedIDs, "v5:MQTT-4.1.0-2 v5:MQTT-4.3.3-12",
		"An expired session leaves its open QoS 2 exchanges to the next session of its client."},
	{expiredSessionStaysInGroup, "v5:MQTT-4.1.0-2 v5:U5-035",
		"An expired session remains a member of its share groups and is given messages."},
	{disconnectExpiryIgnored, "v5:U5-046",
		"The Session Expiry Interval in DISCONNECT has no effect."},
	{disconnectEndsSession, "v5:U5-046 v5:MQTT-3.1.2-23 v311:MQTT-3.1.2-4",
		"A DISCONNECT without Session Expiry Interval ends the session."},
	{expiryAfter0Accepted, "v5:U5-030",
		"A Session Expiry Interval in DISCONNECT is accepted after 0 in CONNECT."},
	{expiryAfter0DropsWill, "v5:U5-030 v5:MQTT-3.1.2-8",
		"A DISCONNECT that is a Protocol Error by its Session Expiry Interval removes the will."},
	{takeoverKeepsOldLink, "v5:MQTT-3.1.4-3 v311:MQTT-3.1.4-2",
		"The old connection stays open when its client connects again."},
	{takeoverDropsBacklog, "v5:MQTT-3.1.2-5 v311:MQTT-3.1.2-4",
		"What waits for a session is lost when its client takes over its own connection."},
	{clientIDCaseIgnored, "v5:MQTT-3.1.3-2 v311:MQTT-3.1.3-2",
		"Client Identifiers that differ only by case share a session."},
	{clientIDCutAt23, "v5:MQTT-3.1.3-2 v311:MQTT-3.1.3-2",
		"Client Identifiers that differ only beyond 23 bytes share a session."},
	{longClientIDRefused, "v5:MQTT-3.1.3-5 v311:MQTT-3.1.3-5",
		"A Client Identifier of 23 bytes is refused."},
	{emptyClientIDShared, "v5:MQTT-3.2.2-16 v5:MQTT-3.1.3-6 v311:MQTT-3.1.3-6",
		"All clients without Client Identifier are assigned the same one."},
	{emptyClientIDKept, "v311:MQTT-3.1.3-8",
		"3.1.1: no Client Identifier with Clean Session 0 is accepted."},
	{assignedIDNotReturned, "v5:MQTT-3.1.3-7 v5:MQTT-3.2.2-16",
		"CONNACK does not tell the Client Identifier that was assigned."},
	{assignedIDNotUsed, "v5:MQTT-3.1.3-7",
		"CONNACK tells another Client Identifier than the session has."},
}
