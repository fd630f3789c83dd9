"""How exchanges ended, counted since the process began: by proxy and reason, and for the accounts that are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter

from meshd.topology import Live
from meshd.usage.outcomes import KINDS, OTHER, OUTCOMES, SERVED
from meshd.values.exchanges import Exchange
from meshd.values.samples import Sample

PROXIES = 1_000
"""Proxies that are told apart, also after a reload has taken them away: what was counted only grows."""
MOST = 5_000
"""Pairs of a proxy and a reason that are counted apart; streams are proxies here, of which customers make many."""

_BY = itemgetter(Exchange._fields.index("proxy"), Exchange._fields.index("reason"))


class Ends:
    """Costs each exchange one look-up, in C, and more only while accounts are listed."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._counts: Counter[tuple[str, str]] = Counter()
        self._proxies: dict[str, None] = {}
        """Proxies that the settings have or had, in the order in which they came."""
        self._accounts: dict[str, list[int]] = {}
        """Exchanges, bytes up and down by username, of those that are listed."""

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """Count exchanges that have ended."""
        self._counts.update(map(_BY, exchanges))
        if len(self._counts) > MOST:
            self._gather()
        if listed := self._live.topology.metrics.accounts:
            for exchange in exchanges:
                name = exchange.username.lower()
                if exchange.account_id and name in listed:
                    sums = self._accounts.setdefault(name, [0, 0, 0])
                    for i, each in enumerate((1, exchange.up, exchange.down)):
                        sums[i] += each

    def samples(self) -> Iterator[Sample]:
        """Every outcome of every proxy, every reason, every account that is listed: also those of which none was."""
        self._learn()
        outcomes = {(proxy, outcome): 0 for proxy in (*self._proxies, OTHER) for outcome in KINDS}
        reasons = {reason: 0 for reason, outcome in OUTCOMES.items() if outcome != SERVED}
        for (proxy, reason), count in self._counts.items():
            outcome = OUTCOMES.get(reason, OTHER)
            outcomes[self._told(proxy), outcome] += count
            if outcome != SERVED:
                reasons[reason] = reasons.get(reason, 0) + count
        for (proxy, outcome), count in outcomes.items():
            yield "exchanges_total", (("proxy", proxy), ("outcome", outcome)), float(count)
        for reason, count in reasons.items():
            yield "refusals_total", (("reason", reason),), float(count)
        yield from self._of_accounts()

    def _of_accounts(self) -> Iterator[Sample]:
        for username in self._live.topology.metrics.accounts:
            exchanges, up, down = self._accounts.get(username, (0, 0, 0))
            yield "account_exchanges_total", (("account", username),), float(exchanges)
            for direction, count in (("up", up), ("down", down)):
                yield "account_bytes_total", (("account", username), ("direction", direction)), float(count)

    def _learn(self) -> None:
        for proxy in self._live.topology.proxies:
            if len(self._proxies) < PROXIES:
                self._proxies[proxy] = None

    def _told(self, proxy: str) -> str:
        """What a proxy is called: OTHER for published hosts and streams, and for what was never looked at."""
        return proxy if proxy in self._proxies else OTHER

    def _gather(self) -> None:
        """Count those as one that are told as one."""
        self._learn()
        before, self._counts = self._counts, Counter()
        for (proxy, reason), count in before.items():
            self._counts[self._told(proxy), reason] += count
