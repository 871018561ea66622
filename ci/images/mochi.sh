#!/usr/bin/env bash
# mochi.sh IMAGE RECIPE VERSION: the mochi-mqtt broker of ci/brokers/mochi, a static binary alone in an image.
# Arguments of the container are the broker's flags; /data is there for --db.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
W=${W:-$HOME/.cache/mqttspec-images}
image=$1 recipe=$2 version=$3

root=$W/roots/mochi
rm -rf "$root"
mkdir -p "$root"/{data,tmp}
chmod 1777 "$root/tmp"
"$here/../brokers/build.sh" mochi "$root/mochi"
got=$("$root/mochi" --version)
[ "$got" = "$version" ] || { echo "images: ci/brokers/mochi is $got, the image is to be $version" >&2; exit 1; }
tar -C "$root" --owner=0 --group=0 -c . | docker import \
	-c 'ENTRYPOINT ["/mochi"]' \
	-c 'CMD ["--tcp",":1883"]' \
	-c 'EXPOSE 1883' \
	-c "LABEL org.opencontainers.image.version=$version mqttspec.recipe=$recipe" \
	- "$image" >/dev/null
rm -rf "$root"
