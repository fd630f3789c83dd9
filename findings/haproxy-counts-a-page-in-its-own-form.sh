#!/usr/bin/env bash
# A proxy's log tells who pays how many bytes a client sent and got: %U and %B in HAProxy, $request_length and $bytes_sent in
# nginx.  Both read from one client of HTTP/1.1, on one connection, whose bytes are known.
#
# Guess: both say what was on the wire, HAProxy in "mode http" as it does in "mode tcp".
# Seen with HAProxy 2.6.12 and nginx 1.22.1 (Debian 12): nginx is right to the byte.  In mode http HAProxy counts its own form
#   of a message, where a field is its name and its value and a chunk is what is in it: 40 for a request of 29 bytes, 340
#   for one of 529 with fifty short fields, 1066 for an upload of 6063 in chunks of a byte, and 354 for an answer of 543 with
#   such fields.  A bill by that log is off either way, as the client writes its fields and cuts its body.  In mode tcp it
#   is right.
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
    'libopentracing1=1.6.0-4' 'nginx=1.22.1-9+deb12u11' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

cat > origin.py <<'PYTHON'
import socketserver

FIELDS = b"".join(b"x-%d: yy\r\n" % n for n in range(10, 60))
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n" + FIELDS + b"\r\nhello"


class Origin(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline():
            chunked = False
            while field := self.rfile.readline().strip():
                chunked |= field.lower() == b"transfer-encoding: chunked"
            while chunked and (size := int(self.rfile.readline(), 16)):
                self.rfile.read(size + 2)
            if chunked:
                self.rfile.readline()
            self.wfile.write(ANSWER)


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Origin) as server:
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > ask.py <<'PYTHON'
import socket, sys

REQUESTS = (
    b"GET / HTTP/1.1\r\nhost: a.b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a.b\r\n" + b"".join(b"x-%d: yy\r\n" % n for n in range(10, 60)) + b"\r\n",
    b"POST / HTTP/1.1\r\nhost: a.b\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n",
)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    for request in REQUESTS:
        connection.sendall(request)
        got = b""
        while not got.endswith(b"hello"):
            got += connection.recv(65536)
        print(len(request), len(got))
PYTHON
free() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
http=$(free) tcp=$(free) web=$(free)
python3 origin.py > port & pids+=($!)
until [ -s port ]; do sleep 0.1; done
cat > haproxy.cfg <<CONFIGURATION
defaults
    option dontlognull
    log stdout format raw local0
    timeout connect 5s
    timeout client 10s
    timeout server 10s
listen http
    mode http
    bind 127.0.0.1:$http
    log-format "%U %B"
    server origin 127.0.0.1:$(cat port)
listen tcp
    mode tcp
    bind 127.0.0.1:$tcp
    log-format "%U %B"
    server origin 127.0.0.1:$(cat port)
CONFIGURATION
cat > nginx.conf <<CONFIGURATION
daemon off;
pid nginx.pid;
events {}
http {
    log_format sizes '\$request_length \$bytes_sent';
    access_log $folder/nginx.log sizes;
    server { listen 127.0.0.1:$web; location / { proxy_pass http://127.0.0.1:$(cat port); } }
}
CONFIGURATION
LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu usr/sbin/haproxy -f haproxy.cfg > haproxy.log 2>&1 & pids+=($!)
usr/sbin/nginx -p "$folder" -e error.log -c nginx.conf & pids+=($!)
listens() { (: < "/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
until listens "$http" && listens "$tcp" && listens "$web"; do sleep 0.1; done
python3 ask.py "$http" > wire
python3 ask.py "$web" > nginx.wire
python3 ask.py "$tcp" > tcp.wire
awk '{ sent += $1; got += $2 } END { print sent, got }' tcp.wire > tcp.sum
until [ "$(grep -c '^[1-9]' haproxy.log)" = 4 ] && [ "$(grep -c '^[1-9]' nginx.log)" = 3 ]; do sleep 0.1; done
grep '^[1-9]' haproxy.log | head -3 > http.log
grep '^[1-9]' haproxy.log | tail -1 > tcp.log
grep '^[1-9]' nginx.log > web.log
for each in wire http.log nginx.wire web.log tcp.sum tcp.log; do echo "$each: $(paste -sd, $each)"; done
cmp -s nginx.wire web.log && cmp -s tcp.sum tcp.log &&
    [ "$(cat wire)" = $'29 543\n529 543\n6063 543' ] && [ "$(cat http.log)" = $'40 354\n340 354\n1066 354' ]
