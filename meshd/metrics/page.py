"""The manual's table of metrics, made from the catalogue: `python -m meshd.metrics.page docs/metrics.md` renews it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from meshd.metrics.catalogue import FAMILIES, PREFIX

HEADER = "| metric | type | labels | what it is |"


def table() -> Iterator[str]:
    """The lines of the table."""
    yield HEADER
    yield "|---|---|---|---|"
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{PREFIX}{family.name}` | {family.kind} | {labels} | {family.help} |"


def renewed(page: str) -> str:
    """The page with its table as it is now."""
    before, _, after = page.partition(f"{HEADER}\n")
    rest = after[after.index("\n\n") :]
    return before + "\n".join(table()) + rest


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text()))
