#!/usr/bin/env bash
# PySocks sends datagrams through a SOCKS5 proxy: a socksocket of type SOCK_DGRAM, remote names on (rdns, the default).
#
# Guess: its UDP ASSOCIATE says 0.0.0.0, an IPv4 address, where RFC 1928 asks for zeros from a client that knows no
#   address of its own, and its UDP port or 0; a name given to sendto() or to connect() goes to the proxy as a name,
#   as the name of a TCP connection does.
# Seen with PySocks 1.7.1: the request says a domain name of one character, "0", with the real UDP port.  A server that
#   looks such a name up, or compares it with the address of the client, has to know that.  sendto(("localhost", 53))
#   sends the name; connect(("localhost", 53)) on the same kind of socket looks the name up at the client, and its
#   datagrams carry the address, while connect() by TCP sends the name.
#
# Needs: python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pysocks==1.7.1' 2>/dev/null

cat > associate.py <<'PYTHON'
import socket, sys, threading
import socks

server = socket.create_server(("127.0.0.1", 0))
relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
relay.bind(("127.0.0.1", 0))
relay.settimeout(10)
requests, kept = [], []


def serve():
    """Takes three clients, grants what they ask for and keeps their requests."""
    for _ in range(3):
        control, _ = server.accept()
        kept.append(control)
        control.recv(300)
        control.sendall(b"\5\0")
        requests.append(control.recv(300))
        control.sendall(b"\5\0\0\1\x7f\0\0\1" + relay.getsockname()[1].to_bytes(2, "big"))


threading.Thread(target=serve, daemon=True).start()


def client(kind):
    made = socks.socksocket(socket.AF_INET, kind)
    made.set_proxy(socks.SOCKS5, "127.0.0.1", server.getsockname()[1], rdns=True)
    made.settimeout(10)
    return made


sending, connected, stream = client(socket.SOCK_DGRAM), client(socket.SOCK_DGRAM), client(socket.SOCK_STREAM)
sending.bind(("127.0.0.1", 0))
sending.sendto(b"hello", ("localhost", 53))
by_sendto = relay.recv(300)
port = sending.getsockname()[1]
connected.connect(("localhost", 53))
connected.send(b"hello")
by_connect = relay.recv(300)
stream.connect(("localhost", 53))
by_stream = requests[2]
for opened in (sending, connected, stream, *kept):
    opened.close()
print("UDP ASSOCIATE:      ", requests[0], "from UDP port", port)
print("datagram, sendto(): ", by_sendto)
print("datagram, connect():", by_connect)
print("TCP, connect():     ", by_stream)
name, address = b"\3\x09localhost\0\x35", b"\1\x7f\0\0\1\0\x35"
sys.exit(not (
    requests[0][:6] == b"\5\3\0\3\x010"
    and requests[1][:6] == b"\5\3\0\3\x010"
    and by_sendto == b"\0\0\0" + name + b"hello"
    and by_connect == b"\0\0\0" + address + b"hello"
    and by_stream == b"\5\1\0" + name
))
PYTHON
venv/bin/python associate.py
