"""Old usernames that read as another account's with a selection, told to the operator; new ones are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshd.cli.context import Context
from meshd.cli.values import counted
from meshd.model import Account
from meshd.selection import candidates, stem

TOLD = 20
"""Ambiguous names that are told one by one; of the rest the number is told."""


def watched(rows: Iterable[tuple[Account, str | None]], ambiguous: list[str]) -> Iterator[tuple[Account, str | None]]:
    """Pass the rows on, and add usernames that read as another one with a selection to the list `ambiguous`."""
    for account, parent in rows:
        if stem(account.username) != account.username:
            ambiguous.append(account.username)
        yield account, parent


def tell_ambiguous(context: Context, usernames: Sequence[str]) -> None:
    """Note on stderr each username that reads as another one with a selection."""
    for username in usernames[:TOLD]:
        base, selection = candidates(username)[-1]
        context.note(
            f"{username} reads as {base} with the selection {selection}, which {base} cannot use: "
            "give its holder an account with another name."
        )
    if len(usernames) > TOLD:
        context.note(f"… and {counted(len(usernames) - TOLD, 'name')} more")
