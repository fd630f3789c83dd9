"""Builds the native part (docs/decisions/0093), where there are a C compiler and the interpreter's headers; all else is
in setup.cfg.  Without them meshd is installed whole, in Python alone.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("meshd", "fast")
SOURCES = sorted(str(path) for path in FOLDER.glob("*.c"))
HEADERS = sorted(str(path) for path in FOLDER.glob("*.h"))

setup(
    ext_modules=[
        Extension("meshd.fast.native", SOURCES, depends=HEADERS, extra_compile_args=["-O2", "-g0"], optional=True)
    ]
)
