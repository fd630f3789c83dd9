"""The manual as tests read it: its pages, its blocks, and output that matches what it shows but for what varies."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>\w+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)

_VARYING = (
    (re.compile(r"pm_[0-9A-Za-z]{49}"), r"pm_[0-9A-Za-z]{49}"),
    (re.compile(r"(?<=password )( *)[0-9A-Za-z]{21}"), r" *[0-9A-Za-z]{21}"),
    (re.compile(r"(?<=-U admin:)[0-9A-Za-z]{21}"), r"[0-9A-Za-z]{21}"),
    (
        re.compile(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(?:\.\d{3})?"),
        r"\\d{4}-\\d\\d-\\d\\d\1\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{3})?",
    ),
    (re.compile(r"(?:(?<=\"next\": \")\d{13}-)?[0-9a-f]{8}-\d+(?=\")"), r"(?:\\d{13}-)?[0-9a-f]{8}-\\d+"),
    (re.compile(r"(?<=_bandwidth\": )[\d.]+e-\d+"), r"[\\d.]+e-\\d+"),
    (re.compile(r"(?<=\"seconds\": )\d+\.\d+"), r"\\d+\\.\\d+"),
    (re.compile(r"(?<=\"bytes_up\": )\d+|(?<=\"bytes_down\": )[1-9]\d*"), r"\\d+"),
    (re.compile(r"(?<=pac\?key=)[0-9A-Za-z_-]{32}"), r"[0-9A-Za-z_-]{32}"),
    (re.compile(r"(?<=since )\d{4}-\d\d-\d\d"), r"\\d{4}-\\d\\d-\\d\\d"),
)
"""What is another at each run: how the manual shows it, and what stands for it."""


class Block(NamedTuple):
    """What stands between two fences."""

    mark: str
    """Of the comment before it: `run`, `start`, `test`; "" for none."""
    language: str
    text: str


class Example(NamedTuple):
    """Commands that are to be run, and the output that the page shows; "" where it shows none."""

    commands: str
    output: str


def tracked() -> list[Path]:
    """The project's files: those that git knows or would add; without git, those that are there."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        return sorted(path for path in map(ROOT.joinpath, listing.stdout.splitlines()) if path.is_file())
    hidden = re.compile(r"/(\.[^/]+|__pycache__|meshd-data|[^/]+\.egg-info|build|dist)/")
    return sorted(
        path for path in ROOT.rglob("*") if path.is_file() and not hidden.search(f"/{path.relative_to(ROOT)}")
    )


def pages() -> list[Path]:
    """Every page of Markdown."""
    return [path for path in tracked() if path.suffix == ".md"]


def blocks(page: str) -> list[Block]:
    return [Block(found["mark"] or "", found["language"], found["text"]) for found in _BLOCK.finditer(page)]


def examples(page: str) -> list[Example]:
    """The blocks marked `run`, each with the text block that follows it."""
    return list(_paired(blocks(page)))


def _paired(found: list[Block]) -> Iterator[Example]:
    for block, after in zip(found, [*found[1:], Block("", "", "")], strict=True):
        if block.mark == "run":
            yield Example(block.text, after.text if after.language == "text" else "")


def matches(shown: str, real: str) -> bool:
    """Whether a run could have printed what is shown: blanks may be more or fewer, passwords and times others."""
    return pattern(shown).fullmatch(_squeezed(real)) is not None


def pattern(shown: str) -> re.Pattern[str]:
    text = _squeezed(shown)
    stands: list[str] = []

    def kept(stand: str) -> str:
        stands.append(stand)
        return f"\0{len(stands) - 1}\0"

    for varying, stand in _VARYING:
        text = varying.sub(lambda found, stand=stand: kept(found.expand(stand)), text)  # type: ignore[misc]
    parts = re.split(r"\0(\d+)\0", text)
    return re.compile("".join(stands[int(part)] if at % 2 else re.escape(part) for at, part in enumerate(parts)))


def _squeezed(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
