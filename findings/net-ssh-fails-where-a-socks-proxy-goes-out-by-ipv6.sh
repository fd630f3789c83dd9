#!/usr/bin/env bash
# A SOCKS5 proxy's reply to CONNECT tells where it stands towards the destination (BND.ADDR): an IPv4 address, an IPv6 address
# or a name (RFC 1928, 6).  Hardly a client has a use for it; each has to read it to find where the tunnel begins.
#
# Guess: every client reads all three, whether or not it speaks IPv6 itself, since the destination was sent by name.
# Seen with curl 7.88.1, ncat 7.93, connect-proxy 1.105, nc 1.219 (OpenBSD's), OpenJDK 17, Ruby's Net::SSH 7.0.1 (Debian 12),
#   PySocks 1.7.1 and python-socks 3.2.1: six do.  Net::SSH, and so whatever deploys by it, ends with "undefined method
#   `ipv6addr'" at an IPv6 address, with the tunnel open and paid for.  nc ends without it at a name.  An exit that gets its
#   first IPv6 address, and from then on goes out by it where it can, loses its customers with Net::SSH.
#
# Needs: root, for nothing but apt-get download; connect-proxy, curl, nc (OpenBSD's), ncat, a JDK of 17, ruby 3.1, python3 with
#   venv.  Takes a minute, on loopback alone.
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
apt-get download -qq 'ruby-net-ssh=1:7.0.1-1' 2>/dev/null
dpkg -x ruby-net-ssh_*.deb .

cat > proxy.py <<'PYTHON'
"""Opens every tunnel, to a mail server that greets, and says where it stands in the form that is asked for."""
import ipaddress, socketserver, sys, time

ADDRESSES = {
    "IPv4": b"\x01" + ipaddress.ip_address("192.0.2.1").packed,
    "IPv6": b"\x04" + ipaddress.ip_address("2001:db8::1").packed,
    "name": b"\x03\x09exit.test",
}


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\x05\x00")
        kind = self.rfile.read(4)[3]
        self.rfile.read({1: 4, 4: 16}.get(kind) or self.rfile.read(1)[0])
        self.rfile.read(2)
        self.wfile.write(b"\x05\x00\x00" + ADDRESSES[sys.argv[1]] + b"\x9c\x40")
        time.sleep(0.3)
        try:
            self.wfile.write(b"220 it is here\r\n")
            while said := self.rfile.readline():
                with open("said", "ab") as file:
                    file.write(said)
                self.wfile.write(b"331 go on\r\n")
        except OSError:
            pass


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
PYTHON
cat > by_pysocks.py <<'PYTHON'
import socks, sys

connection = socks.socksocket()
connection.set_proxy(socks.SOCKS5, "127.0.0.1", int(sys.argv[1]))
connection.settimeout(3)
connection.connect(("mail.test", 25))
print(connection.recv(99))
PYTHON
cat > by_python_socks.py <<'PYTHON'
import sys
from python_socks.sync import Proxy

connection = Proxy.from_url("socks5://127.0.0.1:" + sys.argv[1]).connect("mail.test", 25)
connection.settimeout(3)
print(connection.recv(99))
PYTHON
cat > Greeted.java <<'JAVA'
import java.net.*;

public class Greeted {
    public static void main(String[] arguments) throws Exception {
        var proxy = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
        try (var socket = new Socket(new Proxy(Proxy.Type.SOCKS, proxy))) {
            socket.connect(InetSocketAddress.createUnresolved("mail.test", 25));
            socket.setSoTimeout(3000);
            var said = new byte[99];
            System.out.println(new String(said, 0, socket.getInputStream().read(said)));
        }
    }
}
JAVA
cat > by_net_ssh.rb <<'RUBY'
require 'net/ssh/proxy/socks5'
require 'timeout'

socket = Net::SSH::Proxy::SOCKS5.new('127.0.0.1', ARGV[0].to_i).open('mail.test', 25, {})
Timeout.timeout(3) { puts socket.readpartial(99) }
RUBY
for kind in IPv4 IPv6 name; do
    python3 proxy.py $kind > "port-$kind" & pids+=($!)
    until [ -s "port-$kind" ]; do sleep 0.1; done
done
unset all_proxy ALL_PROXY http_proxy HTTP_PROXY https_proxy HTTPS_PROXY ftp_proxy FTP_PROXY no_proxy NO_PROXY

wrong=0
see() { # name, the forms that it is expected to read, command with PORT for the proxy's
    local name=$1 expected=$2 seen=""
    shift 2
    for kind in IPv4 IPv6 name; do
        : > said
        (sleep 1) | timeout 10 "${@//PORT/$(cat "port-$kind")}" > out 2>&1 || true
        ! grep -q '220 it is here' out && ! grep -q '^USER' said || seen+="$kind "
        ! grep -q 'undefined method' out || grep -o "undefined method \`[a-z0-9]*'" out
    done
    printf '%-16sreads %s\n' "$name" "$seen"
    [ "$seen" = "$expected " ] || wrong=1
}
at=127.0.0.1 all='IPv4 IPv6 name'
see curl "$all" curl -sS -m 3 -p -x socks5h://$at:PORT ftp://mail.test/
see ncat "$all" ncat --proxy $at:PORT --proxy-type socks5 --proxy-dns remote mail.test 25
see connect-proxy "$all" connect-proxy -5 -R remote -S $at:PORT mail.test 25
see Socket "$all" java Greeted.java PORT
see pysocks "$all" venv/bin/python by_pysocks.py PORT
see python-socks "$all" venv/bin/python by_python_socks.py PORT
see nc 'IPv4 IPv6' nc -X 5 -x $at:PORT mail.test 25
see net-ssh 'IPv4 name' ruby -I usr/share/rubygems-integration/all/gems/net-ssh-7.0.1/lib -I usr/lib/ruby/vendor_ruby \
    by_net_ssh.rb PORT
exit "$wrong"
