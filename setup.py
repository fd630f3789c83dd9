"""Builds the native part (docs/decisions/0093), where there are a C compiler and the interpreter's headers; all else is
in setup.cfg.  Without them meshd is installed whole, in Python alone.
"""

from __future__ import annotations

import runpy
from configparser import ConfigParser
from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("meshd", "fast")
SOURCES = sorted(str(path) for path in FOLDER.glob("*.c"))

told = runpy.run_path(str(FOLDER / "sources.py"))
config = ConfigParser()
config.read("setup.cfg")

setup(
    ext_modules=[
        Extension(
            "meshd.fast.native",
            SOURCES,
            depends=["setup.cfg", *(str(path) for path in told["sources"](FOLDER))],
            define_macros=[
                ("MESHD_SOURCES", f'"{told["digest"](FOLDER)}"'),
                ("MESHD_VERSION", f'"{config["metadata"]["version"]}"'),
            ],
            extra_compile_args=["-O2", "-g0"],
            optional=True,
        )
    ]
)
