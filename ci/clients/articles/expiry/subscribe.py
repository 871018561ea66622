"""Subscribes to sensor/# at QoS 1 in a session that outlives the connection, and tells what arrives. MQTT 5, mutual TLS.

    subscribe.py [--session-expiry SECONDS] [--clean-start]      Ctrl-C ends the connection
"""

import argparse
import os
import signal

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

arguments = argparse.ArgumentParser()
arguments.add_argument("--session-expiry", type=int, default=600)
arguments.add_argument("--clean-start", action="store_true")
options = arguments.parse_args()


def on_connect(client, _userdata, flags, reason_code, properties):
    granted = getattr(properties, "SessionExpiryInterval", options.session_expiry)
    print(f"{reason_code}: session present {flags.session_present}, session expiry {granted} s", flush=True)
    if not flags.session_present:
        client.subscribe("sensor/#", qos=1)


def on_message(_client, _userdata, message):
    left = getattr(message.properties, "MessageExpiryInterval", "no limit")
    print(f"{message.topic} {message.payload.decode()} (expires in {left} s)", flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="expiry-subscriber", protocol=mqtt.MQTTv5)
client.on_connect = on_connect
client.on_subscribe = lambda _client, _userdata, _id, codes, _properties: print(f"subscribed: {codes[0]}", flush=True)
client.on_message = on_message
client.tls_set(os.environ["CA"], os.environ["CERT"], os.environ["KEY"])
properties = Properties(PacketTypes.CONNECT)
properties.SessionExpiryInterval = options.session_expiry
client.connect(os.environ["HOST"], int(os.environ["PORT"]), 60, clean_start=options.clean_start, properties=properties)
signal.signal(signal.SIGINT, lambda *_: client.disconnect())
client.loop_forever()
