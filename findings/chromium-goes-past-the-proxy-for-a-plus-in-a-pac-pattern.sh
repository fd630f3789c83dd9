#!/usr/bin/env bash
# A PAC file chooses the proxy by shExpMatch(url, pattern): "*" stands for any characters and "?" for one, as in a shell.
#
# Guess: every other character stands for itself: the pages under http://a.test/c++/ are met by "*/c++/*".
# Seen with Chromium 156 (Debian 12), pacparser 1.5.3, pac-resolver 9.0.2 and PyPAC 0.19.0: the first three make a
#   regular expression of the pattern and escape its dots alone.  Of "*/c++/*" they make none at all, and it is the whole file that
#   fails, for every address: pacparser and pac-resolver say so, Chromium opens the page without a proxy.  "*/a(b)" does
#   not meet /a(b), and "a.test|b.test" meets both names.  PyPAC takes these characters as they are, but does
#   not tell A.TEST from a.test, as the others do.  One pattern with a plus, and the browser's traffic is on no proxy's bill.
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
for name in (b"IT-IS-MET", b"IT-IS-NOT"):
    servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy))
    servers[-1].name = name
    threading.Thread(target=servers[-1].serve_forever).start()
print(*(server.server_address[1] for server in servers), flush=True)
PYTHON
cat > evaluate.py <<'PYTHON'
import sys
import pacparser
from pypac.parser import PACFile

script, url, host = open("proxy.pac").read(), sys.argv[1], "a.test"
try:
    pacparser.init()
    pacparser.parse_pac_string(script)
    print("pacparser", pacparser.find_proxy(url, host))
except Exception:
    print("pacparser fails")
print("pypac", PACFile(script).find_proxy_for_url(url, host))
PYTHON
cat > evaluate.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { createPacResolver } from "pac-resolver";
import { QuickJS } from "quickjs-wasi";

const wasm = readFileSync(new URL(import.meta.resolve("quickjs-wasi/quickjs.wasm")));
const find = createPacResolver(await QuickJS.create({ wasm }), readFileSync("proxy.pac"));
console.log("pac-resolver", await find(process.argv[2]).catch(() => "fails"));
process.exit();
JAVASCRIPT
python3 proxies.py > ports & proxies=$!
until [ -s ports ]; do sleep 0.1; done
read -r met not < ports

wrong=0
see() { # pattern, what it is held against, the page, what Chromium, pac-resolver, pacparser and PyPAC are expected to say
    local said
    printf 'function FindProxyForURL(url, host) { return shExpMatch(%s, "%s") ? "%s" : "%s"; }\n' "$2" "$1" \
        "PROXY 127.0.0.1:$met" "PROXY 127.0.0.1:$not" > proxy.pac
    timeout 60 chromium --headless --no-sandbox --user-data-dir="$(mktemp -d -p "$folder")" --dump-dom \
        --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
        --proxy-pac-url="data:application/x-ns-proxy-autoconfig;base64,$(base64 -w0 proxy.pac)" "$3" > page 2> errors || true
    said=$(cat page errors | grep -o 'IT-IS-MET\|IT-IS-NOT\|ERR_NAME_NOT_RESOLVED' | head -1 |
        sed 's/IT-IS-MET/met/; s/IT-IS-NOT/not/; s/ERR_.*/direct/' || true)
    { node evaluate.mjs "$3"; venv/bin/python evaluate.py "$3" 2>/dev/null; } > others
    said+=" $(awk -v met=":$met" '{ print $NF == "fails" ? "fails" : index($0, met) ? "met" : "not" }' others | paste -sd' ')"
    printf '%-14s%-22s%s\n' "$1" "$3" "$said"
    [ "$said" = "$4" ] || wrong=1
}
echo 'pattern       page                  Chromium, pac-resolver, pacparser, PyPAC'
see '*/c++/*' url http://a.test/c++/x 'direct fails fails met'
see '*/c++/*' url http://a.test/y 'direct fails fails not'
see '*/a(b)' url 'http://a.test/a(b)' 'not not not met'
see '*/a.b' url 'http://a.test/a.b' 'met met met met'
see 'a.test|b.test' host http://a.test/ 'met met met not'
see 'A.TEST' host http://a.test/ 'not not not met'
exit "$wrong"
