#!/usr/bin/env bash
# A reverse proxy tells the server behind it by Forwarded who asks, for which host and by which scheme.  A value with a colon
# stands in quotes, since a token has none: for="[2001:db8::17]", host="shop.test:8443"; names are in any case (RFC 7239, 4).
#
# Guess: Hypercorn's ProxyFixMiddleware, in its mode for Forwarded ("modern"), takes the quotes off and reads "For=" as "for=".
# Seen with Hypercorn 0.18.0, aiohttp 3.14.5, forwarded-parse 2.2.0 (npm) and lighttpd 1.4.69 (Debian 12): aiohttp and
#   forwarded-parse do.  Hypercorn's client is then '"[2001:db8::17]"' and its host '"shop.test:8443"', each with its quotes: behind
#   lighttpd every page of a port of its own is asked of a host that nobody has, and lists and limits for an IPv6 client never
#   meet it.  With "For=", as in an example of the RFC, every client is the proxy itself.  forwarded-parse in turn fails at
#   "for=192.0.2.1;", which is in the grammar, and at a comma in the end, which a reader takes (9110, 5.6.1.2); aiohttp has both.
#
# Needs: root, for nothing but apt-get download; curl, node 20 with npm, python3 with venv.  Takes a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'hypercorn==0.18.0' 'aiohttp==3.14.5' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . forwarded-parse@2.2.0 >/dev/null
apt-get download -qq 'lighttpd=1.4.69-1' 2>/dev/null
dpkg -x lighttpd*.deb .

cat > application.py <<'PYTHON'
from hypercorn.middleware import ProxyFixMiddleware


async def told(scope, receive, send):
    if scope["type"] == "http":
        fields = dict(scope["headers"])
        text = f"client {scope['client'][0]}, host {fields[b'host'].decode()}, {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text})


behind = ProxyFixMiddleware(told, mode="modern", trusted_hops=1)
PYTHON
cat > lighttpd.conf <<'CONFIGURATION'
server.modules = ( "mod_proxy" )
server.document-root = "/var/empty"
server.bind = "127.0.0.1"
server.port = 28941
proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 28942 ) ) )
proxy.forwarded = ( "for" => 1, "proto" => 1, "host" => 1 )
CONFIGURATION
cat > read.py <<'PYTHON'
import sys
from aiohttp.test_utils import make_mocked_request

print([dict(each) for each in make_mocked_request("GET", "/", headers={"Forwarded": sys.argv[1]}).forwarded])
PYTHON
cat > read.mjs <<'JAVASCRIPT'
import parse from "forwarded-parse";

try {
  console.log(JSON.stringify(parse(process.argv[2])));
} catch (error) {
  console.log(error.message);
}
JAVASCRIPT

venv/bin/hypercorn -b 127.0.0.1:28942 application:behind >said 2>&1 & pids+=($!)
usr/sbin/lighttpd -D -m usr/lib/lighttpd -f lighttpd.conf >>said 2>&1 & pids+=($!)
ask() {
    curl -sS --noproxy '*' --retry 30 --retry-delay 1 --retry-connrefused "$@"
    echo
}
ask http://127.0.0.1:28942/ >>said 2>&1
ask http://127.0.0.1:28941/ >>said 2>&1
{
    echo "behind lighttpd: $(ask -H 'Host: shop.test:8443' http://127.0.0.1:28941/)"
    for field in 'for="[2001:db8::17]";proto=https' 'For=192.0.2.1;proto=https' 'for=192.0.2.1;' 'for=192.0.2.1,'; do
        echo "$field"
        echo "  Hypercorn: $(ask -H 'Host: shop.test' -H "Forwarded: $field" http://127.0.0.1:28942/)"
        echo "  aiohttp: $(venv/bin/python read.py "$field")"
        echo "  forwarded-parse: $(node read.mjs "$field")"
    done
} | tee seen
cat > expected <<'TEXT'
behind lighttpd: client 127.0.0.1, host "shop.test:8443", http
for="[2001:db8::17]";proto=https
  Hypercorn: client "[2001:db8::17]", host shop.test, https
  aiohttp: [{'for': '[2001:db8::17]', 'proto': 'https'}]
  forwarded-parse: [{"for":"[2001:db8::17]","proto":"https"}]
For=192.0.2.1;proto=https
  Hypercorn: client 127.0.0.1, host shop.test, https
  aiohttp: [{'for': '192.0.2.1', 'proto': 'https'}]
  forwarded-parse: [{"for":"192.0.2.1","proto":"https"}]
for=192.0.2.1;
  Hypercorn: client 192.0.2.1, host shop.test, http
  aiohttp: [{'for': '192.0.2.1'}]
  forwarded-parse: Unexpected end of input
for=192.0.2.1,
  Hypercorn: client 127.0.0.1, host shop.test, http
  aiohttp: [{'for': '192.0.2.1'}, {}]
  forwarded-parse: Unexpected end of input
TEXT
diff expected seen
