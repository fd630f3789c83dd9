#!/bin/sh
# The meshd command for the daemon of this package: by its settings, and for root as its user, since what the command
# writes the daemon has to read.  That user's home is where libpq looks for a password (~meshd/.pgpass).
MESHD_CONFIG=${MESHD_CONFIG-/etc/meshd.toml}
export MESHD_CONFIG
if [ "$(id -u)" -eq 0 ]; then
    export HOME=/var/lib/meshd
    exec setpriv --reuid=meshd --regid=meshd --init-groups /usr/lib/meshd/bin/meshd "$@"
fi
exec /usr/lib/meshd/bin/meshd "$@"
