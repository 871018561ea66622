package broker

// Delivery of messages.
const (
	messageExpiryDropped             defect = "message-expiry-dropped"
	messageExpiryNotDecremented      defect = "message-expiry-not-decremented"
	messageExpiryIgnored             defect = "message-expiry-ignored"
	messageExpiryIgnoredBehindWindow defect = "message-expiry-ignored-behind-window"
	messageExpiryInvented            defect = "message-expiry-invented"
	messageExpiryLostForSecondCopy   defect = "message-expiry-lost-for-second-copy"
	expiredHeadDropsQueue            defect = "expired-head-drops-queue"
	expiredFillWindow                defect = "expired-fill-window"
	expiredInflightNotResent         defect = "expired-inflight-not-resent"
	expiredPubrelNotResent           defect = "expired-pubrel-not-resent"
	expiredPubrelUnanswered          defect = "expired-pubrel-unanswered"
	forgottenAtOnce                  defect = "forgotten-at-once"
	resumeSendsNothingAgain          defect = "resume-sends-nothing-again"
	resumeReversed                   defect = "resume-reversed"
	resumeWithOtherIDs               defect = "resume-with-other-ids"
	resendOnLiveLink                 defect = "resend-on-live-link"
	dupNeverSet                      defect = "dup-never-set"
	dupAtFirst                       defect = "dup-at-first"
	dupPassedOn                      defect = "dup-passed-on"
	dupWithQoS0                      defect = "dup-with-qos-0"
	dupTakenForDuplicate             defect = "dup-taken-for-duplicate"
	packetID0                        defect = "packet-id-0"
	packetIDReused                   defect = "packet-id-reused"
	pubackMissing                    defect = "puback-missing"
	pubrecMissing                    defect = "pubrec-missing"
	pubcompMissing                   defect = "pubcomp-missing"
	pubrelMissing                    defect = "pubrel-missing"
	ackWrongID                       defect = "ack-wrong-id"
	pubackCodeUnknown                defect = "puback-code-unknown"
	pubrecCodeUnknown                defect = "pubrec-code-unknown"
	pubrelCodeUnknown                defect = "pubrel-code-unknown"
	pubcompCodeUnknown               defect = "pubcomp-code-unknown"
	pubackIgnored                    defect = "puback-ignored"
	pubcompIgnored                   defect = "pubcomp-ignored"
	pubrelNotResent                  defect = "pubrel-not-resent"
	publishResentAfterPubrel         defect = "publish-resent-after-pubrel"
	errorAckResent                   defect = "error-ack-resent"
	errorPubrecReleased              defect = "error-pubrec-released"
	qos2Duplicated                   defect = "qos-2-duplicated"
	qos2IDStaysInUse                 defect = "qos-2-id-stays-in-use"
	refusedIDStaysInUse              defect = "refused-id-stays-in-use"
	repeatedPublishUnanswered        defect = "repeated-publish-unanswered"
	repeatedPublishRefused           defect = "repeated-publish-refused"
	secondRepeatEndsConnection       defect = "second-repeat-ends-connection"
	newestFirst                      defect = "newest-first"
	receiveMaximumExceeded           defect = "receive-maximum-exceeded"
	receiveMaximumRemembered         defect = "receive-maximum-remembered"
	quotaFreedAtPubrec               defect = "quota-freed-at-pubrec"
	quotaBlocksOthers                defect = "quota-blocks-others"
	starvedStayBehind                defect = "starved-stay-behind"
	starvedForgotten                 defect = "starved-forgotten"
	receiveMaximumNotEnforced        defect = "receive-maximum-not-enforced"
	surplusDropped                   defect = "surplus-dropped"
	packetSizeNotEnforced            defect = "packet-size-not-enforced"
	qosAboveMaximumTolerated         defect = "qos-above-maximum-tolerated"
	oversizeSent                     defect = "oversize-sent"
	oversizeEndsConnection           defect = "oversize-ends-connection"
	explanationTooLarge              defect = "explanation-too-large"
	problemInformationUnasked        defect = "problem-information-unasked"
	aliasAboveMaximum                defect = "alias-above-maximum"
	aliasUninvited                   defect = "alias-uninvited"
	aliasZero                        defect = "alias-zero"
	aliasSurvives                    defect = "alias-survives"
	aliasAboveMaximumTolerated       defect = "alias-above-maximum-tolerated"
	highestAliasRefused              defect = "highest-alias-refused"
	aliasNotReassigned               defect = "alias-not-reassigned"
	unknownAliasTolerated            defect = "unknown-alias-tolerated"
	payloadFormatDropped             defect = "payload-format-dropped"
	responseTopicDropped             defect = "response-topic-dropped"
	correlationDataDropped           defect = "correlation-data-dropped"
	contentTypeDropped               defect = "content-type-dropped"
	userPropertiesDropped            defect = "user-properties-dropped"
	userPropertiesReordered          defect = "user-properties-reordered"
	byteOrderMarkStripped            defect = "byte-order-mark-stripped"
	unauthorizedPublishDelivered     defect = "unauthorized-publish-delivered"
)

var deliveryDefects = []defectRow{
	{messageExpiryDropped, "v5:MQTT-3.3.2-6",
		"The Message Expiry Interval is not passed on."},
	{messageExpiryNotDecremented, "v5:MQTT-3.3.2-6",
		"The Message Expiry Interval is passed on as it came, however long the message has waited."},
	{messageExpiryIgnored, "v5:MQTT-3.3.2-5",
		"Expired messages are delivered."},
	{messageExpiryIgnoredBehindWindow, "v5:MQTT-3.3.2-5",
		"A message that waits for send quota is delivered although it has expired."},
	{messageExpiryInvented, "v5:MQTT-3.3.2-6",
		"Messages without Message Expiry Interval are delivered with one."},
	{messageExpiryLostForSecondCopy, "v5:MQTT-3.3.2-6",
		"Only the first copy of a message has its Message Expiry Interval."},
	{expiredHeadDropsQueue, "v5:MQTT-3.3.2-5 v5:MQTT-4.5.0-1",
		"An expired message takes all that waits behind it along."},
	{expiredFillWindow, "v5:MQTT-4.5.0-1",
		"Expired messages take the places of what is to be sent: after twenty of them nothing that was queued is sent."},
	{expiredInflightNotResent, "v5:MQTT-4.3.3-7",
		"A QoS 2 PUBLISH that was sent and not acknowledged is dropped when its message expires."},
	{expiredPubrelNotResent, "v5:MQTT-4.3.3-7 v5:MQTT-4.3.3-5 v5:MQTT-4.4.0-1",
		"PUBREL is not sent again if its message has expired."},
	{expiredPubrelUnanswered, "v5:MQTT-4.3.3-13",
		"A PUBREL is not answered if its message has expired."},
	{forgottenAtOnce, "v5:MQTT-4.3.2-3 v5:MQTT-4.3.3-3 v311:MQTT-4.3.2-1 v311:MQTT-4.3.3-1",
		"A message of QoS 1 or 2 is forgotten once it has been sent."},
	{resumeSendsNothingAgain, "v5:MQTT-4.4.0-1 v311:MQTT-4.4.0-1",
		"Nothing is sent again when a session is resumed."},
	{resumeReversed, "v5:MQTT-4.6.0-5 v5:MQTT-4.4.0-1 v311:MQTT-4.6.0-6",
		"Redelivery begins with the newest message."},
	{resumeWithOtherIDs, "v5:MQTT-4.4.0-1 v311:MQTT-4.4.0-1",
		"Redelivery uses new Packet Identifiers."},
	{resendOnLiveLink, "v5:MQTT-4.4.0-1",
		"An unacknowledged PUBLISH is sent again on the same connection."},
	{dupNeverSet, "v5:MQTT-3.3.1-1 v311:MQTT-3.3.1-1",
		"DUP is 0 in redeliveries."},
	{dupAtFirst, "v5:MQTT-4.3.2-2 v5:MQTT-4.3.3-2 v5:MQTT-3.3.1-3 v311:MQTT-4.3.2-1 v311:MQTT-4.3.3-1",
		"DUP is 1 in the first delivery."},
	{dupPassedOn, "v5:MQTT-3.3.1-3 v311:MQTT-3.3.1-3 v5:MQTT-4.3.2-2 v5:MQTT-4.3.3-2 v311:MQTT-4.3.2-1 v311:MQTT-4.3.3-1",
		"DUP is passed on from the publisher."},
	{dupWithQoS0, "v5:MQTT-3.3.1-2 v5:MQTT-4.3.1-1 v311:MQTT-3.3.1-2 v311:MQTT-4.3.1-1",
		"DUP is 1 with QoS 0."},
	{dupTakenForDuplicate, "v5:MQTT-4.3.2-5 v311:MQTT-4.3.2-2",
		"A PUBLISH of QoS 1 with DUP 1 is acknowledged and not delivered."},
	{packetID0, "v5:MQTT-2.2.1-4 v311:MQTT-2.3.1-1",
		"PUBLISH packets of QoS 1 and 2 have Packet Identifier 0."},
	{packetIDReused, "v5:MQTT-2.2.1-4 v5:MQTT-4.3.2-1 v5:MQTT-4.3.3-1 v311:MQTT-2.3.1-4 v311:MQTT-4.3.2-1 v311:MQTT-4.3.3-1",
		"All PUBLISH packets have the same Packet Identifier."},
	{pubackMissing, "v5:MQTT-4.3.2-4 v5:MQTT-3.3.4-1 v311:MQTT-4.3.2-2 v311:MQTT-3.3.4-1",
		"A PUBLISH of QoS 1 is not answered."},
	{pubrecMissing, "v5:MQTT-4.3.3-8 v5:MQTT-3.3.4-1 v311:MQTT-4.3.3-2 v311:MQTT-3.3.4-1",
		"A PUBLISH of QoS 2 is not answered."},
	{pubcompMissing, "v5:MQTT-4.3.3-11 v311:MQTT-4.3.3-2",
		"PUBREL is not answered."},
	{pubrelMissing, "v5:MQTT-4.3.3-4 v311:MQTT-4.3.3-1",
		"PUBREC is not answered."},
	{ackWrongID, "v5:MQTT-2.2.1-5 v311:MQTT-2.3.1-6",
		"Acknowledgements have another Packet Identifier than what they answer."},
	{pubackCodeUnknown, "v5:MQTT-3.4.2-1",
		"PUBACK has a Reason Code that no PUBACK has."},
	{pubrecCodeUnknown, "v5:MQTT-3.5.2-1",
		"PUBREC has a Reason Code that no PUBREC has."},
	{pubrelCodeUnknown, "v5:MQTT-3.6.2-1",
		"PUBREL has a Reason Code that no PUBREL has."},
	{pubcompCodeUnknown, "v5:MQTT-3.7.2-1",
		"PUBCOMP has a Reason Code that no PUBCOMP has."},
	{pubackIgnored, "v5:MQTT-4.3.2-3 v311:MQTT-4.3.2-1",
		"PUBACK does not end an exchange: the PUBLISH is sent again on the next connection."},
	{pubcompIgnored, "v5:MQTT-4.3.3-5 v311:MQTT-4.3.3-1",
		"PUBCOMP does not end an exchange: PUBREL is sent again on the next connection."},
	{pubrelNotResent, "v5:MQTT-4.4.0-1 v5:MQTT-4.3.3-5 v311:MQTT-4.4.0-1 v311:MQTT-4.3.3-1",
		"PUBREL is not sent again when a session is resumed."},
	{publishResentAfterPubrel, "v5:MQTT-4.3.3-6 v311:MQTT-4.3.3-1",
		"PUBLISH is sent again although PUBREC has come."},
	{errorAckResent, "v5:MQTT-4.4.0-2",
		"A message that the client refused is sent again."},
	{errorPubrecReleased, "v5:MQTT-4.3.3-4 v5:MQTT-4.4.0-2",
		"A PUBREC that refuses is answered by PUBREL."},
	{qos2Duplicated, "v5:MQTT-4.3.3-10 v311:MQTT-4.3.3-2",
		"A repeated QoS 2 PUBLISH is delivered again."},
	{qos2IDStaysInUse, "v5:MQTT-4.3.3-12 v311:MQTT-4.3.3-2",
		"After PUBCOMP, a new QoS 2 message with the same Packet Identifier is taken for a repetition."},
	{refusedIDStaysInUse, "v5:MQTT-4.3.3-9",
		"After a PUBREC that refuses, a new message with the same Packet Identifier is taken for a repetition."},
	{secondRepeatEndsConnection, "v5:MQTT-4.3.3-10 v311:MQTT-4.3.3-2",
		"A QoS 2 PUBLISH that is repeated twice before PUBREL ends the connection."},
	{repeatedPublishRefused, "v5:MQTT-4.3.3-9",
		"A QoS 2 PUBLISH that is repeated before PUBREL is refused by PUBREC, although its message was passed on and its Packet Identifier stays in use."},
	{repeatedPublishUnanswered, "v5:MQTT-4.3.3-10 v311:MQTT-4.3.3-2",
		"A repeated QoS 2 PUBLISH gets no PUBREC."},
	{newestFirst, "v5:MQTT-4.6.0-5 v311:MQTT-4.6.0-6",
		"What waits is delivered newest first."},
	{receiveMaximumExceeded, "v5:MQTT-3.3.4-9 v5:MQTT-4.9.0-2",
		"The client's Receive Maximum is not respected."},
	{receiveMaximumRemembered, "v5:U5-037 v5:MQTT-3.3.4-9",
		"The Receive Maximum of the session's first connection stays in force."},
	{quotaFreedAtPubrec, "v5:MQTT-4.9.0-2 v5:MQTT-3.3.4-9",
		"PUBREC already makes room for another PUBLISH."},
	{starvedStayBehind, "v5:MQTT-4.5.0-1",
		"Of the messages that wait for send quota, two are sent on a connection and no more."},
	{starvedForgotten, "v5:MQTT-4.4.0-1 v5:MQTT-4.3.2-3",
		"A message that has waited for send quota is forgotten as soon as it is sent."},
	{quotaBlocksOthers, "v5:MQTT-3.3.4-10 v5:MQTT-4.9.0-3",
		"While there is no send quota, PINGRESP is held back as well."},
	{receiveMaximumNotEnforced, "v5:U5-024",
		"A client may exceed the server's Receive Maximum."},
	{surplusDropped, "v5:U5-024",
		"What a client sends above the server's Receive Maximum is dropped without a word."},
	{packetSizeNotEnforced, "v5:MQTT-3.2.2-15 v5:U5-060",
		"Packets above the server's Maximum Packet Size are accepted."},
	{qosAboveMaximumTolerated, "v5:U5-016",
		"A PUBLISH above Maximum QoS is accepted."},
	{oversizeSent, "v5:MQTT-3.1.2-24",
		"The client's Maximum Packet Size is not respected."},
	{oversizeEndsConnection, "v5:MQTT-3.1.2-25",
		"A message that is too large for the client ends its connection."},
	{explanationTooLarge, "v5:MQTT-3.1.2-24 v5:MQTT-3.2.2-19 v5:MQTT-3.4.2-2 v5:MQTT-3.5.2-2 v5:MQTT-3.7.2-2 v5:MQTT-3.9.2-1 v5:MQTT-3.14.2-3",
		"A Reason String is sent although it makes the packet too large for the client."},
	{problemInformationUnasked, "v5:MQTT-3.1.2-29",
		"Reason Strings are sent although Request Problem Information is 0."},
	{aliasAboveMaximum, "v5:MQTT-3.1.2-26 v5:MQTT-3.3.2-11",
		"The server uses a Topic Alias above the client's Topic Alias Maximum."},
	{aliasUninvited, "v5:MQTT-3.1.2-27",
		"The server uses a Topic Alias although the client accepts none."},
	{aliasZero, "v5:MQTT-3.3.2-8",
		"The server uses Topic Alias 0."},
	{aliasSurvives, "v5:MQTT-3.3.2-7",
		"A Topic Alias is still known on the next connection of its client."},
	{aliasAboveMaximumTolerated, "v5:MQTT-3.3.2-9 v5:MQTT-3.2.2-18 v5:MQTT-3.2.2-17 v5:MQTT-4.13.1-1",
		"A Topic Alias above the server's maximum is accepted."},
	{highestAliasRefused, "v5:MQTT-3.3.2-12",
		"The highest Topic Alias that was announced is refused."},
	{aliasNotReassigned, "v5:MQTT-3.3.2-12",
		"A Topic Alias keeps its first topic when it is given another one."},
	{unknownAliasTolerated, "v5:U5-021",
		"An unknown Topic Alias does not end the connection."},
	{payloadFormatDropped, "v5:MQTT-3.3.2-4",
		"Payload Format Indicator is not passed on."},
	{responseTopicDropped, "v5:MQTT-3.3.2-15",
		"Response Topic is not passed on."},
	{correlationDataDropped, "v5:MQTT-3.3.2-16",
		"Correlation Data is not passed on."},
	{contentTypeDropped, "v5:MQTT-3.3.2-20",
		"Content Type is not passed on."},
	{userPropertiesDropped, "v5:MQTT-3.3.2-17",
		"User Properties are not passed on."},
	{userPropertiesReordered, "v5:MQTT-3.3.2-18 v5:MQTT-3.1.3-10",
		"The order of User Properties is reversed."},
	{byteOrderMarkStripped, "v5:MQTT-1.5.4-3 v311:MQTT-1.5.3-3",
		"The bytes EF BB BF are taken out of topics."},
	{unauthorizedPublishDelivered, "v311:MQTT-3.3.5-2",
		"What a client may not publish is delivered."},
}
