"""A lamp with a named shadow, a retained state and a retained Will. MQTT 3.1.1, mutual TLS.

    thing.py [--keep-alive SECONDS]      SIGTERM ends the connection in order
"""

import argparse
import json
import os
import signal

import paho.mqtt.client as mqtt

arguments = argparse.ArgumentParser()
arguments.add_argument("--keep-alive", type=int, default=60)
options = arguments.parse_args()

STATUS = "lamps/lamp-1/status"
SHADOW = "$aws/things/lamp-1/shadow/name/light"
state = {"power": "off", "brightness": 10}


def report(client):
    client.publish(f"{SHADOW}/update", json.dumps({"state": {"reported": state}, "clientToken": "lamp"}), qos=1)


def on_connect(client, _userdata, _flags, reason_code, _properties):
    print(f"connected: {reason_code}", flush=True)
    client.subscribe([(f"{SHADOW}/update/accepted", 1), (f"{SHADOW}/update/rejected", 1), (f"{SHADOW}/update/delta", 1)])


def on_subscribe(client, *_):
    client.publish(STATUS, "online", qos=1, retain=True)
    report(client)


def on_message(client, _userdata, message):
    answer = json.loads(message.payload)
    kind = message.topic.rsplit("/", 1)[1]
    if kind == "delta":
        print(f"delta: version {answer['version']} {json.dumps(answer['state'], sort_keys=True)}", flush=True)
        state.update(answer["state"])
        report(client)
    elif answer.get("clientToken") != "lamp":
        pass  # somebody else's request
    elif kind == "accepted":
        print(f"accepted: version {answer['version']} {json.dumps(answer['state'], sort_keys=True)}", flush=True)
    else:
        print(f"rejected: {answer['code']} {answer['message']}", flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="lamp-1", protocol=mqtt.MQTTv311)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.on_disconnect = lambda *_: print("disconnected", flush=True)
client.tls_set(os.environ["CA"], os.environ["CERT"], os.environ["KEY"])
client.will_set(STATUS, "offline", qos=1, retain=True)
client.connect(os.environ["HOST"], int(os.environ["PORT"]), options.keep_alive)
signal.signal(signal.SIGTERM, lambda *_: client.disconnect())
client.loop_forever()
