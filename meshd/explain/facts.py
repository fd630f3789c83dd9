"""Facts about accounts and exits, as a walk needs them.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from meshd.model import Account, Standing, Usage, monthly_limit
from meshd.topology import Exit


def standing(account: Account, usage: Usage, billing_day: int, included: Mapping[str, int]) -> Standing:
    """An account's limits and totals.  included: by plan, the monthly limit of accounts that have none of their own."""
    monthly = monthly_limit(account, included)
    return Standing(account.id, account.parent_id, monthly, account.total_limit, billing_day, usage)


def any_source(exit_: Exit) -> str:
    """One of the local addresses of an exit; "" where the exit can leave by either address family."""
    return str(exit_.prefix.network_address) if exit_.prefix is not None else exit_.source
