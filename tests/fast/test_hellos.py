"""A client's first message of TLS in C, beside Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.tls import clienthello
from tests.fast.building import compiled, fast
from tests.http1.support import thorough
from tests.tls.test_clienthello import BAD, GOOD, body, hello, message, record, server_name

FIRST = [data for data in (*(data for data, _ in GOOD.values()), *BAD.values()) if len(data) < 2000]


class BesideTest(SynchronousTestCase):
    """What C says of a message is what Python says, whatever became of its bytes on the way."""

    def setUp(self) -> None:
        self.left: list[bytes] = []
        self.named = compiled().hello_functions(self.in_python)["_named"]

    def in_python(self, data: bytes) -> str | None:
        self.left.append(data)
        return clienthello._named(data)

    def said(self, named: Callable[[bytes], str | None], data: bytes) -> Any:
        try:
            return named(data)
        except clienthello._Broken as broken:
            return broken.args

    def same(self, data: bytes) -> None:
        self.assertEqual(self.said(self.named, data), self.said(clienthello._named, data), data)

    def test_all(self) -> None:
        for data in FIRST:
            for size in range(len(data) + 1):
                self.same(data[:size])

    def test_what_is_left_to_python(self) -> None:
        """Nothing of what OpenSSL sends; all that is refused."""
        for what, (data, name) in GOOD.items():
            if what.startswith("OpenSSL"):
                self.assertEqual((self.named(data), self.left), (name, []))
        for data in BAD.values():
            self.said(self.named, data)
        self.assertEqual(self.left, list(BAD.values()))

    @thorough(2000)
    @given(st.sampled_from(FIRST), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4))
    def test_changed_bytes(self, data: bytes, changes: list[tuple[int, int]]) -> None:
        changed = bytearray(data)
        for at, value in changes:
            changed[at % len(changed)] = value
        self.same(bytes(changed))

    @thorough(1000)
    @given(st.binary(max_size=300))
    def test_any_bytes(self, data: bytes) -> None:
        for whole in (data, record(data), record(message(data)), hello(data), record(message(body(data)))):
            self.same(whole)

    @thorough(1000)
    @given(st.text(st.sampled_from("aZ0_-.\xe9 *"), max_size=12) | st.integers(55, 70).map(lambda n: "a" * n + ".b"))
    def test_names(self, name: str) -> None:
        self.same(hello(server_name(name)))

    def test_long_names(self) -> None:
        for size in range(245, 260):
            self.same(hello(server_name((("a" * 50 + ".") * 5 + "b" * size)[:size])))
            self.same(hello(server_name((("a" * 49 + ".") * 6)[:size].rstrip("."))))

    def test_what_is_no_text(self) -> None:
        """As Python has it."""
        for wrong in (None, 7):
            self.assertRaises(TypeError, self.named, wrong)


class PlaceTest(SynchronousTestCase):
    def test_it_takes_its_place(self) -> None:
        before = clienthello._named
        native = fast()
        native.begin()
        try:
            self.assertIsNot(clienthello._named, before)
        finally:
            native.end()
        self.assertIs(clienthello._named, before)
