"""What `tools/package` does after the wheels: manual pages, completion, the Debian package.

python -m tools.packaging --out dist                  # all; the wheels lie in dist/wheelhouse
python -m tools.packaging --out dist man completion   # these alone
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tools.packaging import completion, debian, manual, tree

PARTS = ("man", "completion", "deb")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.packaging", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where it goes")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    epoch = tree.epoch()
    builders: dict[str, Callable[[Path, int], None]] = {"man": _man, "completion": _completion, "deb": _deb}
    try:
        for part in given.parts or PARTS:
            builders[part](given.out, epoch)
    except debian.Unbuildable as error:
        print(f"tools/package: {error}", file=sys.stderr)
        return 1
    return 0


def _man(out: Path, epoch: int) -> None:
    folder = _emptied(out / "man")
    date = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d")
    for page in manual.pages(date, tree.version()):
        (folder / page.file).write_text(page.text())


def _completion(out: Path, _: int) -> None:
    folder = _emptied(out / "completion")
    for name, text in completion.scripts():
        (folder / name).write_text(text)


def _deb(out: Path, epoch: int) -> None:
    with tempfile.TemporaryDirectory(prefix="meshd-deb-") as work:
        print(debian.build(out, Path(work), epoch))


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
