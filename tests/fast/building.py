"""The native part, compiled as a test wants it: with all warnings as errors, whatever is or is not installed."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from meshd.fast.places import Fast
from tests.support.manual import ROOT

SOURCES = ROOT / "meshd" / "fast"
STRICT = ("-O1", "-g", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-fPIC", "-shared")
MORE = "NATIVE_CFLAGS"
"""The environment variable with further words for the compiler, such as -fsanitize=address,undefined."""


@cache
def compiled() -> ModuleType:
    """Once in a process; the file is gone as soon as it is loaded."""
    with tempfile.TemporaryDirectory(prefix="meshd-native-") as folder:
        library = Path(folder, "native.so")
        headers = sysconfig.get_path("include")
        more = shlex.split(os.environ.get(MORE, ""))
        sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
        subprocess.run(["cc", *STRICT, *more, f"-I{headers}", *sources, "-o", str(library)], check=True)
        spec = importlib.util.spec_from_file_location("meshd.fast.native", library)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def fast() -> Fast:
    """With the module as compiled here."""
    return Fast(compiled())
