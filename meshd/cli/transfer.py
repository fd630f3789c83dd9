"""`meshd account export` and `account import`: all accounts as CSV or JSON, and many new ones from CSV.

All rows of an import are checked before the first is added: where a row is bad, none is added, unless bad rows are to
be skipped.  Rows are added in batches; an import that is interrupted says how far it came.
"""

from __future__ import annotations

import csv
import gc
import os
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from meshd.accounts.importedrow import Rules
from meshd.accounts.importing import RowRefused, add_batch, prepared
from meshd.accounts.overview import proxies_of
from meshd.accounts.toplevel import DEFAULT_PLAN
from meshd.auth.passwords import hash_now
from meshd.auth.secrets import new_password
from meshd.cli import csvrows
from meshd.cli.badrows import BadRow, BadRows
from meshd.cli.context import Context
from meshd.cli.csvrows import Offered, ReadRow, again
from meshd.cli.errors import Refused
from meshd.cli.importcheck import LEFT_OUT, batches, sift
from meshd.cli.importfile import opened
from meshd.cli.output import show_json, show_json_rows
from meshd.cli.parser import Verbs, add_progress
from meshd.cli.progress import Progress
from meshd.cli.roster import brief, pages
from meshd.cli.values import counted, gigabytes
from meshd.model import Account
from meshd.values.cells import harmless

SELDOM = 50_000
"""Objects that are made, and stay, between two of the interpreter's searches for cycles."""


def add_to(verbs: Verbs) -> None:
    parser = verbs.verb("import", take_in, "make accounts from a CSV file; its first line names the columns")
    parser.add_argument(
        "file",
        help=f"the CSV file, - for stdin; columns: {', '.join(csvrows.COLUMNS)}, "
        "password or password_hash; limits in GB",
    )
    parser.add_argument("--skip-bad", action="store_true", help="import the good rows where there are bad ones")
    parser.add_argument(
        "--generate-passwords",
        action="store_true",
        help="make passwords for rows without one and print them, this once (some 30 ms each)",
    )
    add_progress(parser)
    parser = verbs.verb("export", give_out, "all accounts as CSV, with --json as JSON; never with a secret")
    parser.add_argument("--with-hashes", action="store_true", help="with the hashes of the passwords")
    add_progress(parser)


def give_out(context: Context, args: Namespace) -> None:
    rows = _exported(context)
    if context.json:
        show_json_rows(context.out, (_as_json(row, args.with_hashes) for row in rows))
        return
    writer = csv.writer(context.out, lineterminator="\n")
    writer.writerow(csvrows.COLUMNS + (("password_hash",) if args.with_hashes else ()))
    for row in rows:
        writer.writerow(map(harmless, _as_csv(row, args.with_hashes)))


class _Exported(NamedTuple):
    account: Account
    parent: str | None
    proxies: Sequence[str]
    withheld: Sequence[str]


def _exported(context: Context) -> Iterator[_Exported]:
    """All accounts, each with its proxies and those that the operator took from it."""
    for page in pages(context, "exported"):
        proxies, held = context.run(proxies_of, [account.id for account, _ in page])
        for account, parent in page:
            yield _Exported(account, parent, proxies.get(account.id, ()), held.get(account.id, ()))


def _as_json(row: _Exported, with_hash: bool) -> dict[str, Any]:
    account = row.account
    more = {
        "suspended": account.suspended,
        "monthly_ceiling": account.monthly_ceiling,
        "total_ceiling": account.total_ceiling,
        "proxies": list(row.proxies),
        "withheld_proxies": list(row.withheld),
    }
    secret = {"password_hash": account.password_hash} if with_hash else {}
    return brief(account, row.parent) | more | secret


def _as_csv(row: _Exported, with_hash: bool) -> list[str]:
    account, parent = row.account, row.parent
    known = brief(account, parent) | {
        "parent": parent or "",
        "active": "yes" if account.active else csvrows.SUSPENDED if account.suspended else "no",
        "proxies": ",".join(row.proxies) or ("" if parent else csvrows.NO_PROXIES),
        "withheld_proxies": ",".join(row.withheld),
    }
    limits = ("monthly_limit", "total_limit", "monthly_ceiling", "total_ceiling")
    known |= {name: gigabytes(getattr(account, name)) for name in limits}
    return [str(known[name]) for name in csvrows.COLUMNS] + ([account.password_hash] if with_hash else [])


@dataclass
class _Outcome:
    """What an import has done so far."""

    bad: BadRows
    imported: int = 0
    roots: int = 0
    passwords: list[tuple[str, str]] = field(default_factory=list, repr=False)


def take_in(context: Context, args: Namespace) -> None:
    context.require_store()
    before = gc.get_threshold()
    gc.set_threshold(SELDOM)  # the rows of a batch are many objects, and no cycles
    try:
        _take_in(context, args)
    finally:
        gc.set_threshold(*before)


def _take_in(context: Context, args: Namespace) -> None:
    outcome = _Outcome(BadRows())
    chosen = {"generate": args.generate_passwords, "skip_bad": args.skip_bad}
    offered = Offered(Rules(context.plans, context.proxies), DEFAULT_PLAN)
    done = False
    with opened(args.file) as file:
        with file.lines() as lines:
            sifted = sift(context, lines, offered, outcome.bad)
        outcome.roots = sifted.roots
        outcome.bad.tell(context)
        try:
            if outcome.bad.count and not args.skip_bad:
                bad = counted(outcome.bad.count, "row")
                raise Refused(f"{bad} cannot be imported, so nothing was; --skip-bad leaves them out")
            with context.progress("imported", sifted.good()) as progress:
                for fate in sorted(set(sifted.fates) - {LEFT_OUT}):
                    with file.lines() as lines:
                        rows = again(lines, offered, partial(sifted.has, fate))
                        _add(context, rows, offered.rules, outcome, progress, **chosen)
            done = True
        finally:
            _report(context, outcome, done=done)


def _add(
    context: Context,
    rows: Iterable[ReadRow],
    rules: Rules,
    outcome: _Outcome,
    progress: Progress,
    *,
    generate: bool,
    skip_bad: bool,
) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        try:
            for batch in batches(rows):
                # argon2 lets go of the interpreter, so threads use all cores.
                asked = [row for row in batch if row.password or (generate and not row.account.password_hash)]
                hashed = {each.account.line: each for each in threads.map(_hash, asked)}
                secured = [hashed.get(row.account.line, row) for row in batch] if hashed else batch
                _add_batch(context, secured, rules, outcome, skip_bad=skip_bad)
                progress.step(len(batch))
        finally:
            threads.shutdown(cancel_futures=True)


def _hash(row: ReadRow) -> ReadRow:
    """The row with its password hashed; with a password if one was made, which is to be told."""
    generated = "" if row.password else new_password()
    return ReadRow(row.account._replace(password_hash=hash_now(row.password or generated)), generated)


def _add_batch(context: Context, batch: Sequence[ReadRow], rules: Rules, outcome: _Outcome, *, skip_bad: bool) -> None:
    """Add the rows in one transaction; a row that a rule has come to forbid since the check is left out."""
    while batch:
        now = context.now()
        try:
            ready = prepared([row.account for row in batch], rules, now)
            context.run(add_batch, context.operator, ready, plans=rules.plans, now=now)
        except RowRefused as refused:
            if not skip_bad:
                raise
            username = next(row.account.username for row in batch if row.account.line == refused.line)
            bad = BadRow(refused.line, username, str(refused.reason))
            outcome.bad.add(bad)
            context.note(str(bad))
            batch = [row for row in batch if row.account.line != refused.line]
        else:
            break
    outcome.imported += len(batch)
    outcome.passwords += [(row.account.username, row.password) for row in batch if row.password]


def _report(context: Context, outcome: _Outcome, *, done: bool) -> None:
    """Print the outcome of an import; generated passwords also after a failure, since nobody else knows them."""
    if outcome.imported and not done:
        kept = counted(outcome.imported, "account")
        context.note(f"{kept} had been imported by then; --skip-bad goes on from there.")
    if outcome.roots:
        context.note("The root account's row was left out: every store has its own.")
    if context.json:
        show_json(context.out, _as_report(outcome))
        return
    if outcome.passwords:
        made = ((harmless(name), password) for name, password in outcome.passwords)
        csv.writer(context.out, lineterminator="\n").writerows([("username", "password"), *made])
    if done:
        left_out = f", {counted(outcome.bad.count, 'row')} left out" if outcome.bad.count else ""
        text = f"{counted(outcome.imported, 'account')} imported{left_out}"
        print(text, file=context.err if outcome.passwords else context.out)


def _as_report(outcome: _Outcome) -> dict[str, Any]:
    report: dict[str, Any] = {
        "imported": outcome.imported,
        "bad_rows": outcome.bad.count,
        "bad": [{"line": row.line, "username": row.username, "reason": row.reason} for row in outcome.bad],
    }
    if outcome.passwords:
        report["passwords"] = [{"username": name, "password": text} for name, text in outcome.passwords]
    return report
