#!/usr/bin/env bash
# A proxy's URL in the environment holds name and password.  RFC 3986 lets "+", ";" and "=" stand there as they are; a
# password that openssl rand -base64 has made mostly has one of them.
#
# Guess: without an escape in the URL there is nothing to decode, and every client sends the password as it was written.
# Seen with the URL http://us:a+b;c=@…: curl 7.88.1, Python's requests 2.34.2 and Go's net/http 1.19 send "a+b;c=".  Ruby's
#   Net::HTTP 3.1 reads the "+" as in a form, and sends "a b;c="; gem does too.  axios 1.21.1 and global-agent 4.1.6 send
#   "a+b%3Bc%3D": Node's URL escapes ";" and "=" by itself, and they forget to take that back.  The same environment logs one
#   tool in and another out.
#
# Needs: curl, go, ruby, node 20 with npm, python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'requests==2.34.2' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . axios@1.21.1 global-agent@4.1.6 >/dev/null

cat > proxy.py <<'PYTHON'
import base64, socketserver


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b": ")
            if name.lower() == b"proxy-authorization":
                with open("sent", "w") as file:
                    print(base64.b64decode(value.removeprefix(b"Basic ")).decode(), file=file)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\npage\n")


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > get.go <<'GO'
package main

import (
	"net/http"
	"os"
)

func main() {
	if _, err := http.Get(os.Args[1]); err != nil {
		panic(err)
	}
}
GO
cat > agent.mjs <<'JAVASCRIPT'
import http from 'node:http';
process.env.GLOBAL_AGENT_HTTP_PROXY = process.env.http_proxy;
(await import('global-agent')).bootstrap();
http.get(process.argv[2], () => process.exit());
JAVASCRIPT
GOCACHE=$folder/cache GOFLAGS=-mod=mod GO111MODULE=off go build -o get get.go

python3 proxy.py > port & proxy=$!
until [ -s port ]; do sleep 0.1; done
unset all_proxy ALL_PROXY HTTPS_PROXY https_proxy no_proxy NO_PROXY
export http_proxy="http://us:a+b;c=@127.0.0.1:$(cat port)"
export HTTP_PROXY=$http_proxy

wrong=0
see() { # name, the password that is expected, command
    local name=$1 expected=$2
    shift 2
    : > sent
    HOME=$folder NODE_NO_WARNINGS=1 timeout 30 "$@" </dev/null >out 2>&1 || true
    printf '%-14s%s\n' "$name" "$(cat sent)"
    [ "$(cat sent)" = "us:$expected" ] || wrong=1
}
url=http://origin.test/
see curl 'a+b;c=' curl -sS $url
see requests 'a+b;c=' venv/bin/python -c "import requests; requests.get('$url')"
see Go 'a+b;c=' ./get $url
see Net::HTTP 'a b;c=' ruby -rnet/http -e "Net::HTTP.get(URI('$url'))"
see gem 'a b;c=' gem fetch --quiet --clear-sources --source $url nothing
see axios 'a+b%3Bc%3D' node -e "require('axios').get('$url')"
see global-agent 'a+b%3Bc%3D' node agent.mjs $url
exit "$wrong"
