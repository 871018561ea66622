package broker

// The form of packets.
const (
	reservedFlagsSet                defect = "reserved-flags-set"
	paddedLength                    defect = "padded-length"
	propertyInWrongPacket           defect = "property-in-wrong-packet"
	propertyRepeated                defect = "property-repeated"
	answerPropertyRepeated          defect = "answer-property-repeated"
	propertiesTo311                 defect = "properties-to-311"
	publishWithWildcard             defect = "publish-with-wildcard"
	trailingBytes                   defect = "trailing-bytes"
	fixedHeaderFlagsIgnored         defect = "fixed-header-flags-ignored"
	pubrelFlagsIgnored              defect = "pubrel-flags-ignored"
	subscribeFlagsIgnored           defect = "subscribe-flags-ignored"
	unsubscribeFlagsIgnored         defect = "unsubscribe-flags-ignored"
	disconnectFlagsIgnored          defect = "disconnect-flags-ignored"
	connectFlagIgnored              defect = "connect-flag-ignored"
	optionBitsIgnored               defect = "option-bits-ignored"
	malformedUTF8Accepted           defect = "malformed-utf-8-accepted"
	nullAccepted                    defect = "null-accepted"
	paddedLengthAccepted            defect = "padded-length-accepted"
	trailingBytesAccepted           defect = "trailing-bytes-accepted"
	qos3Accepted                    defect = "qos-3-accepted"
	willQoS3Accepted                defect = "will-qos-3-accepted"
	subscribeQoS3Accepted           defect = "subscribe-qos-3-accepted"
	dupQoS0Accepted                 defect = "dup-qos-0-accepted"
	packetID0Accepted               defect = "packet-id-0-accepted"
	willFlagsIgnored                defect = "will-flags-ignored"
	passwordWithoutUserAccepted     defect = "password-without-user-accepted"
	unknownPropertyAccepted         defect = "unknown-property-accepted"
	misplacedPropertyAccepted       defect = "misplaced-property-accepted"
	repeatedConnectPropertyAccepted defect = "repeated-connect-property-accepted"
	repeatedPublishPropertyAccepted defect = "repeated-publish-property-accepted"
	repeatedPropertyAccepted        defect = "repeated-property-accepted"
	propertyValueAccepted           defect = "property-value-accepted"
	reasonCodeAccepted              defect = "reason-code-accepted"
	emptySubscribeAccepted          defect = "empty-subscribe-accepted"
	wildcardTopicAccepted           defect = "wildcard-topic-accepted"
	emptyTopicAccepted              defect = "empty-topic-accepted"
	malformedFilterAccepted         defect = "malformed-filter-accepted"
	retainHandling3Accepted         defect = "retain-handling-3-accepted"
	noLocalSharedAccepted           defect = "no-local-shared-accepted"
	clientSubscriptionIDAccepted    defect = "client-subscription-id-accepted"
	webSocketTextAccepted           defect = "websocket-text-accepted"
	webSocketNoSubprotocol          defect = "websocket-no-subprotocol"
	webSocketAligned                defect = "websocket-aligned"
)

var packetDefects = []defectRow{
	{reservedFlagsSet, "v5:MQTT-2.1.3-1 v311:MQTT-2.2.2-1",
		"Packets have reserved bits set in their fixed header."},
	{paddedLength, "v5:MQTT-1.5.5-1",
		"The Remaining Length is not in its shortest form."},
	{propertyInWrongPacket, "v5:U5-043",
		"SUBACK has a Topic Alias."},
	{propertyRepeated, "v5:U5-022",
		"PUBLISH has two Content Types."},
	{answerPropertyRepeated, "v5:U5-064",
		"SUBACK has two Reason Strings."},
	{propertiesTo311, "v5:MQTT-4.5.0-1 v311:MQTT-4.5.0-1",
		"Properties stand in front of the payload in PUBLISH packets to clients of 3.1.1."},
	{publishWithWildcard, "v5:MQTT-3.3.2-2 v5:MQTT-4.7.0-1 v311:MQTT-3.3.2-2 v311:MQTT-4.7.1-1",
		"Topic Names have a wildcard."},
	{trailingBytes, "v5:U5-028",
		"PINGRESP has a byte of content."},
	{fixedHeaderFlagsIgnored, "v5:MQTT-2.1.3-1 v311:MQTT-2.2.2-2",
		"PINGREQ with reserved bits is accepted."},
	{pubrelFlagsIgnored, "v5:MQTT-3.6.1-1 v311:MQTT-3.6.1-1",
		"PUBREL with wrong flags is accepted."},
	{subscribeFlagsIgnored, "v5:MQTT-3.8.1-1 v311:MQTT-3.8.1-1",
		"SUBSCRIBE with wrong flags is accepted."},
	{unsubscribeFlagsIgnored, "v5:MQTT-3.10.1-1 v311:MQTT-3.10.1-1",
		"UNSUBSCRIBE with wrong flags is accepted."},
	{disconnectFlagsIgnored, "v5:MQTT-3.14.1-1 v311:MQTT-3.14.1-1",
		"DISCONNECT with reserved bits is accepted."},
	{connectFlagIgnored, "v5:MQTT-3.1.2-3 v311:MQTT-3.1.2-3",
		"CONNECT with its reserved flag set is accepted."},
	{optionBitsIgnored, "v5:MQTT-3.8.3-5 v311:MQTT-3.8.3-4",
		"SUBSCRIBE with reserved option bits set is accepted."},
	{malformedUTF8Accepted, "v5:MQTT-1.5.4-1 v311:MQTT-1.5.3-1",
		"Strings that are not UTF-8 are accepted."},
	{nullAccepted, "v5:MQTT-1.5.4-2 v311:MQTT-1.5.3-2",
		"Strings with a null character are accepted."},
	{paddedLengthAccepted, "v5:MQTT-1.5.5-1",
		"A length that is not in its shortest form is accepted."},
	{trailingBytesAccepted, "v5:U5-044",
		"Bytes after the last field are passed over."},
	{qos3Accepted, "v5:MQTT-3.3.1-4 v311:MQTT-3.3.1-4",
		"A PUBLISH of QoS 3 is passed over."},
	{willQoS3Accepted, "v5:MQTT-3.1.2-12 v311:MQTT-3.1.2-14",
		"A CONNECT with Will QoS 3 is accepted."},
	{subscribeQoS3Accepted, "v5:U5-026 v311:MQTT-3.8.3-4",
		"A SUBSCRIBE at QoS 3 is granted QoS 2."},
	{dupQoS0Accepted, "v5:MQTT-3.3.1-2 v311:U3-003",
		"A PUBLISH of QoS 0 with DUP 1 is accepted."},
	{packetID0Accepted, "v5:MQTT-2.2.1-3 v311:MQTT-2.3.1-1",
		"Packet Identifier 0 is accepted."},
	{willFlagsIgnored, "v5:MQTT-3.1.2-11 v5:MQTT-3.1.2-13 v311:MQTT-3.1.2-11",
		"Will QoS and Will Retain without Will Flag are passed over."},
	{passwordWithoutUserAccepted, "v311:MQTT-3.1.2-22",
		"3.1.1: a password without User Name is accepted."},
	{unknownPropertyAccepted, "v5:U5-043",
		"Undefined properties are passed over."},
	{misplacedPropertyAccepted, "v5:U5-043",
		"Properties that a packet may not have are passed over."},
	{repeatedConnectPropertyAccepted, "v5:U5-001 v5:U5-002 v5:U5-003 v5:U5-004 v5:U5-005 v5:U5-006 v5:U5-009",
		"A property that stands twice in CONNECT is passed over."},
	{repeatedPublishPropertyAccepted, "v5:U5-022 v5:MQTT-4.13.1-1",
		"A property that stands twice in PUBLISH is passed over."},
	{repeatedPropertyAccepted, "v5:U5-025 v5:MQTT-4.13.1-1",
		"A property that stands twice in another packet is passed over."},
	{propertyValueAccepted, "v5:U5-002 v5:U5-003 v5:U5-025",
		"Property values that are not allowed are passed over."},
	{reasonCodeAccepted, "v5:MQTT-3.14.2-1 v5:MQTT-4.13.1-1",
		"Reason Codes that a packet may not have are passed over."},
	{emptySubscribeAccepted, "v5:MQTT-3.8.3-2 v5:MQTT-3.10.3-2 v5:U5-027 v311:MQTT-3.8.3-3 v311:MQTT-3.10.3-2",
		"SUBSCRIBE and UNSUBSCRIBE without a filter are answered."},
	{wildcardTopicAccepted, "v5:MQTT-3.3.2-2 v5:MQTT-4.7.0-1 v311:MQTT-3.3.2-2 v311:MQTT-4.7.1-1",
		"Topic Names with wildcards are accepted."},
	{emptyTopicAccepted, "v5:U5-019 v5:MQTT-4.7.3-1 v311:MQTT-4.7.3-1",
		"Empty topics and filters are accepted."},
	{malformedFilterAccepted, "v5:MQTT-4.7.1-1 v5:MQTT-4.7.1-2 v5:MQTT-4.8.2-1 v5:MQTT-4.8.2-2 v311:MQTT-4.7.1-2 v311:MQTT-4.7.1-3",
		"Malformed Topic Filters are accepted."},
	{retainHandling3Accepted, "v5:U5-026",
		"Retain Handling 3 is accepted."},
	{noLocalSharedAccepted, "v5:MQTT-3.8.3-4",
		"No Local is accepted for a Shared Subscription."},
	{clientSubscriptionIDAccepted, "v5:MQTT-3.3.4-6",
		"A Subscription Identifier in a client's PUBLISH is passed over."},
	{webSocketTextAccepted, "v5:MQTT-6.0.0-1 v311:MQTT-6.0.0-1",
		"WebSocket text frames are taken for MQTT."},
	{webSocketNoSubprotocol, "v5:MQTT-6.0.0-4 v311:MQTT-6.0.0-4",
		"The WebSocket subprotocol mqtt is not selected."},
	{webSocketAligned, "v5:MQTT-6.0.0-2 v311:MQTT-6.0.0-2",
		"A WebSocket message that is not exactly one packet ends the connection."},
}
