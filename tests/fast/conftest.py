"""These tests put the native part in its places themselves, and compare it with Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import STANDING


@pytest.fixture(scope="module", autouse=True)
def python_alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take away what every other test has, or C would be compared with C."""
    standing = request.config.stash.get(STANDING, None)
    if standing is None:
        yield
        return
    standing.end()
    yield
    standing.begin()
