#!/usr/bin/env bash
# Runs the device program of a client library that setup.sh has installed:  device.sh NAME
# README.md lists the variables DEVICE_* that tell it where to connect and how. SIGTERM ends it.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${MQTTSPEC_CLIENTS:-$HOME/.cache/mqttspec-clients}
name=${1:?which client? setup.sh --list names them}
[ -f "$cache/$name.recipe" ] || {
	echo "clients: $name is not installed: $here/setup.sh $name" >&2
	exit 2
}
case $name in
paho-python-*) exec "$cache/$name/bin/python" "$here/paho-python/device.py" ;;
aws-iot-v1 | awsiotsdk) exec "$cache/$name/bin/python" -W ignore::DeprecationWarning "$here/$name/device.py" ;;
mqttjs) exec node "$cache/$name/device.mjs" ;;
mosquitto) exec "$here/$name/device.sh" ;;
paho-c | paho-golang | rumqttc) exec "$cache/$name/device" ;;
hivemq-client) exec java -cp "$cache/$name/target/classes:$cache/$name/jars/*" Device ;;
esac
