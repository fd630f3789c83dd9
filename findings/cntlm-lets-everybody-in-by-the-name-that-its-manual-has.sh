#!/usr/bin/env bash
# cntlm can be a SOCKS5 proxy with a login.  Its manual and the configuration that it ships name the accounts by the
# keyword SOCKS5User; cntlm does not complain of a file that has it.
#
# Guess: with "SOCKS5User us:s3cret" a client has to log in as us, and a wrong password is refused.
# Seen with cntlm 0.92.3 (Debian 0.92.3-1.2): the keyword is passed over without a word.  A client without a login is let
#   in, and one with a wrong password is told that it was right.  What the program reads is SOCKS5Users, which stands in
#   no document; with that a wrong password is refused, and so is a client without a login.
#
# Needs: root, for nothing but apt-get download; python3.  Takes about ten seconds, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null # cntlm waits for its clients where it is asked to end
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

apt-get download -qq 'cntlm=0.92.3-1.2' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
zcat usr/share/man/man1/cntlm.1.gz | grep -q '^\.B SOCKS5User <username>:<password>'
grep -q '^#SOCKS5User' etc/cntlm.conf

start() { # keyword, port for SOCKS5, port for HTTP
    printf '%s\n' 'Username x' 'Domain x' 'Password x' 'Proxy 127.0.0.1:14839' 'NoProxy *' \
        "Listen 127.0.0.1:$3" "SOCKS5Proxy 127.0.0.1:$2" "$1 us:s3cret" > "$1.conf"
    usr/sbin/cntlm -f -c "$1.conf" > "$1.said" 2>&1 &
    pids+=($!)
}
start SOCKS5User 14831 14833
start SOCKS5Users 14832 14834

cat > ask.py <<'PYTHON'
import socket, sys, time

server = socket.create_server(("127.0.0.1", 14838))


def asked(port, password):
    """Whether a tunnel is to be had: with this password, or without a login."""
    for _ in range(100):
        try:
            sock = socket.create_connection(("127.0.0.1", port), 5)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    with sock:
        sock.sendall(b"\5\1\2" if password else b"\5\1\0")
        if sock.recv(2) not in (b"\5\2", b"\5\0"):
            return False
        if password:
            sock.sendall(b"\1\2us" + bytes([len(password)]) + password)
            if sock.recv(2) != b"\1\0":
                return False
        sock.sendall(b"\5\1\0\1\x7f\0\0\1" + (14838).to_bytes(2, "big"))
        return sock.recv(10)[:2] == b"\5\0"


seen = {}
for keyword, port in (("SOCKS5User", 14831), ("SOCKS5Users", 14832)):
    seen[keyword] = {told: asked(port, password) for told, password in
                     (("no login", b""), ("right", b"s3cret"), ("wrong", b"wr0ng"))}
    print(keyword, *(f"{told}: {'a tunnel' if tunnel else 'refused'}" for told, tunnel in seen[keyword].items()), sep="; ")
everybody = {"no login": True, "right": True, "wrong": True}
sys.exit(seen != {"SOCKS5User": everybody, "SOCKS5Users": everybody | {"no login": False, "wrong": False}})
PYTHON
result=0
python3 ask.py || result=1
if grep -i 'unknown\|invalid\|ignored' SOCKS5User.said; then result=1; fi
exit "$result"
