#!/usr/bin/env bash
# A destination may be an IPv6 address, in a URL and in CONNECT in brackets: "GET http://[::1]:8080/", "CONNECT [::1]:443".
#
# Guess: every proxy that goes out by IPv6 reaches it, by both ways: brackets belong to the text, not to the address.
# Seen with proxy.py 2.4.10, pproxy 2.7.9, proxy-chain 3.0.1 and proxy 4.1.0 (npm), tinyproxy 1.11.1 (Debian 12): all do but
#   proxy.py, which answers "502 Bad Gateway" to both, as for an origin that is down: it looks "[::1]" up as a name, brackets
#   and all, and its log says "Name or service not known".  Who is told the 502 looks for the fault at the origin.
#
# Needs: tinyproxy, node 20 with npm, python3 with venv; the machine speaks IPv6.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
    wait 2>/dev/null
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pproxy==2.7.9' 'proxy.py==2.4.10' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . proxy-chain@3.0.1 proxy@4.1.0 >/dev/null

printf 'Port 28961\nListen 127.0.0.1\n' > tinyproxy.conf
cat > proxies.mjs <<'JAVASCRIPT'
import http from "node:http";
import { createProxy } from "proxy";
import { Server } from "proxy-chain";

createProxy(http.createServer()).listen(28965, "127.0.0.1");
await new Server({ host: "127.0.0.1", port: 28964 }).listen();
JAVASCRIPT
run() {
    setsid "$@" >>said 2>&1 & pids+=($!)
}
run tinyproxy -d -c tinyproxy.conf
run venv/bin/pproxy -l http://127.0.0.1:28962
run venv/bin/proxy --hostname 127.0.0.1 --port 28963 --num-workers 1 --num-acceptors 1
run node proxies.mjs

cat > ask.py <<'PYTHON'
import http.server, socket, sys, threading, time

PROXIES = {"tinyproxy": 28961, "pproxy": 28962, "proxy.py": 28963, "proxy-chain": 28964, "proxy": 28965}


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def ask(port, first, host):
    for _ in range(300):
        try:
            proxy = socket.create_connection(("127.0.0.1", port), 20)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    else:
        sys.exit(f"nobody listens at {port}")
    with proxy, proxy.makefile("rb") as answer:
        proxy.sendall(f"{first} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return int(answer.readline().split()[1])


with Server(("::1", 0), Origin) as origin:
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    host = f"[::1]:{origin.server_port}"
    for name, port in PROXIES.items():
        print(f"{name}: GET {ask(port, f'GET http://{host}/', host)}, CONNECT {ask(port, f'CONNECT {host}', host)}", flush=True)
    origin.shutdown()
PYTHON
python3 ask.py | tee seen
cat > expected <<'TEXT'
tinyproxy: GET 200, CONNECT 200
pproxy: GET 200, CONNECT 200
proxy.py: GET 502, CONNECT 502
proxy-chain: GET 200, CONNECT 200
proxy: GET 200, CONNECT 200
TEXT
diff expected seen
grep -m 1 -o 'upstream \[::1\]:[0-9]* due to .* Name or service not known' said
