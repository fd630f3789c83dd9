"""`meshd account`: make, show, change and remove accounts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from meshd.accounts import overview, proxies, subaccounts
from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.terms import revise
from meshd.accounts.toplevel import DEFAULT_PLAN, Edited, Terms
from meshd.accounts.usernames import require_free
from meshd.cli import directory, passwords, secondfactor, terms, topups, transfer
from meshd.cli.ambiguous import tell_ambiguous
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.restraint import add_to_account
from meshd.cli.roster import brief
from meshd.cli.values import counted, human_bytes, human_limit, limit_argument, moment, number_argument
from meshd.model import Account, Identity
from meshd.selection import stem
from meshd.store.unit import Unit
from meshd.topology import included_bytes

ROLES = ("customer", "admin", "viewer")


def add_to(top: Verbs) -> None:
    verbs = top.noun("account", "make, show, change and remove accounts")
    parser = verbs.verb("create", create, "make an account; its password is asked for, read from stdin, or made")
    parser.add_argument("name")
    parser.add_argument("--parent", metavar="NAME", help="make a sub-account of this account")
    _add_terms(parser, f"(default: {DEFAULT_PLAN})")
    passwords.add_to(parser)
    verbs.verb("show", show, "an account with its usage").add_argument("name")
    directory.add_to(verbs)
    parser = verbs.verb("set", change, "change what is named; the rest stays")
    parser.add_argument("name")
    _add_terms(parser, "; one without bearer tokens puts the family's out of use, until a plan has them again")
    terms.add_to(parser)
    parser = verbs.verb("passwd", passwd, "set another password")
    parser.add_argument("name")
    passwords.add_to(parser)
    verbs.verb("activate", activate, "let an account pass again").add_argument("name")
    doing = "refuse an account and its sub-accounts; a sub-account's parent cannot activate it again"
    verbs.verb("deactivate", deactivate, doing).add_argument("name")
    parser = verbs.verb("delete", delete, "remove an account, its sub-accounts and all that is theirs")
    parser.add_argument("name")
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal to ask on")
    topups.add_to(verbs)
    secondfactor.add_to(verbs)
    add_to_account(verbs)
    transfer.add_to(verbs)


def _add_terms(parser: ArgumentParser, of_plan: str) -> None:
    parser.add_argument("--plan", help=f"one of the settings' plans {of_plan}")
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument(
        "--billing-day", type=number_argument, metavar="DAY", help="1 to 31; a month without it takes its last day"
    )
    told = "0 for none; fractions are allowed; of a sub-account its parent cannot set more then"
    parser.add_argument("--monthly-limit", type=limit_argument, metavar="GB", help=told)
    parser.add_argument("--total-limit", type=limit_argument, metavar="GB", help=told)
    for field in ("first-name", "last-name", "email"):
        parser.add_argument(f"--{field}", metavar="TEXT")


def create(context: Context, args: Namespace) -> None:
    asked = _terms(args)
    if args.parent is not None and asked.columns():
        raise Refused(f"a sub-account has its parent's {' and '.join(asked.columns()).replace('_', ' ')}")
    context.run(_check_new, context, args.name, args.parent)  # before somebody types a password for nothing
    password = passwords.choose(args, context.input)
    new = NewAccount(username=args.name, password_hash=password.password_hash, profile=_profile(args))
    account = _create(context, new, args.parent, asked)
    shown: dict[str, Any] = brief(account, args.parent)
    facts = {"account": account.username, "plan": account.plan}
    if password.generated:
        shown["password"] = facts["password"] = password.generated
        context.note("The password is shown this once.")
    context.show(shown, facts)


def _check_new(context: Context, name: str, parent: str | None) -> Unit[None]:
    if parent is None:
        yield from require_free(name)
    else:
        new = NewAccount(username=name)
        yield from subaccounts.require_creatable(context.operator, new, parent=parent, plans=context.plans)


def _create(context: Context, new: NewAccount, parent: str | None, asked: Terms) -> Account:
    now = context.now()
    if parent is not None:
        found = context.run(subaccounts.create, context.operator, new, parent=parent, plans=context.plans, now=now)
        return found.account
    return context.run(
        holders.create,
        context.operator,
        new,
        terms=replace(asked, plan=asked.plan or DEFAULT_PLAN),
        plans=context.plans,
        proxies=context.proxies,
        now=now,
    )


def _terms(args: Namespace) -> Terms:
    return Terms(args.plan, args.role, args.billing_day)


def _profile(args: Namespace) -> Profile:
    return Profile(
        first_name=args.first_name,
        last_name=args.last_name,
        email=args.email,
        monthly_limit=args.monthly_limit,
        total_limit=args.total_limit,
    )


def show(context: Context, args: Namespace) -> None:
    seen = context.run(_seen, context.operator, args.name, context.now())
    _show(context, seen)
    username = seen.identity.account.username
    tell_ambiguous(context, [username] if stem(username) != username else [])


class _Seen(NamedTuple):
    """What the store knows of an account."""

    identity: Identity
    proxies: list[str]
    taken: list[str]
    """Names of the proxies that the operator took from the account."""


def _seen(operator: Operator, name: str, at: int) -> Unit[_Seen]:
    identity = yield from subaccounts.details(operator, name, at=at)
    names, taken = yield from proxies.of_account(operator, name)
    return _Seen(identity, names, [each.name for each in taken])


def _show(context: Context, seen: _Seen, done: Mapping[str, Any] | None = None) -> None:
    """Print an account; done: what a change of the plan has taken and brought back, for the JSON alone."""
    identity, names = seen.identity, seen.proxies
    account, usage = identity.account, identity.usage
    parent = identity.parent.username if identity.parent else None
    shown = brief(account, parent) | {
        "proxies": names,
        "total_bytes": usage.total_bytes,
        "period_bytes": usage.period_bytes,
        "period_start": moment(usage.period_start),
        **({"prepaid_bytes": usage.prepaid_bytes} if usage.prepaid_bytes else {}),
        **({"withheld_proxies": seen.taken} if seen.taken else {}),
        **({"suspended": True} if account.suspended else {}),
        **{name: size for name in ("monthly_ceiling", "total_ceiling") if (size := getattr(account, name))},
        **terms.shown(account),
        **(done or {}),
    }
    facts = {
        "account": account.username,
        "parent": parent or "none",
        "plan": account.plan,
        "role": account.role,
        "active": "yes" if account.active else "no, by the operator" if account.suspended else "no",
        "name": f"{account.first_name} {account.last_name}".strip(),
        "email": account.email,
        "proxies": ", ".join(names) or "none",
        "taken away": ", ".join(seen.taken),
        "used": human_bytes(usage.total_bytes),
        "total limit": _limit(account.total_limit, account.total_ceiling),
        "this period": f"{human_bytes(usage.period_bytes)} since {moment(usage.period_start)[:10]}",
        "monthly limit": _monthly(account, included_bytes(context.plans).get(account.plan, 0)),
        "prepaid": human_bytes(usage.prepaid_bytes) if usage.prepaid_bytes else "",
        "created": moment(account.created_at),
        **terms.facts(account, context.now()),
        "password": "set" if account.password_hash else "none",
    }
    context.show(shown, {name: fact for name, fact in facts.items() if fact})


def _monthly(account: Account, included: int) -> str:
    if included and not account.monthly_limit and account.parent_id is None:
        return f"{human_limit(included)}, by its plan"
    return _limit(account.monthly_limit, account.monthly_ceiling)


def _limit(size: int, ceiling: int) -> str:
    return human_limit(size) + (f", its parent may set {human_limit(ceiling)} at most" if ceiling else "")


def change(context: Context, args: Namespace) -> None:
    profile, asked, agreed = _profile(args), _terms(args), terms.agreed(args)
    if not (profile.columns() or asked.columns() or agreed.given):
        args.parser.error("nothing to set is named")
    known: dict[str, Any] = {"plans": context.plans, "now": context.now()}
    revised = context.run(revise, context.operator, args.name, profile, asked, agreed, **known)
    edited = revised.edited or Edited(revised.account)
    for text in _changed(edited):
        context.note(text)
    _show(context, context.run(_seen, context.operator, revised.account.username, context.now()), _done(edited))


def _done(edited: Edited) -> dict[str, Any]:
    """What a change of the plan has taken from the account and brought back, as JSON."""
    done = {
        "deactivated_tokens": edited.deactivated,
        "reactivated_tokens": edited.reactivated,
        "revoked_proxies": edited.revoked,
        "restored_proxies": edited.restored,
    }
    return {name: list(each) for name, each in done.items() if each}


def _changed(edited: Edited) -> Iterator[str]:
    """What a change of the plan has taken from the account and brought back, in sentences."""
    if edited.deactivated:
        yield f"Out of use, since the plan has none: {counted(len(edited.deactivated), 'bearer token')}."
    if edited.reactivated:
        yield f"In use again, since the plan has them: {counted(len(edited.reactivated), 'bearer token')}."
    if edited.revoked:
        yield f"No longer authorized, by the plan: {', '.join(edited.revoked)}."
    if edited.restored:
        yield f"Authorized again, by the plan: {', '.join(edited.restored)}."


def passwd(context: Context, args: Namespace) -> None:
    context.run(subaccounts.details, context.operator, args.name, at=context.now())
    password = passwords.choose(args, context.input)
    context.run(holders.set_password, context.operator, args.name, password.password_hash, now=context.now())
    shown = {"account": args.name} | ({"password": password.generated} if password.generated else {})
    if password.generated:
        context.note("The password is shown this once.")
    context.show(shown)


def activate(context: Context, args: Namespace) -> None:
    context.run(subaccounts.activate, context.operator, args.name, now=context.now())
    show(context, args)


def deactivate(context: Context, args: Namespace) -> None:
    context.run(subaccounts.deactivate, context.operator, args.name, now=context.now())
    show(context, args)


def delete(context: Context, args: Namespace) -> None:
    name, children = context.run(overview.family, context.operator, args.name)
    if not args.yes:
        _confirm(context, name, len(children))
    context.run(subaccounts.delete, context.operator, args.name, now=context.now())
    count = len(children)
    context.show({"deleted": name, "sub_accounts": count}, {"deleted": name, "sub-accounts": count})


def _confirm(context: Context, name: str, children: int) -> None:
    """Ask for the name of the account that is to be deleted.  Raises: Refused where another text is typed."""
    what = f"{name} with {counted(children, 'sub-account')} and their usage, for good"
    if not context.input.isatty():
        raise Refused(f"there is no terminal to ask on: say --yes to delete {what}")
    context.err.write(f"Delete {what}? Type its name: ")
    context.err.flush()
    if context.input.readline().strip().lower() != name.lower():
        raise Refused("nothing was deleted")
