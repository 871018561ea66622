#!/usr/bin/env bash
# Installs real MQTT client libraries from their registries and builds the device programs on them.
#
#   setup.sh NAME...    installs the named clients, "ci" for those of every CI run, or "all"
#   setup.sh --list     names, versions, and which of them are there
#
# Each client lives in ${MQTTSPEC_CLIENTS:-$HOME/.cache/mqttspec-clients}/NAME; one that was installed by this very recipe is left
# alone. device.sh starts what was installed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${MQTTSPEC_CLIENTS:-$HOME/.cache/mqttspec-clients}

# name | group | directory with the program and its recipe | command that it needs, and Debian packages that bring it
table() {
	cat <<-'TABLE'
		paho-python-1.6 ci    paho-python   python3 python3-venv
		paho-python-2   ci    paho-python   python3 python3-venv
		aws-iot-v1      ci    aws-iot-v1    python3 python3-venv
		awsiotsdk       ci    awsiotsdk     python3 python3-venv
		mqttjs          ci    mqttjs        npm npm
		mosquitto       ci    mosquitto     mosquitto_sub mosquitto-clients
		paho-c          ci    paho-c        gcc gcc libc6-dev libpaho-mqtt-dev
		paho-golang     ci    paho-golang   go
		rumqttc         more  rumqttc       cargo cargo
		hivemq-client   more  hivemq-client mvn maven
	TABLE
}

usage() {
	sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
}

fail() {
	echo "clients: $*" >&2
	exit 1
}

# venv NAME REQUIREMENTS: a Python environment of its own, with exactly these packages.
venv() {
	python3 -m venv --clear "$cache/$1" || fail "python3 makes no environments; Debian's package is python3-venv"
	"$cache/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/$2"
	"$cache/$1/bin/pip" freeze --disable-pip-version-check | paste -sd' '
}

# copy NAME: an empty directory for the client with a copy of its sources, so that nothing is built in the repository.
copy() {
	rm -rf "${cache:?}/$1"
	mkdir -p "$cache/$1"
	cp -r "$here/$1/." "$cache/$1"
	cd "$cache/$1"
}

# Each recipe prints what it has installed, as NAME VERSION.
install_client() {
	case $1 in
	paho-python-1.6) venv "$1" paho-python/requirements-1.6.txt ;;
	paho-python-2) venv "$1" paho-python/requirements-2.txt ;;
	aws-iot-v1 | awsiotsdk) venv "$1" "$1/requirements.txt" ;;
	mqttjs)
		copy "$1"
		npm ci --silent --no-audit --no-fund >&2
		node -p '"mqtt " + require("mqtt/package.json").version'
		;;
	mosquitto)
		copy "$1"
		(mosquitto_sub --help || true) | sed -n '1,5s/.*running on libmosquitto \([0-9.]*[0-9]\).*/libmosquitto \1/p'
		;;
	paho-c)
		copy "$1"
		gcc -O1 -Wall -o device device.c -lpaho-mqtt3as || fail "the headers are in Debian's package libpaho-mqtt-dev"
		# The library's own word; Debian's package 1.3.12 says 1.3.11.
		grep -aoE 'MQTTAsyncV3_Version [0-9.]+' "$(ldd device | awk '/paho-mqtt3as/ { print $3 }')" | sed 's/.* /paho-c /'
		;;
	paho-golang)
		copy "$1"
		CGO_ENABLED=0 GOWORK=off go build -o device . >&2
		go list -m -f '{{.Path}} {{.Version}}' github.com/eclipse/paho.golang
		;;
	rumqttc)
		copy "$1"
		cargo build --release --quiet --target-dir "$cache/cargo" >&2 # kept, for it takes minutes
		ln -s "$cache/cargo/release/device" device
		cargo tree --depth 1 --prefix none | sed -n 's/^\(rumqttc\) v\(.*\)/\1 \2/p'
		;;
	hivemq-client)
		copy "$1"
		mvn --quiet --batch-mode compile dependency:copy-dependencies -DoutputDirectory=jars >&2
		basename jars/hivemq-mqtt-client-*.jar .jar | sed 's/\(.*\)-/\1 /'
		;;
	esac
}

# recipe DIRECTORY: a checksum of all that an installation depends on. The number rises when install_client changes.
recipe() {
	cat <(echo 1) <(cd "$here/$1" && find . -type f | sort | xargs cat) | sha256sum | cut -c1-16
}

list() {
	local name group directory rest state
	while read -r name group directory rest; do
		state=absent
		if [ -f "$cache/$name.recipe" ]; then
			state=outdated
			[ "$(cat "$cache/$name.recipe")" != "$(recipe "$directory")" ] || state=ready
		fi
		printf '%-16s %-5s %-9s %s\n' "$name" "$group" "$state" "$(cat "$cache/$name.version" 2>/dev/null || true)"
	done < <(table)
}

setup() {
	local name directory command packages began=$SECONDS
	while read -r name _ directory command packages; do
		[ "$name" = "$1" ] || continue
		if [ "$(cat "$cache/$name.recipe" 2>/dev/null)" = "$(recipe "$directory")" ]; then
			echo "$name is there: $(cat "$cache/$name.version")"
			return
		fi
		command -v "$command" >/dev/null || fail "$name needs $command${packages:+; on Debian: apt-get install $packages}"
		rm -f "$cache/$name.recipe"
		(install_client "$name") >"$cache/$name.version" || fail "$name could not be installed"
		[ -s "$cache/$name.version" ] || fail "$name does not tell its version"
		recipe "$directory" >"$cache/$name.recipe"
		echo "$name installed in $((SECONDS - began)) s: $(cat "$cache/$name.version")"
		return
	done < <(table)
	fail "unknown name $1; setup.sh --list names them"
}

names=()
for argument in "$@"; do
	case $argument in
	--list) list && exit ;;
	all) mapfile -t names < <(table | awk '{ print $1 }') ;;
	ci) mapfile -t names < <(table | awk '$2 == "ci" { print $1 }') ;;
	-*) usage ;;
	*) names+=("$argument") ;;
	esac
done
[ ${#names[@]} -gt 0 ] || usage
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
for name in "${names[@]}"; do setup "$name" 9>&-; done
