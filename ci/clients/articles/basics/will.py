"""Connects with a Will and waits. paho-mqtt 1.6, MQTT 3.1.1.

    will.py KEEP_ALIVE      Ctrl-C disconnects in order
"""

import os
import signal
import sys

import paho.mqtt.client as mqtt

client = mqtt.Client("mortal")
client.will_set("basics/will", f"died, Keep Alive {sys.argv[1]}", qos=1)
client.on_connect = lambda *_: print("connected", flush=True)
client.connect(os.environ["HOST"], int(os.environ["PORT"]), int(sys.argv[1]))
signal.signal(signal.SIGINT, lambda *_: client.disconnect())
client.loop_forever()
