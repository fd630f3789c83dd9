"""Judges an exchange's destination by the rules of its account, before anything is looked up for it."""

from __future__ import annotations

from meshd.exits.bars import Bar
from meshd.exits.departure import Departure
from meshd.model import Refusal
from meshd.passing.record import Record
from meshd.proxy.plane import DataPlane
from meshd.sockets.ends import Stopped
from meshd.usage.meter import Meter
from meshd.values.destinations import Level
from meshd.values.terms import Terms


def check_again(departure: Departure, before: Terms | None, meter: Meter) -> None:
    """Look whether the rules still allow a destination that was connected to, where they have changed meanwhile.

    before: the account's terms when that began.  Raises: Stopped.
    """
    terms = meter.tally.terms
    refusal = departure.barred(terms) if terms is not None and terms is not before else None
    if refusal is not None:
        raise Stopped(refusal)


def barred(plane: DataPlane, departure: Departure, terms: Terms, record: Record) -> Refusal | None:
    """The refusal by the destination's name; None where it may pass so far: the way out then judges its addresses."""
    if not terms.levels:
        return None

    def observed(level: Level) -> None:
        record.note_outcome("acl-observed")
        plane.observed[level.reason] += 1

    assert departure.target is not None
    bar = Bar(terms, departure.target.host, departure.target.port, observed)
    if terms.by_address:
        departure.bar = bar
    return bar.name()
