"""Changes take hold: what is open and no longer allowed ends, what is remembered and no longer true is dropped."""

from __future__ import annotations

from meshd.auth.service import AuthService
from meshd.model import Admission, Change
from meshd.usage.ledger import Ledger
from meshd.usage.meter import Meter


class Enforcement:
    """Applies the change feed to what is open in this process."""

    def __init__(self, auth: AuthService, ledger: Ledger) -> None:
        self._auth = auth
        self._ledger = ledger

    async def changed(self, change: Change) -> None:
        """Forget, judge limits anew, and ask for every open exchange whether it would still be let in.  StoreError."""
        self._auth.forget(change)
        await self._ledger.changed(change)
        for admission, proxy, meters in self._open(change.account_id):
            refusal = await self._auth.still(admission, proxy)
            if refusal is not None:
                for meter in meters:
                    meter.stop(refusal)

    def _open(self, account_id: int) -> list[tuple[Admission, str, list[Meter]]]:
        """By what they were let in by: one credential's thousand tunnels are one question."""
        alike: dict[tuple[int, str], list[Meter]] = {}
        for meter in self._ledger.open_of(account_id):
            alike.setdefault((id(meter.admission), meter.proxy), []).append(meter)
        return [(meters[0].admission, proxy, meters) for (_, proxy), meters in alike.items()]
