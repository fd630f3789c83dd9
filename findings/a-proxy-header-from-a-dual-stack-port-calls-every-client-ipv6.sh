#!/usr/bin/env bash
# HAProxy and nginx stand before a server and tell it the client's address by the PROXY protocol.  Their port takes
# IPv4 and IPv6 on one socket: "bind :::443 v4v6", "listen [::]:443 ipv6only=off".
#
# Guess: a client that came by IPv4 is announced as one, "PROXY TCP4 192.0.2.1 ...": the protocol has a word for each
#   family, and in HAProxy the condition "src 127.0.0.0/8" holds for it.
# Seen with HAProxy 2.6.12 and nginx 1.22.1 (Debian 12): both announce "PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1",
#   and in version 2 HAProxy says AF_INET6 with 36 bytes of addresses; and yet its condition "src 127.0.0.0/8" held.
#   Lists of addresses, bans and countries behind them see an IPv6 client until the address is unmapped.
#
# Needs: root, for nothing but apt-get download; python3; the machine speaks IPv6.  Takes about ten seconds, on
#   loopback alone: the dual-stack sockets are bound to ::ffff:127.0.0.1.
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
    'libopentracing1=1.6.0-4' 'nginx=1.22.1-9+deb12u11' 'libnginx-mod-stream=1.22.1-9+deb12u11' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

cat > haproxy.cfg <<'CONFIGURATION'
defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen one
  bind ::ffff:127.0.0.1:14801 v4v6
  tcp-request connection reject unless { src 127.0.0.0/8 }
  server s 127.0.0.1:14805 send-proxy
listen two
  bind ::ffff:127.0.0.1:14802 v4v6
  server s 127.0.0.1:14805 send-proxy-v2
listen four
  bind 127.0.0.1:14803
  server s 127.0.0.1:14805 send-proxy
CONFIGURATION
cat > nginx.conf <<CONFIGURATION
daemon off; user root; pid $folder/nginx.pid; error_log $folder/nginx.log;
load_module $folder/usr/lib/nginx/modules/ngx_stream_module.so;
events {}
stream { server { listen [::ffff:127.0.0.1]:14804 ipv6only=off; proxy_pass 127.0.0.1:14805; proxy_protocol on; } }
CONFIGURATION

LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/sbin/haproxy -f haproxy.cfg >said 2>&1 &
pids+=($!)
usr/sbin/nginx -p "$folder" -c "$folder/nginx.conf" 2>>said &
pids+=($!)

cat > ask.py <<'PYTHON'
import socket, sys, time

server = socket.create_server(("127.0.0.1", 14805))
server.settimeout(10)


def header(port):
    for _ in range(100):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.1)
    client.sendall(b"the client's own bytes")
    taken, _ = server.accept()
    taken.settimeout(10)
    came = b""
    while not came.endswith(b"own bytes"):
        came += taken.recv(4096)
    client.close(), taken.close()
    return came.removesuffix(b"the client's own bytes")


headers = {name: header(port) for name, port in (
    ("HAProxy, dual-stack, v1", 14801), ("HAProxy, dual-stack, v2", 14802),
    ("HAProxy, IPv4, v1", 14803), ("nginx, dual-stack, v1", 14804))}
for name, said in headers.items():
    print(f"{name:25}{said if said.startswith(b'PROXY') else said.hex(' ')}")
mapped = b"PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 "
second = headers["HAProxy, dual-stack, v2"]
sys.exit(not (
    headers["HAProxy, dual-stack, v1"].startswith(mapped)
    and headers["nginx, dual-stack, v1"].startswith(mapped)
    and headers["HAProxy, IPv4, v1"].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
    and second[12:16] == bytes([0x21, 0x21, 0, 36])
    and second[16:32] == bytes(10) + b"\xff\xff\x7f\0\0\1"
))
PYTHON
python3 ask.py || { cat said; exit 1; }
