"""What a ledger tells of itself in numbers, read from the journal's words and the leases when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshd.usage.allowance import UNLIMITED, Allowance
from meshd.usage.journal import Journal
from meshd.usage.layout import ACKED, CHECKED_TOP, OPENED, SEALED, WIDTH, Layout, unchecked
from meshd.values.samples import Sample


def ledger_samples(at_work: Iterable[Allowance], journal: Journal, now: float) -> Iterator[Sample]:
    """What is counted now, what was, and what of it the store has not yet."""
    allowances = list(at_work)
    yield "exchanges_open", (), float(sum(len(each.meters) for each in allowances))
    up, down = counted(journal)
    yield "transferred_bytes_total", (("direction", "up"),), float(up)
    yield "transferred_bytes_total", (("direction", "down"),), float(down)
    yield "ledger_batches_waiting", (), float(journal.words[SEALED] - journal.words[ACKED])
    since = unbilled_since(journal, (up, down))
    yield "ledger_unbilled_seconds", (), 0.0 if since is None else max(now - since, 0.0)
    leases = [each.lent for each in allowances if 0 < each.lent < UNLIMITED // 2]
    yield "ledger_accounts", (), float(len(allowances))
    yield "ledger_leases", (), float(len(leases))
    yield "ledger_leased_bytes", (), float(sum(leases))


def counted(journal: Journal) -> tuple[int, int]:
    """Bytes up and down that the process has counted since it began: counts only grow, whoever's a slot becomes."""
    return _bytes(journal, journal.cell(0))


def unbilled_since(journal: Journal, now: tuple[int, int]) -> int | None:
    """The epoch second at which counting began into the oldest batch that the store has not; None where it has all.

    now: what `counted` gives.
    """
    words = journal.words
    number = words[ACKED] + 1
    if number > words[SEALED] and now == _bytes(journal, Layout(journal.slots).copies[words[SEALED] % 2]):
        return None
    return int(words[OPENED + number % 2])


def _bytes(journal: Journal, area: int) -> tuple[int, int]:
    """The sums of the words that are bytes in an area of the journal, one word in WIDTH of each kind."""
    top = unchecked(journal.words[CHECKED_TOP])
    size = (journal.slots if top is None else min(top, journal.slots)) * WIDTH
    values = journal.words[area : area + size].tolist()
    return sum(values[0::WIDTH]), sum(values[1::WIDTH])
