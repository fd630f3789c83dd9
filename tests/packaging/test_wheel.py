"""The wheel, built from a copy of the tree without a network: all that meshd needs is in it, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.manual import ROOT, tracked
from tools.packaging import tree
from tools.packaging.environment import place

EPOCH = "1700000000"


def build(folder: Path) -> Path:
    """A wheel of a copy of this tree, by the setuptools that are here.  Returns its path."""
    copy = folder / "tree"
    tree.copy(copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--wheel-dir", folder / "made", copy],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "SOURCE_DATE_EPOCH": EPOCH},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (folder / "made").iterdir()
    return made


class WheelTests(SynchronousTestCase):
    """As `tools/package` builds it."""

    def test_what_is_in_it(self) -> None:
        """Every file of the package, the plugin, the command; and the same bytes at the next time."""
        folders = [Path(tempfile.mkdtemp(prefix="meshd-wheel-")) for _ in range(2)]
        for folder in folders:
            self.addCleanup(shutil.rmtree, folder)
        first, second = map(build, folders)
        self.assertTrue(first.name.startswith(f"meshd-{tree.version()}-"), first.name)
        self.assertEqual(first.read_bytes(), second.read_bytes())
        with zipfile.ZipFile(first) as wheel:
            names = {name for name in wheel.namelist() if ".dist-info/" not in name}
            native = {name for name in names if re.fullmatch(r"meshd/fast/native\..*\.so", name)}
            self.assertEqual(len(native), 1, "the native part is built where there is a compiler")
            version = b"\0%b\0" % tree.version().encode()
            self.assertIn(version, wheel.read(*native), "an installed one is known by it")
            entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
            self.assertIn("meshd = meshd.cli.main:main", wheel.read(entry).decode())
        self._check_placed(first, folders[0] / "root")
        wanted = {str(path.relative_to(ROOT)) for path in tracked() if path.suffix not in {".c", ".h"}}
        self.assertEqual(names - native, {name for name in wanted if name.startswith(("meshd/", "twisted/plugins/"))})

    def _check_placed(self, wheel: Path, root: Path) -> None:
        """In an environment for another place: nothing names the place that it was made in, and nothing is compiled."""
        place([wheel], root, "/usr/lib/somewhere", "/usr/bin/python3")
        folder = root / "usr/lib/somewhere"
        self.assertEqual((folder / "bin/meshd").read_text().splitlines()[0], "#!/usr/lib/somewhere/bin/python")
        self.assertEqual((folder / "bin/python").readlink(), Path("/usr/bin/python3"))
        self.assertIn("home = /usr/bin\n", (folder / "pyvenv.cfg").read_text())
        for path in root.rglob("*"):
            self.assertNotEqual(path.suffix, ".pyc")
            if path.is_file() and not path.is_symlink():
                self.assertNotIn(str(root).encode(), path.read_bytes(), path)


class TreeTests(SynchronousTestCase):
    """What is built from."""

    def test_a_copy_without_git(self) -> None:
        """Has no more than what git knows, whatever lies about."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-tree-"))
        self.addCleanup(shutil.rmtree, folder)
        first, second = folder / "first", folder / "second"
        tree.copy(first)
        for name in ("build/lib/meshd/gone.py", "meshd-data/secrets.key", "meshd/__pycache__/x.pyc", ".venv/x"):
            (first / name).parent.mkdir(parents=True, exist_ok=True)
            (first / name).touch()
        tree.copy(second, first)
        copied = {str(path.relative_to(second)) for path in second.rglob("*") if path.is_file()}
        hidden = {".gitignore", ".dockerignore", ".ci/run"}
        self.assertEqual(copied, {str(path.relative_to(ROOT)) for path in tracked()} - hidden)

    def test_what_no_image_is_built_from(self) -> None:
        """Folders that may be large or hold secrets are left out of what a container's build is given."""
        ignored = (ROOT / ".dockerignore").read_text().split()
        for line in (ROOT / ".gitignore").read_text().split():
            name = line.strip("/")
            if not name.startswith("."):
                self.assertTrue({name, f"**/{name}"} & set(ignored) or name.startswith("twistd."), name)
