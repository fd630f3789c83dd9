"""Settings for parts that are built by themselves."""

from __future__ import annotations

from typing import Any

from meshd.topology import Limits, Live, Timeouts, Topology


def settings(limits: Limits | None = None, timeouts: Timeouts | None = None, **others: Any) -> Live:
    """Those of a daemon without proxies, with these limits and timeouts."""
    topology = Topology({}, (), {}, limits=limits or Limits(), timeouts=timeouts or Timeouts(), **others)
    return Live(topology)
