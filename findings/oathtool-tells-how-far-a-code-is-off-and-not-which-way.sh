#!/usr/bin/env bash
# oathtool looks for a given code within a window of steps around a moment, and prints where the code was found.
#
# Guess: a code of the step before is found at -1 and one of the step after at 1, so that a script can measure which way
#   the clock of a customer's device is off; as for counters, where the window goes forward alone, "0" is the exact one.
# Seen with oathtool 2.6.7 (Debian 2.6.7-3.1+deb12u1): the code of 30 seconds ago and the code of 30 seconds ahead both
#   print 1, with exit 0; those of 60 seconds both print 2.  Without a code to look for, --window 2 prints the codes of
#   this step and of the two to come, and none of those before it, though a code before it is accepted.
#
# Needs: root, for nothing but apt-get download.  Takes about ten seconds, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq 'oathtool=2.6.7-3.1+deb12u1' 'liboath0=2.6.7-3.1+deb12u1' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

totp() { # seconds after 2026-01-01 00:10:00 UTC, then what else oathtool is told
    LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/bin/oathtool --totp --base32 \
        --now "$(date --utc --date "@$((1767226200 + $1))" '+%F %T UTC')" "${@:2}"
}
secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP

positions=
for seconds in -60 -30 0 30 60; do
    code=$(totp "$seconds" "$secret")
    position=$(totp 0 --window 2 "$secret" "$code")
    echo "the code of $seconds seconds from now is found at $position"
    positions="$positions $position"
done
listed=$(totp 0 --window 2 "$secret" | tr '\n' ' ')
coming="$(totp 0 "$secret") $(totp 30 "$secret") $(totp 60 "$secret") "
echo "--window 2 alone lists: $listed"
[ "$positions" = " 2 1 0 1 2" ] && [ "$listed" = "$coming" ]
