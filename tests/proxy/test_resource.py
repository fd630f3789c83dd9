"""A tunnel as a resource: what its target asks for, and how both sides' heads are said."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.proxy import resource

BASE = "/.well-known/masque/tcp/"

GOOD = (
    ("example.com/443/", ("example.com", 443, "")),
    ("EXAMPLE.com./443/", ("example.com", 443, "")),
    ("192.0.2.1/80/", ("192.0.2.1", 80, "")),
    ("2001%3Adb8%3A%3A1/65535/", ("2001:db8::1", 65535, "")),
    ("2001:db8::1/1/", ("2001:db8::1", 1, "")),
    ("%65xample.com/443/", ("example.com", 443, "")),
    ("example.com/443/?proxy=us", ("example.com", 443, "us")),
    ("example.com/443/?proxy=us-1.a_b", ("example.com", 443, "us-1.a_b")),
)

BAD = (
    "",
    "example.com",
    "example.com/443",
    "example.com//",
    "/443/",
    "example.com/443/more",
    "example.com/443/more/",
    "example.com/0/",
    "example.com/65536/",
    "example.com/0443/",
    "example.com/+443/",
    "example.com/https/",
    "exa%2Fmple.com/443/",
    "example.com%2F443/80/",
    "user%40example.com/443/",
    "example.com%0d%0aX: y/443/",
    "example.com%00/443/",
    "example.com%/443/",
    "example.com%2/443/",
    "%255B%3A%3A1%255D/443/",
    "%5B%3A%3A1%5D/443/",
    "fe80%3A%3A1%25eth0/443/",
    "example.com%20/443/",
    "example.com/443/?",
    "example.com/443/?proxy=",
    "example.com/443/?proxy=us&proxy=de",
    "example.com/443/?proxy=u%73",
    "example.com/443/?target_port=80",
    "example.com/443/?proxy=us?",
    "{target_host}/{target_port}/",
)


class WantedTests(SynchronousTestCase):
    def test_good(self) -> None:
        for text, (host, port, proxy) in GOOD:
            found = resource.wanted(BASE.encode() + text.encode())
            self.assertEqual((found.target.host, found.target.port, found.proxy), (host, port, proxy), text)

    def test_bad(self) -> None:
        for text in BAD:
            error = self.assertRaises(BadMessage, resource.wanted, BASE.encode() + text.encode())
            self.assertEqual(error.status, 400, text)


class SaidTests(SynchronousTestCase):
    def test_the_request(self) -> None:
        """Carries the credential, and what is wished of exits; nothing else of the client's."""
        wanted = resource.wanted(BASE.encode() + b"2001%3Adb8%3A%3A1/443/")
        fields = (
            (b"Host", b"proxy.example"),
            (b"Authorization", b"Basic YTpi"),
            (b"Proxy-Authorization", b"Basic Yzpk"),
            (b"X-ProxyMesh-Country", b"DE"),
            (b"Upgrade", b"connect-tcp"),
            (b"Cookie", b"a=b"),
        )
        self.assertEqual(
            resource.connect(wanted.target, fields),
            b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
            b"Proxy-Authorization: Basic YTpi\r\nX-ProxyMesh-Country: DE\r\n\r\n",
        )

    def test_the_answer(self) -> None:
        head = [(b":status", b"200"), (b"proxy-status", b"meshd")]
        self.assertEqual(
            resource.switched(b"connect-tcp", head),
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: connect-tcp\r\n"
            b"Capsule-Protocol: ?1\r\nproxy-status: meshd\r\n\r\n",
        )

    def test_refusals(self) -> None:
        for told, status in ((407, 401), (402, 402), (403, 403), (429, 429), (502, 502), (509, 509)):
            head = [(b":status", b"%d" % told), (b"proxy-authenticate", b"Basic"), (b"content-length", b"2")]
            answer = resource.refused(head, b"no")
            first, _, rest = answer.partition(b"\r\n")
            self.assertTrue(first.startswith(b"HTTP/1.1 %d " % status), first)
            self.assertEqual(rest, b"Connection: close\r\nWWW-Authenticate: Basic\r\ncontent-length: 2\r\n\r\nno")
