"""What counts as a request like the one before, and what the server is sent for it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.head import HeadLimits, read_request
from meshd.http1.render import render_request
from meshd.http1.target import AbsoluteForm
from meshd.proxy.repeating import Repeated, repeats
from meshd.proxy.request import ProxyRequest

LINE = b"GET http://h.test:80/first?q HTTP/1.1\r\n"
BEFORE, BEHIND = b"Host: h.test\r\nproxy-authorization:  ", b"\r\nAccept: */*\r\nX-ProxyMesh-Session: s\r\n\r\n"
FIELDS = BEFORE + b"Basic YTpi" + BEHIND
LONGEST = 8192


def request(head: bytes) -> ProxyRequest:
    read = read_request(head, HeadLimits(LONGEST, 65536, 100))
    assert read is not None
    return ProxyRequest.from_head(read, head)


class RepeatedTests(SynchronousTestCase):
    same = Repeated(request(LINE + FIELDS))

    def test_another_path(self) -> None:
        """Is read as it would be anew."""
        for path in (b"/", b"/first?q", b"/a/b%20c?d=/e?f", b"/~;x=1", b"/\\"):
            for value in (b"Basic YTpi", b"Basic eDp5", b"Bearer pm_x y", b"Basic \xe9"):
                buffer = b"GET http://h.test:80" + path + b" HTTP/1.1\r\n" + BEFORE + value + BEHIND
                found, anew = self.same.read(buffer, LONGEST), request(buffer)
                assert found is not None
                assert isinstance(anew.target, AbsoluteForm)
                self.assertEqual(found, (anew.target.path, anew.said.block, anew.said.proxy_authorization))
                again = self.same.anew(*found, len(buffer))
                self.assertEqual(again.said.block, anew.said.block)
                self.assertEqual(again.said.proxy_authorization, anew.said.proxy_authorization)
                self.assertEqual(again.said.authorization, anew.said.authorization)
                self.assertEqual(again.said.wishes(), anew.said.wishes())
                for name in ("method", "target", "minor", "size", "framing", "keep", "hops", "ends_here"):
                    self.assertEqual(getattr(again, name), getattr(anew, name), name)
                sent = render_request(anew.method, path, anew.target.authority, anew.origin_fields(""))
                self.assertEqual(self.same.head(path, ""), sent)

    def test_anything_else(self) -> None:
        """Is read as any other request."""
        line = b"GET http://h.test:80/ HTTP/1.1\r\n"
        for what, buffer in {
            "another method": line.replace(b"GET", b"PUT") + FIELDS,
            "another host": line.replace(b"h.test", b"i.test") + FIELDS,
            "another port": line.replace(b":80", b":81") + FIELDS,
            "no port": line.replace(b":80", b"") + FIELDS,
            "a longer host": line.replace(b":80", b":80.i") + FIELDS,
            "a user": line.replace(b"//h", b"//u@h") + FIELDS,
            "no path": line.replace(b"/ ", b" ") + FIELDS,
            "a fragment": line.replace(b"/ ", b"/#f ") + FIELDS,
            "a blank in the path": line.replace(b"/ ", b"/a b ") + FIELDS,
            "a path that is no ASCII": line.replace(b"/ ", "/é ".encode()) + FIELDS,
            "a line end in the path": line.replace(b"/ ", b"/\r\nA: b ") + FIELDS,
            "HTTP/1.0": line.replace(b"1.1", b"1.0") + FIELDS,
            "bare LF": line.replace(b"\r\n", b"\n") + FIELDS,
            "one more field": line + b"A: b\r\n" + FIELDS,
            "one more at the end": line + FIELDS[:-2] + b"A: b\r\n\r\n",
            "another value": line + FIELDS.replace(b"*/*", b"*/+"),
            "no credential": line + BEFORE.rstrip(b" ") + BEHIND,
            "blanks for a credential": line + BEFORE + b"   " + BEHIND,
            "an empty credential": line + BEFORE + b"Basic Og==" + BEHIND,
            "a credential with a blank behind it": line + BEFORE + b"Basic YTpi " + BEHIND,
            "a field in the credential": line + BEFORE + b"Basic YTpi\r\nA: b" + BEHIND,
            "a bare LF in the credential": line + BEFORE + b"Basic YTpi\nA: b" + BEHIND,
            "a control in the credential": line + BEFORE + b"Basic\x01YTpi" + BEHIND,
            "only half": (line + FIELDS)[:-1],
            "two": (line + FIELDS) * 2,
            "nothing": b"",
            "too long": line.replace(b"/ ", b"/%b " % (b"a" * LONGEST)) + FIELDS,
        }.items():
            self.assertIsNone(self.same.read(buffer, LONGEST), what)

    def test_without_a_credential(self) -> None:
        """Where none was sent, one that comes is read as any other request."""
        for block in (b"Host: h\r\n\r\n", b"Host: h\r\nProxy-Authorization: Basic Og==\r\n\r\n"):
            same = Repeated(request(b"GET http://h/ HTTP/1.1\r\n" + block))
            self.assertIsNotNone(same.read(b"GET http://h/2 HTTP/1.1\r\n" + block, LONGEST))
            for other in (b"Host: h\r\nProxy-Authorization: Basic YTpi\r\n\r\n", b"Proxy-Authorization: x\r\n" + block):
                self.assertIsNone(same.read(b"GET http://h/2 HTTP/1.1\r\n" + other, LONGEST))

    def test_the_credential_stays_here(self) -> None:
        """Wherever a credential stands among the fields, its server is not sent it."""
        for block in (
            b"Proxy-Authorization: Basic %b\r\nHost: h\r\n\r\n",
            b"Host: h\r\nProxy-Authorization:%b\r\n\r\n",
        ):
            same = Repeated(request(b"GET http://h/ HTTP/1.1\r\n" + block % b"YTpi"))
            found = same.read(b"GET http://h/2 HTTP/1.1\r\n" + block % b"eDp5", LONGEST)
            assert found is not None
            self.assertIn(b"eDp5", found[2] or b"")
            self.assertEqual(same.head(found[0], "proxy-authorization"), b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")

    def test_which_requests(self) -> None:
        """Only those that may be sent again, and in which nothing changes from hop to hop."""
        for start, expected in {
            b"GET http://h/ HTTP/1.1\r\nHost: h\r\n": True,
            b"HEAD http://h/ HTTP/1.1\r\nHost: h\r\n": True,
            b"DELETE http://h/ HTTP/1.1\r\nHost: h\r\n": True,
            b"POST http://h/ HTTP/1.1\r\nHost: h\r\n": False,
            b"PUT http://h/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n": False,
            b"GET http://h/ HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n": False,
            b"TRACE http://h/ HTTP/1.1\r\nHost: h\r\nMax-Forwards: 3\r\n": False,
            b"GET http://h/ HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n": False,
        }.items():
            self.assertIs(repeats(request(start + b"\r\n")), expected, start)
