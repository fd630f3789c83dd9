#!/usr/bin/env bash
# HAProxy checks whether a server lives by opening a connection and closing it.  A server it feeds by the PROXY protocol
# wants a header on that connection too, so the check sends one.
#
# Guess: the header says that nobody stands behind it: "PROXY UNKNOWN" in version 1, LOCAL in version 2, which the
#   protocol has for checks; a server can leave checks out of its log and its counts in both.
# Seen with HAProxy 2.6.12 (Debian 2.6.12-1+deb12u4): version 2 says LOCAL.  Version 1 says "PROXY TCP4" with HAProxy's
#   own address and the port of the check, the same words as for a client at that address.  Behind send-proxy a server
#   counts a new client connection for each check, and a rule for one address's connections meets HAProxy's.
#
# Needs: root, for nothing but apt-get download; python3.  Takes about ten seconds, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

apt-get download -qq 'haproxy=2.6.12-1+deb12u4' 'liblua5.3-0=5.3.6-2' 'libopentracing-c-wrapper0=1.1.3-3+b1' \
    'libopentracing1=1.6.0-4' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

cat > haproxy.cfg <<'CONFIGURATION'
defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen first
  bind 127.0.0.1:14811
  server s 127.0.0.1:14813 send-proxy check inter 500ms
listen second
  bind 127.0.0.1:14812
  server s 127.0.0.1:14814 send-proxy-v2 check inter 500ms
CONFIGURATION

cat > checked.py <<'PYTHON'
import socket, sys

servers = [socket.create_server(("127.0.0.1", port)) for port in (14813, 14814)]
print("listening", flush=True)
sys.stdin.readline()


def checks(server):
    came = []
    server.settimeout(20)
    for _ in range(3):
        taken, peer = server.accept()
        taken.settimeout(10)
        said = b""
        try:
            while part := taken.recv(4096):
                said += part
        except ConnectionResetError:
            pass
        came.append((said, peer[1]))
        taken.close()
    return came


first, second = map(checks, servers)
for said, port in first:
    print(f"version 1, from port {port}: {said}")
for said, port in second:
    print(f"version 2, from port {port}: {said.hex(' ')}")
in_a_clients_name = all(said == b"PROXY TCP4 127.0.0.1 127.0.0.1 %d 14813\r\n" % port for said, port in first)
local = all(said[12:13] == b"\x20" for said, _ in second)
sys.exit(not (in_a_clients_name and local))
PYTHON
mkfifo go
python3 checked.py <go >seen &
checked=$!
pids+=("$checked")
exec 3>go
until grep -q listening seen; do sleep 0.1; done
LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/sbin/haproxy -f haproxy.cfg >said 2>&1 &
pids+=($!)
echo go >&3
result=0
wait "$checked" || result=1
grep -v listening seen || true
exit "$result"
