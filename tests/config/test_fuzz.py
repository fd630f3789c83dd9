"""Whatever a file or an environment holds: a Config, or one line that says why not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.config import Config, ConfigError, load, rows
from meshd.config.exits.described import EXIT
from meshd.config.table import SETTINGS
from tests.config.support import EXAMPLE

BASE = EXAMPLE.replace('certificate = "cert.pem"\nkey = "key.pem"\n', "")
LINES = BASE.splitlines()
HUGE = "0x" + "f" * 6000
TYPES = ["-1", "0", "1e400", "nan", "true", "[]", "[[]]", "{}", '""', "1979-05-27", "[1, 'a', {}]", HUGE]
TEXTS = [
    '"\\u0000"',
    '"~x/y"',
    "'::'",
    "['tcp:1', 'tcp:1']",
    '"1-2-3"',
    '"[::1]:80"',
    "'http'",
    "['*']",
    "'gw.test:80'",
    "'http://u:p@gw.test:80'",
    "'2001:db8::/64'",
]
VALUES = st.sampled_from([*TYPES, *TEXTS, "{ name = ['x'] }"])
KEYS = st.sampled_from([setting.key.rpartition(".")[2] for setting in SETTINGS] + [*EXIT, "exits"])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The contract's example with some of its lines changed, lost, doubled or torn."""
    text = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                text[at] = text[at].partition("=")[0] + "= " + draw(VALUES)
            case 1:
                text[at] = f"{draw(KEYS)} = {draw(VALUES)}"
            case 2:
                text.insert(at, text[draw(st.integers(0, len(text) - 1))])
            case 3:
                text[at] = text[at][: draw(st.integers(0, 30))] + draw(st.text(max_size=5))
            case _:
                del text[at]
        text = text or [""]
    return "\n".join(text)


class FuzzTests(SynchronousTestCase):
    """Settings are read by a daemon that must not die of a reload."""

    def attempt(self, text: bytes, environ: dict[str, str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "meshd.toml").write_bytes(text)
            try:
                config = load({"config": "meshd.toml"}, environ, cwd=Path(folder))
            except ConfigError as error:
                self.assertTrue(str(error).isprintable())
                self.assertTrue(str(error))
            else:
                self.assertIsInstance(config, Config)
                self.assertTrue(all(isinstance(cell, str) for row in rows(config) for cell in row))

    @given(mutated())
    @settings(max_examples=300, deadline=None)
    def test_mutated_files(self, text: str) -> None:
        """Near misses of a real file."""
        self.attempt(text.encode("utf-8", "surrogatepass"), {})

    @given(st.binary(max_size=60))
    @settings(max_examples=100, deadline=None)
    def test_any_bytes(self, text: bytes) -> None:
        """Far misses."""
        self.attempt(text, {})

    @given(
        st.dictionaries(
            st.sampled_from([setting.environment for setting in SETTINGS]), st.text(max_size=20), max_size=3
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_any_environment(self, environ: dict[str, str]) -> None:
        """Of the names that exist."""
        self.attempt(b"", environ)
