#!/usr/bin/env bash
# A device made of mosquitto_sub and mosquitto_pub, for MQTT 3.1.1 and 5. ../README.md tells how devices behave. A tool of
# these does one thing, so there are several clients: mosquitto_sub has the device's Client Identifier; what it receives is
# echoed by one mosquitto_pub at QoS 1 (ID-echo), and three more send the telemetry (ID-out0, ID-out1, ID-out2). Each is
# started again when it ends, as they do when they are refused.
set -euo pipefail

me=${DEVICE_ID:-device-1}
transport=${DEVICE_TRANSPORT:-tcp}
common=(-h "${DEVICE_HOST:-127.0.0.1}" -p "${DEVICE_PORT:-1883}" -k "${DEVICE_KEEP_ALIVE:-10}")
session=()
if [ "${DEVICE_VERSION:-5}" = 5 ]; then
	common+=(-V mqttv5)
	session+=(-x "${DEVICE_SESSION_EXPIRY:-300}")
else
	common+=(-V mqttv311)
fi
[ "${DEVICE_CLEAN_START:-0}" = 1 ] || session+=(-c)
case $transport in
tcp) ;;
tls)
	common+=(--cafile "$DEVICE_CA")
	[ -z "${DEVICE_CERT:-}" ] || common+=(--cert "$DEVICE_CERT" --key "$DEVICE_KEY")
	;;
*)
	echo "mosquitto_sub of Debian 12 speaks no WebSocket" >&2
	exit 2
	;;
esac
will=()
if [ "${DEVICE_WILL:-1}" = 1 ]; then
	will+=(--will-topic "device/$me/status" --will-payload offline --will-qos 1 --will-retain)
fi

# keep ID COMMAND...: runs it again and again, with the same input. Some end when they are refused, some only hang: DEVICE_PIDS is a
# directory in which whoever runs us finds the process of each client.
keep() {
	local id=$1 tool=
	shift
	trap 'kill $tool 2>/dev/null; exit 0' TERM
	while :; do
		"$@" <&0 &
		tool=$!
		[ -z "${DEVICE_PIDS:-}" ] || echo $tool >"$DEVICE_PIDS/$id"
		wait $tool || true
		echo "-- $1 has ended and is started again" >&2
		sleep 1
	done
}

work=$(mktemp -d)
mkfifo "$work"/{echo,0,1,2}
children=()
trap 'kill "${children[@]}" 2>/dev/null || true; wait || true; rm -rf "$work"; exit 0' TERM INT EXIT

keep "$me-echo" mosquitto_pub "${common[@]}" "${session[@]}" -i "$me-echo" -t "device/$me/echo" -q 1 -l <"$work/echo" &
children+=($!)
exec 3>"$work/echo"
out=()
for qos in 0 1 2; do
	keep "$me-out$qos" mosquitto_pub "${common[@]}" "${session[@]}" -i "$me-out$qos" -t "device/$me/out" -q $qos -l <"$work/$qos" &
	children+=($!)
	exec {fd}>"$work/$qos"
	out+=("$fd")
done
keep "$me" mosquitto_sub "${common[@]}" "${session[@]}" "${will[@]}" -i "$me" -t "device/$me/in" -t "device/$me/in2" -q 2 >&3 &
children+=($!)
for ((n = 0; ; n++)); do
	sleep "${DEVICE_INTERVAL:-5}" &
	wait $!
	for qos in 0 1 2; do echo "reading $n at QoS $qos" >&"${out[$qos]}"; done
done
