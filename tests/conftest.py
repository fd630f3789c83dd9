"""trial makes its temporary folders in the working directory: let that be one that is thrown away."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    """Before any test is collected, so that no module finds itself elsewhere."""
    scratch = tempfile.mkdtemp(prefix="meshd-tests-")
    os.chdir(scratch)
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
