"""A device whose Will a rule turns into a notification. AWSIoTPythonSDK (v1), MQTT 3.1.1, TLS or WebSocket.

    device.py NAME [--websocket] [--leave]      --leave: disconnects in order instead of waiting to be killed
"""

import argparse
import os
import time

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

arguments = argparse.ArgumentParser()
arguments.add_argument("name")
arguments.add_argument("--websocket", action="store_true")
arguments.add_argument("--leave", action="store_true")
options = arguments.parse_args()

client = AWSIoTMQTTClient(options.name, useWebsocket=options.websocket)
client.configureEndpoint(os.environ["HOST"], int(os.environ["PORT"]))
if options.websocket:
    client.configureIAMCredentials("AKIDEXAMPLE", "not-a-secret")
    client.configureCredentials(os.environ["CA"])
else:
    client.configureCredentials(os.environ["CA"], os.environ["KEY"], os.environ["CERT"])
client.configureLastWill("/last/will/topic", f"{options.name} died", 1)
client.connect(keepAliveIntervalSecond=30)
print(f"{options.name} connected", flush=True)
client.publish("/device/data", f"{options.name} works", 1)
if options.leave:
    client.disconnect()
    print(f"{options.name} left", flush=True)
else:
    time.sleep(60)
