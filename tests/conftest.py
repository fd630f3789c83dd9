"""trial makes its temporary folders in the working directory: let that be one that is thrown away."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest


@pytest.hookimpl
def pytest_collection_finish(session: pytest.Session) -> None:
    """After the command line's own relative paths have been read."""
    scratch = tempfile.mkdtemp(prefix="meshd-tests-")
    os.chdir(scratch)
    session.config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
