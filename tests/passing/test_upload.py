"""A request's body on its way to the origin."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.framing import Chunked, ChunkReader, Length
from meshd.passing.upload import Upload


def decoded(framed: bytes) -> bytes:
    reader = ChunkReader()
    body = b"".join(reader.feed(framed))
    assert reader.done, framed
    assert not reader.unused, framed
    return body


class UploadTest(SynchronousTestCase):
    def test_length(self) -> None:
        """A counted body goes as it is, to its last byte; what follows is the next request's."""
        upload = Upload(Length(5))
        self.assertEqual((upload.take(b"ab"), upload.done), (b"ab", False))
        self.assertEqual(upload.take(b"cdeGET "), b"cde")
        self.assertEqual((upload.done, upload.unused), (True, b"GET "))

    def test_chunks_at_every_cut(self) -> None:
        """Chunks are framed anew, wherever they are cut: the body is the same and the rest is left."""
        sent = b"3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nGET"
        for place in range(len(sent)):
            cut = place
            upload = Upload(Chunked())
            framed = upload.take(sent[:cut])
            if not upload.done:
                framed += upload.take(sent[cut:])
                cut = len(sent)
            self.assertEqual(decoded(framed), b"abc0123456789", cut)
            self.assertNotIn(b";", framed)
            self.assertEqual((upload.done, upload.unused + sent[cut:]), (True, b"GET"), cut)

    def test_never_ends_early(self) -> None:
        """What is not whole is not ended: no part of a body looks like the whole."""
        upload = Upload(Chunked())
        self.assertNotIn(b"0\r\n\r\n", upload.take(b"3\r\nabc\r\n"))
        self.assertEqual(upload.take(b"0\r\n"), b"")
        self.assertEqual(upload.take(b"\r\n"), b"0\r\n\r\n")

    def test_trailers(self) -> None:
        """Trailers go on, without those that frame, route or authenticate, and without ours."""
        upload = Upload(Chunked())
        framed = upload.take(
            b"1\r\nx\r\n0\r\nX-Sum: 5\r\nHost: evil\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n"
            b"Proxy-Authorization: Basic eA==\r\nX-ProxyMesh-Session: s\r\nConnection: close\r\n\r\n"
        )
        self.assertEqual(framed, b"1\r\nx\r\n0\r\nX-Sum: 5\r\n\r\n")

    def test_trailers_all_dropped(self) -> None:
        """Where none may stay, the end is a plain one."""
        upload = Upload(Chunked())
        self.assertEqual(upload.take(b"1\r\nx\r\n0\r\nX-ProxyMesh-A: b\r\n\r\n"), b"1\r\nx\r\n0\r\n\r\n")

    def test_malformed(self) -> None:
        """A malformed chunk is refused, and none of it is passed on."""
        for sent in (
            b"-1\r\n",
            b"0x3\r\nabc\r\n",
            b"3 \r\nabc\r\n",
            b"3\nabc\n",
            b"3\r\nabcd\r\n",
            b"1" * 17 + b"\r\n",
        ):
            with self.assertRaises(BadMessage):
                Upload(Chunked()).take(sent)
