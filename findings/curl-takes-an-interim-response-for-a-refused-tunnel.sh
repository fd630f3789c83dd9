#!/usr/bin/env bash
# HTTP may send interim responses, 103 Early Hints or 102 Processing, before the final one.  "A client MUST be able to parse"
# them "even if the client does not expect one" (RFC 9110, 15.2); and to CONNECT "any 2xx" opens the tunnel (9.3.6).
#
# Guess: clients that pass over a 103 before the 200 of a page do so before the 200 of CONNECT: curl, wget, Ruby, Node's
#   undici, httpx, aiohttp.  Who reads interim responses there takes a 201 too.
# Seen with curl 7.88.1, wget 1.21.3, Ruby 3.1 (Debian 12), undici 7.30.2, httpx 0.28.1, aiohttp 3.14.5: all six pass over
#   a 103 before a page.  Before a tunnel curl, wget, Ruby and undici take it for the refusal ("CONNECT tunnel failed,
#   response 103"); httpx and aiohttp wait for the 200.  A 201 is a tunnel for curl, Ruby and httpx, and none for wget, undici
#   and aiohttp.  A proxy that lets a client know that it still works on a tunnel loses it.
#
# Needs: curl, wget, ruby, node 20 with npm, openssl, python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'httpx==0.28.1' 'aiohttp==3.14.5' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . undici@7.30.2 >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=origin.test \
    -keyout key.pem -out certificate.pem 2>/dev/null

cat > proxy.py <<'PYTHON'
"""Is proxy and origin in one: what a page or a tunnel is asked for tells what is said before it, or instead of 200."""
import socketserver, ssl

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\npage\n"


class Proxy(socketserver.BaseRequestHandler):
    def handle(self):
        head = self.head(self.request)
        if b"hints" in head:
            self.request.sendall(HINTS)
        if not head.startswith(b"CONNECT"):
            return self.request.sendall(PAGE)
        self.request.sendall(b"HTTP/1.1 %d \r\n\r\n" % (201 if b"created" in head else 200))
        try:
            with context.wrap_socket(self.request, server_side=True) as inner:
                self.head(inner)
                inner.sendall(PAGE)
        except OSError:
            pass

    @staticmethod
    def head(sock):
        head = b""
        while b"\r\n\r\n" not in head and (more := sock.recv(4096)):
            head += more
        return head


socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > ask.py <<'PYTHON'
import asyncio, sys
import aiohttp, httpx

client, by, url = sys.argv[1:]


async def aiohttp_():
    async with aiohttp.ClientSession() as session, session.get(url, proxy=by, ssl=False) as answer:
        return await answer.text()


print({
    "httpx": lambda: httpx.Client(proxy=by, verify=False).get(url).text,
    "aiohttp": lambda: asyncio.run(aiohttp_()),
}[client]())
PYTHON
cat > ask.js <<'JAVASCRIPT'
const { ProxyAgent, request } = require('undici');
const [by, url] = process.argv.slice(2);
const dispatcher = new ProxyAgent({ uri: by, proxyTunnel: url.startsWith('https'), requestTls: { rejectUnauthorized: false } });
request(url, { dispatcher }).then((answer) => answer.body.text())
  .then((text) => console.log(text), (error) => console.log(error.message)).then(() => process.exit());
JAVASCRIPT
python3 proxy.py > port & proxy=$!
until [ -s port ]; do sleep 0.1; done
by=http://127.0.0.1:$(cat port)
unset all_proxy ALL_PROXY HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY
ruby='require "open-uri"; require "openssl"; puts URI.open(ARGV[0], ssl_verify_mode: OpenSSL::SSL::VERIFY_NONE).read'

wrong=0
see() { # name, what is expected (+ the page came, - not) of: a page after 103, a tunnel after 103, a tunnel by 201; command
    local name=$1 expected=$2 seen='' url
    shift 2
    for url in http://hints.test/ https://hints.test/ https://created.test/; do
        http_proxy=$by https_proxy=$by timeout 20 "$@" $url </dev/null >out 2>err || true
        if grep -q '^page' out; then seen+=+; else seen+=-; fi
    done
    printf '%-10s103 and a page: %s   103 and a tunnel: %s   201: %s\n' "$name" "${seen:0:1}" "${seen:1:1}" "${seen:2:1}"
    [ "$seen" = "$expected" ] || wrong=1
}
see curl +-+ curl -sSk
see wget +-- wget -qO- --tries=1 --no-check-certificate
see Ruby +-+ ruby -e "$ruby"
see undici +-- node ask.js "$by"
see httpx +++ venv/bin/python ask.py httpx "$by"
see aiohttp ++- venv/bin/python ask.py aiohttp "$by"
exit "$wrong"
