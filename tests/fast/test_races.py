"""Connecting and accepting in C: their tests once more."""

from __future__ import annotations

from tests.fast.test_wires import again
from tests.passing import test_accepting
from tests.sockets import test_race

globals().update(again(test_race) | again(test_accepting))
