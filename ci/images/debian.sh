# shellcheck shell=bash
# Sourced by the recipes: programs from Debian's packages as the contents of an image, without touching the host.
#
# The packages come from private apt roots, one per suite, below $W. They ask the mirror and trust the keys that the host's
# own apt is configured with, but they have their own lists, cache and (empty) package status. Nothing is installed on the
# host, no package script runs, and root is not needed.

W=${W:-$HOME/.cache/mqttspec-images}

fail() {
	echo "images: $*" >&2
	exit 1
}

# debian_mirror prints where the host's apt finds the archive of its own release.
# DEBIAN_MIRROR overrides it and is needed on a host that is not Debian.
debian_mirror() {
	if [ -n "${DEBIAN_MIRROR:-}" ]; then
		echo "$DEBIAN_MIRROR"
		return
	fi
	local codename
	codename=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") ||
		fail "this is not Debian: set DEBIAN_MIRROR to a mirror of Debian, or use the public images"
	# Read to the end of the list: leaving early would break the pipe and with it the script.
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v codename="$codename" '$1 == codename && $2 == "main" && !uri { uri = $3 } END { print uri }' |
		grep . || fail "apt knows no archive for $codename/main: set DEBIAN_MIRROR"
}

# debian_suite SUITE opens the private apt root of SUITE with fresh lists; the apt commands that follow use it.
debian_suite() {
	local suite=$1 root=$W/apt/$1 mirror
	mirror=$(debian_mirror)
	mkdir -p "$root"/etc/apt/{apt.conf.d,sources.list.d,preferences.d,trusted.gpg.d} \
		"$root"/var/lib/{apt/lists/partial,dpkg} "$root"/var/cache/apt/archives/partial "$root"/var/log/apt
	: >"$root/var/lib/dpkg/status" # nothing is installed, so the closure of a package is complete
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$root/etc/apt/sources.list"
	{
		# What the host's apt was told about fetching (a proxy, for instance) holds here too; its extra indexes do not.
		env -u APT_CONFIG apt-config dump Acquire | grep -v '^Acquire::IndexTargets'
		cat <<-CONF
			Dir "$root";
			Dir::State::status "$root/var/lib/dpkg/status";
			APT::Install-Recommends "false";
			APT::Sandbox::User "root";
			Acquire::Languages "none";
		CONF
	} >"$root/apt.conf"
	export APT_CONFIG=$root/apt.conf
	apt-get -qq update || fail "apt could not read the package lists of $suite"
}

# debian_version PACKAGE prints the upstream version that the open suite offers, without epoch and Debian revision.
debian_version() {
	apt-cache policy "$1" | awk '/Candidate:/ { v = $2; sub(/^[0-9]+:/, "", v); sub(/-[^-]*$/, "", v); print v }'
}

# debian_unpack DIR PACKAGE... unpacks the packages and all they depend on, from the open suite, into DIR.
debian_unpack() {
	local dir=$1 archives d link target
	shift
	archives=$(dirname "$APT_CONFIG")/var/cache/apt/archives
	rm -f "$archives"/*.deb # whatever lies there is unpacked below
	apt-get -y -qq --download-only install "$@" >/dev/null || fail "apt could not fetch $*"

	rm -rf "$dir"
	debian_skeleton "$dir"
	for d in "$archives"/*.deb; do
		dpkg-deb --fsys-tarfile "$d" | tar -C "$dir" -x --no-same-owner --keep-directory-symlink
	done
	# An absolute link would lead out of DIR and into the host.
	find "$dir" -type l -lname '/*' | while read -r link; do
		target=$(readlink "$link")
		ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$dir$target")" "$link"
	done
	# Some packages leave the link from a library's soname to its file to ldconfig, which apt would have run.
	/sbin/ldconfig -n "$dir"/usr/lib/*-linux-gnu*/
}

# debian_skeleton DIR makes the directories that every image has. Like Debian since bookworm, /bin, /sbin and /lib* are links.
debian_skeleton() {
	local dir=$1 d
	mkdir -p "$dir"/usr/{bin,sbin,lib,lib64} "$dir"/{etc,tmp,run,proc,sys,dev}
	chmod 1777 "$dir/tmp"
	for d in bin sbin lib lib64; do ln -s "usr/$d" "$dir/$d"; done
}

# debian_slim FROM TO FILE... copies programs and plugins (paths below FROM, without it) to TO, with the shared libraries
# they need. The loader of FROM itself finds these: the host's libraries play no part, whatever the host runs.
debian_slim() {
	local from=$1 to=$2 file loader libraries needed lib
	shift 2
	rm -rf "$to"
	debian_skeleton "$to"
	loader=$(find "$from"/usr/lib64/ "$from"/usr/lib/ -maxdepth 1 -name 'ld-linux*.so.*' -print -quit)
	libraries=$(find "$from"/usr/lib/ -maxdepth 1 -type d -name '*-linux-gnu*' -print -quit)
	debian_copy "$from" "$to" "${loader#"$from"}"
	for file in "$@"; do
		debian_copy "$from" "$to" "$file"
		needed=$("$loader" --inhibit-cache --library-path "$libraries" --list "$from$file")
		case $needed in *'not found'*) fail "$file lacks a library: $needed" ;; esac
		while read -r lib; do
			[ -e "$to${lib#"$from"}" ] || debian_copy "$from" "$to" "${lib#"$from"}"
		done < <(sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p' <<<"$needed" | grep -F "$from/")
	done
}

debian_copy() {
	mkdir -p "$2$(dirname "$3")"
	cp -L "$1$3" "$2$3"
}

# debian_busybox FROM TO APPLET... adds a static busybox with the named commands. FROM must hold the package busybox-static.
debian_busybox() {
	local from=$1 to=$2 applet
	shift 2
	cp "$from/bin/busybox" "$to/bin/busybox"
	for applet in "$@"; do ln -s busybox "$to/bin/$applet"; done
}
