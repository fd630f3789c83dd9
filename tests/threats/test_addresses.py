"""Threats 2 to 4 and 40: where a customer must not get to, however it is spelled."""

from __future__ import annotations

import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.threats.support import PASSWORD, Names, Talk, ask, basic, connect, get, world

# Each means an address that is refused by default.
LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "localhost",
    "LOCALHOST.",
    "www.localhost",
    "0177.0.0.1",
    "0177.1",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7F000001",
    "2130706433",
    "017700000001",
    "00000177.0.0.1",
    "0.0.0.0",
    "0",
    "0x0",
    "00",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[::ffff:0:127.0.0.1]",
]
INTERNAL = [
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "0xa.0.0.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "0300.0250.0.1",
    "3232235521",
    "100.64.0.1",
    "169.254.169.254",
    "0251.0376.0251.0376",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "169.16689662",
    "100.100.100.200",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "0.1.2.3",
    "192.0.2.1",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[2001::1]",
    "[64:ff9b:1::1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[::ffff:10.0.0.1]",
]
NO_HOSTS = [
    "[127.0.0.1]",
    "[::1%25lo]",
    "[fe80::1%eth0]",
    "[v1.::1]",
    "[::1",
    "::1]",
    "[]",
    "127.0.0.1%00",
    "127.0.0.1%2e",
    "127%2e0.0.1",
    "user@public.test@127.0.0.1",
    "public.test@127.0.0.1",
    "127.0.0.1\\@public.test",
    "127.0.0.1#public.test",
    "..127.0.0.1",
    "127..1",
    ".localhost",
    "[[::1]]",
    "127.0.0.1,public.test",
    "127.0.0.1;x",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "löcalhost",
    "\uff11\uff12\uff17.0.0.1",
    "0x7f.0.0.1\t",
    "127.0.0.1'",
]
NO_ADDRESSES = [
    "127.0.0.256",
    "256.1",
    "0x",
    "0x7g.1",
    "08.0.0.1",
    "1.2.3.4.5",
    "4294967296",
    "0x100000000",
    "127.0.0.0x1g",
    "public.0x7f",
]

STRICT = """
[destinations]
allow = ["127.0.0.5"]
[dns]
servers = ["{servers}"]
[timeouts]
connect = 1
"""

names: Names
daemon: LiveDaemon
decoy: socket.socket


def setUpModule() -> None:
    global names, daemon, decoy  # noqa: PLW0603
    names = Names()
    daemon = LiveDaemon(config=STRICT.format(servers=names.address))
    daemon.account("alice", PASSWORD)
    decoy = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    decoy.setblocking(False)


def tearDownModule() -> None:
    daemon.close()
    decoy.close()


def requests_for(host: str, port: int) -> list[bytes]:
    """The same destination by CONNECT and in absolute form."""
    who = basic("alice")
    return [
        f"CONNECT {host}:{port} HTTP/1.1\r\nHost: x.test\r\n".encode() + who + b"\r\n",
        f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: x.test\r\n".encode() + who + b"\r\n",
    ]


class DestinationTest(SynchronousTestCase):
    def assert_refused(self, host: str, status: int, why: str, port: int = 0) -> None:
        for head in requests_for(host, port or decoy.getsockname()[1]):
            answer = ask(daemon, head)
            self.assertEqual((answer.status, answer.why), (status, why), head)
        self.assertRaises(BlockingIOError, decoy.accept)

    def test_threat_02_loopback(self) -> None:
        """Every spelling of this host is refused, and nothing listening there hears of it."""
        for host in LOOPBACK:
            self.assert_refused(host, 403, "acl-private")

    def test_threat_02_internal(self) -> None:
        """So are private, shared, link-local, metadata, multicast and reserved addresses, wrapped or not."""
        for host in INTERNAL:
            self.assert_refused(host, 403, "acl-private", 80)

    def test_threat_02_no_hosts(self) -> None:
        """What is no host by the grammar is a bad request, never guessed at."""
        for host in NO_HOSTS:
            self.assert_refused(host, 400, "bad-request")

    def test_threat_02_user_information(self) -> None:
        """What stands before an @ in a URL hides no host, and no address."""
        port = decoy.getsockname()[1]
        for user in ("user", "user:public.test", ":", ""):
            answer = ask(
                daemon,
                f"GET http://{user}@127.0.0.1:{port}/ HTTP/1.1\r\nHost: x.test\r\n".encode() + basic("alice") + b"\r\n",
            )
            self.assertEqual((answer.status, answer.why), (403, "acl-private"), user)
            answer = ask(daemon, f"CONNECT {user}@127.0.0.1:{port} HTTP/1.1\r\n".encode() + basic("alice") + b"\r\n")
            self.assertEqual((answer.status, answer.why), (400, "bad-request"), user)
        self.assertRaises(BlockingIOError, decoy.accept)

    def test_threat_02_no_addresses(self) -> None:
        """A number that is no address is asked of no name server, and fails as a name would."""
        for host in NO_ADDRESSES:
            self.assert_refused(host, 502, "dns-error")
        self.assertEqual([name for name in names.asked if name in NO_ADDRESSES], [])

    def test_threat_02_names(self) -> None:
        """A name is no better than the addresses it has, IPv4 or IPv6."""
        for number, address in enumerate(
            ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "64:ff9b::a00:1")
        ):
            names.say(f"name{number}.test", (address,))
            self.assert_refused(f"name{number}.test", 403, "acl-private")

    def test_threat_03_mixed(self) -> None:
        """One forbidden address among good ones forbids the name, in whatever place it stands."""
        names.say("mixed1.test", ("127.0.0.5", "127.0.0.1"))
        names.say("mixed2.test", ("127.0.0.1", "127.0.0.5"))
        names.say("mixed3.test", ("127.0.0.5", "::1"))
        for name in ("mixed1.test", "mixed2.test", "mixed3.test"):
            self.assert_refused(name, 403, "acl-private")

    def test_threat_03_rebinding(self) -> None:
        """A name that changes its answer is dialled where it was checked, and refused once the new answer is known."""
        good, trap = self.neighbours()
        names.say("flip.test", ("127.0.0.5",), ("127.0.0.1",))
        before = len(names.asked)
        statuses = []

        def refused() -> bool:
            answer = ask(daemon, connect(f"flip.test:{good.port}", basic("alice")))
            statuses.append((answer.status, answer.why))
            time.sleep(0.1)  # the name's time to live has to pass
            return answer.status != 200

        until(refused, "the new answer")
        self.assertEqual(set(statuses), {(200, ""), (403, "acl-private")})
        self.assertEqual(statuses[-1], (403, "acl-private"))
        until(lambda: good.accepted == len(statuses) - 1, "the origin has taken each")
        self.assertEqual(names.asked[before:], ["flip.test"] * 2)
        self.assertRaises(BlockingIOError, trap.accept)

    def neighbours(self) -> tuple[RecordingOrigin, socket.socket]:
        """An origin, and a listener on its port at the address that must not be reached."""
        while True:
            good = RecordingOrigin(self, host="127.0.0.5", raw="echo")
            try:
                trap = socket.create_server(("127.0.0.1", good.port))
            except OSError:
                continue  # a client of somebody's has that port
            trap.setblocking(False)
            self.addCleanup(trap.close)
            return good, trap

    def test_threat_03_every_question_another_answer(self) -> None:
        """Between one check and its dial no second question is asked."""
        answers = [("127.0.0.5",), ("127.0.0.1",)] * 20
        names.say("flap.test", *answers)
        before = len(names.asked)
        for head in requests_for("flap.test", decoy.getsockname()[1]):
            # Nothing of ours listens at 127.0.0.5 but the decoy, which takes every address of this host.
            with Talk(daemon) as talk:
                talk.send(head)
                accepted = until(self.accepted, "the connection")
                self.assertEqual(accepted, "127.0.0.5")
        self.assertEqual(names.asked[before:], ["flap.test"])

    def accepted(self) -> str:
        """The address of this host that the decoy was reached by."""
        try:
            connection, _ = decoy.accept()
        except BlockingIOError:
            return ""
        with connection:
            return str(connection.getsockname()[0]).removeprefix("::ffff:")

    def test_threat_04_ports(self) -> None:
        """Only allowed ports, by name or address; nothing is looked up for others."""
        for port in (1, 22, 25, 79, 81, 110, 465, 587, 993, 1023, 6660, 6667, 6669, 6697):
            self.assert_refused("mail.test", 403, "acl-port", port)
        self.assertNotIn("mail.test", names.asked)

    def test_threat_04_authorities(self) -> None:
        """A CONNECT without a port, with half a port, or with anything else beside host and port is malformed."""
        for authority in [
            "h.test",
            "h.test:",
            ":443",
            "h.test:0",
            "h.test:00443",
            "h.test:65536",
            "h.test:999999",
            "h.test:+443",
            "h.test:-1",
            "h.test:4a3",
            "h.test:443:443",
            "h.test:443/",
            "/h.test:443",
            "http://h.test:443",
            "http://h.test/",
            "::1:443",
            "[::1]",
            "[::1]443",
            "[::1]:",
            "*",
            "/",
            "u:p@h.test:443",
            "h.test:443?x",
            "h.test:443#x",
            "h_.test\x00:443",
            "h.test:\uff14\uff14\uff13",
        ]:
            answer = ask(daemon, f"CONNECT {authority} HTTP/1.1\r\n".encode() + basic("alice") + b"\r\n")
            self.assertEqual((answer.status, answer.why), (400, "bad-request"), authority)


class OwnListenersTest(SynchronousTestCase):
    """On a daemon whose operator has opened all of loopback."""

    def test_threat_02_own_addresses(self) -> None:
        """meshd's own ports are refused though the rules open them, by whatever address of this host."""
        meshd = world().daemon
        for host in ("127.0.0.1", "127.0.0.77", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "127.9.9.9"):
            for port in (meshd.proxy_port, meshd.api_port):
                answer = ask(meshd, connect(f"{host}:{port}", basic("alice")))
                self.assertEqual((answer.status, answer.why), (403, "acl-private"), (host, port))

    def test_threat_40_health(self) -> None:
        """The health and API routes cannot be reached through the proxy, by CONNECT or in absolute form."""
        meshd = world().daemon
        for path in ("/healthz", "/readyz", "/api/proxies/"):
            answer = ask(meshd, get(f"http://127.0.0.1:{meshd.api_port}{path}", basic("alice")))
            self.assertEqual((answer.status, answer.why), (403, "acl-private"))

    def test_threat_40_on_the_proxy_port(self) -> None:
        """On the proxy port itself nothing is served but proxying: with or without a credential it says what it is."""
        meshd = world().daemon
        for path in ("/", "/healthz", "/metrics", "/api/proxies/", "*"):
            for who in (b"", basic("alice")):
                answer = ask(meshd, f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode() + who + b"\r\n")
                self.assertEqual(answer.status, 400)
                self.assertIn(b"HTTP proxy", answer.body)

    def test_threat_40_internal(self) -> None:
        """`http://meshd.internal/` answers only who has authenticated."""
        meshd = world().daemon
        self.assertEqual(ask(meshd, get("http://meshd.internal/")).status, 407)
        self.assertIn(b'"account": "alice"', ask(meshd, get("http://meshd.internal/", basic("alice"))).body)
