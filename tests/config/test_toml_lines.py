"""The line of every key, however the file was written."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.toml_lines import KeyPath, lines

TANGLED = '''\
# a comment with "quotes" and [brackets]
top = """
[not.a.table]
x = 1 \\""" still text
"""
literal = \'\'\'
y = 2\'\'\'\'
"quoted \\u0041.key".'and.this' = 1979-05-27 07:32:00
[a . "b c"]
list = [ # comment ] in a comment
  "x]", \'y[\',
  { k = [1, 2], "l" = "}" },
  [
    3,
  ],
]
d.e.f = 1
d.e.g = 2
[[many]]
v = 1
[[many]]
v = 2
[many.sub]
w = 3
[[many.inner]]
z = 4
'''


def paths(data: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from paths(value, (*path, key))


KEYS = st.sampled_from(["a", "b-1", '"q.k"', "'l k'", '"\\u0041"', "20"])
SCALARS = st.sampled_from(
    [
        "1",
        "0x1f",
        "true",
        "1979-05-27T07:32:00Z",
        '"a#b"',
        "'c]'",
        '"""m\n\nn"""',
        "'''o\n'p'''",
        "nan",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n " + " , # c\n".join(items) + "\n]"),
        st.dictionaries(KEYS, inner, max_size=2).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs.items()) + "}"
        ),
    ),
    max_leaves=6,
)
PAIRS = st.tuples(st.lists(KEYS, min_size=1, max_size=3), VALUES).map(lambda pair: f"{'.'.join(pair[0])} = {pair[1]}")
HEADERS = st.tuples(st.booleans(), st.lists(KEYS, min_size=1, max_size=3)).map(
    lambda header: f"[[{' . '.join(header[1])}]]" if header[0] else f"[{'.'.join(header[1])}]"
)


class LineTests(SynchronousTestCase):
    """tomllib decides what a key is; the walk only has to find it."""

    def test_a_tangled_file(self) -> None:
        """Everything that could be mistaken for a key or a bracket."""
        found = lines(TANGLED)
        self.assertEqual(set(paths(tomllib.loads(TANGLED))) - set(found), set())
        wanted: dict[KeyPath, int] = {
            ("top",): 2,
            ("literal",): 6,
            ("quoted A.key", "and.this"): 8,
            ("a", "b c"): 9,
            ("a", "b c", "list", 1): 11,
            ("a", "b c", "list", 2, "l"): 12,
            ("a", "b c", "list", 3, 0): 14,
            ("a", "b c", "d", "e", "f"): 17,
            ("a", "b c", "d", "e", "g"): 18,
            ("many", 0, "v"): 20,
            ("many", 1): 21,
            ("many", 1, "v"): 22,
            ("many", 1, "sub", "w"): 24,
            ("many", 1, "inner", 0, "z"): 26,
        }
        self.assertEqual({path: found[path] for path in wanted}, wanted)

    @given(st.lists(st.one_of(PAIRS, HEADERS, st.just("# c"), st.just("")), max_size=8).map("\n".join))
    def test_nothing_that_tomllib_finds_is_missed(self, text: str) -> None:
        """Whatever tomllib accepts, each of its keys has a line, and on that line stands the key or its value."""
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        found = lines(text)
        self.assertEqual(set(paths(data)) - set(found), set())
        self.assertEqual(set(found), set(paths(data)))
        self.assertLessEqual(max(found.values(), default=1), text.count("\n") + 1)

    @given(st.text(alphabet="ab=[]{}\"'#.,\n\\ 1", max_size=40))
    def test_it_ends_on_anything(self, text: str) -> None:
        """Even on what is no TOML, which it is never given."""
        with contextlib.suppress(tomllib.TOMLDecodeError):
            lines(text)
