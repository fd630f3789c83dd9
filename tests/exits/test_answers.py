"""What an upstream proxy adds to answers, and the pages that it has made itself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.answers import NOT_REACHED, cleaned, page
from meshd.http1.fields import Fields
from meshd.proxy.replies import REASONS

SQUID = b"1.1 sold.example (squid/5.7)"

CLEANED: dict[str, tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]] = {
    "its own Via": ([(b"Via", SQUID)], []),
    "a Via beside another proxy's": ([(b"via", b"1.1 cdn, " + SQUID)], [(b"via", b"1.1 cdn")]),
    "a Via on a line of its own": ([(b"Via", b"1.1 cdn"), (b"Via", SQUID)], [(b"Via", b"1.1 cdn")]),
    "a comma in a comment": ([(b"Via", b"1.1 a (b, c), 1.1 d (e, f)")], [(b"Via", b"1.1 a (b, c)")]),
    "a comment that is open": ([(b"Via", b"1.1 a, 1.1 b (c, d")], []),
    "its X-Cache": (
        [(b"X-Cache", b"HIT from sold.example"), (b"X-Cache-Lookup", b"HIT from sold.example:3128"), (b"Via", SQUID)],
        [],
    ),
    "another's X-Cache": (
        [(b"X-Cache", b"Hit from cloudfront"), (b"X-Cache", b"HIT from cdn.example"), (b"Via", SQUID)],
        [(b"X-Cache", b"Hit from cloudfront"), (b"X-Cache", b"HIT from cdn.example")],
    ),
    "an X-Cache without a Via": ([(b"X-Cache", b"MISS from sold.example")], []),
    "a Cache-Status": (
        [(b"Cache-Status", b'"edge"; hit, sold.example;detail="a,b"'), (b"Via", SQUID)],
        [(b"Cache-Status", b'"edge"; hit')],
    ),
    "another's Cache-Status": ([(b"Cache-Status", b"edge; hit"), (b"Via", SQUID)], [(b"Cache-Status", b"edge; hit")]),
    "fields of proxies alone": ([(b"Proxy-Agent", b"x"), (b"X-Squid-Error", b"ERR_X 0"), (b"A", b"b")], [(b"A", b"b")]),
    "what origins say": (
        [(b"Server", b"squid-games"), (b"Age", b"7"), (b"X-Cached", b"1"), (b"Set-Cookie", b"a=b, c")],
        [(b"Server", b"squid-games"), (b"Age", b"7"), (b"X-Cached", b"1"), (b"Set-Cookie", b"a=b, c")],
    ),
}

PAGES: dict[str, tuple[int, list[tuple[bytes, bytes]], str]] = {
    "Squid's refused connection": (503, [(b"X-Squid-Error", b"ERR_CONNECT_FAIL 111")], "connection-refused"),
    "Squid's other failure to connect": (503, [(b"X-Squid-Error", b"ERR_CONNECT_FAIL 5")], "exit-refused"),
    "Squid's unknown name": (503, [(b"X-Squid-Error", b"ERR_DNS_FAIL 0"), (b"Via", SQUID)], "dns-error"),
    "Squid's empty answer": (502, [(b"X-Squid-Error", b"ERR_ZERO_SIZE_OBJECT 0")], "connection-reset"),
    "Squid's refusal": (403, [(b"X-Squid-Error", b"ERR_ACCESS_DENIED 0")], "exit-refused"),
    "Squid's wrong password": (407, [(b"X-Squid-Error", b"ERR_CACHE_ACCESS_DENIED 0")], "exit-failed"),
    "tinyproxy's": (500, [(b"Server", b"tinyproxy/1.11.1")], "exit-refused"),
    "tinyproxy's wrong password": (401, [(b"Server", b"tinyproxy/1.11.1")], "exit-failed"),
    "one that Proxy-Status tells": (502, [(b"Proxy-Status", b"a; error=dns_error, b; error=dns_timeout")], "dns-error"),
    "Traffic Server's": (502, [(b"Server", b"ATS/9.2.9"), (b"Cache-Control", b"no-store")], "exit-refused"),
    "another meshd's": (403, [(b"X-ProxyMesh-Error", b"no")], "exit-refused"),
}


class AnswersTests(SynchronousTestCase):
    def test_what_is_added_goes(self) -> None:
        """The nearest proxy's part of a field, and no other's."""
        for sentence, (pairs, left) in CLEANED.items():
            self.assertEqual(cleaned(Fields(pairs)).pairs, left, sentence)

    def test_pages(self) -> None:
        """Each has a reason that is told, and a cause for the log."""
        for sentence, (status, pairs, reason) in PAGES.items():
            found = page(status, Fields(pairs))
            assert found is not None, sentence
            self.assertEqual(found.reason, reason, sentence)
            self.assertIn(found.reason, REASONS)
            self.assertTrue(found.cause)
        self.assertLessEqual(NOT_REACHED, set(REASONS))

    def test_answers_of_origins(self) -> None:
        """Neither what went well, nor what is not signed, nor what came from beyond the proxy."""
        signed = [(b"Server", b"squid/5.7"), (b"X-Squid-Error", b"ERR_DNS_FAIL 0")]
        for status, pairs in (
            (200, signed),
            (304, signed),
            (503, [(b"Server", b"nginx")]),
            (404, []),
            (404, [(b"Server", b"ATS/9.2.9"), (b"Age", b"0")]),
            (503, [*signed, (b"Via", b"1.1 origin (squid/5.7), " + SQUID)]),
            (502, [(b"Proxy-Status", b"a; error=dns_error"), (b"Proxy-Status", b"b")]),
        ):
            self.assertIsNone(page(status, Fields(pairs)), pairs)
