package broker

// Subscriptions and retained messages.
const (
	deliveredToOthers              defect = "delivered-to-others"
	hashMissesParent               defect = "hash-misses-parent"
	plusMissesEmptyLevel           defect = "plus-misses-empty-level"
	plusMatchesManyLevels          defect = "plus-matches-many-levels"
	wildcardMatchesDollar          defect = "wildcard-matches-dollar"
	topicCaseIgnored               defect = "topic-case-ignored"
	trailingSlashIgnored           defect = "trailing-slash-ignored"
	grantedQoSIgnored              defect = "granted-qos-ignored"
	deliveryAtQoS0                 defect = "delivery-at-qos-0"
	overlapAtLowestQoS             defect = "overlap-at-lowest-qos"
	overlapOneID                   defect = "overlap-one-id"
	subscriptionIDMissing          defect = "subscription-id-missing"
	subscriptionIDInvented         defect = "subscription-id-invented"
	noLocalIgnored                 defect = "no-local-ignored"
	sameFilterMakesTwo             defect = "same-filter-makes-two"
	resubscribeDropsQueued         defect = "resubscribe-drops-queued"
	sameFilterKeepsOld             defect = "same-filter-keeps-old"
	refusedFilterSubscribed        defect = "refused-filter-subscribed"
	qos2SubscriptionRefused        defect = "qos-2-subscription-refused"
	subackMissing                  defect = "suback-missing"
	subackWrongID                  defect = "suback-wrong-id"
	subackOneCode                  defect = "suback-one-code"
	subackReversed                 defect = "suback-reversed"
	subackCodeUnknown              defect = "suback-code-unknown"
	unsubackMissing                defect = "unsuback-missing"
	unsubackOnlyIfRemoved          defect = "unsuback-only-if-removed"
	unsubackWrongID                defect = "unsuback-wrong-id"
	unsubackReversed               defect = "unsuback-reversed"
	unsubackCodeUnknown            defect = "unsuback-code-unknown"
	unsubscribeIgnored             defect = "unsubscribe-ignored"
	unsubscribeExpandsWildcards    defect = "unsubscribe-expands-wildcards"
	unsubscribeDropsInflight       defect = "unsubscribe-drops-inflight"
	sharedGoesToAll                defect = "shared-goes-to-all"
	sharedCountsTwice              defect = "shared-counts-twice"
	shareNameIgnored               defect = "share-name-ignored"
	sharedQoSIgnored               defect = "shared-qos-ignored"
	sharedQoS2MovesOn              defect = "shared-qos-2-moves-on"
	sharedErrorMovesOn             defect = "shared-error-moves-on"
	sharedQoS1Dropped              defect = "shared-qos-1-dropped"
	sharedGetsRetained             defect = "shared-gets-retained"
	sharedTolerated                defect = "shared-tolerated"
	wildcardTolerated              defect = "wildcard-tolerated"
	subscriptionIDTolerated        defect = "subscription-id-tolerated"
	retainTolerated                defect = "retain-tolerated"
	retainedNotStored              defect = "retained-not-stored"
	retainedNotReplaced            defect = "retained-not-replaced"
	retainedKeepsOldProperties     defect = "retained-keeps-old-properties"
	retainedEmptyStored            defect = "retained-empty-stored"
	retainedEmptyNotRemoved        defect = "retained-empty-not-removed"
	retainedEmptyNotDelivered      defect = "retained-empty-not-delivered"
	nonRetainedClears              defect = "non-retained-clears"
	nonRetainedStored              defect = "non-retained-stored"
	retainedNotSent                defect = "retained-not-sent"
	retainedNotResent              defect = "retained-not-resent"
	retainHandling1Always          defect = "retain-handling-1-always"
	retainHandling1Never           defect = "retain-handling-1-never"
	retainHandling2Sends           defect = "retain-handling-2-sends"
	retainedSentOnResume           defect = "retained-sent-on-resume"
	retainedFlagCleared            defect = "retained-flag-cleared"
	retainFlagKept                 defect = "retain-flag-kept"
	retainAsPublishedIgnored       defect = "retain-as-published-ignored"
	retainAsPublishedLostInQueue   defect = "retain-as-published-lost-in-queue"
	retainedWildcardMatchesDollar  defect = "retained-wildcard-matches-dollar"
	retainedQoSNotLowered          defect = "retained-qos-not-lowered"
	retainedIDMissing              defect = "retained-id-missing"
	retainedPropertiesDropped      defect = "retained-properties-dropped"
	retainedDiesWithSession        defect = "retained-dies-with-session"
	retainedForgotten              defect = "retained-forgotten"
	retainedExpiryIgnored          defect = "retained-expiry-ignored"
	retainedExpiryNotDecremented   defect = "retained-expiry-not-decremented"
	retainedExpiryKillsReplacement defect = "retained-expiry-kills-replacement"
	redeliveryLosesRetain          defect = "redelivery-loses-retain"
)

var subscriptionDefects = []defectRow{
	{deliveredToOthers, "v5:MQTT-3.3.2-3 v311:MQTT-3.3.2-3",
		"Messages are also delivered to sessions whose subscriptions do not match."},
	{hashMissesParent, "v5:U5-050 v311:U3-007",
		"# does not match its parent level."},
	{plusMissesEmptyLevel, "v5:U5-050 v311:U3-007",
		"+ does not match an empty level."},
	{plusMatchesManyLevels, "v5:U5-050 v5:MQTT-3.3.2-3 v311:U3-007 v311:MQTT-3.3.2-3",
		"+ matches more than one level."},
	{wildcardMatchesDollar, "v5:MQTT-4.7.2-1 v311:MQTT-4.7.2-1",
		"A leading wildcard matches topics that begin with $."},
	{topicCaseIgnored, "v5:MQTT-4.7.3-4 v311:MQTT-4.7.3-4 v5:MQTT-3.3.2-3 v311:MQTT-3.3.2-3",
		"Topics and filters are compared without regard to case."},
	{trailingSlashIgnored, "v5:MQTT-4.7.3-4 v311:MQTT-4.7.3-4 v5:MQTT-3.3.2-3 v311:MQTT-3.3.2-3",
		"A slash at the end of a topic or filter is ignored."},
	{grantedQoSIgnored, "v5:MQTT-3.8.4-8 v5:MQTT-4.8.2-3 v311:MQTT-3.8.4-6",
		"Messages are delivered at their own QoS, above the granted one."},
	{deliveryAtQoS0, "v5:MQTT-3.8.4-8 v311:MQTT-3.8.4-6",
		"All messages are delivered at QoS 0."},
	{overlapAtLowestQoS, "v5:MQTT-3.3.4-2 v311:MQTT-3.3.5-1",
		"Where subscriptions overlap, the lowest QoS counts."},
	{overlapOneID, "v5:MQTT-3.3.4-4",
		"Where subscriptions overlap, only one Subscription Identifier is sent."},
	{subscriptionIDMissing, "v5:MQTT-3.3.4-3",
		"Subscription Identifiers are not sent."},
	{subscriptionIDInvented, "v5:U5-056",
		"A Subscription Identifier is sent that no subscription has."},
	{noLocalIgnored, "v5:MQTT-3.8.3-3",
		"No Local has no effect."},
	{sameFilterMakesTwo, "v5:MQTT-3.8.4-3 v311:MQTT-3.8.4-3",
		"A second SUBSCRIBE with the same filter adds a subscription instead of replacing the first."},
	{resubscribeDropsQueued, "v5:MQTT-3.8.4-4 v311:MQTT-3.8.4-3",
		"A second SUBSCRIBE with the same filter drops what waits for the first."},
	{sameFilterKeepsOld, "v5:MQTT-3.8.4-3 v5:U5-057 v311:MQTT-3.8.4-3",
		"A second SUBSCRIBE with the same filter leaves the first subscription's options in force."},
	{refusedFilterSubscribed, "v5:MQTT-3.8.4-7 v311:MQTT-3.8.4-5 v5:MQTT-3.3.2-3 v311:MQTT-3.3.2-3",
		"A filter that SUBACK refuses is subscribed to all the same."},
	{qos2SubscriptionRefused, "v5:MQTT-3.2.2-10",
		"With Maximum QoS below 2, a SUBSCRIBE above it is refused."},
	{subackMissing, "v5:MQTT-3.8.4-1 v311:MQTT-3.8.4-1",
		"SUBSCRIBE is not answered."},
	{subackWrongID, "v5:MQTT-3.8.4-2 v5:MQTT-2.2.1-6 v311:MQTT-3.8.4-2 v311:MQTT-2.3.1-7",
		"SUBACK has another Packet Identifier than its SUBSCRIBE."},
	{subackOneCode, "v5:MQTT-3.8.4-6 v311:MQTT-3.8.4-5",
		"SUBACK has one Reason Code for all filters."},
	{subackReversed, "v5:MQTT-3.9.3-1 v311:MQTT-3.9.3-1 v5:MQTT-3.8.4-7 v311:MQTT-3.8.4-5",
		"The Reason Codes of SUBACK are in reverse order."},
	{subackCodeUnknown, "v5:MQTT-3.9.3-2 v311:MQTT-3.9.3-2",
		"SUBACK has a Reason Code that no SUBACK has."},
	{unsubackMissing, "v5:MQTT-3.10.4-4 v311:MQTT-3.10.4-4",
		"UNSUBSCRIBE is not answered."},
	{unsubackOnlyIfRemoved, "v5:MQTT-3.10.4-5 v311:MQTT-3.10.4-5",
		"UNSUBSCRIBE is not answered if there was no such subscription."},
	{unsubackWrongID, "v5:MQTT-3.10.4-5 v5:MQTT-2.2.1-6 v311:MQTT-3.10.4-4 v311:MQTT-2.3.1-7",
		"UNSUBACK has another Packet Identifier than its UNSUBSCRIBE."},
	{unsubackReversed, "v5:MQTT-3.11.3-1",
		"The Reason Codes of UNSUBACK are in reverse order."},
	{unsubackCodeUnknown, "v5:MQTT-3.11.3-2",
		"UNSUBACK has a Reason Code that no UNSUBACK has."},
	{unsubscribeIgnored, "v5:MQTT-3.10.4-2 v311:MQTT-3.10.4-2",
		"UNSUBSCRIBE is answered and has no effect."},
	{unsubscribeExpandsWildcards, "v5:MQTT-3.10.4-1 v311:MQTT-3.10.4-1",
		"UNSUBSCRIBE takes wildcards for patterns and removes all that they cover."},
	{unsubscribeDropsInflight, "v5:MQTT-3.10.4-3 v311:MQTT-3.10.4-3",
		"UNSUBSCRIBE drops deliveries that have been started."},
	{sharedGoesToAll, "v5:U5-035",
		"All members of a share group get each message."},
	{sharedCountsTwice, "v5:U5-068",
		"Who subscribes twice to a Shared Subscription is a member until the second UNSUBSCRIBE."},
	{shareNameIgnored, "v5:U5-036",
		"The same filter under different ShareNames is one group."},
	{sharedQoSIgnored, "v5:MQTT-4.8.2-3 v5:MQTT-3.8.4-8",
		"The granted QoS does not count for Shared Subscriptions."},
	{sharedQoS2MovesOn, "v5:MQTT-4.8.2-5",
		"A QoS 2 message that was sent to a member goes to another one when that session ends."},
	{sharedErrorMovesOn, "v5:MQTT-4.8.2-6",
		"A message that a member refused goes to another one."},
	{sharedQoS1Dropped, "v5:U5-067",
		"A QoS 1 message that a member has not acknowledged is dropped when that session ends."},
	{sharedGetsRetained, "v5:U5-034",
		"A new Shared Subscription gets retained messages."},
	{sharedTolerated, "v5:U5-063",
		"Shared Subscriptions are granted although they are not available."},
	{wildcardTolerated, "v5:U5-061",
		"Wildcard Subscriptions are granted although they are not available."},
	{subscriptionIDTolerated, "v5:U5-062",
		"Subscription Identifiers are taken although they are not available."},
	{retainTolerated, "v5:U5-017",
		"RETAIN is accepted although retained messages are not available."},
	{retainedNotStored, "v5:MQTT-3.3.1-5 v311:MQTT-3.3.1-5",
		"RETAIN 1 stores nothing."},
	{retainedNotReplaced, "v5:MQTT-3.3.1-5 v311:MQTT-3.3.1-5",
		"The first retained message of a topic stays."},
	{retainedKeepsOldProperties, "v5:MQTT-3.3.1-5",
		"A new retained message has the properties of the one that it replaces."},
	{retainedEmptyStored, "v5:MQTT-3.3.1-7 v311:MQTT-3.3.1-11",
		"A retained message of no bytes is stored."},
	{retainedEmptyNotRemoved, "v5:MQTT-3.3.1-6 v311:MQTT-3.3.1-10",
		"A retained message of no bytes does not remove the stored one."},
	{retainedEmptyNotDelivered, "v5:MQTT-3.3.1-6 v311:MQTT-3.3.1-10",
		"A retained message of no bytes is not delivered to subscribers."},
	{nonRetainedClears, "v5:MQTT-3.3.1-8 v311:MQTT-3.3.1-12",
		"A message of no bytes with RETAIN 0 removes the retained one."},
	{nonRetainedStored, "v5:MQTT-3.3.1-8 v311:MQTT-3.3.1-12",
		"A message with RETAIN 0 is retained."},
	{retainedNotSent, "v5:MQTT-3.3.1-9 v311:MQTT-3.3.1-6",
		"Retain Handling 0: no retained messages are sent."},
	{retainedNotResent, "v5:MQTT-3.8.4-4 v5:MQTT-3.3.1-9 v311:MQTT-3.8.4-3",
		"Retain Handling 0: no retained messages are sent if the subscription existed."},
	{retainHandling1Always, "v5:MQTT-3.3.1-10",
		"Retain Handling 1: retained messages are sent although the subscription existed."},
	{retainHandling1Never, "v5:MQTT-3.3.1-10",
		"Retain Handling 1: no retained messages are sent."},
	{retainHandling2Sends, "v5:MQTT-3.3.1-11",
		"Retain Handling 2: retained messages are sent."},
	{retainedSentOnResume, "v311:MQTT-3.3.1-9",
		"Retained messages are sent when a session is resumed."},
	{retainedFlagCleared, "v5:U5-018 v311:MQTT-3.3.1-8",
		"Retained messages are sent with RETAIN 0 for a new subscription."},
	{retainFlagKept, "v5:MQTT-3.3.1-12 v311:MQTT-3.3.1-9",
		"RETAIN 1 reaches established subscriptions without Retain As Published."},
	{retainAsPublishedIgnored, "v5:MQTT-3.3.1-13",
		"Retain As Published has no effect."},
	{retainAsPublishedLostInQueue, "v5:MQTT-3.3.1-13",
		"RETAIN is cleared in messages that wait for their client in spite of Retain As Published."},
	{retainedWildcardMatchesDollar, "v5:MQTT-4.7.2-1 v311:MQTT-4.7.2-1",
		"A leading wildcard brings retained messages of topics that begin with $."},
	{retainedQoSNotLowered, "v5:MQTT-3.8.4-8 v311:MQTT-3.8.4-6",
		"Retained messages are sent at their own QoS, above the granted one."},
	{retainedIDMissing, "v5:MQTT-3.3.4-3",
		"Retained messages have no Subscription Identifier."},
	{retainedPropertiesDropped, "v5:MQTT-3.3.2-17 v5:MQTT-3.3.2-4 v5:MQTT-3.3.2-15 v5:MQTT-3.3.2-16 v5:MQTT-3.3.2-20",
		"Retained messages have lost their properties."},
	{retainedDiesWithSession, "v5:U5-053 v311:MQTT-3.1.2-7",
		"A retained message ends with the session of its publisher."},
	{retainedForgotten, "v311:U3-012",
		"Retained messages without an expiry are forgotten after five seconds."},
	{retainedExpiryIgnored, "v5:U5-052 v5:MQTT-3.3.2-5",
		"Retained messages are sent although they have expired."},
	{retainedExpiryNotDecremented, "v5:MQTT-3.3.2-6",
		"Retained messages have their Message Expiry Interval as it came."},
	{retainedExpiryKillsReplacement, "v5:MQTT-3.3.1-5",
		"The lifetime of a retained message also ends that of the message that replaced it."},
	{redeliveryLosesRetain, "v5:MQTT-4.4.0-1 v311:MQTT-4.4.0-1",
		"RETAIN is 0 when a retained message is sent again."},
}
