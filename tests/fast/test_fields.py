"""Fields of a head by name, and those that are passed on, in C beside Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshd.http1 import keep
from meshd.http1.fields import Fields
from meshd.http1.framing import Length, framing_field
from tests.fast.building import fast
from tests.fast.test_exchanges import Both, Left

NAMES = (b"Host", b"host", b"HOST", b"X-One", b"x-one", b"Connection", b"Content-Length", b"Proxy-Extra", b"Te", b"")
NAME = st.sampled_from(NAMES) | st.binary(max_size=6)
PAIRS = st.lists(st.tuples(NAME, st.sampled_from([b"", b"x-one, te", b"close", b"1"])), max_size=8)


def tried(does: Callable[[], object]) -> object:
    try:
        return does()
    except Exception as error:
        return type(error)


class FieldsTest(Both):
    @settings(deadline=None, max_examples=200)
    @given(PAIRS, st.lists(NAME, max_size=4))
    def test_by_name(self, pairs: list[tuple[bytes, bytes]], asked: list[bytes]) -> None:
        """The first value, all values, and whether there is one."""

        def does() -> object:
            fields = Fields(list(pairs))
            return [
                (fields.get(name), fields.all(name), name in fields, fields.tokens(name), fields._index, fields.names)
                for name in (*asked, *(name.lower() for name, _ in pairs))
            ]

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    @settings(deadline=None, max_examples=200)
    @given(PAIRS, st.frozensets(NAME, max_size=3), st.lists(NAME, max_size=2), st.none() | st.integers(0, 10**18))
    def test_passed_on(
        self, pairs: list[tuple[bytes, bytes]], drop: frozenset[bytes], prefixes: list[bytes], length: int | None
    ) -> None:
        """In order and case, one of them written anew perhaps."""

        def does() -> object:
            anew = framing_field(Length(length)) if length is not None else (b"", b"")
            return keep.end_to_end(Fields(list(pairs)), drop, tuple(prefixes), anew=anew)

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_what_is_left_to_python(self) -> None:
        """Of pairs of bytes nothing but the values of a name, where any name is there twice."""
        left = Left(self, (Fields, "all"), (Fields, "get"), (Fields, "__contains__"), (Fields, "_indexed"))
        left.of(keep, "_passed")
        native = fast()
        native.begin()
        self.addCleanup(native.end)
        once: list[tuple[bytes, bytes]] = [(b"Host", b"h"), (b"A", b"1"), (b"B", b"x, y")]
        twice = [*once, (b"a", b"2")]
        for pairs in ([], once, twice):
            for ask in (Fields.get, Fields.all, Fields.tokens, Fields.__contains__):
                for name in (b"host", b"b", b"c"):
                    ask(Fields(list(pairs)), name)
            Fields(list(pairs))._indexed()
            keep.end_to_end(Fields(list(pairs)), frozenset({b"host"}), (b"b",), anew=(b"x", b"1"))
            if pairs is not twice:
                self.assertEqual(left.calls, [])
        self.assertEqual(set(left.calls), {"all"})
        left.calls.clear()
        self.assertEqual(Fields(twice).all(b"a"), [b"1", b"2"])
        self.assertEqual(left.calls, ["all"])

    def test_more_pairs_after_none(self) -> None:
        """An index of nothing is made anew by each look-up."""

        def does() -> object:
            fields = Fields([])
            found = [fields.get(b"a")]
            fields.pairs.append((b"A", b"b"))
            return [*found, fields.get(b"a"), fields.all(b"a"), b"a" in fields]

        in_python, native = self.both(does)
        self.assertEqual((native, in_python), (in_python, [None, b"b", [b"b"], True]))

    def test_of_anything(self) -> None:
        """What is no list of pairs of bytes gives the same, or the same error."""
        others: tuple[Any, ...] = (
            None,
            ((b"A", b"b"),),
            [(b"A", b"b"), [b"C", b"d"]],
            [(b"A",)],
            [(b"A", b"b", b"c")],
            [("A", "b")],
            [(bytearray(b"A"), b"b")],
            [(b"A", None)],
        )
        for pairs in others:

            def does(pairs: Any = pairs) -> object:
                kinds = Fields, type("Other", (Fields,), {})
                gone, prefixes = frozenset({b"a"}), (b"c",)
                return [
                    tried(call)
                    for kind in kinds
                    for fields in (kind(pairs),)
                    for call in (
                        lambda fields=fields: fields.get(b"a"),
                        lambda fields=fields: fields.all(b"a"),
                        lambda fields=fields: b"a" in fields,
                        lambda fields=fields: fields.get("a"),
                        lambda fields=fields: fields.get([]),
                        lambda fields=fields: keep._passed(fields, gone, prefixes, b"", b""),
                        lambda fields=fields: keep._passed(fields, set(gone), prefixes, b"", b""),
                        lambda fields=fields: keep._passed(fields, gone, (1,), b"", b""),  # type: ignore[arg-type]
                        lambda fields=fields: keep._passed(fields, gone, prefixes, "a", b"x"),
                    )
                ]

            in_python, native = self.both(does)
            self.assertEqual(native, in_python, pairs)

    def test_wrong_numbers_of_arguments(self) -> None:
        native = fast()
        native.begin()
        self.addCleanup(native.end)
        passed: Any = keep._passed
        self.assertRaises(TypeError, passed, Fields([]))
        self.assertRaises(TypeError, passed, Fields([]), frozenset(), (), b"", b"", b"")
