#!/usr/bin/env bash
# TCP ends each direction by itself.  A client may say all it has, end its side (shutdown, "nc -N", the end of a pipe) and then
# read the answer: so do whois, finger, "printf … | nc", and many a program that streams a file up and waits for the verdict.
#
# Guess: a tunnel carries that as TCP does: the end of the client's side goes on to the origin, and the answer comes back.
# Seen with squid 5.7, tinyproxy 1.11.1, privoxy 3.0.34, microsocks 1.0.3, dante 1.4.2, Apache 2.4.71 (Debian 12), pproxy 2.7.9,
#   proxy.py 2.4.10, proxy-chain 3.0.1 and proxy 4.1.0 (npm), as they come: the last two, dante and Apache bring the
#   answer.  Through the six others the origin reads all and answers a second later, and the client reads an orderly
#   end after 0 bytes.  At the client's side corkscrew 2.0 and proxytunnel 1.10 do the same, with exit 0; connect-proxy 1.105
#   and ncat 7.93 wait.  The upload was done and paid for; what came of it nobody hears, and nothing looks like an error.
#
# Needs: root, for nothing but apt-get download; squid, tinyproxy, dante-server, connect-proxy, corkscrew, ncat, proxytunnel,
#   node 20 with npm, python3 with venv.  Takes about a minute and a half, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
    sleep 2
    for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pproxy==2.7.9' 'proxy.py==2.4.10' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . proxy-chain@3.0.1 proxy@4.1.0 >/dev/null
apt-get download -qq 'privoxy=3.0.34-1' 'libpcre3=2:8.39-15' 'libmbedtls14=2.28.3-1' 'libmbedx509-1=2.28.3-1' \
    'libmbedcrypto7=2.28.3-1' 'microsocks=1.0.3-2' 'apache2-bin=2.4.71-1~deb12u1' 'libapr1=1.7.2-3+deb12u1' \
    'libaprutil1=1.6.3-1+deb12u1' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$folder/usr/lib/x86_64-linux-gnu:$folder/lib/x86_64-linux-gnu

cat > squid.conf <<'CONFIGURATION'
http_port 127.0.0.1:28921
http_access allow all
cache deny all
access_log none
cache_log /dev/null
pid_filename none
shutdown_lifetime 0 seconds
cache_effective_user proxy
CONFIGURATION
printf 'Port 28922\nListen 127.0.0.1\n' > tinyproxy.conf
printf 'confdir %s/etc/privoxy\nlisten-address 127.0.0.1:28923\n' "$folder" > privoxy.conf
cat > danted.conf <<CONFIGURATION
logoutput: $folder/danted.log
internal: 127.0.0.1 port = 28925
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.unprivileged: root
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 127.0.0.0/8 }
CONFIGURATION
cat > apache.conf <<CONFIGURATION
ServerRoot $folder/usr/lib/apache2
ServerName localhost
Listen 127.0.0.1:28926
PidFile $folder/apache.pid
ErrorLog $folder/apache.log
User www-data
Group www-data
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_connect_module modules/mod_proxy_connect.so
ProxyRequests On
AllowCONNECT 1-65535
CONFIGURATION
cat > proxies.mjs <<'JAVASCRIPT'
import http from "node:http";
import { createProxy } from "proxy";
import { Server } from "proxy-chain";

createProxy(http.createServer()).listen(28931, "127.0.0.1");
await new Server({ host: "127.0.0.1", port: 28930 }).listen();
JAVASCRIPT

run() {
    setsid "$@" >>said 2>&1 & pids+=($!)
}
run squid -N -n "half$$" -f squid.conf
run tinyproxy -d -c tinyproxy.conf
run env LD_LIBRARY_PATH="$libraries" usr/sbin/privoxy --no-daemon privoxy.conf
run env LD_LIBRARY_PATH="$libraries" usr/bin/microsocks -i 127.0.0.1 -p 28924
run danted -f danted.conf -p danted.pid
run env LD_LIBRARY_PATH="$libraries" usr/sbin/apache2 -X -f "$folder/apache.conf"
run venv/bin/pproxy -l http://127.0.0.1:28927
run venv/bin/proxy --hostname 127.0.0.1 --port 28928 --num-workers 1 --num-acceptors 1
run node proxies.mjs

cat > talk.py <<'PYTHON'
import socket, struct, subprocess, sys, threading, time

PROXIES = {
    "squid": 28921, "tinyproxy": 28922, "privoxy": 28923, "microsocks": 28924, "dante": 28925, "Apache": 28926,
    "pproxy": 28927, "proxy.py": 28928, "proxy-chain": 28930, "proxy": 28931,
}  # fmt: skip
SOCKS = {"microsocks", "dante"}
TOOLS = {
    "corkscrew": "corkscrew 127.0.0.1 28930 127.0.0.1 {}",
    "proxytunnel": "proxytunnel -q -p 127.0.0.1:28930 -d 127.0.0.1:{}",
    "connect-proxy": "connect-proxy -H 127.0.0.1:28930 127.0.0.1 {}",
    "ncat": "ncat --proxy-type http --proxy 127.0.0.1:28930 127.0.0.1 {}",
}
CARRIED = {"dante", "Apache", "proxy-chain", "proxy", "connect-proxy", "ncat"}


def answer(listening, read):
    """Reads all that the client says, and answers a second later."""
    with listening, listening.accept()[0] as taken:
        taken.settimeout(20)
        while part := taken.recv(4096):
            read.append(part)
        time.sleep(1)
        try:
            taken.sendall(b"the answer")
        except OSError:
            pass


def through(name, port):
    with reached(PROXIES[name]) as proxy:
        proxy.settimeout(20)
        if name in SOCKS:
            proxy.sendall(b"\5\1\0")
            assert proxy.recv(2, socket.MSG_WAITALL) == b"\5\0"
            proxy.sendall(b"\5\1\0\1\x7f\0\0\1" + struct.pack("!H", port))
            assert proxy.recv(10, socket.MSG_WAITALL)[1] == 0
        else:
            proxy.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (port, port))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += proxy.recv(1) or sys.exit(f"{name} opens no tunnel: {head}")
            assert b" 200 " in head, head
        proxy.sendall(b"all I have")
        proxy.shutdown(socket.SHUT_WR)
        return proxy.recv(10, socket.MSG_WAITALL)


def reached(port):
    for _ in range(300):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit(f"nobody listens at {port}")


def by_tool(name, port):
    return subprocess.run(TOOLS[name].format(port).split(), input=b"all I have", capture_output=True, check=True).stdout


for name in (*PROXIES, *TOOLS):
    listening = socket.create_server(("127.0.0.1", 0))
    read = []
    origin = threading.Thread(target=answer, args=(listening, read))
    port = listening.getsockname()[1]
    origin.start()
    got = through(name, port) if name in PROXIES else by_tool(name, port)
    origin.join()
    print(f"{name}: the origin read {b''.join(read)}, the client {got}", flush=True)
    assert b"".join(read) == b"all I have"
    assert got == (b"the answer" if name in CARRIED else b""), name
PYTHON
python3 talk.py
