#!/usr/bin/env bash
# A Twisted server behind HAProxy listens at "haproxy:tcp:…": transport.getPeer() is then the client that the PROXY header
# names.  Version 1 says its address as text, version 2 as 16 bytes.
#
# Guess: getPeer().host is the text that the socket itself would give, "2001:db8::1", so that lists, counters and bans keyed
#   by it know a client again, whichever way it came; a mapped address is "::ffff:192.0.2.1".
# Seen with Twisted 26.10.0: by version 1 and without a header it is; by version 2 it is "2001:db8:0:0:0:0:0:1", of ::1
#   "0:0:0:0:0:0:0:1", and of a client that came by IPv4 to HAProxy's dual-stack port "0:0:0:0:0:ffff:c000:201".  The two
#   addresses are unequal as IPv6Address too.  A test for the prefix "::ffff:" misses every IPv4 client.
#
# Needs: python3 with venv; the machine speaks IPv6.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'twisted==26.10.0' 2>/dev/null

cat > peers.py <<'PYTHON'
import socket
from twisted.internet import defer, endpoints, protocol, task

PEERS = "2001:db8::1", "::1", "::ffff:192.0.2.1"


def version1(text):
    return f"PROXY TCP6 {text} {text} 4000 443\r\n".encode()


def version2(text):
    address = socket.inet_pton(socket.AF_INET6, text)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x21" + (36).to_bytes(2, "big") + address * 2 + b"\x0f\xa0\x01\xbb"


class Told(protocol.Protocol):
    def dataReceived(self, data):
        self.factory.peers.append(self.transport.getPeer())
        self.transport.write(b".")


class Asker(protocol.Protocol):
    def __init__(self, said):
        self.said, self.done = said, defer.Deferred()

    def connectionMade(self):
        self.transport.write(self.said)

    def dataReceived(self, data):
        self.transport.loseConnection()

    def connectionLost(self, reason):
        self.done.callback(None)


@task.react
@defer.inlineCallbacks
def main(reactor):
    factory = protocol.Factory.forProtocol(Told)
    factory.peers = []
    ports = []
    for kind in ("haproxy:tcp6:0:interface=\\:\\:1", "tcp6:0:interface=\\:\\:1"):
        ports.append((yield endpoints.serverFromString(reactor, kind).listen(factory)))
    at = [endpoints.TCP6ClientEndpoint(reactor, "::1", port.getHost().port) for port in ports]
    for header in (version1, version2):
        for peer in PEERS:
            asker = yield endpoints.connectProtocol(at[0], Asker(header(peer) + b"hello"))
            yield asker.done
    asker = yield endpoints.connectProtocol(at[1], Asker(b"hello"))
    yield asker.done
    for port in ports:
        yield port.stopListening()
    first, second, (without,) = factory.peers[:3], factory.peers[3:6], factory.peers[6:]
    for peer, one, two in zip(PEERS, first, second):
        print(f"{peer:18}by version 1: {one.host:18}by version 2: {two.host:26}equal: {one == two}")
    print("without a header:", without.host)
    if (
        [one.host for one in first] != list(PEERS)
        or without.host != "::1"
        or [two.host for two in second] != ["2001:db8:0:0:0:0:0:1", "0:0:0:0:0:0:0:1", "0:0:0:0:0:ffff:c000:201"]
        or any(one == two for one, two in zip(first, second))
    ):
        raise SystemExit(1)
PYTHON
venv/bin/python peers.py
