#!/usr/bin/env bash
# A hook for mqttspec device: ends a device, for check.sh to start it again. Some libraries give up when a server refuses them; then
# somebody must.
#
#   restart.sh DIR WORD CLIENT    DIR/CLIENT has the process id; WORD is what the hook is to do: anything but "reboot" the devices do
#                                 by themselves
set -euo pipefail
[ "$2" = reboot ] || exit 0
pid=$(cat "$1/$3")
kill "$pid" 2>/dev/null || exit 0
timeout 10 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true # some wait for a connection
