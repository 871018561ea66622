"""A device built on awsiotsdk: MQTT 5 and 3.1.1 over TLS with a client certificate, QoS 0 and 1.
../README.md tells how devices behave."""

import itertools
import os
import signal
import threading

from awscrt import mqtt, mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder

setting = lambda name, default="": os.environ.get("DEVICE_" + name, default)
me = setting("ID", "device-1")
topic = lambda leaf: f"device/{me}/{leaf}"
clean = setting("CLEAN_START", "0") == "1"
will = setting("WILL", "1") == "1"
keep_alive = int(setting("KEEP_ALIVE", "10"))
where = dict(
    endpoint=setting("HOST", "localhost"),
    port=int(setting("PORT", "8883")),
    ca_filepath=setting("CA"),
    cert_filepath=setting("CERT"),
    pri_key_filepath=setting("KEY"),
)
longest_pause = float(setting("RECONNECT", "0"))
say = lambda *words: print(*words, flush=True)


class Five:
    """The client for MQTT 5."""

    def __init__(self):
        self.client = mqtt5_client_builder.mtls_from_path(
            **where,
            connect_options=mqtt5.ConnectPacket(
                client_id=me,
                keep_alive_interval_sec=keep_alive,
                session_expiry_interval_sec=int(setting("SESSION_EXPIRY", "300")),
                will=mqtt5.PublishPacket(topic=topic("status"), payload="offline", qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True)
                if will
                else None,
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN if clean else mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            on_publish_received=lambda data: received(data.publish_packet.topic, data.publish_packet.payload, int(data.publish_packet.qos)),
            on_lifecycle_connection_success=lambda data: connected(data.connack_packet.session_present),
            on_lifecycle_connection_failure=lambda data: say("not connected:", data.exception),
            on_lifecycle_disconnection=lambda data: say("disconnected:", data.exception),
            on_lifecycle_stopped=lambda _: self.stopped.set(),
            **(dict(max_reconnect_delay_ms=int(1000 * longest_pause)) if longest_pause else {}),
        )
        self.stopped = threading.Event()
        self.client.start()

    def subscribe(self, filter, qos):
        self.client.subscribe(mqtt5.SubscribePacket([mqtt5.Subscription(filter, mqtt5.QoS(qos))]))

    def publish(self, topic, payload, qos, retain=False):
        self.client.publish(mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS(qos), retain=retain))

    def stop(self):
        self.client.stop(mqtt5.DisconnectPacket())
        self.stopped.wait(5)


class Three:
    """The client for MQTT 3.1.1."""

    def __init__(self):
        self.client = mqtt_connection_builder.mtls_from_path(
            **where,
            client_id=me,
            clean_session=clean,
            keep_alive_secs=keep_alive,
            will=mqtt.Will(topic("status"), mqtt.QoS.AT_LEAST_ONCE, b"offline", True) if will else None,
            on_connection_interrupted=lambda connection, error, **_: say("disconnected:", error),
            on_connection_resumed=lambda connection, return_code, session_present, **_: connected(session_present),
            **(dict(reconnect_min_timeout_secs=1, reconnect_max_timeout_secs=int(longest_pause)) if longest_pause else {}),
        )
        self.client.on_message(lambda topic, payload, dup, qos, retain, **_: received(topic, payload, int(qos)))
        # The library connects again after a loss, but tries the first connection only once.
        pause = 1
        while not stopped.is_set():
            try:
                present = self.client.connect().result(60)["session_present"]
            except Exception as problem:
                say("not connected:", problem)
                stopped.wait(pause)
                pause = min(2 * pause, 32)
                continue
            threading.Thread(target=connected, args=[present]).start()
            break

    def subscribe(self, filter, qos):
        self.client.subscribe(filter, mqtt.QoS(qos))

    def publish(self, topic, payload, qos, retain=False):
        self.client.publish(topic, payload, mqtt.QoS(qos), retain)

    def stop(self):
        self.client.disconnect().result(5)


def connected(session_present):
    say("connected", "session present" if session_present else "new session")
    ready.wait()
    if not session_present:
        device.subscribe(topic("in"), 1)
    device.publish(topic("status"), "online", 1, retain=True)


def received(name, payload, qos):
    say("received", name, len(payload))
    device.publish(topic("echo"), payload, qos)


stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
signal.signal(signal.SIGINT, lambda *_: stopped.set())
ready = threading.Event()
device = Five() if setting("VERSION", "5") == "5" else Three()
ready.set()
for n in itertools.count():
    if stopped.wait(float(setting("INTERVAL", "5"))):
        break
    for qos in 0, 1:
        device.publish(topic("out"), f"reading {n} at QoS {qos}", qos)
device.stop()
