#!/usr/bin/env bash
# Many PAC files begin with 'if (isPlainHostName(host)) return "DIRECT";': a name without a dot, printer or wiki, is on one's own
# network.  A page may also be at an address, http://[2001:db8::1]/, anywhere in the world.
#
# Guess: an address is no plain host name, of IPv6 as of IPv4, and goes by the proxy; host is "2001:db8::1", without brackets.
# Seen with Chromium 156 (Debian 12), PyPAC 0.19.0, pacparser 1.5.3 and pac-resolver 9.0.2: for Chromium it is not plain, for
#   the three others it is, since it has no dot: what they ask for by IPv6 goes past the proxy, and past what it counts.  The
#   host that the file is given is "2001:db8::1" in Chromium and PyPAC, "[2001:db8::1]" in pac-resolver and "[2001" in
#   pacparser, unless its caller says better; a file that compares it with an address does not know it there.  192.0.2.1 is
#   plain for none.
#
# Needs: chromium, node 20 with npm, python3 with venv.  Takes a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxies" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pacparser==1.5.3' 'pypac==0.19.0' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . pac-resolver@9.0.2 quickjs-wasi@3.7.0 >/dev/null

cat > proxies.py <<'PYTHON'
"""Two proxies, each of which answers every page with its name."""
import http.server, threading


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.name)

    def log_message(self, *line):
        pass


servers = []
for name in (b"SAYS-YES", b"SAYS-NO"):
    servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy))
    servers[-1].name = name
    threading.Thread(target=servers[-1].serve_forever).start()
print(*(server.server_address[1] for server in servers), flush=True)
PYTHON
cat > evaluate.py <<'PYTHON'
import sys
import pacparser
from pypac.parser import PACFile
from pypac.resolver import ProxyResolver

script, url = open("proxy.pac").read(), sys.argv[1]
pacparser.init()
pacparser.parse_pac_string(script)
print(pacparser.find_proxy(url))
print(ProxyResolver(PACFile(script)).get_proxies(url)[0])
PYTHON
cat > evaluate.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { createPacResolver } from "pac-resolver";
import { QuickJS } from "quickjs-wasi";

const wasm = readFileSync(new URL(import.meta.resolve("quickjs-wasi/quickjs.wasm")));
console.log(await createPacResolver(await QuickJS.create({ wasm }), readFileSync("proxy.pac"))(process.argv[2]));
process.exit();
JAVASCRIPT
python3 proxies.py > ports & proxies=$!
until [ -s ports ]; do sleep 0.1; done
read -r yes no < ports

wrong=0
see() { # condition, page, what Chromium, pac-resolver, pacparser and PyPAC are expected to say
    local said script
    printf 'function FindProxyForURL(url, host) { return (%s) ? "%s" : "%s"; }\n' "$1" \
        "PROXY 127.0.0.1:$yes" "PROXY 127.0.0.1:$no" > proxy.pac
    script=data:application/x-ns-proxy-autoconfig\;base64,$(base64 -w0 proxy.pac)
    said=$(timeout 60 chromium --headless --no-sandbox --user-data-dir="$(mktemp -d -p "$folder")" --dump-dom \
        --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --proxy-pac-url="$script" "$2" 2>/dev/null |
        grep -o 'SAYS-[A-Z]*' | sed 's/SAYS-YES/yes/; s/SAYS-NO/no/' || true)
    { node evaluate.mjs "$2"; venv/bin/python evaluate.py "$2"; } > others
    said+=" $(awk -v yes=":$yes" '{ print index($0, yes) ? "yes" : "no" }' others | paste -sd' ')"
    printf '%-26s%-24s%s\n' "$1" "$2" "$said"
    [ "$said" = "$3" ] || wrong=1
}
echo 'condition                 page                    Chromium, pac-resolver, pacparser, PyPAC'
see 'isPlainHostName(host)' 'http://[2001:db8::1]/' 'no yes yes yes'
see 'isPlainHostName(host)' http://192.0.2.1/ 'no no no no'
see 'isPlainHostName(host)' http://wiki/ 'yes yes yes yes'
see 'host == "2001:db8::1"' 'http://[2001:db8::1]/' 'yes no no yes'
see 'host == "[2001:db8::1]"' 'http://[2001:db8::1]/' 'no yes no no'
see 'host == "[2001"' 'http://[2001:db8::1]/' 'no no yes no'
exit "$wrong"
