"""A device built on paho-mqtt (1.6 or 2), for MQTT 3.1.1 and 5. ../README.md tells how devices behave."""

import itertools
import os
import signal
import ssl
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

setting = lambda name, default="": os.environ.get("DEVICE_" + name, default)
five = setting("VERSION", "5") == "5"
me = setting("ID", "device-1")
secure = setting("TRANSPORT", "tcp") in ("tls", "wss")
topic = lambda leaf: f"device/{me}/{leaf}"
clean = setting("CLEAN_START", "0") == "1"


def on_connect(client, _userdata, flags, code, _properties=None):
    present = flags["session present"] if isinstance(flags, dict) else flags.session_present
    print("connected" if code == 0 else f"refused: {code}", "session present" if present else "new session", flush=True)
    if code == 0:
        if not present:
            client.subscribe([(topic("in"), 1), (topic("in2"), 2)])
        client.publish(topic("status"), "online", qos=1, retain=True)


def on_message(client, _userdata, message):
    print("received", message.topic, len(message.payload), flush=True)
    client.publish(topic("echo"), message.payload, qos=message.qos)


options = dict(
    client_id=me,
    protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311,
    transport="websockets" if setting("TRANSPORT", "tcp") in ("ws", "wss") else "tcp",
)
if not five:
    options["clean_session"] = clean
if hasattr(mqtt, "CallbackAPIVersion"):
    options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
client = mqtt.Client(**options)
client.on_connect = on_connect
client.on_message = on_message
client.on_disconnect = lambda *_: print("disconnected", flush=True)
client.ws_set_options(path="/mqtt")
if secure:
    client.tls_set(setting("CA"), setting("CERT") or None, setting("KEY") or None, tls_version=ssl.PROTOCOL_TLS_CLIENT)
if setting("WILL", "1") == "1":
    client.will_set(topic("status"), "offline", qos=1, retain=True)

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
signal.signal(signal.SIGINT, lambda *_: stopped.set())

where = dict(host=setting("HOST", "127.0.0.1"), port=int(setting("PORT", "1883")), keepalive=int(setting("KEEP_ALIVE", "10")))
if five:
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = int(setting("SESSION_EXPIRY", "300"))
    where |= dict(clean_start=clean, properties=session)
client.connect_async(**where)
client.loop_start()
for n in itertools.count():
    if stopped.wait(float(setting("INTERVAL", "5"))):
        break
    if client.is_connected():
        for qos in 0, 1, 2:
            client.publish(topic("out"), f"reading {n} at QoS {qos}", qos=qos)
client.publish(topic("status"), "offline", qos=1, retain=True).wait_for_publish(2)
client.disconnect()
client.loop_stop()
