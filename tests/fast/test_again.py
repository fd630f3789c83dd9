"""The tests of what C takes the place of, once more with it: what they look at is the same."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.auth import test_remembering
from tests.exits import test_departure
from tests.fast.building import fast
from tests.passing import test_idle, test_record
from tests.proxy import test_repeating, test_response
from tests.usage import test_exchangelog, test_ledger, test_limits, test_reports


class Native:
    """Puts C in its places for a test."""

    addCleanup: Any

    def setUp(self) -> None:
        native = fast()
        native.begin()
        self.addCleanup(native.end)
        super().setUp()  # type: ignore[misc]


def again(module: ModuleType) -> dict[str, type]:
    """Each of its cases as one that has C, by name; without properties: Hypothesis knows each by one case alone."""
    cases = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    return {
        f"{module.__name__.rpartition('.')[2]}_{case.__name__}": type(
            case.__name__, (Native, case), dict.fromkeys(properties(case))
        )
        for case in cases
        if issubclass(case, SynchronousTestCase)
    }


def properties(case: type) -> list[str]:
    return [name for name in dir(case) if hasattr(getattr(case, name, None), "hypothesis")]


for each in (
    test_departure,
    test_exchangelog,
    test_idle,
    test_ledger,
    test_limits,
    test_record,
    test_remembering,
    test_repeating,
    test_reports,
    test_response,
):
    globals().update(again(each))


class AgainTest(SynchronousTestCase):
    def test_each_is_there(self) -> None:
        """So that a module whose cases are called otherwise is not left out without a word."""
        self.assertIn("test_idle_IdleTests", globals())
        self.assertGreater(len([name for name in globals() if name.startswith("test_") and "_" in name[5:]]), 20)
