#!/usr/bin/env bash
# ss-local of shadowsocks-libev is a SOCKS5 proxy on the client's side.  Its configuration says what it carries: "mode" is
# "tcp_only", which is what it is without the line, "udp_only" or "tcp_and_udp".
#
# Guess: with "tcp_only" it refuses UDP ASSOCIATE as it refuses BIND, by "command not supported" (7), so that a client
#   which prefers datagrams falls back.
# Seen with shadowsocks-libev 3.3.5 (Debian 3.3.5+ds-10): it grants UDP ASSOCIATE and names its own address and port,
#   where nobody has opened a UDP socket: the first datagram is answered by the kernel, port unreachable, and over a network
#   that filters ICMP by nothing.  The reply is byte for byte that of "tcp_and_udp".  BIND is refused by 7.
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

apt-get download -qq 'shadowsocks-libev=3.3.5+ds-10' 'libbloom1=1.6-6' 'libcork16=1.0.0~rc3-3' 'libpcre3=2:8.39-15' \
    'libcorkipset1=1.1.1+git20171111.6842a63-2' 'libev4=1:4.33-1' 'libjsonparser1.1' 'libmbedcrypto7' 'libsodium23' \
    'libc-ares2' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

start() { # mode, port
    printf '{"server": "127.0.0.1", "server_port": 14869, "local_address": "127.0.0.1", "local_port": %s, "mode": "%s",
        "password": "any", "method": "aes-256-gcm"}' "$2" "$1" > "$1.json"
    LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu:lib/x86_64-linux-gnu usr/bin/ss-local -c "$1.json" >"$1.said" 2>&1 &
    pids+=($!)
}
start tcp_only 14861
start tcp_and_udp 14862

cat > ask.py <<'PYTHON'
import socket, sys, time


def reply(port, command):
    for _ in range(100):
        try:
            control = socket.create_connection(("127.0.0.1", port), 5)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    control.sendall(b"\5\1\0")
    assert control.recv(2) == b"\5\0"
    control.sendall(b"\5" + bytes([command]) + b"\0\1\0\0\0\0\0\0")
    return control, control.recv(300)


seen = {}
for mode, port in (("tcp_only", 14861), ("tcp_and_udp", 14862)):
    control, granted = reply(port, 3)
    _, bind = reply(port, 2)
    relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    relay.settimeout(1)
    relay.connect((socket.inet_ntoa(granted[4:8]), int.from_bytes(granted[8:10], "big")))
    relay.send(b"\0\0\0\1\x7f\0\0\1\0\x09hello")
    try:
        relay.recv(300)
        carried = True
    except ConnectionRefusedError:
        carried = "port unreachable"
    except TimeoutError:
        carried = "taken, and unanswered by a server that is not there"
    control.close()
    seen[mode] = granted[:8], int.from_bytes(granted[8:10], "big") == port, bind[1], carried
    print(f"{mode}: UDP ASSOCIATE: {granted.hex(' ')}, BIND: {bind[1]}, a datagram: {carried}")
first, second = seen.values()
sys.exit(not (first[:3] == second[:3] == (b"\5\0\0\1\x7f\0\0\1", True, 7)
              and first[3] == "port unreachable" and second[3].startswith("taken")))
PYTHON
timeout 30 python3 ask.py || { cat tcp_only.said; exit 1; }
