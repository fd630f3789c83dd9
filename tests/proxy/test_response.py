"""An origin's response head as the client gets it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.head import read_response
from meshd.proxy.response import ProxyResponse


def response(raw: bytes, method: bytes = b"GET") -> ProxyResponse:
    head = read_response(raw, 65536)
    assert head is not None, "unfinished"
    return ProxyResponse(method, head, raw)


ORIGIN = (
    b"HTTP/1.1 200 Fine\r\nserver: x\r\nSet-Cookie: a=1\r\nX-ProxyMesh-IP: lie\r\nX-ProxyMesh-Error: lie\r\n"
    b"Proxy-Status: lie\r\nProxy-Authenticate: Basic\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
    b"Set-Cookie: b=2\r\nContent-Length: 3\r\n\r\n"
)


class PatienceTest(SynchronousTestCase):
    def test_keep_alive(self) -> None:
        """An origin is believed how long it keeps its connection, less a second; what cannot be read says nothing."""
        for said, seconds in {
            b"timeout=5": 4.0,
            b"timeout=5, max=100": 4.0,
            b"max=3,Timeout = 20": 19.0,
            b"timeout=1": 0.0,
            b"timeout=0": -1.0,
            b"timeout=5, max=0": -1.0,
            b"timeout=600": 60.0,
            b'timeout="7"': 6.0,
            b"timeout=-3": 60.0,
            b"timeout=later": 60.0,
            b"timeout=" + b"9" * 40: 60.0,
            b"": 60.0,
        }.items():
            raw = b"HTTP/1.1 200 OK\r\nKeep-Alive: " + said + b"\r\nContent-Length: 0\r\n\r\n"
            self.assertEqual(response(raw).kept_for(60.0), seconds, said)
        self.assertEqual(response(b"HTTP/1.1 204 OK\r\n\r\n").kept_for(60.0), 60.0)


class RenderTest(SynchronousTestCase):
    def test_length(self) -> None:
        """The origin's fields in order and case, its lies about the proxy dropped, the exit added."""
        self.assertEqual(
            response(ORIGIN).render(1, True, "rack-1", ""),
            b"HTTP/1.1 200 Fine\r\nserver: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 3\r\n"
            b"X-ProxyMesh-IP: rack-1\r\n\r\n",
        )

    def test_endings(self) -> None:
        """Connection says what each version of the client has to be told."""
        for minor, keep, said in (
            (1, True, b""),
            (1, False, b"Connection: close\r\n"),
            (0, True, b"Connection: keep-alive\r\n"),
            (0, False, b"Connection: close\r\n"),
        ):
            rendered = response(ORIGIN).render(minor, keep, "x", "")
            self.assertTrue(rendered.endswith(b"X-ProxyMesh-IP: x\r\n" + said + b"\r\n"), (minor, keep, rendered))

    def test_not_found(self) -> None:
        """A pin that was not there is told."""
        self.assertIn(b"\r\nX-ProxyMesh-IP-Not-Found: 1.2.3.4\r\n", response(ORIGIN).render(1, True, "x", "1.2.3.4"))

    def test_remembered(self) -> None:
        """The same response is rendered alike again, and anew where anything differs."""
        read = response(ORIGIN)
        first = read.render(1, True, "x", "")
        self.assertIs(read.render(1, True, "x", ""), first)
        for asked in ((0, True, "x", ""), (1, False, "x", ""), (1, True, "y", ""), (1, True, "x", "z")):
            self.assertNotEqual(read.render(*asked), first, asked)
        self.assertEqual(read.render(1, True, "x", ""), first)

    def test_chunked(self) -> None:
        """Chunks are announced to HTTP/1.1 where the origin does so, and to HTTP/1.0 not at all: that answer closes."""
        read = response(b"HTTP/1.1 200 OK\r\nA: 1\r\ntransfer-ENCODING: Chunked\r\nB: 2\r\n\r\n")
        self.assertIn(b"\r\nA: 1\r\ntransfer-ENCODING: chunked\r\nB: 2\r\n", read.render(1, True, "x", ""))
        self.assertNotIn(b"chunked", read.render(0, False, "x", "").lower())
        self.assertEqual((read.must_close(1), read.must_close(0)), (False, True))

    def test_lengths_that_are_mended(self) -> None:
        """A length that is said several times alike is said once, where it was said first."""
        for said in (b"3\r\nA: 1\r\nContent-Length: 3", b"3, 3\r\nA: 1"):
            read = response(b"HTTP/1.1 200 OK\r\ncontent-length: " + said + b"\r\nB: 2\r\n\r\n")
            self.assertIn(b"OK\r\ncontent-length: 3\r\nA: 1\r\nB: 2\r\n", read.render(1, True, "x", ""), said)

    def test_until_close(self) -> None:
        """Without a length the end of the connection is the end of the body, for both sides."""
        read = response(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertTrue(read.must_close(1))
        self.assertFalse(read.reusable)

    def test_bodiless(self) -> None:
        """204 has no length, 304 and the answer to HEAD keep theirs; none has a body."""
        no_content = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
        self.assertNotIn(b"Content-Length", response(no_content).render(1, True, "x", ""))
        self.assertIn(b"Content-Length: 9", response(ORIGIN.replace(b": 3", b": 9"), b"HEAD").render(1, True, "x", ""))
        not_modified = response(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
        self.assertIn(b"Content-Length: 9", not_modified.render(1, True, "x", ""))
        self.assertFalse(not_modified.must_close(1))

    def test_switching(self) -> None:
        """A 101 says what it switches to."""
        raw = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n"
        self.assertEqual(
            response(raw).render(1, True, "x", ""),
            b"HTTP/1.1 101 Switching Protocols\r\nX: y\r\nX-ProxyMesh-IP: x\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )

    def test_reusable(self) -> None:
        """An origin's connection is kept where it says so, by its version or in words."""
        for raw, reusable in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        ):
            self.assertEqual(response(raw).reusable, reusable, raw)

    def test_ambiguous(self) -> None:
        """A response whose end is uncertain is none, whatever the method."""
        for fields in (
            b"Content-Length: 3\r\nContent-Length: 4\r\n",
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: gzip\r\n",
            b"Content-Length: +3\r\n",
        ):
            for method in (b"GET", b"HEAD"):
                with self.assertRaises(BadMessage) as refused:
                    response(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n", method)
                self.assertEqual(refused.exception.status, 502)
