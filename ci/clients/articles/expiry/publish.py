"""Publishes a message that expires. MQTT 5, mutual TLS.

    publish.py TOPIC PAYLOAD [EXPIRY]      EXPIRY in seconds; without it the message does not expire
"""

import os
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

topic, payload = sys.argv[1:3]
properties = Properties(PacketTypes.PUBLISH)
if len(sys.argv) > 3:
    properties.MessageExpiryInterval = int(sys.argv[3])

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="expiry-publisher", protocol=mqtt.MQTTv5)
client.tls_set(os.environ["CA"], os.environ["CERT"], os.environ["KEY"])
client.connect(os.environ["HOST"], int(os.environ["PORT"]))
client.loop_start()
client.publish(topic, payload, qos=1, properties=properties).wait_for_publish(10)
print(f"published {payload} to {topic}")
client.disconnect()
client.loop_stop()
