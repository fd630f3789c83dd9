"""Which responses are announced as the last bytes of their connection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.framing import BodyFraming, Length, NoBody
from meshd.passing.forwarding import Forwarding
from meshd.sockets.task import Task
from tests.web.support import named

HEAD = b"head"


class Answering(Forwarding[Any]):
    __slots__ = ()

    def _head_of(self, response: object) -> bytes:
        return HEAD


class Client:
    """Notes what it is sent, and what was announced before."""

    def __init__(self) -> None:
        self.told: list[int | bytes] = []
        self.wire = SimpleNamespace(last=self.told.append)

    def begin_answer(self, status: int, *, framed: bool = True) -> None:
        assert framed

    async def deliver(self, data: bytes) -> None:
        self.told.append(data)


class LastTests(SynchronousTestCase):
    def answer(self, framing: BodyFraming, late: bytes, *, keep: bool, uploaded: bool = True) -> list[int | bytes]:
        client = Client()
        plane: Any = SimpleNamespace(draining=False)
        request: Any = SimpleNamespace(minor=1, keep=keep)
        response = SimpleNamespace(status=200, framing=framing, must_close=lambda minor: False)
        forwarding = Answering(plane, client, request)  # type: ignore[arg-type]
        forwarding.late, forwarding.uploaded = late, uploaded
        ended: list[BaseException | None] = []

        async def run() -> None:
            await forwarding._answer(None, response)  # type: ignore[arg-type]

        Task(run(), ended.append).resume()
        self.assertEqual(ended, [None])
        return client.told

    def test_announced(self) -> None:
        """What is here to its end, and after which nothing is served."""
        self.assertEqual(self.answer(Length(4), b"body", keep=False), [8, b"headbody"])
        self.assertEqual(self.answer(NoBody(), b"", keep=False), [4, b"head"])

    def test_not_announced(self) -> None:
        """Where the connection serves another request, the client is still sending, or the origin says more than the
        response's end.
        """
        for name, framing, late, keep, uploaded in (
            ("another request", Length(4), b"body", True, True),
            ("another request, no body", NoBody(), b"", True, True),
            ("an upload under way", Length(4), b"body", False, False),
            ("more than its length", Length(4), b"body and more", False, True),
            ("more than nothing", NoBody(), b"more", False, True),
        ):
            with named(name):
                self.assertNotIsInstance(self.answer(framing, late, keep=keep, uploaded=uploaded)[0], int)
