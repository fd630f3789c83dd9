"""Builds the native part (docs/decisions/0093), where there are a C compiler and the interpreter's headers; all else is
in setup.cfg.  Without them meshd is installed whole, in Python alone.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = Path("meshd", "fast")
SOURCES = sorted(str(path) for path in FOLDER.glob("*.c"))

told = runpy.run_path(str(FOLDER / "sources.py"))


class Build(build_ext):
    """Tells the part which version it belongs to, spelled as the installed metadata will spell it."""

    def finalize_options(self) -> None:
        super().finalize_options()
        version = self.get_finalized_command("egg_info").egg_version
        for extension in self.extensions:
            extension.define_macros.append(("MESHD_VERSION", f'"{version}"'))


setup(
    cmdclass={"build_ext": Build},
    ext_modules=[
        Extension(
            "meshd.fast.native",
            SOURCES,
            depends=["setup.cfg", *(str(path) for path in told["sources"](FOLDER))],
            define_macros=[("MESHD_SOURCES", f'"{told["digest"](FOLDER)}"')],
            extra_compile_args=["-O2", "-g0"],
            optional=True,
        )
    ],
)
