"""Asks the lamp's shadow for another state and tells the answer. MQTT 3.1.1, mutual TLS.

    desire.py JSON [VERSION]      VERSION: only if the shadow has it
"""

import json
import os
import sys

import paho.mqtt.client as mqtt

SHADOW = "$aws/things/lamp-1/shadow/name/light"
request = {"state": {"desired": json.loads(sys.argv[1])}, "clientToken": "operator"}
if len(sys.argv) > 2:
    request["version"] = int(sys.argv[2])


def on_message(client, _userdata, message):
    answer = json.loads(message.payload)
    if answer.get("clientToken") != "operator":
        return
    if message.topic.endswith("/accepted"):
        print(f"accepted: version {answer['version']}", flush=True)
    else:
        print(f"rejected: {answer['code']} {answer['message']}", flush=True)
    client.disconnect()


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="operator", protocol=mqtt.MQTTv311)
client.on_connect = lambda client, *_: client.subscribe([(f"{SHADOW}/update/accepted", 1), (f"{SHADOW}/update/rejected", 1)])
client.on_subscribe = lambda client, *_: client.publish(f"{SHADOW}/update", json.dumps(request), qos=1)
client.on_message = on_message
client.tls_set(os.environ["CA"], os.environ["CERT"], os.environ["KEY"])
client.connect(os.environ["HOST"], int(os.environ["PORT"]), 60)
client.loop_forever()
