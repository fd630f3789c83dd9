"""Connecting in C: its tests once more."""

from __future__ import annotations

from tests.fast.test_wires import again
from tests.sockets import test_race

globals().update(again(test_race))
