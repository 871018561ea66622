#!/bin/sh
# A volume and a copied file belong to root at first; the broker runs as "mosquitto" and must read and write them.
# A file system that is mounted read-only stays as it is.
set -e
if [ "$(id -u)" = 0 ]; then
	chown -R mosquitto:mosquitto /mosquitto 2>/dev/null || true
fi
exec "$@"
