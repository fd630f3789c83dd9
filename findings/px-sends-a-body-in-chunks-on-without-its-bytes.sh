#!/usr/bin/env bash
# px is an HTTP proxy that carries requests by libcurl.  A client may send a body of unknown length in chunks (RFC 9112,
# 7.1), as curl does for what it reads from a pipe.
#
# Guess: px sends the body on, or says that it cannot (411 or 501).
# Seen with px 0.13.0 (PyPI's px-proxy): the origin gets Transfer-Encoding: chunked, a Content-Type that nobody sent, and
#   a last chunk with nothing before it.  The client is given the origin's 200: an upload of nothing that looks right.
#   The same body with a Content-Length arrives whole.
#
# Needs: python3 with venv, curl, and PyPI.  Takes about a minute, on loopback but for the installation.
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

python3 -m venv python
python/bin/pip install -q 'px-proxy==0.13.0' 2>/dev/null

cat > origin.py <<'PYTHON'
"""Answers a request with the length of its body, and says that it wants it where it is asked."""
import http.server


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        said = f"{len(body)} bytes\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 14841), Origin).serve_forever()
PYTHON
python3 origin.py &
pids+=($!)
touch px.ini
env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY HOME="$folder" python/bin/px --listen=127.0.0.1 \
    --port=14842 --noproxy=0.0.0.0-255.255.255.255 --config="$folder/px.ini" --workers=1 >px.said 2>&1 &
pids+=($!)
for port in 14841 14842; do
    for _ in $(seq 150); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
        sleep 0.1
    done
done

posted() { # further words of curl's; the body comes from standard input
    printf hello | curl -sS --max-time 20 -H 'Expect:' --data-binary @- "$@" http://127.0.0.1:14841/
}
direct=$(posted -H 'Transfer-Encoding: chunked')
chunked=$(posted -H 'Transfer-Encoding: chunked' -x http://127.0.0.1:14842)
known=$(posted -x http://127.0.0.1:14842)
echo "in chunks and direct: $direct; in chunks by px: $chunked; with a length by px: $known"
[ "$direct" = '5 bytes' ] && [ "$chunked" = '0 bytes' ] && [ "$known" = '5 bytes' ]
