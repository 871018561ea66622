#!/usr/bin/env bash
# Builds images of real brokers from package registries alone, for machines that can reach no container registry.
#
#   build.sh [--force] NAME...    builds the named images, or "all"; one that is there and up to date is left alone
#   build.sh --list               names, tags, and which of them are there
#
# An image is up to date if it was built by these very recipes (the label mqttspec.recipe is their checksum); --force builds
# it all the same. Each new image must answer an MQTT 5 CONNECT, else it is removed again.
# Needs a Docker engine and apt; mochi needs Go. Works in ${W:-$HOME/.cache/mqttspec-images}. Root is not needed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
export W=${W:-$HOME/.cache/mqttspec-images}

# name | image | recipe and its arguments. A suite of Debian keeps its version; forky and sid move, so that 2.1.2 may vanish.
table() {
	cat <<-'TABLE'
		mosquitto-2.0.11 local/mosquitto:2.0.11 mosquitto.sh 2.0.11 bookworm bullseye
		mosquitto-2.0.21 local/mosquitto:2.0.21 mosquitto.sh 2.0.21 trixie
		mosquitto-2.1.2  local/mosquitto:2.1.2  mosquitto.sh 2.1.2 forky sid
		mochi            local/mochi:2.7.9      mochi.sh 2.7.9
	TABLE
}

usage() {
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
}

recipe=$(cat "$here"/* "$here"/../brokers/build.sh "$here"/../brokers/mochi/* | sha256sum | cut -c1-16)

# built_by IMAGE prints the checksum of the recipes that built the image; nothing if there is no such image.
built_by() {
	docker image inspect --format '{{index .Config.Labels "mqttspec.recipe"}}' "$1" 2>/dev/null || true
}

list() {
	local name image rest state
	while read -r name image rest; do
		state=$(built_by "$image")
		case $state in
		'') state=absent ;;
		"$recipe") state=ready ;;
		*) state=outdated ;;
		esac
		printf '%-18s %-24s %s\n' "$name" "$image" "$state"
	done < <(table)
}

build() {
	local wanted=$1 name image script arguments began replaced
	while read -r name image script arguments; do
		[ "$name" = "$wanted" ] || continue
		if [ "$force" = no ] && [ "$(built_by "$image")" = "$recipe" ]; then
			echo "$image is there"
			return
		fi
		began=$EPOCHREALTIME
		replaced=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
		# shellcheck disable=SC2086 # the arguments are words
		"$here/$script" "$image" "$recipe" $arguments
		if ! "$here/check.sh" "$image"; then
			docker image rm --force "$image" >/dev/null
			return 1
		fi
		# The old image has lost its name; it stays only while a container uses it.
		[ -z "$replaced" ] || docker image rm "$replaced" >/dev/null 2>&1 || true
		echo "$image built in $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $began }") s"
		return
	done < <(table)
	echo "images: unknown name $wanted; build.sh --list names them" >&2
	exit 2
}

force=no
names=()
for argument in "$@"; do
	case $argument in
	--force) force=yes ;;
	--list) list && exit ;;
	all) mapfile -t names < <(table | cut -d' ' -f1) ;;
	-*) usage ;;
	*) names+=("$argument") ;;
	esac
done
[ ${#names[@]} -gt 0 ] || usage
docker version >/dev/null 2>&1 || { echo "images: no Docker engine answers" >&2; exit 1; }

# Two builds at a time would unpack into each other's directories.
mkdir -p "$W/roots"
exec 9>"$W/lock"
flock 9
for name in "${names[@]}"; do build "$name" 9>&-; done
