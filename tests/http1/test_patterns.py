"""The regular expressions that whatever a stranger sends is matched against."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd import selection
from meshd.auth import bans, credentials, secrets
from meshd.http1 import chunks, fault, grammar, head, mending, target
from meshd.sockets import proxyprotocol
from meshd.web.server import channel, front

MODULES = (
    grammar,
    fault,
    head,
    mending,
    target,
    chunks,
    credentials,
    secrets,
    bans,
    selection,
    proxyprotocol,
    channel,
    front,
)
SHORT = 128
"""Repeats of so few can be taken back one by one: what they are matched against is as short."""


def patterns(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for name, value in vars(module).items():
        candidates = [value, *(getattr(value, each, None) for each in ("whole", "beginning", "pattern"))]
        for candidate in candidates:
            if isinstance(candidate, re.Pattern):
                yield f"{module.__name__}.{name}", candidate


def loose(parsed: Any) -> Iterator[int]:
    """How often each repeat may be taken back, of those that may be."""
    for what, argument in parsed:
        if str(what) in ("MAX_REPEAT", "MIN_REPEAT"):
            yield int(argument[1])
        for part in argument if isinstance(argument, (tuple, list)) else (argument,):
            for nested in part if isinstance(part, list) else (part,):
                if hasattr(nested, "getwidth"):
                    yield from loose(nested)


class PatternTests(SynchronousTestCase):
    def test_no_repeat_is_gone_back_over(self) -> None:
        """A long text that fails at its end costs one pass: every repeat of many is possessive."""
        found = 0
        for module in MODULES:
            for name, pattern in patterns(module):
                found += 1
                parsed = re._parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)  # type: ignore[attr-defined]
                self.assertLessEqual(max(loose(parsed), default=0), SHORT, f"{name}: {pattern.pattern!r}")
        self.assertGreater(found, 25)
