"""What comes by a session, cut into few frames at a time."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.slices import FRAMES, PREFACE, Slices
from tests.support.frames import DATA, HEADERS, PING, RST_STREAM, frame

BEGINNING = bytes(PREFACE)


class SlicesTests(SynchronousTestCase):
    def test_large_frames(self) -> None:
        """Are one slice, as they came."""
        data = BEGINNING + frame(DATA, 0, 1, bytes(16_384)) * 4
        self.assertEqual(list(Slices().of(data)), [(data, 4)])

    def test_small_frames(self) -> None:
        """Are cut where so many of them have ended."""
        ping = frame(PING, 0, 0, bytes(8))
        found = list(Slices().of(BEGINNING + ping * (3 * FRAMES + 1)))
        self.assertEqual(
            found, [(BEGINNING + ping * FRAMES, FRAMES), (ping * FRAMES, FRAMES), (ping * FRAMES, FRAMES), (ping, 1)]
        )

    def test_empty_frames(self) -> None:
        empty = frame(DATA, 0, 1)
        found = list(Slices().of(BEGINNING + empty * (2 * FRAMES)))
        sizes = [(len(each) // len(empty), frames) for each, frames in found]
        self.assertEqual(sizes, [(FRAMES + PREFACE // len(empty), FRAMES), (FRAMES, FRAMES)])

    def test_exchanges(self) -> None:
        """What begins or cuts one counts as two frames, and ends a slice that has one too many by that."""
        asked, reset, ping = frame(HEADERS, 4, 1, b"x"), frame(RST_STREAM, 0, 1, bytes(4)), frame(PING, 0, 0, bytes(8))
        pairs = FRAMES // 4
        found = list(Slices().of(BEGINNING + (asked + reset) * pairs + ping + (asked + reset) * pairs))
        whole, rest = (asked + reset) * pairs, (asked + reset) * (pairs - 1) + asked
        self.assertEqual(found, [(BEGINNING + whole, FRAMES), (ping + rest + reset, FRAMES + 1)])

    def test_pieces(self) -> None:
        """However the bytes arrive, none is lost, each frame is counted once, and no slice has more."""
        chance = random.Random(4)
        data = BEGINNING + b"".join(frame(DATA, 0, 1, bytes(chance.randrange(40))) for _ in range(2000))
        slices, at, found, counted = Slices(), 0, [], 0
        while at < len(data):
            size = chance.choice((1, 3, 8, 500, 5000))
            for piece, frames in slices.of(data[at : at + size]):
                found.append(piece)
                counted += frames
            at += size
        self.assertEqual((b"".join(found), counted), (data, 2000))
        self.assertLessEqual(max(map(len, found)), PREFACE + (FRAMES + 1) * 49)
