"""Subscribes with paho-mqtt 1.6 and tells what arrives. MQTT 3.1.1.

    subscriber.py TOPIC QOS [USER PASSWORD]      TLS if CA is set; Ctrl-C ends it
"""

import os
import signal
import sys

import paho.mqtt.client as mqtt

topic, qos = sys.argv[1], int(sys.argv[2])


def on_connect(client, _userdata, _flags, rc):
    print(mqtt.connack_string(rc), flush=True)
    if rc == 0:
        client.subscribe(topic, qos)
    else:
        client.disconnect()


client = mqtt.Client("paho-subscriber")
client.on_connect = on_connect
client.on_subscribe = lambda _client, _userdata, _id, granted: print(f"granted QoS {granted[0]}", flush=True)
client.on_message = lambda _client, _userdata, message: print(
    f"{message.topic} {message.payload.decode()}: QoS {message.qos}, RETAIN {int(message.retain)}", flush=True
)
if len(sys.argv) > 3:
    client.username_pw_set(*sys.argv[3:5])
if "CA" in os.environ:
    client.tls_set(os.environ["CA"])
client.connect(os.environ["HOST"], int(os.environ["PORT"]), 60)
signal.signal(signal.SIGINT, lambda *_: client.disconnect())
client.loop_forever()
