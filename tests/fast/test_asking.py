"""Who asks and for what, from memory, in C and in Python: the same answers, and the same that is noted."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from meshd.auth import service
from meshd.auth.digests import FieldDigests
from meshd.auth.identity import IdentityCache, Verdict
from meshd.auth.service import AuthService
from meshd.passing.kept import Origin, Server
from meshd.proxy.repeating import Repeated
from tests.fast.test_exchanges import Both
from tests.passing.test_kept import response_to
from tests.proxy.test_repeating import BEFORE, BEHIND, FIELDS, LINE, request

SEEDS = st.integers(0, 2**32)
PLACES = ("192.0.2.1", "192.0.2.2")


class Memory:
    """The part of the service that answers from memory, with few credentials, and a clock that goes on by itself."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.seconds, self.told = chance, 0.0, []  # type: ignore[var-annotated]
        self.auth: Any = AuthService.__new__(AuthService)
        self.cache = self.auth._cache = IdentityCache(lambda: 6)
        self.auth._seconds = lambda: self.seconds
        self.auth._digests = FieldDigests(bytes)
        self.bans = self.auth._bans = SimpleNamespace(by_address={})
        self.auth._failures = SimpleNamespace(right=self.right, banned=self.banned)
        self.auth._recall_unseen = lambda *given: given[1:]

    def right(self, verdict: Verdict, peer: str) -> None:
        self.told.append((verdict.name, peer))
        verdict.peer = peer

    def banned(self, address: str, name: str, account: int) -> object:
        return ("banned", address, name) if name in self.bans.by_address.get(address, {}) else None

    def remember(self, field: bytes, number: int) -> None:
        chance = self.chance
        account: Any = SimpleNamespace(id=number % 3, parent_id=None, username=f"u{number}")
        admission: Any = SimpleNamespace(account=account, identity=SimpleNamespace(account=account), only=None)
        until, open_to = self.seconds + chance.random() * 6, frozenset(chance.sample(["p", "q"], chance.randrange(3)))
        peer = chance.choice(["", *PLACES])
        verdict = Verdict(admission, f"u{number}", until, until + 1, open_to, peer=peer)
        self.cache.put(self.auth._digests.proxy(field), verdict, passing=chance.random() < 0.3)

    def step(self) -> object:
        chance, what = self.chance, self.chance.random()
        number = chance.randrange(9)
        field = b"Basic %d" % number
        self.seconds += chance.random() / 2
        if what < 0.25:
            self.remember(field, number)
        elif what < 0.3:
            self.cache.drop(chance.randrange(3))
        elif what < 0.36:
            self.bans.by_address = {} if chance.random() < 0.6 else {PLACES[0]: {f"u{number}": 1}}
        else:
            found = self.auth.recall(chance.choice("pq"), chance.choice(PLACES), field, None)
            return getattr(found, "account", found)
        return None


class RecallTest(Both):
    @settings(deadline=None, max_examples=40)
    @given(SEEDS)
    def test_any_steps(self, seed: int) -> None:
        """Bans, ends, other addresses and proxies: each has the same answer, and is used last in the same order."""

        def does() -> object:
            memory, found = Memory(Random(seed)), []
            for _ in range(120):
                answer = memory.step()
                found.append((answer, list(memory.cache._verdicts), list(memory.cache._passing), list(memory.told)))
            return found

        with mock.patch.object(
            service, "_answer", lambda verdict, proxy: ("asked of the account", verdict.name, proxy)
        ):
            in_python, native = self.both(does)
        self.assertEqual(native, in_python)


class ReadTest(Both):
    @settings(deadline=None, max_examples=60)
    @given(SEEDS)
    def test_any_bytes(self, seed: int) -> None:
        """That are, or are nearly, a request like the one before, within the bound and above it."""
        chance = Random(seed)
        pieces = (b" HTTP/1.1\r\n", b"/", b"?x", b" ", b"#", b"\r\n", b"A")

        def changed() -> bytes:
            data = bytearray(LINE + FIELDS)
            for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
                place, how = chance.randrange(len(data)), chance.randrange(3)
                if how == 0:
                    data[place] = chance.choice(b" \r\n/?#aZ\x00\xff:HTTP/1.1")
                else:
                    data[place : place + how % 2] = chance.choice((b"", *pieces))
            return bytes(data)

        buffers = [changed() for _ in range(12)]

        def does() -> object:
            same, found = Repeated(request(LINE + FIELDS)), []
            for buffer in (*buffers, *buffers):
                for longest in (len(buffer), len(buffer) - 1, 10**6):
                    found.append((same.read(buffer, longest), same._path))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_another_credential(self) -> None:
        """Long and short, empty and odd ones, and what stands around them changed, missing or there twice."""
        nobody = b"Host: h.test\r\n\r\n"
        values = [
            b"Basic YTpi",
            b"",
            b"Basic Og==",
            b"Basic  \t Og==",
            b"Basic " + b" " * 10 + b"Og==",
            *(b"Basic " + b"x" * size for size in (1, 9, 10, 11, 300)),
            *(
                b"Basic xxxx%byyyyyyyyyyyyy" % odd
                for odd in (b" ", b"\t", b"\x80", b"\xff", b"\x7f", b"\0", b"\r", b"\r\n", b"\n")
            ),
            *(b"%bBasic xxxxxxxxxxxxx%b" % (some, other) for some in (b"", b" ") for other in (b" ", b"\t", b"\xff")),
            b"Basic xxxxxxxxxxxx\r\nProxy-Authorization: Basic yyyyyyyyyyyy",
            b"Basic xxxxxxxxxxxx" + BEHIND,
        ]
        blocks = [BEFORE + each + BEHIND for each in values]
        blocks += [
            nobody,
            FIELDS[1:],
            FIELDS.replace(b"proxy-a", b"Proxy-a"),
            FIELDS[:-2],
            FIELDS + b"x",
            BEFORE + BEHIND[1:],
        ]

        def does() -> object:
            found = []
            for first in (FIELDS, nobody):
                same = Repeated(request(LINE + first))
                for block in (*blocks, *blocks):
                    found.append(same.read(LINE + block, 10**6))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
        self.assertIn((b"/first?q", BEFORE + b"Basic xxxxxxxxxx" + BEHIND, b"Basic xxxxxxxxxx"), native)  # type: ignore[arg-type]


class KnownTest(Both):
    def test_each_method(self) -> None:
        """A head that answered another method is another one, also of as many letters."""
        heads = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size for size in (2, 3)]
        told = [None, *map(response_to, heads)]

        def does() -> object:
            found, origin = [], Origin.__new__(Origin)
            for server in told:
                for own in told:
                    origin.server, origin.told = Server(), own
                    origin.server.told = server
                    for method in (b"GET", b"PUT", b"HEAD", b""):
                        for came in (*heads, heads[0] + b"ab", heads[0][:-1], b""):
                            answer: Any = origin.known(came, method)
                            found.append(None if answer is None else told.index(answer))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
