#!/usr/bin/env bash
# A proxy's answer to CONNECT, or a SOCKS5 reply, is a few bytes; TCP may deliver them in two pieces, as it does where a
# segment ends in their middle, or where a proxy writes the status line and the header fields one after the other.
#
# Guess: whoever can read a page in pieces reads these so: until the blank line, or until the reply has its length.
# Seen with python-socks 3.2.1 (under aiohttp-socks and httpx-socks), PySocks 1.7.1, global-agent 4.1.6 and httpx 0.28.1:
#   in one piece all work.  With a pause behind the status line the first three take what came for the whole answer and
#   give the rest of it to TLS: "wrong version number", as of an origin that speaks no TLS.  Of "HTTP/1.1 2" and "00 OK"
#   python-socks reads a status of 2; PySocks reads on to the end of the line.  By SOCKS5 httpx (socksio) calls a reply in
#   two pieces malformed, where python-socks reads on.  aiohttp, httpx and https-proxy-agent read on to CONNECT's end.
#
# Needs: node 20 with npm, openssl, python3 with venv.  Takes a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'python-socks==3.2.1' 'pysocks==1.7.1' 'httpx[socks]==0.28.1' \
    'aiohttp==3.14.5' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . global-agent@4.1.6 https-proxy-agent@9.1.0 >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=origin.test \
    -keyout key.pem -out certificate.pem 2>/dev/null

cat > proxy.py <<'PYTHON'
"""Four proxies, and the origin behind each: the answer to CONNECT in one piece, cut at two places; SOCKS5 in two pieces."""
import socket, socketserver, ssl, threading, time

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
SOCKS = b"\5\0\0\1\0\0\0\0\0\0"


def server(*pieces):
    class Proxy(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if pieces[0].startswith(b"\5"):
                self.request.recv(300)
                self.request.sendall(b"\5\0")
                self.request.recv(300)
            else:
                self.head(self.request)
            for number, piece in enumerate(pieces):
                time.sleep(0.5 * bool(number))
                self.request.sendall(piece)
            try:
                with context.wrap_socket(self.request, server_side=True) as inner:
                    self.head(inner)
                    inner.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\npage\n")
            except OSError:
                pass

        @staticmethod
        def head(sock):
            head = b""
            while b"\r\n\r\n" not in head and (more := sock.recv(4096)):
                head += more

    socketserver.ThreadingTCPServer.daemon_threads = True
    made = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=made.serve_forever).start()
    return made.server_address[1]


print(server(b"HTTP/1.1 200 OK\r\nVia: 1.1 a\r\n\r\n"), server(b"HTTP/1.1 200 OK\r\n", b"Via: 1.1 a\r\n\r\n"),
      server(b"HTTP/1.1 2", b"00 OK\r\nVia: 1.1 a\r\n\r\n"), server(SOCKS), server(SOCKS[:4], SOCKS[4:]), flush=True)
PYTHON
cat > ask.py <<'PYTHON'
import asyncio, ssl, sys
from urllib.parse import urlsplit

client, by = sys.argv[1:]
url = "https://origin.test/"
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def page(sock):
    with context.wrap_socket(sock, server_hostname="origin.test") as inner:
        inner.sendall(b"GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n")
        return inner.makefile("rb").read().decode()


def python_socks():
    from python_socks.sync import Proxy
    return page(Proxy.from_url(by, rdns=True).connect("origin.test", 443, timeout=10))


def pysocks():
    import socks
    sock = socks.socksocket()
    sock.set_proxy(socks.HTTP, urlsplit(by).hostname, urlsplit(by).port)
    sock.connect(("origin.test", 443))
    return page(sock)


def httpx():
    from httpx import Client
    return Client(proxy=by, verify=False).get(url).text


async def aiohttp():
    from aiohttp import ClientSession
    async with ClientSession() as session, session.get(url, proxy=by, ssl=False) as answer:
        return await answer.text()


asked = {"python-socks": python_socks, "PySocks": pysocks, "httpx": httpx, "aiohttp": lambda: asyncio.run(aiohttp())}
print(asked[client]()[-5:])
PYTHON
cat > ask.mjs <<'JAVASCRIPT'
import https from 'node:https';

const [client, by] = process.argv.slice(2);
let agent;
if (client === 'global-agent') {
  process.env.GLOBAL_AGENT_HTTP_PROXY = by;
  (await import('global-agent')).bootstrap();
} else agent = new (await import('https-proxy-agent')).HttpsProxyAgent(by);
https.get('https://origin.test/', { agent, rejectUnauthorized: false }, (answer) => {
  answer.on('data', (data) => console.log(String(data))).on('end', () => process.exit());
}).on('error', (error) => { console.error(error.message); process.exit(1); });
JAVASCRIPT
python3 proxy.py > ports & proxy=$!
until [ -s ports ]; do sleep 0.1; done
read -r whole head line socks pieces < ports

wrong=0
see() { # name, what is expected (+ the page came, - not) of each proxy, command, the proxies' URLs
    local name=$1 expected=$2 program=$3 seen='' by
    shift 3
    for by in "$@"; do
        case $program in
            *.py) timeout 20 venv/bin/python -W ignore "$program" "$name" "$by" >out 2>err </dev/null || true ;;
            *) NODE_NO_WARNINGS=1 timeout 20 node "$program" "$name" "$by" >out 2>err </dev/null || true ;;
        esac
        if grep -q '^page' out; then seen+=+; else seen+=-; fi
    done
    printf '%-20s%-10s%s\n' "$name" "${1%%:*}" "$seen"
    [ "$seen" = "$expected" ] || wrong=1
}
echo 'CONNECT: in one piece, after the status line, within it; SOCKS5: in one piece, in two'
connect=("http://127.0.0.1:$whole" "http://127.0.0.1:$head" "http://127.0.0.1:$line")
socks5=("socks5://127.0.0.1:$socks" "socks5://127.0.0.1:$pieces")
see python-socks +-- ask.py "${connect[@]}"
see PySocks +-+ ask.py "${connect[@]}"
see global-agent +-- ask.mjs "${connect[@]}"
see aiohttp +++ ask.py "${connect[@]}"
see httpx +++ ask.py "${connect[@]}"
see https-proxy-agent +++ ask.mjs "${connect[@]}"
see httpx +- ask.py "${socks5[@]}"
see python-socks ++ ask.py "${socks5[@]}"
exit "$wrong"
