package broker

// Tolerance is a choice that the standard leaves to a server and that can be switched on by its name.
type Tolerance struct {
	Name string
	Text string // what the broker does, and why it may
}

// tolerance is the name of a Tolerance.
type tolerance string

const (
	closeWithoutDisconnect    tolerance = "close-without-disconnect"
	closeWithoutConnack       tolerance = "close-without-connack"
	closeWithReset            tolerance = "close-with-reset"
	otherReasonCodes          tolerance = "other-reason-codes"
	reasonStrings             tolerance = "reason-strings"
	longFormAcks              tolerance = "long-form-acks"
	highPacketIDs             tolerance = "high-packet-ids"
	copyPerSubscription       tolerance = "copy-per-subscription"
	qos0QueuedOffline         tolerance = "qos-0-queued-offline"
	qos0WaitsForQuota         tolerance = "qos-0-waits-for-quota"
	qos2ForwardAtPubrel       tolerance = "qos-2-forward-at-pubrel"
	pubcompSuccessForUnknown  tolerance = "pubcomp-success-for-unknown"
	noMatchingSubscribersCode tolerance = "no-matching-subscribers-code"
	retainedQoS0NotStored     tolerance = "retained-qos-0-not-stored"
	expiryRoundedDown         tolerance = "expiry-rounded-down"
	lateSessionDeletion       tolerance = "late-session-deletion"
	keepAliveCloseLate        tolerance = "keep-alive-close-late"
	keepAliveCloseEarly       tolerance = "keep-alive-close-early"
	publishBeforeSuback       tolerance = "publish-before-suback"
	grantsQoS1                tolerance = "grants-qos-1"
	unsubscribeDropsQueued    tolerance = "unsubscribe-drops-queued"
	noTopicAlias              tolerance = "no-topic-alias"
	resendOnLiveLink311       tolerance = "resend-on-live-link-311"
	serverKeepAliveAnnounced  tolerance = "server-keep-alive-announced"
	sessionExpiryCapped       tolerance = "session-expiry-capped"
	smallLimitsAnnounced      tolerance = "small-limits-announced"
	everythingAnnounced       tolerance = "everything-announced"
	noEmptyClientID           tolerance = "no-empty-client-id"
	dollarTopicsRefused       tolerance = "dollar-topics-refused"
	oneByteWrites             tolerance = "one-byte-writes"
	repeatedExpiryTaken       tolerance = "repeated-expiry-taken"
	unsubackAlwaysSuccess     tolerance = "unsuback-always-success"
	downgradedSentTwice       tolerance = "downgraded-sent-twice"
	closeLeftToClient         tolerance = "close-left-to-client"
	delayedWillDropped        tolerance = "delayed-will-dropped"
	retainedOnResume          tolerance = "retained-on-resume"
)

// toleranceRow is a Tolerance as the table has it.
type toleranceRow struct {
	name tolerance
	text string
}

func (r toleranceRow) id() tolerance { return r.name }

var toleranceRows = []toleranceRow{
	{closeWithoutDisconnect, "Errors close the connection without DISCONNECT: only the close is a duty."},
	{closeWithoutConnack, "5.0: a CONNECT is refused by closing without CONNACK, which is optional."},
	{closeWithReset, "Connections that the broker ends are reset: the standard does not say how to close."},
	{otherReasonCodes, "All errors have Reason Code 0x80, which every list has: a more exact code is only advised."},
	{reasonStrings, "Acknowledgements of success carry a Reason String."},
	{longFormAcks, "Acknowledgements have a Reason Code and a Property Length where both could be left out."},
	{highPacketIDs, "Packet Identifiers begin at 60,000: a server chooses them freely."},
	{copyPerSubscription, "A message is sent once for each subscription that matches."},
	{qos0QueuedOffline, "Messages of QoS 0 wait for clients that are away."},
	{qos0WaitsForQuota, "Messages of QoS 0 wait while there is no send quota."},
	{qos2ForwardAtPubrel, "A message of QoS 2 is delivered when its PUBREL comes, not when its PUBLISH comes."},
	{pubcompSuccessForUnknown, "PUBREL for an unknown Packet Identifier is answered by PUBCOMP 0x00, not 0x92."},
	{noMatchingSubscribersCode, "PUBACK and PUBREC say 0x10 if nobody has subscribed."},
	{retainedQoS0NotStored, "Retained messages of QoS 0 are not stored: both versions let a server discard them at any time."},
	{expiryRoundedDown, "The Message Expiry Interval that is passed on is rounded down, not up."},
	{lateSessionDeletion, "Sessions are deleted two seconds after their expiry."},
	{keepAliveCloseLate, "Silent clients are disconnected a second after one and a half of their Keep Alive."},
	{keepAliveCloseEarly, "Silent clients are disconnected somewhat before one and a half of their Keep Alive, as a server may disconnect inactive clients at any time."},
	{publishBeforeSuback, "Retained messages are sent before SUBACK."},
	{grantsQoS1, "Subscriptions at QoS 2 are granted QoS 1."},
	{unsubscribeDropsQueued, "UNSUBSCRIBE drops what waits for the subscription and has not been started."},
	{noTopicAlias, "The broker uses no Topic Alias, whatever the client accepts."},
	{resendOnLiveLink311, "An unacknowledged PUBLISH is sent again on the same connection, which 3.1.1 allows."},
	{serverKeepAliveAnnounced, "CONNACK announces twice the client's Keep Alive."},
	{sessionExpiryCapped, "Sessions expire after 60 s at the latest, as CONNACK announces."},
	{smallLimitsAnnounced, "CONNACK announces Receive Maximum 5, Topic Alias Maximum 2 and Maximum Packet Size 4,096."},
	{everythingAnnounced, "CONNACK has every property that a server may announce, also where it changes nothing."},
	{noEmptyClientID, "A client without Client Identifier is refused."},
	{dollarTopicsRefused, "Nobody may publish to topics that begin with $."},
	{oneByteWrites, "Packets are written byte by byte."},
	{unsubackAlwaysSuccess, "UNSUBACK says 0x00 also where no subscription existed: it is one of the listed codes."},
	{downgradedSentTwice, "A message of QoS 1 is sent twice to a subscription at QoS 0, which the standard allows."},
	{closeLeftToClient, "After DISCONNECT the broker leaves it to the client to close, as it must; that the broker closes is only advised."},
	{delayedWillDropped, "A will whose delay is running is dropped when its client comes back, also with Clean Start 1: 3.1.2.5 excepts every new connection of the client."},
	{retainedOnResume, "5.0: retained messages are sent when a session is resumed: Retain Handling speaks of the time of SUBSCRIBE only."},
	{repeatedExpiryTaken, "A PUBLISH with two Message Expiry Intervals or Payload Format Indicators is taken: only in Will Properties does the standard call that an error."},
}

// Tolerances lists every tolerance.
func Tolerances() []Tolerance {
	all := make([]Tolerance, len(toleranceRows))
	for i, r := range toleranceRows {
		all[i] = Tolerance{Name: string(r.name), Text: r.text}
	}
	return all
}

// tolerateByConfig makes the choices that are configurations too.
func (b *Broker) tolerateByConfig() {
	c := &b.config
	if b.tolerates(sessionExpiryCapped) {
		c.MaximumSessionExpiry = 60
	}
	if b.tolerates(smallLimitsAnnounced) {
		c.ReceiveMaximum, c.TopicAliasMaximum, c.MaximumPacketSize = 5, 2, 4096
	}
	if b.tolerates(noEmptyClientID) {
		c.NoEmptyClientID = true
	}
}
