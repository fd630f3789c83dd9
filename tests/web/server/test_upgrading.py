"""What a request for another protocol has to look like."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from meshd.web.server.upgrading import Refused, judge

TOKENS = (b"connect-tcp", b"connect-tcp-12")
UPGRADE, CONNECTION = (b"Upgrade", b"connect-tcp"), (b"Connection", b"Upgrade")

GOOD = (
    [UPGRADE, CONNECTION],
    [CONNECTION, UPGRADE, (b"Capsule-Protocol", b"?1")],
    [UPGRADE, (b"Connection", b"keep-alive, upgrade")],
    [UPGRADE, (b"Connection", b"keep-alive"), (b"Connection", b"UPGRADE")],
    [(b"Upgrade", b"connect-tcp-12"), CONNECTION],
    [(b"Upgrade", b"Connect-TCP"), CONNECTION],
)

BAD = (
    (b"POST", b"HTTP/1.1", [UPGRADE, CONNECTION], 405),
    (b"CONNECT", b"HTTP/1.1", [UPGRADE, CONNECTION], 405),
    (b"HEAD", b"HTTP/1.1", [UPGRADE, CONNECTION], 405),
    (b"GET", b"HTTP/1.0", [UPGRADE, CONNECTION], 426),
    (b"GET", b"HTTP/1.1", [], 426),
    (b"GET", b"HTTP/1.1", [UPGRADE], 426),
    (b"GET", b"HTTP/1.1", [CONNECTION], 426),
    (b"GET", b"HTTP/1.1", [UPGRADE, (b"Connection", b"keep-alive")], 426),
    (b"GET", b"HTTP/1.1", [UPGRADE, (b"Connection", b"," * 200 + b"upgrade")], 426),
    (b"GET", b"HTTP/1.1", [UPGRADE, UPGRADE, CONNECTION], 400),
    (b"GET", b"HTTP/1.1", [UPGRADE, (b"Upgrade", b"websocket"), CONNECTION], 400),
    (b"GET", b"HTTP/1.1", [(b"Upgrade", b"connect-tcp, websocket"), CONNECTION], 400),
    (b"GET", b"HTTP/1.1", [(b"Upgrade", b"websocket"), CONNECTION], 400),
    (b"GET", b"HTTP/1.1", [(b"Upgrade", b"h2c"), CONNECTION], 400),
    (b"GET", b"HTTP/1.1", [(b"Upgrade", b""), CONNECTION], 400),
    (b"GET", b"HTTP/1.1", [UPGRADE, CONNECTION, (b"Content-Length", b"0")], 400),
    (b"GET", b"HTTP/1.1", [UPGRADE, CONNECTION, (b"Content-Length", b"3")], 400),
    (b"GET", b"HTTP/1.1", [UPGRADE, CONNECTION, (b"Transfer-Encoding", b"chunked")], 400),
)


def headers(pairs: list[tuple[bytes, bytes]]) -> Headers:
    made = Headers()
    for name, value in pairs:
        made.addRawHeader(name, value)
    return made


class JudgeTests(SynchronousTestCase):
    def test_good(self) -> None:
        for pairs in GOOD:
            found = judge(b"GET", b"HTTP/1.1", headers(pairs), TOKENS)
            self.assertIsInstance(found, bytes, pairs)

    def test_bad(self) -> None:
        for method, version, pairs, status in BAD:
            found = judge(method, version, headers(pairs), TOKENS)
            assert isinstance(found, Refused), (method, version, pairs)
            self.assertEqual(found.status, status, (method, version, pairs))

    def test_what_to_ask_for(self) -> None:
        """Stands in the answer."""
        found = judge(b"GET", b"HTTP/1.1", headers([]), TOKENS)
        assert isinstance(found, Refused)
        self.assertIn(("Upgrade", "connect-tcp"), found.fields)
