"""A device built on AWSIoTPythonSDK (v1): MQTT 3.1.1 over TLS with a client certificate, QoS 0 and 1.
../README.md tells how devices behave."""

import itertools
import os
import signal
import threading

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

setting = lambda name, default="": os.environ.get("DEVICE_" + name, default)
me = setting("ID", "device-1")
topic = lambda leaf: f"device/{me}/{leaf}"


def on_message(_client, _userdata, message):
    print("received", message.topic, len(message.payload), flush=True)
    client.publishAsync(topic("echo"), message.payload, message.qos)


if setting("VERSION", "3.1.1") != "3.1.1":
    raise SystemExit("this device speaks MQTT 3.1.1 only")
client = AWSIoTMQTTClient(me, cleanSession=setting("CLEAN_START", "0") == "1")
client.configureEndpoint(setting("HOST", "localhost"), int(setting("PORT", "8883")))
client.configureCredentials(setting("CA"), setting("KEY"), setting("CERT"))
client.onOnline = lambda: print("connected", flush=True)
client.onOffline = lambda: print("disconnected", flush=True)
if setting("WILL", "1") == "1":
    client.configureLastWill(topic("status"), "offline", 1, True)

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
signal.signal(signal.SIGINT, lambda *_: stopped.set())

# The library connects again after a loss, but tries the first connection only once.
pause = 1
while not stopped.is_set():
    try:
        client.connect(int(setting("KEEP_ALIVE", "30")))
        break
    except Exception as problem:  # it raises errors of sockets, of TLS and its own
        print("not connected:", type(problem).__name__, problem, flush=True)
        stopped.wait(pause)
        pause = min(2 * pause, 32)
if not stopped.is_set():
    client.subscribeAsync(topic("in"), 1, messageCallback=on_message)
    client.publishAsync(topic("status"), "online", 1)
for n in itertools.count():
    if stopped.wait(float(setting("INTERVAL", "5"))):
        break
    for qos in 0, 1:
        client.publishAsync(topic("out"), f"reading {n} at QoS {qos}", qos)
try:
    client.disconnect()
except Exception as problem:
    print("not connected:", type(problem).__name__, flush=True)
