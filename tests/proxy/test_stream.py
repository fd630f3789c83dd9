"""One stream of HTTP/2: when its pair may serve another request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.requests import Asked, read
from meshd.proxy.stream import Stream
from tests.support.http2 import connect, get

GET = read(get("a.test", "/"), ended=True)
TUNNEL = read(connect("a.test:443"), ended=False)


class PartTests(SynchronousTestCase):
    def answered(
        self,
        asked: Asked = GET,
        *,
        ended: bool = True,
        surplus: bool = False,
        body: bool = False,
        left: bytes = b"",
        empty: bool = True,
    ) -> tuple[Stream, mock.Mock]:
        """A stream whose answer has ended or not, with more behind it or not, and its pair.

        body: whether more than the request came; left: what the pair has not taken; empty: whether nothing is left in
        it to be read.
        """
        pair = mock.Mock(fd=10_000, known=None)
        pair.write.side_effect = len
        pair.is_empty.return_value = empty
        stream = Stream(mock.Mock(), 1, asked, ended=False)
        stream.begin(pair)
        inner: Any = stream
        inner._once = inner._up_ended = not body
        inner._answer = SimpleNamespace(ended=ended, surplus=surplus)
        inner._up = left
        return stream, pair

    def assert_gone(self, stream: Stream, pair: mock.Mock) -> None:
        self.assertIsNone(stream.part())
        pair.close.assert_called_once_with()

    def test_one_that_is_over(self) -> None:
        """Gives its pair up once, open."""
        stream, pair = self.answered()
        self.assertIs(stream.part(), pair)
        self.assertIsNone(stream.part())
        pair.close.assert_not_called()

    def test_one_of_which_anything_may_follow(self) -> None:
        """Closes it, for each reason by itself: nothing of one exchange is ever read as another's."""
        for name, (stream, pair) in {
            "an answer that goes on": self.answered(ended=False),
            "bytes behind the answer": self.answered(surplus=True),
            "a request with a body": self.answered(body=True),
            "a tunnel": self.answered(TUNNEL),
            "a request that was not read": self.answered(left=b"more"),
            "something to be read": self.answered(empty=False),
        }.items():
            with self.subTest(name):
                self.assert_gone(stream, pair)

    def test_one_whose_connection_has_ended(self) -> None:
        """Likewise, whether it was closed or reset."""
        for name in ("_gone", "_broken"):
            stream, pair = self.answered()
            setattr(stream, name, True)
            with self.subTest(name):
                self.assert_gone(stream, pair)
