"""What of a message concerns one connection alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.keep import end_to_end, keeps_alive


def names(fields: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [name for name, _ in fields]


class KeepsAliveTests(SynchronousTestCase):
    def test_both_versions(self) -> None:
        """HTTP/1.1 stays unless it says close, HTTP/1.0 goes unless it says keep-alive, and close wins."""
        cases: list[tuple[list[tuple[bytes, bytes]], bool, bool]] = [
            ([], True, False),
            ([(b"Connection", b"keep-alive")], True, True),
            ([(b"Connection", b"close")], False, False),
            ([(b"connection", b"X-A, Close")], False, False),
            ([(b"Connection", b"Keep-Alive, close")], False, False),
            ([(b"Connection", b"keep-alive"), (b"Connection", b"close")], False, False),
            ([(b"Connection", b"")], True, False),
            ([(b"Connection", b"upgrade")], True, False),
            ([(b"Connection", b"closed")], True, False),
            ([(b"Proxy-Connection", b"close")], True, False),
        ]
        for pairs, new, old in cases:
            self.assertEqual((keeps_alive(1, Fields(pairs)), keeps_alive(0, Fields(pairs))), (new, old), pairs)


class OptionsTests(SynchronousTestCase):
    def test_their_number_is_bounded(self) -> None:
        """A hundred, over all lines, blank ones too; one more is refused with the status that was asked for."""
        for lines in ([b"a," * 99], [b"a," * 49] * 2, [b" "] * 100, [b"," * 99]):
            fields = [(b"Connection", line) for line in lines]
            self.assertTrue(keeps_alive(1, Fields(fields)))
            self.assertEqual(end_to_end(Fields(fields), frozenset()), [])
            for bad, asked in (
                (400, lambda fields: keeps_alive(1, fields)),
                (502, lambda fields: keeps_alive(1, fields, 502)),
                (400, lambda fields: end_to_end(fields, frozenset())),
                (502, lambda fields: end_to_end(fields, frozenset(), (), 502)),
            ):
                with self.assertRaises(BadMessage) as refused:
                    asked(Fields([*fields, (b"connection", b"b")]))
                self.assertEqual(
                    (refused.exception.status, refused.exception.rule), (bad, "more than 100 options in Connection")
                )


class EndToEndTests(SynchronousTestCase):
    def test_what_is_left(self) -> None:
        """Hop-by-hop fields, those that Connection names and those to drop go; order, case and repeats stay."""
        fields = Fields(
            [
                (b"hOst", b"a"),
                (b"Connection", b"X-Hop, keep-alive"),
                (b"Cookie", b"1"),
                (b"Keep-Alive", b"timeout=5"),
                (b"x-hop", b"x"),
                (b"Proxy-Authorization", b"Basic x"),
                (b"Proxy-Connection", b"keep-alive"),
                (b"Proxy-Authenticate", b"Basic"),
                (b"TE", b"trailers"),
                (b"Upgrade", b"h2c"),
                (b"Accept", b"*/*"),
                (b"cookie", b"2"),
            ]
        )
        kept = [(b"Cookie", b"1"), (b"Accept", b"*/*"), (b"cookie", b"2")]
        self.assertEqual(end_to_end(fields, frozenset({b"host"})), kept)

    def test_framing_and_routing_cannot_be_named_away(self) -> None:
        """A sender who names Host or the framing fields in Connection changes nothing; `drop` does."""
        named = b"host, Content-Length, transfer-encoding"
        fields = Fields(
            [(b"Connection", named), (b"Host", b"a"), (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")]
        )
        self.assertEqual(names(end_to_end(fields, frozenset())), [b"Host", b"Content-Length", b"Transfer-Encoding"])
        self.assertEqual(names(end_to_end(fields, frozenset({b"content-length"}))), [b"Host", b"Transfer-Encoding"])

    def test_written_anew(self) -> None:
        """A field that is written anew stays in its place, though it is one of those to be dropped."""
        fields = Fields([(b"A", b"1"), (b"LENGTH", b"03"), (b"Coding", b"x"), (b"B", b"2")])
        dropped = frozenset({b"length", b"coding"})
        kept = end_to_end(fields, dropped, anew=(b"length", b"3"))
        self.assertEqual(kept, [(b"A", b"1"), (b"LENGTH", b"3"), (b"B", b"2")])
        self.assertEqual(end_to_end(fields, dropped), [(b"A", b"1"), (b"B", b"2")])

    def test_prefixes(self) -> None:
        """Whatever begins so is dropped, in any case."""
        fields = Fields([(b"X-ProxyMesh-IP", b"1"), (b"x-proxymesh", b"2"), (b"PROXY-Foo", b"3"), (b"X-Proxy", b"4")])
        self.assertEqual(
            names(end_to_end(fields, frozenset(), (b"x-proxymesh-", b"proxy-"))), [b"x-proxymesh", b"X-Proxy"]
        )

    def test_repeated_connection(self) -> None:
        """Every Connection line counts."""
        fields = Fields([(b"Connection", b"a"), (b"A", b"1"), (b"connection", b"b"), (b"B", b"2"), (b"C", b"3")])
        self.assertEqual(names(end_to_end(fields, frozenset())), [b"C"])
