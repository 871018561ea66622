/* A device built on Paho C (MQTTAsync), for MQTT 3.1.1 and 5. ../README.md tells how devices behave. */
#include <MQTTAsync.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static MQTTAsync client;
static char *me;
static int five;
static volatile sig_atomic_t stopped;
static volatile int disconnected;

static char *setting(const char *name, char *fallback)
{
	char variable[64];
	snprintf(variable, sizeof variable, "DEVICE_%s", name);
	char *value = getenv(variable);
	return value && *value ? value : fallback;
}

static char *topic(const char *leaf, char *buffer, size_t size)
{
	snprintf(buffer, size, "device/%s/%s", me, leaf);
	return buffer;
}

static void publish(const char *leaf, const void *payload, int length, int qos, int retained)
{
	char name[256];
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	int code = MQTTAsync_send(client, topic(leaf, name, sizeof name), length, payload, qos, retained, &options);
	if (code != MQTTASYNC_SUCCESS)
		printf("error: send %s\n", MQTTAsync_strerror(code));
}

static void online(int session_present)
{
	printf("connected, %s\n", session_present ? "session present" : "new session");
	if (!session_present) {
		char in[256], in2[256];
		char *filters[] = {topic("in", in, sizeof in), topic("in2", in2, sizeof in2)};
		int qos[] = {1, 2};
		MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
		MQTTAsync_subscribeMany(client, 2, filters, qos, &options);
	}
	publish("status", "online", 6, 1, 1);
}

static void on_success(void *context, MQTTAsync_successData *data)
{
	online(data->alt.connect.sessionPresent);
}

static void on_success5(void *context, MQTTAsync_successData5 *data)
{
	online(data->alt.connect.sessionPresent);
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
	printf("not connected: %d\n", data ? data->code : 0);
}

static void on_failure5(void *context, MQTTAsync_failureData5 *data)
{
	printf("not connected: %d, reason %d\n", data ? data->code : 0, data ? data->reasonCode : 0);
}

/* After a connection of its own accord the library does not tell whether the session was present. */
static void on_connected(void *context, char *cause)
{
	if (strcmp(cause, "automatic reconnect") == 0)
		online(0);
}

static void on_lost(void *context, char *cause) { printf("disconnected\n"); }

static int on_message(void *context, char *name, int length, MQTTAsync_message *message)
{
	printf("received %s %d\n", name, message->payloadlen);
	publish("echo", message->payload, message->payloadlen, message->qos, 0);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(name);
	return 1;
}

static void on_disconnected(void *context, MQTTAsync_successData *data) { disconnected = 1; }
static void on_disconnected5(void *context, MQTTAsync_successData5 *data) { disconnected = 1; }

static void stop(int signal) { stopped = 1; }

static void pause_for(double seconds)
{
	struct timespec time = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
	nanosleep(&time, NULL); /* a signal ends it early */
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	me = setting("ID", "device-1");
	five = strcmp(setting("VERSION", "5"), "5") == 0;
	char *transport = setting("TRANSPORT", "tcp");
	int web = strncmp(transport, "ws", 2) == 0;
	int secure = strcmp(transport, "tls") == 0 || strcmp(transport, "wss") == 0;
	char uri[512];
	snprintf(uri, sizeof uri, "%s://%s:%s%s", web ? transport : secure ? "ssl" : "tcp", setting("HOST", "127.0.0.1"),
		setting("PORT", "1883"), web ? "/mqtt" : "");

	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
	create.MQTTVersion = five ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
	create.sendWhileDisconnected = 1;
	int code = MQTTAsync_createWithOptions(&client, uri, me, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
	if (code != MQTTASYNC_SUCCESS) {
		printf("error: create %s\n", MQTTAsync_strerror(code));
		return 1;
	}
	MQTTAsync_setCallbacks(client, NULL, on_lost, on_message, NULL);

	MQTTAsync_setConnected(client, NULL, on_connected);

	MQTTAsync_connectOptions three_options = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions five_options = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_connectOptions options = five ? five_options : three_options;
	options.keepAliveInterval = atoi(setting("KEEP_ALIVE", "10"));
	options.automaticReconnect = 1;
	int clean = strcmp(setting("CLEAN_START", "0"), "1") == 0;
	MQTTProperties properties = MQTTProperties_initializer;
	if (five) {
		MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
		expiry.value.integer4 = (unsigned)atoi(setting("SESSION_EXPIRY", "300"));
		MQTTProperties_add(&properties, &expiry);
		options.connectProperties = &properties;
		options.cleanstart = clean;
		options.onSuccess5 = on_success5;
		options.onFailure5 = on_failure5;
	} else {
		options.MQTTVersion = MQTTVERSION_3_1_1;
		options.cleansession = clean;
		options.onSuccess = on_success;
		options.onFailure = on_failure;
	}
	MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
	char status[256];
	if (strcmp(setting("WILL", "1"), "1") == 0) {
		will.topicName = topic("status", status, sizeof status);
		will.message = "offline";
		will.qos = 1;
		will.retained = 1;
		options.will = &will;
	}
	MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
	if (secure) {
		ssl.trustStore = setting("CA", NULL);
		ssl.keyStore = setting("CERT", NULL);
		ssl.privateKey = setting("KEY", NULL);
		ssl.verify = 1;
		options.ssl = &ssl;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	/* The library connects again after a loss, but tries the first connection only once. */
	for (int wait = 1; !stopped; wait = wait < 32 ? 2 * wait : 32) {
		code = MQTTAsync_connect(client, &options);
		if (code != MQTTASYNC_SUCCESS)
			printf("error: connect %s\n", MQTTAsync_strerror(code));
		pause_for(wait);
		if (MQTTAsync_isConnected(client))
			break;
	}
	for (int n = 0; !stopped; n++) {
		pause_for(atof(setting("INTERVAL", "5")));
		if (!MQTTAsync_isConnected(client))
			continue;
		char reading[32];
		for (int qos = 0; qos < 3; qos++) {
			int length = snprintf(reading, sizeof reading, "reading %d at QoS %d", n, qos);
			publish("out", reading, length, qos, 0);
		}
	}
	publish("status", "offline", 7, 1, 1);
	MQTTAsync_disconnectOptions three_end = MQTTAsync_disconnectOptions_initializer;
	MQTTAsync_disconnectOptions five_end = MQTTAsync_disconnectOptions_initializer5;
	MQTTAsync_disconnectOptions end = five ? five_end : three_end;
	end.timeout = 2000;
	if (five)
		end.onSuccess5 = on_disconnected5;
	else
		end.onSuccess = on_disconnected;
	if (MQTTAsync_disconnect(client, &end) == MQTTASYNC_SUCCESS)
		for (int tenths = 0; !disconnected && tenths < 30; tenths++)
			pause_for(0.1);
	MQTTAsync_destroy(&client);
	return 0;
}
