#!/usr/bin/env bash
# A proxy may be reached over TLS, https_proxy=https://…, or speak SOCKS, socks5h://….  Not every client knows either.
#
# Guess: a client that cannot speak to the proxy it was given fails, and says so: who set the variable did not want it to go
#   directly.
# Seen with grpcio 1.85.3 (Python), @grpc/grpc-js 1.14.7, aria2 1.36.0, curl 7.88.1 and wget 1.21.3 (Debian 12): both gRPC
#   libraries write a line to their log, "'https' scheme not supported in proxy URI", and connect to the origin directly, for
#   https:// and for socks5h:// alike; aria2 does so for socks5h://, and speaks plain HTTP to a proxy of https://.  curl
#   speaks both to the proxy, wget gives up.  By http:// all come to the proxy.  A call that is to leave by a customer's exit
#   leaves by the machine's own address, works, and is on no bill.
#
# Needs: aria2, curl, wget, node 20 with npm, python3 with venv.  Takes a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'grpcio==1.85.3' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . @grpc/grpc-js@1.14.7 >/dev/null

cat > call.py <<'PYTHON'
import sys
import grpc

try:
    grpc.insecure_channel(sys.argv[1]).unary_unary("/a/b")(b"", timeout=3)
except grpc.RpcError:
    pass
PYTHON
cat > call.mjs <<'JAVASCRIPT'
import grpc from "@grpc/grpc-js";

const client = new grpc.Client(process.argv[2], grpc.credentials.createInsecure());
const as = (value) => value;
client.makeUnaryRequest("/a/b", as, as, Buffer.alloc(0), { deadline: Date.now() + 3000 }, () => process.exit());
JAVASCRIPT
cat > whither.py <<'PYTHON'
import os, socket, subprocess, sys, threading

met = set()


def listens(name):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            taken = server.accept()[0]
            with taken:
                taken.settimeout(3)
                try:
                    begins = taken.recv(1)
                except OSError:
                    continue
                met.add(f"{name} by {({22: 'TLS', 5: 'SOCKS5'}).get(begins[0], 'plain text') if begins else 'nothing'}")

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


proxy, origin = listens("proxy"), listens("origin")
CLIENTS = {
    "grpcio": ["venv/bin/python", "call.py", f"localhost:{origin}"],
    "grpc-js": ["node", "call.mjs", f"localhost:{origin}"],
    "aria2": ["aria2c", "-q", "--no-conf", "--max-tries=1", "--out=page", f"http://localhost:{origin}/"],
    "curl": ["curl", "-sS", "--max-time", "3", f"http://localhost:{origin}/"],
    "wget": ["wget", "-q", "--no-config", "--tries=1", "-O", "page", f"http://localhost:{origin}/"],
}
plain = {name for name in os.environ if name.lower().endswith("_proxy")}
for scheme in ("http", "https", "socks5h"):
    environment = {name: value for name, value in os.environ.items() if name not in plain}
    environment |= dict.fromkeys(("http_proxy", "https_proxy"), f"{scheme}://127.0.0.1:{proxy}")
    for name, command in CLIENTS.items():
        met.clear()
        subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
        print(f"{scheme}, {name}: {', '.join(sorted(met)) or 'nobody'}", flush=True)
PYTHON
python3 whither.py | tee seen
cat > expected <<'TEXT'
http, grpcio: proxy by plain text
http, grpc-js: proxy by plain text
http, aria2: proxy by plain text
http, curl: proxy by plain text
http, wget: proxy by plain text
https, grpcio: origin by plain text
https, grpc-js: origin by plain text
https, aria2: proxy by plain text
https, curl: proxy by TLS
https, wget: nobody
socks5h, grpcio: origin by plain text
socks5h, grpc-js: origin by plain text
socks5h, aria2: origin by plain text
socks5h, curl: proxy by SOCKS5
socks5h, wget: nobody
TEXT
diff expected seen
