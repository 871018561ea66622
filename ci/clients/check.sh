#!/usr/bin/env bash
# Runs devices through the plans of mqttspec device and leaves a report for each.
#
#   check.sh [--plan PLAN] [--only STEP]... [--ws] [--out DIR] [--deadline 90m] NAME...
#
# NAME is one of setup.sh, "ci" or "all"; a version may follow: mqttjs/3.1.1
#
# Without --plan it is the plan mqtt5 or mqtt311. --ws lets those connect over WebSocket that otherwise do over TCP; not all can.
# Reports come into DIR/NAME-VERSION (default clients-report). All devices run at the same time: they mostly wait. The exit code
# is 1 if one of them could not be tested; findings do not count.
# MQTTSPEC names the program (default: bin/mqttspec of the repository).
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
mqttspec=${MQTTSPEC:-$here/../../bin/mqttspec}

# name | group | versions | transport | Keep Alive in seconds, shorter than the time between readings so that it shows; awscrt
# wants more than the 3 s that it waits for PINGRESP, mosquitto_sub and rumqttc 5. Both AWS libraries speak TLS only.
table() {
	cat <<-'TABLE'
		paho-python-1.6 ci   5,3.1.1 tcp 4
		paho-python-2   ci   5,3.1.1 tcp 4
		aws-iot-v1      ci   3.1.1   tls 4
		awsiotsdk       ci   5,3.1.1 tls 4
		mqttjs          ci   5,3.1.1 tcp 4
		mosquitto       ci   5,3.1.1 tcp 5
		paho-c          ci   5,3.1.1 tcp 4
		paho-golang     ci   5       tcp 4
		rumqttc         more 5,3.1.1 tcp 5
		hivemq-client   more 5,3.1.1 tcp 4
	TABLE
}

# check NAME VERSION TRANSPORT KEEP_ALIVE: one device through its plan. A device that ends by itself is started again, as
# somebody would who has one in a field, and so is one of which there is no sign any more.
check() {
	trap 'kill $device $lasting 2>/dev/null; exit 130' TERM
	local name=$1 version=$2 out=$out_root/$1-$2 chosen=${plan:-mqtt${2//./}} options=() device= lasting expected=1 address
	case $3 in
	tls) options+=(--tls) ;;
	ws) options+=(--ws) ;;
	esac
	rm -rf "$out"
	mkdir -p "$out/pids"
	[ "$name" != mosquitto ] || expected=5 # its device.sh looks after each
	options+=(--hook "$here/restart.sh $out/pids")
	"$mqttspec" device --listen 127.0.0.1:0 --plan "$chosen" --ci "${only[@]}" --expect-clients $expected --max-undecided 1000 --deadline $deadline \
		--out "$out" "${options[@]}" >"$out/run.log" 2>&1 &
	lasting=$!
	until address=$(sed -n 's/^listening on .*:\/\/\([^/]*\).*/\1/p' "$out/run.log" 2>/dev/null) && [ -n "$address" ]; do
		kill -0 $lasting 2>/dev/null || { cat "$out/run.log" >&2; return 1; }
		sleep 0.2
	done
	export DEVICE_HOST=localhost DEVICE_PORT=${address##*:} DEVICE_TRANSPORT=$3 DEVICE_VERSION=$version DEVICE_ID=device DEVICE_KEEP_ALIVE=$4 DEVICE_INTERVAL=$(($4 + 2)) DEVICE_PIDS=$out/pids
	if [ "$3" = tls ]; then
		export DEVICE_CA=$out/credentials/ca.pem DEVICE_CERT=$out/credentials/client.pem DEVICE_KEY=$out/credentials/client-key.pem
	fi
	while kill -0 $lasting 2>/dev/null; do
		"$here/device.sh" "$name" >>"$out/device.log" 2>&1 &
		device=$!
		[ "$name" = mosquitto ] || echo $device >"$out/pids/$DEVICE_ID"
		wait -n $lasting $device || true
		kill -0 $lasting 2>/dev/null || break
		echo "-- the program has ended and is started again" >>"$out/device.log"
		sleep 1
	done
	kill "$device" 2>/dev/null || true
	timeout 10 tail --pid="$device" -f /dev/null || kill -KILL "$device" 2>/dev/null || true # some wait for a connection
	wait "$device" 2>/dev/null || true
	# No code tells of findings alone; 1 and 5 are findings, anything above is trouble.
	local code=0
	wait $lasting || code=$?
	echo "$name, MQTT $version: $(sed -n 's/^device[^ ]*: \(.*\)/\1/p' "$out/run.log" | paste -sd', ') (code $code)"
	[ $code -le 1 ] || [ $code = 4 ] || [ $code = 5 ]
}

plan= only=() ws= out_root=clients-report deadline=90m names=()
while [ $# -gt 0 ]; do
	case $1 in
	--plan) plan=$2 && shift 2 ;;
	--only) only+=(--only "$2") && shift 2 ;;
	--ws) ws=yes && shift ;;
	--out) out_root=$2 && shift 2 ;;
	--deadline) deadline=$2 && shift 2 ;;
	ci) mapfile -t -O ${#names[@]} names < <(table | awk '$2 == "ci" { print $1 }') && shift ;;
	all) mapfile -t -O ${#names[@]} names < <(table | awk '{ print $1 }') && shift ;;
	-*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
	*) names+=("$1") && shift ;;
	esac
done
[ ${#names[@]} -gt 0 ] || { sed -n "2,6p" "$0" >&2; exit 2; }
out_root=$(readlink -m "$out_root")
jobs=()
for wanted in "${names[@]}"; do
	found=
	while read -r name _ versions transport keep_alive; do
		[ "$name" = "${wanted%%/*}" ] || continue
		found=yes
		[ "$wanted" = "$name" ] || versions=${wanted#*/}
		[ -z "$ws" ] || [ "$transport" = tls ] || transport=ws
		for version in ${versions//,/ }; do
			check "$name" "$version" "$transport" "$keep_alive" &
			jobs+=($!)
		done
	done < <(table)
	[ -n "$found" ] || { echo "clients: unknown name $wanted" >&2; exit 2; }
done
trap 'kill "${jobs[@]}" 2>/dev/null' INT TERM
status=0
for job in "${jobs[@]}"; do wait "$job" || status=1; done
exit $status
