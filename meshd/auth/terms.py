"""The terms of an admission: what account, parent, plan and token say together.

A sub-account has the bounds of its own for itself; those of its parent, or of its parent's plan, hold for the whole
family together.  Destination rules only restrict: the plan's, the parent's, the account's and the token's all hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshd.model import Account, Identity
from meshd.topology import Plan
from meshd.values.bounds import NO_BOUNDS, parsed
from meshd.values.destinations import Level, level
from meshd.values.terms import Group, Terms, terms


def terms_of(identity: Identity, plans: Mapping[str, Plan], token_rules: str = "") -> Terms | None:
    """The terms of an account, and of a token with these rules; None where nobody says anything.
    Raises: BoundsError, RulesError for a text of the store that cannot be read: then nobody is let in by it.
    """
    account, parent = identity.account, identity.parent
    holder = parent or account
    plan = plans.get(holder.plan)
    said = account.bounds or account.rules or token_rules or holder.bounds or holder.rules
    if not said and (plan is None or (plan.bounds == NO_BOUNDS and not plan.rules)):
        return None
    family = Group(holder.id, parsed(holder.bounds).over(plan.bounds if plan is not None else NO_BOUNDS))
    groups = (family,) if parent is None else (Group(account.id, parsed(account.bounds)), family)
    return terms(groups, _levels(account, parent, plan, token_rules))


def _levels(account: Account, parent: Account | None, plan: Plan | None, token_rules: str) -> tuple[Level, ...]:
    texts = (
        ("acl-plan", plan.rules if plan is not None else ""),
        ("acl-parent", parent.rules if parent is not None else ""),
        ("acl-account", account.rules),
        ("acl-token", token_rules),
    )
    return tuple(level(reason, text) for reason, text in texts if text)
