package device_test

import "github.com/mqttspec/mqttspec/harness/wire"

// unbreakable are the steps, with a version, that no defect of the model can break, and why.
var unbreakable = map[string]string{
	"HX-14 3.1.1": "3.1.1 leaves it open whether a message is sent again on a live connection: it is recorded",
	"HX-15 3.1.1": "3.1.1 leaves it open whether a packet is sent again on a live connection: it is recorded",
}

var (
	only5, only3 = setup{version: wire.V5}, setup{version: wire.V311}
	overTLSOnly  = setup{tls: true}
	both         = setup{}
)

// breakings are the defects that the steps find. Several steps of a plan may share one.
var breakings = []breaking{
	// advisor
	{"TLS_Connect TLS_Large_Size_Server_Cert", "no-second-handshake", overTLSOnly},
	{"TLS_Large_Size_Server_Cert", "small-certificate-buffer", overTLSOnly},
	{"TLS_Support_AWS_IoT_Cipher_Suites", "old-cipher-suites", overTLSOnly},
	{"TLS_Unsecure_Server_Cert", "trusts-any-issuer", overTLSOnly},
	{"TLS_Incorrect_Subject_Name_Server_Cert", "name-not-looked-at", overTLSOnly},
	{"TLS_Expired_Server_Cert", "dates-not-looked-at", overTLSOnly},
	{"TLS_Expired_Server_Cert", "no-alert", overTLSOnly},
	{"TLS_Receive_Maximum_Size_Fragments", "no-puback", overTLSOnly},
	{"MQTT_Connect", "never-comes-back", both},
	{"MQTT_Publish MQTT_Long_Duration_PUBLISH_SUBSCRIBE", "publishes-nothing", both},
	{"MQTT_Subscribe", "subscribes-to-many", both},
	{"MQTT_Client_Puback_QoS1", "no-puback", both},
	{"MQTT_Long_Duration_RECEIVE_LARGE_PAYLOAD", "large-messages-unacknowledged", both},
	{"MQTT_Connect_Jitter_Backoff_Retries MQTT_Connect_Exponential_Backoff_Retries", "reconnects-at-constant-pace", both},
	{"MQTT_Connect_Jitter_Backoff_Retries", "reconnects-without-jitter", both},
	{"MQTT_Reconnect_Backoff_Retries_On_Server_Disconnect MQTT_Reconnect_Backoff_Retries_On_Unstable_Connection", "reconnects-at-constant-pace", both},
	{"MQTT_Reconnect_Backoff_Retries_On_Server_Disconnect MQTT_Reconnect_Backoff_Retries_On_Unstable_Connection", "reconnects-without-jitter", both},
	{"MQTT_ReconnectionAfterSuccessfulConnection", "reconnects-at-once", both},
	{"MQTT_Publish_Retry_No_Puback", "no-retries", only3},
	{"MQTT_Publish_Retry_No_Puback", "resends-on-live-link", only5},
	{"MQTT_Subscribe_Retry_No_Suback", "waits-for-suback-for-ever-in-silence", both},
	{"MQTT_Subscribe_Retry_No_Suback", "subscribes-again-with-other-id", both},
	{"MQTT_No_Ack_PingResp", "missing-pingresp-overlooked", both},
	{"MQTT_Persistent_Session_Happy_Case MQTT_Long_Duration_PERSISTENT_SESSION", "no-puback", both},
	{"MQTT_Persistent_Session_Happy_Case", "subscribes-every-time", both},
	{"MQTT_Expired_Persistent_Session", "no-subscription-after-lost-session", both},
	{"Shadow_Publish_Reported_State", "no-shadow-reports", both},
	{"Shadow_Update_Reported_State", "delta-ignored", both},
	{"Job_Execution", "jobs-not-completed", both},

	// hostile
	{"HX-01", "malformed-packets-overlooked", both},
	{"HX-03", "never-comes-back", both},
	{"DV-22f", "never-comes-back", only5},
	{"DV-22f", "stays-after-server-disconnect", only5},
	{"HX-02 HX-09 HX-10", "gives-up-after-early-end", both},
	{"HX-04 HX-06 HX-11 HX-13 HX-19", "no-puback", both},
	{"HX-05 HX-18", "tired", both},
	{"HX-07 HX-12", "no-pubcomp", both},
	{"HX-08", "waits-for-connack-for-ever", both},
	{"HX-12", "repeated-pubrel-unanswered", both},
	{"HX-11", "repeated-publish-unacknowledged", both},
	{"HX-14", "impatient", only5},
	{"HX-15", "impatient", only5},
	{"HX-16", "waits-for-unsuback-for-ever", both},
	{"HX-17", "no-subscription-after-lost-session", both},
	{"HX-20", "large-packets-taken", only5},
	{"DV-22e DV-22g HX-21", "reconnects-at-once", both},
	{"DV-24a", "trusts-any-issuer", overTLSOnly},
	{"DV-24b", "name-not-looked-at", overTLSOnly},
	{"DV-24c DV-24d", "dates-not-looked-at", overTLSOnly},
	{"DV-24e", "trusts-any-issuer", overTLSOnly},
	{"DV-24f", "small-certificate-buffer", overTLSOnly},
	{"DV-24g", "waits-for-handshake-for-ever", overTLSOnly},
	{"DV-24h", "plain-after-failed-handshake", overTLSOnly},
	{"DV-24i", "tls-1.3-only", overTLSOnly},
	{"DV-24j", "no-puback", overTLSOnly},

	// soak
	{"MQTT_Long_Duration_PUBACK_QOS_1 MQTT_Long_Duration_RECEIVE_LARGE_PAYLOAD SK-03 DV-20", "no-puback", both},
	{"MQTT_Long_Duration_KEEP_ALIVE", "missing-pingresp-overlooked", both},
	{"MQTT_Long_Duration_LONG_SERVER_DISCONNECT SK-01 SK-02 DV-20", "gives-up-after-a-while", both},
	{"MQTT_Long_Duration_INTERMITTENT_CONNECTIVITY", "never-comes-back", both},
	{"MQTT_Long_Duration_RECONNECT_BACK_OFF", "reconnects-at-constant-pace", both},

	// shadow
	{"DV-23", "no-shadow-reports", both},
	{"DV-23a DV-23h", "delta-ignored", both},
	{"DV-23b", "conflict-overlooked", both},
	{"DV-23c", "conflict-hammered", both},
	{"DV-23d", "old-deltas-applied", both},
	{"DV-23e", "no-puback", both},
	{"DV-23f", "missing-answers-overlooked", both},
	{"DV-23g", "client-tokens-ignored", both},

	// power
	{"DV-21", "says-goodbye-without-power", both},
	{"DV-21b", "will-never-replaced", both},
	{"DV-21c", "stops-without-disconnect", both},
	{"DV-21c", "stops-with-its-will", only5},
}
