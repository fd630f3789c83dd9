"""What a client sends by a stream, as it is written on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.chunks import ChunkReader
from meshd.http2.bodies import FRAMED, Body


def written(body: Body) -> bytes:
    found = b""
    while body:
        found += body.take()
    return found


class BodyTests(SynchronousTestCase):
    def test_as_it_is(self) -> None:
        """With a length, and in a tunnel; nothing stands behind it."""
        body = Body(chunked=False)
        for data in (b"a", b"", b"b" * (3 * FRAMED)):
            body.add(data)
        body.end()
        self.assertEqual(written(body), b"a" + b"b" * (3 * FRAMED))

    def test_in_chunks(self) -> None:
        """However small the pieces were, which cost no more than they are while they wait."""
        body = Body(chunked=True)
        for _ in range(2 * FRAMED):
            body.add(b"x")
        self.assertEqual(len(body), 2 * FRAMED)
        body.end([(b"a", b"b")])
        reader = ChunkReader()
        raw = written(body)
        self.assertEqual(b"".join(reader.feed(raw)), b"x" * (2 * FRAMED))
        self.assertTrue(reader.done)
        self.assertEqual(list(reader.trailers), [(b"a", b"b")])
        self.assertLess(len(raw), 2 * FRAMED + 64)

    def test_empty(self) -> None:
        """A chunked body of nothing has its end all the same."""
        body = Body(chunked=True)
        self.assertFalse(body)
        body.end()
        self.assertEqual(written(body), b"0\r\n\r\n")

    def test_dropped(self) -> None:
        body = Body(chunked=True)
        body.add(b"x")
        body.end()
        body.drop()
        self.assertEqual((len(body), bool(body), body.take()), (0, False, b""))
