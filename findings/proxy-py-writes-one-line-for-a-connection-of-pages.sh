#!/usr/bin/env bash
# proxy.py writes an access log: who asked for what, with which status and how many bytes.  A client of HTTP/1.1 asks its
# proxy for several pages of one origin on one connection, as curl, requests and browsers do.
#
# Guess: each page has a line; or, where the line is the connection's, it holds the bytes of all.
# Seen with proxy.py 2.4.10: three pages are carried, and one line is written, when the connection ends: it names the first
#   page, with the bytes of the first answer.  The other two, of whatever size, stand nowhere.  With a connection for each page
#   there are three lines.  Who bills by this log bills the first page of a connection.
#
# Needs: python3 with venv.  Takes half a minute, on loopback alone.
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
python3 -m venv venv
venv/bin/pip install --quiet 'proxy.py==2.4.10' 2>/dev/null

cat > origin.py <<'PYTHON'
import http.server


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"x" * int(self.path.strip("/"))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def log_message(self, *line):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > ask.py <<'PYTHON'
import http.client, sys

proxy, origin, often = (int(argument) for argument in sys.argv[1:])
got = 0
for size in (10, 1000, 100_000):
    if not got or often:
        connection = http.client.HTTPConnection("127.0.0.1", proxy, timeout=20)
    connection.request("GET", f"http://127.0.0.1:{origin}/{size}")
    got += len(connection.getresponse().read())
    if often:
        connection.close()
connection.close()
print("bytes of bodies:", got)
PYTHON
python3 origin.py > port & pids+=($!)
until [ -s port ]; do sleep 0.1; done

wrong=0
for often in 0 1; do
    rm -f proxy.port
    venv/bin/proxy --hostname 127.0.0.1 --port 0 --port-file proxy.port --num-workers 1 --num-acceptors 1 --log-level i \
        > log 2>&1 & pids+=($!)
    until [ -s proxy.port ] && (: < "/dev/tcp/127.0.0.1/$(cat proxy.port)") 2>/dev/null; do sleep 0.1; done
    python3 ask.py "$(cat proxy.port)" "$(cat port)" "$often"
    expected=$([ "$often" = 0 ] && echo 1 || echo 3)
    for _ in $(seq 50); do [ "$(grep -c 'GET 127' log || true)" -lt "$expected" ] || break; sleep 0.1; done
    kill "${pids[-1]}" && wait "${pids[-1]}" || true
    grep -o 'GET 127.*bytes' log | sed 's/:[0-9]*\//:PORT\//' > lines || true
    cat lines
    [ "$(wc -l < lines)" = "$expected" ] && grep -q '/10 - .* - 49 bytes' lines || wrong=1
done
exit "$wrong"
