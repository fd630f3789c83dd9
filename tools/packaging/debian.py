"""The Debian package: lays out what it holds beside `contrib/debian`, and has debhelper pack it."""

from __future__ import annotations

import os
import shutil
import subprocess
from email.utils import formatdate
from pathlib import Path

from tools.packaging.completion import FILES
from tools.packaging.environment import VERSION, place
from tools.packaging.tree import ROOT, version

HOME = "/usr/lib/meshd"
PYTHON = f"/usr/bin/python{VERSION}"
"""Debian's: whatever Python builds the package, this one runs it."""

MAINTAINER = "The meshd authors <maintainers@meshd.example>"
REVISION = 1

LEFT_OUT = "reportlab/fonts/*.pfb"
"""Of the wheels: Type 1 faces whose makers' words on copies are not plain.  Nothing here uses them."""


class Unbuildable(Exception):
    """What is missing on this machine, in one line."""


def build(dist: Path, work: Path, epoch: int) -> Path:
    """Build the package from `dist`, which has `wheelhouse`, `man` and `completion`; returns its path there.

    work: an empty folder to lay it out in; epoch: the time that all of it bears.  Raises: Unbuildable.
    """
    if shutil.which("dh") is None:
        raise Unbuildable("a .deb takes debhelper: apt-get install debhelper")
    folder = work / f"meshd-{version()}"
    folder.mkdir()
    _lay_out(folder, dist, epoch)
    environ = os.environ | {
        "SOURCE_DATE_EPOCH": str(epoch),
        "LC_ALL": "C.UTF-8",
        "DEB_BUILD_OPTIONS": "nocheck noautodbgsym",
    }
    command = ["dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unbuildable(f"dpkg-buildpackage ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    (made,) = work.glob("meshd_*.deb")
    return Path(shutil.copy(made, dist))


def _lay_out(folder: Path, dist: Path, epoch: int) -> None:
    """Write the folder that debhelper works in: `root` is packed as it stands, the rest is named in debian/."""
    debian = folder / "debian"
    shutil.copytree(ROOT / "contrib" / "debian", debian)
    place((dist / "wheelhouse").glob("*.whl"), folder / "root", HOME, PYTHON)
    for path in (folder / "root" / HOME.lstrip("/")).glob(f"lib/python*/site-packages/{LEFT_OUT}"):
        path.unlink()
    command = folder / "root" / "usr" / "bin" / "meshd"
    command.parent.mkdir()
    shutil.copy(debian / "meshd.command", command)
    command.chmod(0o755)
    settings = folder / "root" / "etc" / "meshd.toml"
    settings.parent.mkdir()
    shutil.copy(debian / "meshd.toml", settings)
    for name, place_of in (("bash", "bash-completion/completions/meshd"), ("zsh", "zsh/vendor-completions/_meshd"),
                           ("fish", "fish/vendor_completions.d/meshd.fish")):  # fmt: skip
        script = folder / "root" / "usr" / "share" / place_of
        script.parent.mkdir(parents=True)
        shutil.copy(dist / "completion" / FILES[name], script)
    shutil.copytree(dist / "man", folder / "man")
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in ("README.md", "CHANGELOG.md", "SECURITY.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copy(ROOT / "LICENSE", debian / "copyright")
    _write_unit(debian)
    _write_changelog(debian, epoch)


def _write_unit(debian: Path) -> None:
    """The unit of contrib/, with the package's paths."""
    unit = (ROOT / "contrib" / "systemd" / "meshd.service").read_text()
    (debian / "meshd.service").write_text(unit.replace("/opt/meshd/bin/", f"{HOME}/bin/"))


def _write_changelog(debian: Path, epoch: int) -> None:
    (debian / "changelog").write_text(
        f"meshd ({version()}-{REVISION}) unstable; urgency=medium\n\n"
        f"  * What has changed stands in the changelog of meshd itself.\n\n"
        f" -- {MAINTAINER}  {formatdate(epoch)}\n"
    )
