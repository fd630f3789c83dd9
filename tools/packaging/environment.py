"""A virtual environment for another place than it is made in, from wheels alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def place(wheels: Iterable[Path], root: Path, at: str, python: str) -> None:
    """Make it below `root` as it will stand at `at`.

    python: the interpreter there, of the version that runs this, since wheels with compiled parts are of one version.
    Nothing is compiled: that is the target's to do, and would be no part of what can be built twice alike.
    """
    folder = root / at.lstrip("/")
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(python)
    settings = f"home = {Path(python).parent}\ninclude-system-site-packages = false\nversion = {VERSION}\n"
    (folder / "pyvenv.cfg").write_text(settings)
    packages = f"{at}/lib/python{VERSION}/site-packages"
    places = {"purelib": packages, "platlib": packages, "scripts": f"{at}/bin", "data": at, "headers": f"{at}/include"}
    destination = SchemeDictionaryDestination(
        places, interpreter=f"{at}/bin/python", script_kind="posix", destdir=str(root)
    )
    for wheel in sorted(wheels):
        with WheelFile.open(wheel) as source:
            install(source, destination, additional_metadata={"INSTALLER": b"meshd\n"})
