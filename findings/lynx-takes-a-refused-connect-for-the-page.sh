#!/usr/bin/env bash
# A proxy that refuses CONNECT answers with a status and a page of its own.  For https:// nothing that the proxy says can
# be the page: no certificate has vouched for it.
#
# Guess: lynx and ELinks fail, as curl and wget do and, since the "pretty bad proxy" of 2009, all large browsers: an error,
#   and a status that a script can see.
# Seen with lynx 2.9.0dev.12 and ELinks 0.13.2: both give the proxy's page out as that of https://bank.example/ and end
#   with 0, for a 402 as for a 502.  `lynx -source https://… >key` in a script takes the words of whatever stands between,
#   and does not notice.  curl and wget fail; w3m shows nothing of it, though it ends with 0 too.
#
# Needs: lynx, elinks, w3m, curl, wget, python3.  Takes a few seconds, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
cat > proxy.py <<'PYTHON'
import socketserver


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        status = b"402 Payment Required" if b"402" in line[1] else b"502 Bad Gateway"
        body = b"<title>Bank</title>words of the proxy\n"
        self.wfile.write(b"HTTP/1.1 %b\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
python3 proxy.py > port & proxy=$!
until [ -s port ]; do sleep 0.1; done
by=127.0.0.1:$(cat port)
export http_proxy=http://$by https_proxy=http://$by HOME=$folder
unset no_proxy NO_PROXY all_proxy ALL_PROXY HTTP_PROXY HTTPS_PROXY
printf 'set protocol.https.proxy.host = "%s"\n' "$by" > elinks.conf

wrong=0
see() { # name, whether it is expected to take the words for the page, command
    local name=$1 expected=$2 status=0 said=fails
    shift 2
    timeout 20 "$@" </dev/null >out 2>err || status=$?
    if [ "$status" = 0 ] && grep -q 'words of the proxy' out; then said=page; fi
    printf '%-24s%-8sstatus %s\n' "$name" "$said" "$status"
    [ "$said" = "$expected" ] || wrong=1
}
for host in bank.example pays402.example; do
    see "lynx $host" page lynx -source "https://$host/"
    see "elinks $host" page elinks -config-dir "$folder" -source 1 "https://$host/"
    see "w3m $host" fails w3m -dump_source "https://$host/"
    see "curl $host" fails curl -sS "https://$host/"
    see "wget $host" fails wget -qO- --tries=1 "https://$host/"
done
exit "$wrong"
