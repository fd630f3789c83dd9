"""`meshd account`: make, show, change and remove accounts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from meshd.accounts import holders, proxies, subaccounts
from meshd.accounts.errors import NotFound
from meshd.accounts.holders import DEFAULT_PLAN, Terms
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount, Profile
from meshd.cli import passwords, transfer
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs, add_progress
from meshd.cli.roster import brief, roster
from meshd.cli.values import counted, human_bytes, human_limit, limit_argument, moment
from meshd.model import Account, Identity
from meshd.selection import candidates, stem
from meshd.store.statements import accounts
from meshd.store.unit import Unit

ROLES = ("customer", "admin", "viewer")
TOLD = 20
"""Names with a selection in them that are told one by one."""


def add_to(top: Verbs) -> None:
    verbs = top.noun("account", "make, show, change and remove accounts")
    parser = verbs.verb("create", create, "make an account; its password is asked for, read from stdin, or made")
    parser.add_argument("name")
    parser.add_argument("--parent", metavar="NAME", help="make a sub-account of this account")
    _add_terms(parser, f"(default: {DEFAULT_PLAN})")
    passwords.add_to(parser)
    verbs.verb("show", show, "an account with its usage").add_argument("name")
    parser = verbs.verb("list", listing, "the accounts, oldest first")
    parser.add_argument("--parent", metavar="NAME", help="only the sub-accounts of this account")
    add_progress(parser)
    parser = verbs.verb("set", change, "change what is named; the rest stays")
    parser.add_argument("name")
    _add_terms(parser, "; one without bearer tokens puts those of the account and its sub-accounts out of use")
    parser = verbs.verb("passwd", passwd, "set another password")
    parser.add_argument("name")
    passwords.add_to(parser)
    verbs.verb("activate", activate, "let an account pass again").add_argument("name")
    verbs.verb("deactivate", deactivate, "refuse an account and its sub-accounts").add_argument("name")
    parser = verbs.verb("delete", delete, "remove an account, its sub-accounts and all that is theirs")
    parser.add_argument("name")
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")
    transfer.add_to(verbs)


def _add_terms(parser: ArgumentParser, of_plan: str) -> None:
    parser.add_argument("--plan", help=f"one of the settings' plans {of_plan}")
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument("--billing-day", type=int, metavar="DAY", help="1 to 31; a month without it takes its last day")
    parser.add_argument("--monthly-limit", type=limit_argument, metavar="GB", help="0 for none; fractions are allowed")
    parser.add_argument("--total-limit", type=limit_argument, metavar="GB", help="0 for none; fractions are allowed")
    for field in ("first-name", "last-name", "email"):
        parser.add_argument(f"--{field}", metavar="TEXT")


def create(context: Context, args: Namespace) -> None:
    terms = _terms(args)
    if args.parent is not None and terms.columns():
        raise Refused(f"a sub-account has its parent's {' and '.join(terms.columns()).replace('_', ' ')}")
    context.run(_check_new, context, args.name, args.parent)  # before somebody types a password for nothing
    password = passwords.chosen(args, context.input)
    new = NewAccount(username=args.name, password_hash=password.password_hash, profile=_profile(args))
    account = _created(context, new, args.parent, terms)
    shown: dict[str, Any] = brief(account, args.parent)
    facts = {"account": account.username, "plan": account.plan}
    if password.generated:
        shown["password"] = facts["password"] = password.generated
        context.note("The password is shown this once.")
    context.show(shown, facts)


def _check_new(context: Context, name: str, parent: str | None) -> Unit[None]:
    if parent is None:
        yield from holders.require_free(name)
    else:
        new = NewAccount(username=name)
        yield from subaccounts.require_creatable(context.operator, new, parent=parent, plans=context.plans)


def _created(context: Context, new: NewAccount, parent: str | None, terms: Terms) -> Account:
    now = context.now()
    if parent is not None:
        found = context.run(subaccounts.create, context.operator, new, parent=parent, plans=context.plans, now=now)
        return found.account
    return context.run(
        holders.create,
        context.operator,
        new,
        terms=replace(terms, plan=terms.plan or DEFAULT_PLAN),
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
    identity, names = context.run(_seen, context.operator, args.name, context.now())
    _show(context, identity, names)
    username = identity.account.username
    _tell_ambiguous(context, [username] if stem(username) != username else [])


def _seen(operator: Operator, name: str, at: int) -> Unit[tuple[Identity, list[str]]]:
    identity = yield from subaccounts.details(operator, name, at=at)
    return identity, (yield from proxies.authorized(operator, name))


def _show(context: Context, identity: Identity, names: list[str]) -> None:
    account, usage = identity.account, identity.usage
    parent = identity.parent.username if identity.parent else None
    shown = brief(account, parent) | {
        "proxies": names,
        "total_bytes": usage.total_bytes,
        "period_bytes": usage.period_bytes,
        "period_start": moment(usage.period_start),
    }
    facts = {
        "account": account.username,
        "parent": parent or "none",
        "plan": account.plan,
        "role": account.role,
        "active": "yes" if account.active else "no",
        "name": f"{account.first_name} {account.last_name}".strip(),
        "email": account.email,
        "proxies": ", ".join(names) or "none",
        "used": human_bytes(usage.total_bytes),
        "total limit": human_limit(account.total_limit),
        "this period": f"{human_bytes(usage.period_bytes)} since {moment(usage.period_start)[:10]}",
        "monthly limit": human_limit(account.monthly_limit),
        "created": moment(account.created_at),
        "password": "set" if account.password_hash else "none",
    }
    context.show(shown, {name: fact for name, fact in facts.items() if fact})


def listing(context: Context, args: Namespace) -> None:
    rows = _below(context, args.parent) if args.parent is not None else roster(context, "listed")
    ambiguous: list[str] = []
    context.show_rows(
        (brief(account, parent) for account, parent in _watched(rows, ambiguous)),
        {
            "ID": lambda row: row["id"],
            "ACCOUNT": lambda row: row["username"],
            "PARENT": lambda row: row["parent"] or "",
            "ROLE": lambda row: row["role"],
            "PLAN": lambda row: row["plan"],
            "ACTIVE": lambda row: "yes" if row["active"] else "no",
            "MONTHLY LIMIT": lambda row: human_limit(row["monthly_limit"]),
            "TOTAL LIMIT": lambda row: human_limit(row["total_limit"]),
        },
    )
    _tell_ambiguous(context, ambiguous)


def _watched(rows: Iterable[tuple[Account, str | None]], ambiguous: list[str]) -> Iterator[tuple[Account, str | None]]:
    """The rows as they are; names that read as another one with a selection are added to the list."""
    for account, parent in rows:
        if stem(account.username) != account.username:
            ambiguous.append(account.username)
        yield account, parent


def _tell_ambiguous(context: Context, usernames: Sequence[str]) -> None:
    """Of before such names were refused."""
    for username in usernames[:TOLD]:
        base, selection = candidates(username)[-1]
        context.note(
            f"{username} reads as {base} with the selection {selection}, which {base} cannot use: "
            "give its holder an account with another name."
        )
    if len(usernames) > TOLD:
        context.note(f"… and {counted(len(usernames) - TOLD, 'name')} more")


def _below(context: Context, parent: str) -> Iterator[tuple[Account, str]]:
    name, children = context.run(_family, parent)
    return ((child, name) for child in children)


def _family(parent: str) -> Unit[tuple[str, list[Account]]]:
    account = yield from accounts.by_username(parent)
    if account is None:
        raise NotFound(f"there is no account named {parent!r}")
    return account.username, (yield from accounts.children(account.id))


def change(context: Context, args: Namespace) -> None:
    profile, terms = _profile(args), _terms(args)
    if not (profile.columns() or terms.columns()):
        args.parser.error("nothing to set is named")
    edited = context.run(
        holders.edit, context.operator, args.name, profile, terms, plans=context.plans, now=context.now()
    )
    if edited.deactivated:
        context.note(f"Out of use, since the plan has none: {counted(len(edited.deactivated), 'bearer token')}.")
    if edited.revoked:
        context.note(f"No longer authorized, by the plan: {', '.join(edited.revoked)}.")
    show(context, args)


def passwd(context: Context, args: Namespace) -> None:
    context.run(subaccounts.details, context.operator, args.name, at=context.now())
    password = passwords.chosen(args, context.input)
    context.run(holders.set_password, context.operator, args.name, password.password_hash, now=context.now())
    shown = {"account": args.name} | ({"password": password.generated} if password.generated else {})
    if password.generated:
        context.note("The password is shown this once.")
    context.show(shown, shown)


def activate(context: Context, args: Namespace) -> None:
    context.run(subaccounts.activate, context.operator, args.name, now=context.now())
    show(context, args)


def deactivate(context: Context, args: Namespace) -> None:
    context.run(subaccounts.deactivate, context.operator, args.name, now=context.now())
    show(context, args)


def delete(context: Context, args: Namespace) -> None:
    name, children = context.run(_family, args.name)
    if context.input.isatty() and not args.yes and not _confirmed(context, name, len(children)):
        raise Refused("nothing was deleted")
    context.run(subaccounts.delete, context.operator, args.name, now=context.now())
    shown = {"deleted": name, "sub_accounts": len(children)}
    context.show(shown, {"deleted": name, "sub-accounts": len(children)})


def _confirmed(context: Context, name: str, children: int) -> bool:
    context.err.write(
        f"Delete {name} with {counted(children, 'sub-account')} and their usage, for good? Type its name: "
    )
    context.err.flush()
    return context.input.readline().strip().lower() == name.lower()
