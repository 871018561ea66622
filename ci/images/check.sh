#!/usr/bin/env bash
# check.sh IMAGE...: starts each image as it is and demands that it accepts an MQTT 5 CONNECT within ten seconds.
# Nothing but bash speaks to it, for this must work before anything of ours is built.
set -euo pipefail

# CONNECT: protocol "MQTT", version 5, Clean Start, Keep Alive 60, no properties, an empty Client Identifier.
connect='\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00'

# connack PORT prints the first four bytes of the answer: type, length, flags, Reason Code. None, if there is no answer:
# Docker's proxy accepts connections before the broker does, and closes them.
connack() {
	(
		exec 3<>"/dev/tcp/127.0.0.1/$1"
		printf '%b' "$connect" >&3
		timeout 1 head -c 4 <&3 | od -An -tx1
	) 2>/dev/null || true
}

container=
trap '[ -z "$container" ] || docker rm --force --volumes "$container" >/dev/null' EXIT
for image in "$@"; do
	container=$(docker run --detach --publish 127.0.0.1::1883 "$image")
	port=$(docker port "$container" 1883/tcp | head -1)
	port=${port##*:}
	answer=
	for _ in $(seq 100); do
		answer=$(connack "$port")
		[ -z "$answer" ] || break
		sleep 0.1
	done
	case $answer in
	' 20 '??' 00 00') echo "$image accepts MQTT 5" ;;
	*)
		echo "$image does not accept an MQTT 5 CONNECT: got${answer:- no answer}" >&2
		docker logs --tail 20 "$container" >&2
		exit 1
		;;
	esac
	docker rm --force --volumes "$container" >/dev/null
	container=
done
