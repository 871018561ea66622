"""Tells of devices that died: subscribes to the topic to which the rule republishes Wills. AWSIoTPythonSDK (v1), TLS."""

import os
import signal
import threading

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

client = AWSIoTMQTTClient("listener")
client.configureEndpoint(os.environ["HOST"], int(os.environ["PORT"]))
client.configureCredentials(os.environ["CA"], os.environ["KEY"], os.environ["CERT"])
client.connect(keepAliveIntervalSecond=30)
for topic in "/device/data", "/lwt/executed":
    client.subscribe(topic, 1, lambda _client, _userdata, message: print(message.topic, message.payload.decode(), flush=True))
print("listening", flush=True)
stopped = threading.Event()
signal.signal(signal.SIGINT, lambda *_: stopped.set())
stopped.wait()
client.disconnect()
