#!/usr/bin/env bash
# A proxy that has too many connections of a customer answers 429 with Retry-After, to GET http://… as to CONNECT.  Clients
# are told to try again on 429: curl by --retry, urllib3 (and so requests) by Retry(status_forcelist=[429]), aria2 by
# --max-tries and --retry-wait, wget by --retry-on-http-error.
#
# Guess: http:// and https:// are alike: each tries again as often as it was told, and waits as long as the proxy said.
# Seen with curl 7.88.1, wget 1.21.3, aria2 1.36.0 (Debian 12) and urllib3 2.8.0 with Retry-After: 1: for http:// curl, wget
#   and urllib3 ask again after a second, and aria2 not at all.  Of a refused tunnel curl and wget give up at once, while
#   urllib3 and aria2 ask three times within the same moment: the status was that of a failed connection, and its header
#   fields are not read.  Whom the proxy asks for patience, it gets fewer pages from or more connections.
#
# Needs: root, for nothing but apt-get download; curl, wget, python3 with venv.  Takes a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'urllib3==2.8.0' 2>/dev/null
apt-get download -qq 'aria2=1.36.0-1' 'libaria2-0=1.36.0-1' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done

cat > proxy.py <<'PYTHON'
import socketserver, time


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        with open("times", "a") as file:
            print(time.monotonic(), file=file)
        self.wfile.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > ask.py <<'PYTHON'
import sys
import urllib3

try:
    urllib3.ProxyManager(sys.argv[1], retries=urllib3.Retry(2, status_forcelist=[429])).request("GET", sys.argv[2])
except urllib3.exceptions.MaxRetryError:
    pass
PYTHON
python3 proxy.py > port & proxy=$!
until [ -s port ]; do sleep 0.1; done
by=http://127.0.0.1:$(cat port)
unset all_proxy ALL_PROXY HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY

wrong=0
see() { # name, how often it is expected to ask, whether it is expected to wait a second between, command
    local name=$1 often=$2 waits=$3 seen
    shift 3
    : > times
    http_proxy=$by https_proxy=$by timeout 30 "$@" </dev/null >out 2>&1 || true
    seen=$(awk 'NR > 1 && $1 - last < 0.9 { waits = "no" } { last = $1 }
        END { print NR, (NR < 2 ? "-" : waits ? waits : "yes") }' times)
    printf '%-24sasked, waited: %s\n' "$name" "$seen"
    [ "$seen" = "$often $waits" ] || wrong=1
}
for scheme in http https; do
    curl='3 yes' wget='3 yes' urllib3='3 yes' aria2='1 -'
    [ $scheme = http ] || curl='1 -' wget='1 -' urllib3='3 no' aria2='3 no'
    url=$scheme://origin.example/
    # shellcheck disable=SC2086
    see "curl $scheme" $curl curl -sS --retry 2 $url
    # shellcheck disable=SC2086
    see "wget $scheme" $wget wget -qO- --tries=3 --retry-on-http-error=429 $url
    # shellcheck disable=SC2086
    see "urllib3 $scheme" $urllib3 venv/bin/python ask.py "$by" $url
    # shellcheck disable=SC2086
    see "aria2 $scheme" $aria2 env LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu \
        usr/bin/aria2c -q --no-conf --max-tries=3 --retry-wait=1 $url
done
exit "$wrong"
