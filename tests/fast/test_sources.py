"""A native part that was built of other sources than the Python beside it is left out, and told of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.sources import NATIVE
from meshd.fast import FOLDER, Built, fits_beside
from meshd.fast.sources import PLACES, digest, sources
from tests.support.daemon import LiveDaemon
from tests.support.manual import ROOT

STALE = 'SOURCES = VERSION = "another"\n'
"""A native part without any function: a start that used it would fail."""
SAYS_ITS_VERSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", NULL, -1, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_native(void)
{
    PyObject *made = PyModule_Create(&module);
    PyModule_AddStringConstant(made, "VERSION", MESHD_VERSION);
    return made;
}
"""
LEFT_OUT = "the native part was built of other sources, and is left out"


class DigestTests(SynchronousTestCase):
    def folder(self, *without: str) -> Path:
        """A copy of what the part is made of."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-sources-"))
        self.addCleanup(shutil.rmtree, folder)
        for path in sources(FOLDER):
            if path.suffix not in without:
                shutil.copy(path, folder)
        return folder

    def test_each_file_counts(self) -> None:
        """Its content, and its name; what else lies there does not."""
        folder = self.folder()
        whole = digest(FOLDER)
        self.assertEqual(digest(folder), whole)
        (folder / "other.py").write_text("")
        self.assertEqual(digest(folder), whole)
        for path in sources(folder):
            before = path.read_bytes()
            path.write_bytes(before + b" ")
            self.assertNotEqual(digest(folder), whole, path)
            path.write_bytes(before)
        (folder / "wire.c").rename(folder / "wires.c")
        self.assertNotEqual(digest(folder), whole)

    def test_where_the_c_is_not_installed(self) -> None:
        """There is none."""
        folder = self.folder(".c", ".h")
        self.assertTrue((folder / PLACES).exists())
        self.assertEqual((sources(folder), digest(folder)), ([], ""))


class FitsTests(SynchronousTestCase):
    def test_table(self) -> None:
        """Beside its sources they decide, else the version; a part that does not say is of another time."""
        for said, found, installed, fits in (
            ({"SOURCES": "a", "VERSION": "1"}, "a", "1", True),
            ({"SOURCES": "a", "VERSION": "1"}, "a", "2", True),
            ({"SOURCES": "a", "VERSION": "1"}, "b", "1", False),
            ({"SOURCES": "", "VERSION": "1"}, "b", "1", False),
            ({}, "b", "1", False),
            ({"SOURCES": "a", "VERSION": "1"}, "", "1", True),
            ({"SOURCES": "a", "VERSION": "1"}, "", "2", False),
            ({"SOURCES": "a", "VERSION": ""}, "", "not installed", False),
            ({}, "", "1", False),
        ):
            module = ModuleType("native")
            vars(module).update(said)
            self.assertEqual(fits_beside(module, found, installed), fits, (said, found, installed))

    def test_words(self) -> None:
        words = {str(each) for each in (Built(), Built(ModuleType("native")), Built(stale=True))}
        self.assertEqual(len(words), 3, words)


class VersionTests(SynchronousTestCase):
    def test_as_it_is_installed(self) -> None:
        """The part says the version as the metadata beside it does, however setup.cfg spells it."""
        tree = Path(tempfile.mkdtemp(prefix="meshd-version-"))
        self.addCleanup(shutil.rmtree, tree)
        folder = tree / "meshd" / "fast"
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "setup.py", tree)
        shutil.copy(FOLDER / "sources.py", folder)
        (folder / PLACES).touch()
        (folder / "native.c").write_text(SAYS_ITS_VERSION)
        (tree / "setup.cfg").write_text(
            "[metadata]\nname = meshd\nversion = 1.0-RC.1\n[options]\npackages = meshd.fast\n"
        )
        build = [sys.executable, "setup.py", "-q", "egg_info", "build_ext", "--inplace"]
        subprocess.run(build, cwd=tree, check=True, capture_output=True)
        (library,) = folder.glob("native.*.so")
        spec = spec_from_file_location("meshd.fast.native", library)
        assert spec is not None
        module = module_from_spec(spec)
        installed = metadata.Distribution.at(tree / "meshd.egg-info").version
        self.assertEqual((installed, module.VERSION), ("1.0rc1", "1.0rc1"))


class StartTests(SynchronousTestCase):
    def setUp(self) -> None:
        """A tree whose native part is another's."""
        self.tree = tempfile.mkdtemp(prefix="meshd-tree-")
        self.addCleanup(shutil.rmtree, self.tree)
        for name in ("meshd", "twisted"):
            shutil.copytree(ROOT / name, Path(self.tree, name), ignore=shutil.ignore_patterns("*.so", "*.pyc"))
        Path(self.tree, "meshd", "fast", "native.py").write_text(STALE)

    def test_the_daemon(self) -> None:
        """Starts, runs in Python alone, and tells of it once, however many workers it has."""
        daemon = LiveDaemon(self, "workers = 2\n", tree=self.tree)
        self.assertEqual(daemon.log_text().count(LEFT_OUT), 1)
        self.assertEqual(daemon.terminate(), 0)
        self.assertNotIn("Traceback", daemon.log_text())

    def test_the_command(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from meshd.cli.main import main; sys.exit(main())", "--version"],
            env={**os.environ, NATIVE: "", "PYTHONPATH": self.tree},
            cwd=self.tree,
            check=True,
            capture_output=True,
            text=True,
        )
        self.assertIn("(Python alone, as its native part was built of other sources)", done.stdout)
