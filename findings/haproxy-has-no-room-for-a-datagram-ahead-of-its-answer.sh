#!/usr/bin/env bash
# HAProxy takes HTTP/2 off in front of a proxy that speaks HTTP/1.1.  Its settings offer extended CONNECT (RFC 8441); a client
# of CONNECT-UDP "MAY optimistically start sending UDP packets" before the answer (RFC 9298, 5), so that its first datagram
# costs no round trip more.
#
# Guess: an extended CONNECT goes on as an upgrade, "GET" with "Upgrade: connect-udp", and what comes behind it waits until
#   the proxy has switched, as it does behind a plain CONNECT.
# Seen with HAProxy 2.6.12 (Debian 2.6.12-1+deb12u4): so it is as long as the client waits.  A capsule that arrives with its
#   request makes a "500 Internal Server Error" of it, and the proxy is not asked at all; with :protocol websocket
#   likewise.  Behind a plain CONNECT the same bytes are carried.  The client that saves a round trip gets no tunnel.
#
# Needs: root, for nothing but apt-get download; python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$haproxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'h2==4.4.1' 2>/dev/null
apt-get download -qq 'haproxy=2.6.12-1+deb12u4' 'liblua5.3-0=5.3.6-2' 'libopentracing-c-wrapper0=1.1.3-3+b1' \
    'libopentracing1=1.6.0-4' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

cat > haproxy.cfg <<'CONFIGURATION'
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen proxy
  bind 127.0.0.1:14851 proto h2
  server s 127.0.0.1:14852
CONFIGURATION

cat > ask.py <<'PYTHON'
import socket, sys, threading, time
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes

CAPSULE = b"\0\6\0hello"  # a datagram of context 0
server = socket.create_server(("127.0.0.1", 14852))
asked = []


def serve():
    """A proxy that grants every tunnel and sends what comes out of it back."""
    while True:
        sock, _ = server.accept()
        came = b""
        try:
            while b"\r\n\r\n" not in came and (more := sock.recv(4096)):
                came += more
        except ConnectionResetError:
            pass
        if not came:
            continue
        head, _, early = came.partition(b"\r\n\r\n")
        asked.append(head.split(b"\r\n"))
        upgrade = [line.partition(b": ")[2] for line in asked[-1] if line.startswith(b"upgrade: ")]
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n" % upgrade[0]
                     if upgrade else b"HTTP/1.1 200 OK\r\n\r\n")
        sock.sendall(early or sock.recv(4096))
        sock.close()


def tunnel(protocol, eager):
    """The status, and whether what was sent came back."""
    for _ in range(100):
        try:
            sock = socket.create_connection(("127.0.0.1", 14851), 5)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    client = H2Connection(H2Configuration(header_encoding="ascii"))
    client.initiate_connection()
    sock.sendall(client.data_to_send())
    status, came, sent = None, b"", False
    while True:
        for event in client.receive_data(sock.recv(65536)):
            if isinstance(event, RemoteSettingsChanged):
                assert event.changed_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL].new_value == 1
                headers = [(":method", "CONNECT"), (":authority", "proxy.test:443")]
                if protocol:
                    headers += [(":protocol", protocol), (":scheme", "https"), ("capsule-protocol", "?1"),
                                (":path", "/.well-known/masque/udp/192.0.2.1/443/")]
                headers.sort(key=lambda header: not header[0].startswith(":"))
                client.send_headers(1, headers)
            elif isinstance(event, ResponseReceived):
                status = int(dict(event.headers)[":status"])
            elif isinstance(event, DataReceived):
                came += event.data
            if isinstance(event, (StreamEnded, StreamReset)) or came == CAPSULE:
                return status, came == CAPSULE
        if not sent and (status or eager and client.open_outbound_streams):
            client.send_data(1, CAPSULE)
            sent = True
        sock.sendall(client.data_to_send())


threading.Thread(target=serve, daemon=True).start()
seen = {}
for protocol in ("connect-udp", "websocket", ""):
    for eager in (False, True):
        if protocol == "websocket" and not eager:
            continue  # it would want a key of the proxy; the question is what comes early
        asked.clear()
        seen[protocol, eager] = (*tunnel(protocol, eager), len(asked))
        print(protocol or "plain CONNECT", "at once:" if eager else "after the answer:",
              "status %d, came back: %s, requests to the proxy: %d" % seen[protocol, eager])
        if asked:
            print("   ", b"; ".join(asked[0]).decode())
tunnelled, refused = (200, True, 1), (500, False, 0)
sys.exit(seen != {("connect-udp", False): tunnelled, ("connect-udp", True): refused, ("websocket", True): refused,
                  ("", False): tunnelled, ("", True): tunnelled})
PYTHON
LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/sbin/haproxy -f haproxy.cfg >said 2>&1 & haproxy=$!
timeout 60 venv/bin/python ask.py || { cat said; exit 1; }
