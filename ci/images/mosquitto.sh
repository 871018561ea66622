#!/usr/bin/env bash
# mosquitto.sh IMAGE RECIPE VERSION SUITE...: Debian's Mosquitto, laid out like the public image eclipse-mosquitto, so that
# one target description serves both: configuration in /mosquitto/config/mosquitto.conf, data in /mosquitto/data, user and
# group 1883. Of the SUITEs the first that offers VERSION is taken.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=debian.sh
. "$here/debian.sh"
image=$1 recipe=$2 version=$3
shift 3

offered=
for suite in "$@"; do
	debian_suite "$suite"
	found=$(debian_version mosquitto)
	[ "$found" = "$version" ] && break
	offered+=" $suite has ${found:-none};"
	suite=
done
[ -n "$suite" ] || fail "Debian no longer offers Mosquitto $version:$offered take a version it has into ci/images/build.sh"

full=$W/roots/mosquitto-$version-full root=$W/roots/mosquitto-$version
debian_unpack "$full" mosquitto busybox-static
# Programs beside the broker: what the public image has too. Plugins: dynamic-security among them, 2.1 has more.
mapfile -t files < <(cd "$full" && find usr/sbin/mosquitto usr/bin/mosquitto_* usr/lib -name 'mosquitto*' -type f \
	\( -path 'usr/*bin/*' -o -name '*.so' \) -printf '/%p\n')
debian_slim "$full" "$root" "${files[@]}"
debian_busybox "$full" "$root" sh cat chown id kill ls nc ps sleep
# The public image has the plugins in /usr/lib, Debian below its architecture.
for plugin in "${files[@]}"; do
	case $plugin in /usr/lib/*/*.so) ln -s "${plugin#/usr/lib/}" "$root/usr/lib/${plugin##*/}" ;; esac
done

printf '%s\n' root:x:0:0:root:/:/bin/sh mosquitto:x:1883:1883:mosquitto:/var/empty:/bin/false >"$root/etc/passwd"
printf '%s\n' root:x:0: mosquitto:x:1883: >"$root/etc/group"
install -m 755 "$here/mosquitto-entrypoint.sh" "$root/docker-entrypoint.sh"
mkdir -p "$root"/mosquitto/{config,data,log}
install -m 644 "$here/mosquitto.conf" "$root/mosquitto/config/mosquitto.conf"

# Owners are given to tar, so that the recipe needs no root: all is root's but /mosquitto.
tar -C "$root" --owner=0 --group=0 --exclude=./mosquitto -cf "$root.tar" .
tar -C "$root" --owner=1883 --group=1883 -rf "$root.tar" ./mosquitto
docker import \
	-c 'ENTRYPOINT ["/docker-entrypoint.sh"]' \
	-c 'CMD ["/usr/sbin/mosquitto","-c","/mosquitto/config/mosquitto.conf"]' \
	-c 'ENV PATH=/usr/sbin:/usr/bin' \
	-c 'EXPOSE 1883' \
	-c 'VOLUME ["/mosquitto/data","/mosquitto/log"]' \
	-c "LABEL org.opencontainers.image.version=$version mqttspec.suite=$suite mqttspec.recipe=$recipe" \
	"$root.tar" "$image" >/dev/null
rm -rf "$full" "$root" "$root.tar"
