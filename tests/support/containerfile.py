"""A Containerfile, carried out without a registry: each stage is a folder with a Debian, each RUN a command there.

What is not understood is refused, so that nothing in the file goes untried.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.debian import ENVIRONMENT, BareDebian

BASE = "debian:bookworm-slim"


@dataclass(frozen=True, slots=True)
class Instruction:
    word: str
    """FROM, RUN and so on, in capitals."""
    text: str
    line: int


@dataclass(slots=True)
class Image:
    """What a stage has become."""

    system: BareDebian
    environ: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    user: str = ""
    folder: str = "/"
    volumes: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    stop_signal: str = ""
    healthy: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a file, continued lines joined.  Comments may stand between them."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if not re.match(r"\s*(#|$)", line)]
    while lines:
        number, line = lines.pop(0)
        while line.endswith("\\"):
            line = f"{line[:-1]} {lines.pop(0)[1]}"
        word, _, rest = line.strip().partition(" ")
        yield Instruction(word, rest.strip(), number)


class Builder:
    """Carries out a file's instructions; `image` is the last stage's."""

    def __init__(
        self,
        base: Callable[[], BareDebian],
        context: Path,
        environ: Mapping[str, str],
    ) -> None:
        """base: gives a copy of BASE; context: the folder that COPY takes from; environ: what RUN gets besides."""
        self._base = base
        self._context = context
        self._environ = environ
        self._stages: dict[str, Image] = {}
        self.image: Image

    def build(self, text: str) -> Image:
        for each in instructions(text):
            step = getattr(self, f"_{each.word.lower()}" if each.word.isupper() else "", None)
            assert step, f"line {each.line}: what is {each.word}?"
            step(each.text)
        return self.image

    def _from(self, text: str) -> None:
        base, *name = re.split(r"\s+AS\s+", text, flags=re.IGNORECASE)
        assert base == BASE, f"there is no {base} here"
        self.image = Image(self._base())
        if name:
            self._stages[name[0]] = self.image

    def _run(self, text: str) -> None:
        assert not self.image.user, "what comes after USER is no root's"
        command = f"cd {self.image.folder}\n{text}"
        self.image.system.run(command, environ={**self.image.environ, **self._environ}, network=True)

    def _copy(self, text: str) -> None:
        words = shlex.split(text)
        origin = self._context
        if words[0].startswith("--from="):
            origin = self._stages[words.pop(0).removeprefix("--from=")].system.root
        source, target = words
        into = self.image.system.root / target.lstrip("/")
        shutil.copytree(origin / source.lstrip("/"), into, symlinks=True, dirs_exist_ok=True)

    def _env(self, text: str) -> None:
        name, _, value = text.partition("=")
        self.image.environ[name] = value

    def _user(self, text: str) -> None:
        assert re.fullmatch(r"[0-9]+:[0-9]+", text), "a user by number, which needs no passwd"
        self.image.user = text

    def _workdir(self, text: str) -> None:
        self.image.folder = text

    def _volume(self, text: str) -> None:
        self.image.volumes.append(text)

    def _expose(self, text: str) -> None:
        self.image.ports += map(int, text.split())

    def _stopsignal(self, text: str) -> None:
        self.image.stop_signal = text

    def _healthcheck(self, text: str) -> None:
        options, _, command = text.partition("CMD ")
        assert all(re.fullmatch(r"--[a-z-]+=[0-9]+s?", option) for option in options.split()), options
        self.image.healthy = json.loads(command)

    def _entrypoint(self, text: str) -> None:
        self.image.entry = json.loads(text)
