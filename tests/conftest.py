"""The folder that tests run in, and which of them are for every day.

trial makes its temporary folders in the working directory: let that be one that is thrown away.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from werkzeug.routing import Rule

from meshd.config.sources import NATIVE
from meshd.fast import built
from meshd.fast.places import Fast
from tests.support.thisrun import RUN

SLOW = ("live/", "threats/", "load/", "faults/", "bench/", "hosts/acme/")
"""Folders of tests that start daemons, browsers and servers, or take long for another reason."""

COMPILED = ("_parts", "_trace", "_converters", "arguments")
"""What Werkzeug sets in a rule when it compiles its path, which depends on nothing else here."""

STANDING = pytest.StashKey[Fast]()
"""Of the native part, where every test has it."""

POSTGRES = "Postgres"
"""In the names of tests that repeat on PostgreSQL what others do on SQLite."""


def pytest_configure(config: pytest.Config) -> None:
    """Have each path of the web compiled once in a process: every test of a room mounts all six hundred anew.

    All processes of a run have one folder for what is dear to make, and any of them may use.

    Who asks for the native part has it in every test, and in every daemon that a test starts.  An example of a property
    that takes long is no failure.
    """
    if os.environ.get(NATIVE) == "1":
        if (module := built().module) is None:
            raise pytest.UsageError("the native part is not built, or not of this: python setup.py build_ext --inplace")
        config.stash[STANDING] = Fast(module)
        config.stash[STANDING].begin()
    if not hasattr(config, "workerinput"):  # the process that starts the others, or the only one
        os.environ[RUN] = tempfile.mkdtemp(prefix="meshd-tests-run-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(RUN), ignore_errors=True))
    settings.register_profile("no test depends on the machine's speed", deadline=None)
    settings.load_profile("no test depends on the machine's speed")
    compiled: dict[str, dict[str, Any]] = {}
    anew = Rule.compile

    def compiled_once(rule: Rule) -> None:
        known = compiled.get(rule.rule)
        if known is None:
            anew(rule)
            known = compiled[rule.rule] = {name: getattr(rule, name) for name in COMPILED}
        rule.__dict__.update(known)

    Rule.compile = compiled_once  # type: ignore[method-assign]
    config.add_cleanup(lambda: setattr(Rule, "compile", anew))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everyday", action="store_true", help="leave out what starts daemons, and PostgreSQL's half")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--everyday"):
        return
    items[:], left_out = [item for item in items if _is_quick(item)], [item for item in items if not _is_quick(item)]
    config.hook.pytest_deselected(items=left_out)


def _is_quick(item: pytest.Item) -> bool:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return POSTGRES not in item.nodeid and not path.startswith(SLOW)


@pytest.hookimpl
def pytest_collection_finish(session: pytest.Session) -> None:
    """After the command line's own relative paths have been read."""
    scratch = tempfile.mkdtemp(prefix="meshd-tests-")
    os.chdir(scratch)
    session.config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
