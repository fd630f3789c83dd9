#!/usr/bin/env bash
# A password with "@" or "/" in it stands escaped in the URL of a proxy, http_proxy=http://us:p%40s%2Fs@…, since without the
# escapes it would end the name, or the URL (RFC 3986, 2.4 and 3.2.1).
#
# Guess: whoever takes name and password out of that URL takes back its escapes: the proxy is given "p@s/s" by all.
# Seen with curl 7.88.1, wget 1.21.3, aria2 1.36.0, Perl's HTTP::Tiny 0.080, Ruby 3.1, w3m 0.5.3, axel 2.17.11, elinks 0.13.2
#   and lynx 2.9.0dev.12 (Debian 12): the first four do, and Ruby's Net::HTTP.  Ruby's open-uri, w3m and axel give the proxy
#   "p%40s%2Fs".  elinks asks without a credential, also after the 407, and lynx does not find the proxy at all behind an "@".
#   With such a password one half of a Ruby program is let in, whichever way the proxy's user has written it.
#
# Needs: aria2, axel, curl, elinks, lynx, perl, ruby, w3m, wget, python3.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

cat > proxy.py <<'PYTHON'
"""A proxy that wants a login, takes any, and writes down what it was given."""
import base64, socketserver

REFUSAL = b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="it"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nit"


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        given = b"nothing"
        if not self.rfile.readline():
            return
        while field := self.rfile.readline().strip():
            name, _, value = field.partition(b":")
            if name.lower() == b"proxy-authorization":
                given = base64.b64decode(value.split()[1])
        with open("given", "ab") as file:
            file.write(given + b"\n")
        self.wfile.write(REFUSAL if given == b"nothing" else PAGE)


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
python3 proxy.py > port & proxy=$!
until [ -s port ]; do sleep 0.1; done
unset all_proxy ALL_PROXY HTTP_PROXY no_proxy NO_PROXY
export http_proxy="http://us:p%40s%2Fs@127.0.0.1:$(cat port)" HOME=$folder

wrong=0
see() { # name, what the proxy is expected to be given at last, command
    local name=$1 expected=$2 given
    shift 2
    : > given
    timeout 10 "$@" > out 2>&1 </dev/null || true
    given=$(tail -1 given)
    printf '%-14s%s\n' "$name" "${given:-it did not come}"
    [ "$given" = "$expected" ] || wrong=1
}
url=http://origin.test/
see curl us:p@s/s curl -s $url
see wget us:p@s/s wget -q -O- --tries=1 $url
see aria2 us:p@s/s aria2c --no-conf -q -o page $url
see HTTP::Tiny us:p@s/s perl -MHTTP::Tiny -e 'HTTP::Tiny->new->get($ARGV[0])' $url
see Net::HTTP us:p@s/s ruby -rnet/http -e 'Net::HTTP.get(URI(ARGV[0]))' $url
see open-uri us:p%40s%2Fs ruby -ropen-uri -e 'URI.open(ARGV[0]).read' $url
see w3m us:p%40s%2Fs w3m -dump_source $url
see axel us:p%40s%2Fs axel -q -o axeled $url
see elinks nothing elinks -no-home -source 1 $url
see lynx '' lynx -source $url
exit "$wrong"
