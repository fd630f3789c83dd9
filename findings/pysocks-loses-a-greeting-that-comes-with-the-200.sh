#!/usr/bin/env bash
# Where the server speaks first (SSH, SMTP, IMAP, FTP, MySQL), its greeting can come in one piece with the 200 that opens the
# tunnel to it: whatever lies between may put the two together, and TCP keeps no borders.
#
# Guess: what is behind the blank line of the 200 is the tunnel's, and whoever opens tunnels for a program hands it on.
# Seen with Python 3.11's http.client, PySocks 1.7.1, python-socks 3.2.1, https-proxy-agent 9.1.0, tunnel 0.0.6, OpenJDK 17's
#   Socket by Proxy.Type.HTTP and aria2 1.36.0 (Debian 12) for ftp://: with a pause before the greeting all have it; where it
#   comes with the 200 none has.  Six have lost it, and tunnel says "got illegal response body from
#   proxy".  nc, ncat, socat, connect-proxy, corkscrew, proxytunnel, curl for ftp:// and Ruby's Net::SSH 7.0.1 read it either
#   way.  Behind a proxy that is fast enough some programs miss what their mail server says first, once in a while.
#
# Needs: root, for nothing but apt-get download; aria2, connect-proxy, corkscrew, curl, nc (OpenBSD's), ncat, node 20 with npm,
#   a JDK of 17, proxytunnel, ruby, socat, python 3.11 with venv.  Takes a minute and a half, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pysocks==1.7.1' 'python-socks==3.2.1' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . https-proxy-agent@9.1.0 tunnel@0.0.6 >/dev/null
apt-get download -qq 'ruby-net-ssh=1:7.0.1-1' 2>/dev/null
dpkg -x ruby-net-ssh_*.deb .

cat > proxy.py <<'PYTHON'
"""Opens every tunnel; the greeting comes with the 200, or behind a pause."""
import socketserver, sys, time


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        opened, greeting = b"HTTP/1.1 200 OK\r\n\r\n", b"220 it is here\r\n"
        if sys.argv[1] == "together":
            self.wfile.write(opened + greeting)
        else:
            self.wfile.write(opened)
            time.sleep(0.5)
            self.wfile.write(greeting)
        try:
            while said := self.rfile.readline():
                with open("said-" + sys.argv[1], "ab") as file:
                    file.write(said)
                self.wfile.write(b"331 go on\r\n")
        except OSError:
            pass


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > by_http_client.py <<'PYTHON'
import http.client, sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.set_tunnel("mail.test", 25)
connection.connect()
connection.sock.settimeout(3)
print(connection.sock.recv(99))
PYTHON
cat > by_pysocks.py <<'PYTHON'
import socks, sys

connection = socks.socksocket()
connection.set_proxy(socks.HTTP, "127.0.0.1", int(sys.argv[1]))
connection.settimeout(3)
connection.connect(("mail.test", 25))
print(connection.recv(99))
PYTHON
cat > by_python_socks.py <<'PYTHON'
import sys
from python_socks.sync import Proxy

connection = Proxy.from_url("http://127.0.0.1:" + sys.argv[1]).connect("mail.test", 25)
connection.settimeout(3)
print(connection.recv(99))
PYTHON
cat > Greeted.java <<'JAVA'
import java.net.*;

public class Greeted {
    public static void main(String[] arguments) throws Exception {
        var proxy = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
        try (var socket = new Socket(new Proxy(Proxy.Type.HTTP, proxy))) {
            socket.connect(InetSocketAddress.createUnresolved("mail.test", 25));
            socket.setSoTimeout(3000);
            var said = new byte[99];
            System.out.println(new String(said, 0, socket.getInputStream().read(said)));
        }
    }
}
JAVA
cat > agents.mjs <<'JAVASCRIPT'
import EventEmitter from "node:events";
import { HttpsProxyAgent } from "https-proxy-agent";
import tunnel from "tunnel";

const [name, port] = process.argv.slice(2);
const heard = (socket) => socket.on("data", (said) => process.exit(console.log(String(said))));
setTimeout(() => process.exit(1), 3000);
const request = new EventEmitter();
if (name === "https-proxy-agent") {
  const destination = { host: "mail.test", port: 25, secureEndpoint: false };
  const socket = await new HttpsProxyAgent(`http://127.0.0.1:${port}`).connect(request, destination);
  heard(socket);
  request.emit("socket", socket);
  socket.resume();
} else {
  const agent = tunnel.httpOverHttp({ proxy: { host: "127.0.0.1", port } });
  agent.createSocket({ host: "mail.test", port: 25, request }, heard);
}
JAVASCRIPT
cat > by_net_ssh.rb <<'RUBY'
require 'net/ssh/proxy/http'
require 'timeout'

socket = Net::SSH::Proxy::HTTP.new('127.0.0.1', ARGV[0].to_i).open('mail.test', 25, {})
Timeout.timeout(3) { puts socket.readpartial(99) }
RUBY
for when in together apart; do
    python3 proxy.py "$when" > "port-$when" & pids+=($!)
    until [ -s "port-$when" ]; do sleep 0.1; done
done
unset all_proxy ALL_PROXY http_proxy HTTP_PROXY https_proxy HTTPS_PROXY ftp_proxy FTP_PROXY no_proxy NO_PROXY

wrong=0
see() { # name, whether it is expected to read a greeting that comes with the 200, command with PORT for the proxy's
    local name=$1 expected="apart:yes together:$2" when seen=""
    shift 2
    for when in apart together; do
        : > "said-$when"
        (sleep 1) | timeout 10 "${@//PORT/$(cat "port-$when")}" > out 2>&1 || true
        if grep -q '220 it is here' out || grep -q '^USER' "said-$when"; then seen+="$when:yes "; else seen+="$when:no "; fi
    done
    printf '%-18s%s\n' "$name" "$seen"
    [ "$seen" = "$expected " ] || wrong=1
}
at=127.0.0.1
see nc yes nc -X connect -x $at:PORT mail.test 25
see ncat yes ncat --proxy $at:PORT --proxy-type http mail.test 25
see socat yes socat - PROXY:$at:mail.test:25,proxyport=PORT
see connect-proxy yes connect-proxy -H $at:PORT mail.test 25
see corkscrew yes corkscrew $at PORT mail.test 25
see proxytunnel yes proxytunnel -q -p $at:PORT -d mail.test:25
see curl yes curl -sS -m 3 -p -x $at:PORT ftp://mail.test/
see net-ssh yes ruby -I usr/share/rubygems-integration/all/gems/net-ssh-7.0.1/lib -I usr/lib/ruby/vendor_ruby by_net_ssh.rb PORT
see http.client no python3 by_http_client.py PORT
see pysocks no venv/bin/python by_pysocks.py PORT
see python-socks no venv/bin/python by_python_socks.py PORT
see Socket no java Greeted.java PORT
see https-proxy-agent no node agents.mjs https-proxy-agent PORT
see tunnel no node agents.mjs tunnel PORT
see aria2 no aria2c --no-conf -t 3 --max-tries=1 --all-proxy=http://$at:PORT --proxy-method=tunnel ftp://mail.test/a
exit "$wrong"
