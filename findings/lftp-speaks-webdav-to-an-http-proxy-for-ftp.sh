#!/usr/bin/env bash
# lftp is told to reach an FTP server by an HTTP proxy: "set ftp:proxy http://...".
#
# Guess: it asks the proxy for a tunnel, "CONNECT ftp.test:21", and speaks FTP in it; a proxy that lets port 21 through
#   by CONNECT is enough, and the user's FTP password stays inside the tunnel.
# Seen with lftp 4.9.2 (Debian 4.9.2-2+b1): it asks for no tunnel.  "ls" is GET ftp://user@ftp.test/..., "put" is PUT,
#   "rm" is WebDAV's DELETE with "Depth: 0", each after a HEAD, all with ftp:// URLs, and the FTP password stands in an
#   Authorization field.  Only "set ftp:use-hftp no" brings "CONNECT ftp.test:21".  A proxy that knows http:// URLs and
#   CONNECT alone cannot serve it before that.
#
# Needs: root, for nothing but apt-get download; python3.  Takes about ten seconds, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq 'lftp=4.9.2-2+b1' 2>/dev/null
dpkg -x lftp_*.deb .
echo text >note.txt

cat > proxy.py <<'PYTHON'
import os, socketserver, subprocess, sys, threading

seen = []


class Proxy(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self):
        head = []
        while (line := self.rfile.readline().strip()):
            head.append(line.decode())
        if head:
            seen.append(head)
            size = next((int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:")), 0)
            self.rfile.read(size)
            end = b"" if head[0].startswith("HEAD") else b"hello"
            status = b"403 Forbidden" if head[0].startswith("CONNECT") else b"200 OK"
            self.wfile.write(b"HTTP/1.1 %s\r\nContent-Length: 5\r\nConnection: close\r\n\r\n%s" % (status, end))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def first_lines(*commands):
    seen.clear()
    script = [f"set ftp:proxy http://127.0.0.1:{server.server_address[1]}", "set net:max-retries 1",
              "set net:timeout 5", *commands[:-1], "open ftp://user:secret@ftp.test/d", commands[-1]]
    subprocess.run(["usr/bin/lftp", "--norc", "-c", "; ".join(script)], capture_output=True, timeout=60,
                   env={"HOME": os.getcwd(), "PATH": os.environ["PATH"]})
    print(f"{'; '.join(commands)}:")
    for head in seen:
        print("   ", head[0], *(line for line in head if line.startswith(("Depth", "Authorization"))), sep=" | ")
    return {head[0].rsplit(" ", 1)[0]: head for head in seen}


server = Server(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()
listing, sending = first_lines("ls"), first_lines("put note.txt")
removing, tunnel = first_lines("rm old.txt"), first_lines("set ftp:use-hftp no", "ls")
LOGIN = "Authorization: Basic dXNlcjpzZWNyZXQ="
sys.exit(not (
    LOGIN in listing.get("GET ftp://user@ftp.test/d/", [])
    and LOGIN in sending.get("PUT ftp://user@ftp.test/d/note.txt;type=i", [])
    and "Depth: 0" in removing.get("DELETE ftp://user@ftp.test/d/old.txt", [])
    and not any(line.startswith("CONNECT") for line in [*listing, *sending, *removing])
    and list(tunnel) == ["CONNECT ftp.test:21"]
))
PYTHON
python3 proxy.py
