#!/usr/bin/env bash
# build.sh NAME OUT: builds the broker in the directory NAME as the static program OUT, to be run as an "exec:" target.
# Each broker is a Go module of its own: what it depends on never becomes a dependency of mqttspec.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
if [ $# -ne 2 ] || [ ! -f "$here/$1/go.mod" ]; then
	echo "usage: build.sh NAME OUT, NAME being one of: $(cd "$here" && printf '%s ' */ | tr -d /)" >&2
	exit 2
fi
out=$(realpath -m "$2")
cd "$here/$1"
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$out" .
