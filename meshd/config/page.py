"""The manual's table of settings, made from the rows themselves: `python -m meshd.config.page docs/settings.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from meshd.config.show import value_text
from meshd.config.table import SETTINGS, Setting

BEGIN = "<!-- the rows of meshd/config/table.py: python -m meshd.config.page docs/settings.md -->"
END = "<!-- end of the rows -->"


def table() -> str:
    """The table in Markdown, a row for each setting."""
    return "\n".join(["| setting | default | may be | what it is |", "|---|---|---|---|", *_rows()])


def renewed(page: str) -> str:
    """The page with the present table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _rows() -> Iterator[str]:
    for setting in SETTINGS:
        about = setting.about if setting.live else f"{setting.about} (restart)"
        flag = f", `--{setting.flag.replace('_', '-')}`" if setting.flag else ""
        yield f"| `{setting.key}`{flag} | {_default(setting)} | {setting.kind.words} | {about} |"


def _default(setting: Setting) -> str:
    default = "" if setting.default is None else value_text(setting.default)
    return "" if default in ("", "-") else f"`{default}`"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(renewed(target.read_text()))
