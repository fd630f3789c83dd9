"""How each upstream of each host does: what failed, what rests, what is under way.  Pure.

An upstream rests after failures of its own, as its host's Ejection says, and is down while probes of it fail.  A host
whose upstreams all rest is served by all that are not down: to try one is better than to refuse without a try.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from meshd.values.published import Ejection, Scheme, Upstream


class Vital:
    """One upstream of one host."""

    __slots__ = ("_failures", "down", "key", "label", "open", "rests_until", "scheme", "upstream")

    def __init__(self, scheme: Scheme, upstream: Upstream) -> None:
        self.scheme = scheme
        self.upstream = upstream
        self.key = f"{scheme}://{upstream.host}:{upstream.port}".encode()
        self.label = f"{upstream.host}:{upstream.port}"
        self.open = 0
        """Requests and tunnels under way."""
        self.down = False
        """Whether the last probe failed."""
        self.rests_until = 0.0
        """On the monotonic clock."""
        self._failures: deque[float] = deque()

    def failed(self, ejection: Ejection, monotonic: float) -> bool:
        """Note a failure; whether the upstream begins to rest by it."""
        if not ejection.failures or not ejection.seconds:
            return False
        failures = self._failures
        failures.append(monotonic)
        while failures[0] <= monotonic - ejection.seconds:
            failures.popleft()
        if len(failures) < ejection.failures:
            return False
        failures.clear()
        begins = self.rests_until <= monotonic
        self.rests_until = monotonic + ejection.seconds
        return begins

    def answered(self, ejection: Ejection, seconds: float, monotonic: float) -> bool:
        """Note an answer that took so long; whether the upstream begins to rest, because it is slow again and again."""
        return bool(ejection.slowest) and seconds > ejection.slowest and self.failed(ejection, monotonic)


class Vitals:
    """All of them, kept while hosts change: what is known of an upstream does not depend on other settings."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Scheme, Upstream], Vital] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, host_id: int, scheme: Scheme, upstreams: Iterable[Upstream]) -> tuple[Vital, ...]:
        """Those of a host, in the order of its settings; one that is named twice is there once."""
        found: dict[Upstream, Vital] = {}
        for upstream in upstreams:
            key = host_id, scheme, upstream
            vital = self._known.get(key)
            if vital is None:
                vital = self._known[key] = Vital(scheme, upstream)
            found[upstream] = vital
        return tuple(found.values())

    def keep(self, wanted: Iterable[Vital]) -> None:
        """Forget all others."""
        kept = set(map(id, wanted))
        self._known = {key: vital for key, vital in self._known.items() if id(vital) in kept}


def usable(vitals: Sequence[Vital], monotonic: float, tried: Sequence[Vital] = ()) -> Sequence[Vital]:
    """Those that a request may go to, without those that were tried for it; empty where there are none."""
    if len(vitals) == 1 and not tried:
        return () if vitals[0].down else vitals
    left = [each for each in vitals if not each.down and each not in tried]
    return [each for each in left if each.rests_until <= monotonic] or left


class Hold:
    """What one exchange takes of an upstream, until it ends: as `Record` wants of whatever an exchange leaves by."""

    __slots__ = ("_vital",)

    way = ""
    """No exit, whose exchanges reports count."""

    def __init__(self) -> None:
        self._vital: Vital | None = None

    def move(self, vital: Vital) -> None:
        """Count on this upstream, and on no other."""
        self.end()
        self._vital = vital
        vital.open += 1

    def end(self) -> str:
        """Count no longer."""
        vital, self._vital = self._vital, None
        if vital is not None:
            vital.open -= 1
        return ""
