"""Tells what is published about the lamp, and whether it was retained. MQTT 3.1.1, mutual TLS. Ctrl-C ends it."""

import json
import os
import signal

import paho.mqtt.client as mqtt

STATUS = "lamps/lamp-1/status"
DOCUMENTS = "$aws/things/lamp-1/shadow/name/light/update/documents"


def on_message(_client, _userdata, message):
    if message.topic == STATUS:
        print(f"{message.payload.decode()}, RETAIN {int(message.retain)}", flush=True)
        return
    current = json.loads(message.payload)["current"]
    print(f"document: version {current['version']} {json.dumps(current['state'], sort_keys=True)}", flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="watcher", protocol=mqtt.MQTTv311)
client.on_connect = lambda client, *_: client.subscribe([(STATUS, 1), (DOCUMENTS, 1)])
client.on_subscribe = lambda *_: print("watching", flush=True)
client.on_message = on_message
client.tls_set(os.environ["CA"], os.environ["CERT"], os.environ["KEY"])
client.connect(os.environ["HOST"], int(os.environ["PORT"]), 60)
signal.signal(signal.SIGINT, lambda *_: client.disconnect())
client.loop_forever()
