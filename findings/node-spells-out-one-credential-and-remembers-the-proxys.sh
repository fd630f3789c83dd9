#!/usr/bin/env bash
# In HTTP/2 a field that was sent once costs a byte the next time: HPACK's table holds it.  A credential may be kept out of
# the table, "never indexed" (RFC 7541, 7.1.3), and is then written out in full in every request.
#
# Guess: proxy-authorization is treated as authorization is: kept out of the table by the libraries that think of it.
# Seen with h2 4.4.1 (Python), Node 20 (nghttp2) and Go 1.19 (Debian 12): h2 never indexes either; Go puts both into the
#   table; Node never indexes authorization, and puts proxy-authorization into the table.  Of requests with both the second
#   CONNECT took 126 bytes from h2, 65 from Node and 6 from Go.  A customer who opens a hundred tunnels in one connection
#   sends his credential a hundred times or once, by the library he happens to have, to a proxy that counts what comes in.
#
# Needs: go, node 20, openssl, python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'h2==4.4.1' 'hpack==4.2.0' 'hyperframe==6.1.0' 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=proxy.test \
    -keyout key.pem -out certificate.pem 2>/dev/null

cat > client.mjs <<'JAVASCRIPT'
import http2 from 'node:http2';

const [, , port, credential] = process.argv;
const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
for (let left = 2; left; left -= 1) {
  await new Promise((done, fail) => session.request({
    ':method': 'CONNECT', ':authority': 'origin.test:443', 'proxy-authorization': credential, authorization: credential,
  }).on('response', done).on('error', fail));
}
process.exit();
JAVASCRIPT
cat > client.go <<'GO'
package main

import (
	"crypto/tls"
	"net/http"
	"os"
)

func main() {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	for left := 2; left > 0; left-- {
		request, _ := http.NewRequest("CONNECT", "https://127.0.0.1:"+os.Args[1], nil)
		request.Host = "origin.test:443"
		request.Header.Set("Proxy-Authorization", os.Args[2])
		request.Header.Set("Authorization", os.Args[2])
		if _, err := transport.RoundTrip(request); err != nil {
			panic(err)
		}
	}
}
GO
cat > client.py <<'PYTHON'
import socket, ssl, sys
from h2.connection import H2Connection
from h2.events import ResponseReceived

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
sock = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
client = H2Connection()
client.initiate_connection()
for stream in (1, 3):
    client.send_headers(stream, [(":method", "CONNECT"), (":authority", "origin.test:443"),
                                 ("proxy-authorization", sys.argv[2]), ("authorization", sys.argv[2])])
    answered = False
    while not answered:
        sock.sendall(client.data_to_send())
        answered = any(isinstance(event, ResponseReceived) for event in client.receive_data(sock.recv(65536)))
PYTHON
GOCACHE=$folder/cache GO111MODULE=off go build -o client client.go

cat > proxy.py <<'PYTHON'
import base64, socket, ssl, subprocess, sys
import hpack
from hpack import NeverIndexedHeaderTuple
from hyperframe.frame import Frame, HeadersFrame, SettingsFrame

CREDENTIAL = "Basic " + base64.b64encode(b"alice-country-us-session-key1:" + b"correct horse battery").decode()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
context.set_alpn_protocols(["h2"])
server = socket.create_server(("127.0.0.1", 0))
server.settimeout(20)


def blocks(*command):
    """Of each CONNECT of a client: the size of its header block, and which of the two fields it wants never indexed."""
    started = subprocess.Popen([*command, str(server.getsockname()[1]), CREDENTIAL], stderr=subprocess.DEVNULL)
    taken, _ = server.accept()
    sock = context.wrap_socket(taken, server_side=True)
    stream = sock.makefile("rb")
    stream.read(24)
    sock.sendall(SettingsFrame(0).serialize())
    decoder, encoder, seen = hpack.Decoder(), hpack.Encoder(), []
    while len(seen) < 2:
        frame, length = Frame.parse_frame_header(memoryview(stream.read(9)))
        frame.parse_body(memoryview(stream.read(length)))
        if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            sock.sendall(SettingsFrame(0, flags=["ACK"]).serialize())
        if isinstance(frame, HeadersFrame):
            never = {header[0] for header in decoder.decode(frame.data) if isinstance(header, NeverIndexedHeaderTuple)}
            seen.append((len(frame.data), never & {"authorization", "proxy-authorization"}))
            answer = HeadersFrame(frame.stream_id, data=encoder.encode([(":status", "200")]), flags=["END_HEADERS"])
            sock.sendall(answer.serialize())
    started.wait(20)
    sock.close()
    return seen


seen = {"h2": blocks("venv/bin/python", "client.py"), "Node": blocks("node", "client.mjs"), "Go": blocks("./client")}
for name, ((first, never), (second, _)) in seen.items():
    print(f"{name:6}first CONNECT: {first} bytes, second: {second}, never indexed: {', '.join(sorted(never)) or 'neither'}")
value = len(hpack.Encoder().encode([("authorization", CREDENTIAL)])) - 3
print("the credential alone:", value, "bytes")
both, one = {"authorization", "proxy-authorization"}, {"authorization"}
sys.exit([[never for _, never in each] for each in seen.values()] != [[both, both], [one, one], [set(), set()]]
         or not (seen["h2"][1][0] > 2 * value > seen["Node"][1][0] > value > seen["Go"][1][0]))
PYTHON
timeout 60 venv/bin/python proxy.py
