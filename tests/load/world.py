"""What the checks under load share: accounts known in different ways, and three sums that have to be one."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

from tests.support.daemon import PATIENCE, LiveDaemon, until
from tests.support.load import Credential, basic, bearer

LISTED = "127.0.0.7"


class People:
    """Five accounts; emil's parent is anna."""

    names = ("anna", "berta", "carl", "dora", "emil")

    def __init__(self, daemon: LiveDaemon) -> None:
        self.daemon = daemon
        passwords = {name: daemon.account(name) for name in self.names[:-1]}
        passwords["emil"] = daemon.account("emil", parent="anna")
        daemon.cli("ip", "add", "dora", LISTED)
        token, other = daemon.token("berta"), daemon.token("carl")
        self.credentials: list[Credential] = [
            basic("anna", "anna", passwords["anna"]),
            bearer("berta", token),
            bearer("berta", token, "Authorization"),
            basic("carl", "carl", other),
            Credential("dora"),
            basic("emil", "emil", f"sticky-7:{passwords['emil']}"),
        ]
        self.named = [each for each in self.credentials if each.line]
        """Those that need no particular address."""

    def with_parents(self, own: Counter[str]) -> dict[str, int]:
        """What the store's totals are when the accounts' own bytes are these."""
        sums = {name: own[name] for name in self.names}
        sums["anna"] += own["emil"]
        return sums

    def stored(self) -> dict[str, int]:
        totals = self.daemon.totals()
        return {name: totals[name] for name in self.names}

    def settle(self, expected: dict[str, int], deadline: float = PATIENCE) -> dict[str, int]:
        """The store's totals, once they are these; what they are at last, where they never are."""
        with suppress(AssertionError):
            until(lambda: self.stored() == expected, "the store has what clients counted", deadline)
        return self.stored()

    def logged(self) -> Counter[str]:
        """The sum of the exchange log, by account; `recovered` lines have no name."""
        ids = {account["id"]: account["username"] for account in self.daemon.cli("account", "list")}
        sums: Counter[str] = Counter()
        for line in lines_of(self.daemon):
            if line["account"]:
                sums[ids[line["account"]]] += line["up"] + line["down"]
        return sums


def lines_of(daemon: LiveDaemon) -> list[dict[str, Any]]:
    """The exchange log; a line that a kill tore is none, and a `recovered` one has what it stood for."""
    found = []
    for line in (daemon.data_dir / "exchanges.log").read_text().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
