"""Certificates that are obtained by ACME: what is due, which process sees to it, and what came of it.

The daemon itself acts here, by nobody's wish.  A challenge is told to every process, as a change of what is published,
since any of them may be the one that the authority asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from meshd.accounts.published.rows import Row, row, written
from meshd.accounts.published.telling import announce
from meshd.store.statements import acme, audit
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.values.times import DAY

AT_ONCE = 20
"""Certificates that one look is told of; the others are due still at the next."""
LEASE = 600
"""Seconds within which a process that has claimed a certificate is done with it, or dead."""
CHALLENGE_LIFE = DAY
"""Seconds after which a challenge that nobody took away is forgotten: no authority comes back so late."""
LONGEST_PROBLEM = 500


class Due(NamedTuple):
    """A certificate that is to be obtained, for the first time or again."""

    row: Row
    failures: int
    """How many tries have failed in a row."""
    wanted: bool = False
    """Whether somebody wants it obtained now; else it may do to look whether it is time."""


def due(now: int) -> Unit[list[Due]]:
    """What is to be done by now and what no process sees to, the longest due first.  One that is switched off waits."""
    found = []
    for each in (yield from acme.due(now, AT_ONCE)):
        certificate = yield from stored.by_id("certificates", each.id)
        if certificate is not None:
            found.append(Due(row(certificate), each.failures, each.wanted))
    return found


def claim(id: int, node: str, until: int, *, now: int | None = None) -> Unit[bool]:
    """Let this process obtain a certificate that is due; False where another does.

    until: when the claim ends by itself; now: the present second, by default LEASE seconds before that.
    """
    return (yield from acme.claim(id, node, until - LEASE if now is None else now, until))


def obtained(
    id: int, chain: str, sealed_key: bytes, expires: int, renew_at: int, now: int, names: Sequence[str] = ()
) -> Unit[Row | None]:
    """Keep what was obtained, which every process serves from now on; None where the certificate was deleted, or is for
    other names than these by now and is due at once.
    """
    changes = {"certificate": chain, "expires": expires, "state": "active", "problem": ""}
    return (yield from _settled(id, changes, sealed_key, renew_at, now, names, failed=False))


def failed(id: int, problem: str, retry_at: int, now: int, names: Sequence[str] = ()) -> Unit[Row | None]:
    """Note why nothing was obtained; what was obtained before is served still.  None in the same cases."""
    changes = {"problem": problem[:LONGEST_PROBLEM]}
    return (yield from _settled(id, changes, None, retry_at, now, names, failed=True))


def postponed(id: int, due_at: int) -> Unit[None]:
    """End a claim with nothing changed: something is to be done at that second."""
    yield from acme.settle(id, due_at, failed=False)


def released(id: int, now: int) -> Unit[None]:
    """End a claim with nothing done: it is due, as before."""
    yield from acme.release(id, now)


def challenge(token: str, text: str, now: int) -> Unit[None]:
    """Have every process answer for a challenge."""
    yield from acme.sweep_challenges(now - CHALLENGE_LIFE)
    yield from acme.challenge(token, text, now)
    yield from announce(())


def unchallenge(token: str) -> Unit[None]:
    """End what `challenge` began."""
    if (yield from acme.unchallenge(token)):
        yield from announce(())


def account_key(directory: str = "") -> Unit[tuple[bytes, str] | None]:
    """The sealed key by which an authority knows this installation, and the account's URL there; None for none yet."""
    return (yield from acme.account(directory))


def keep_account_key(sealed: bytes, uri: str, directory: str = "") -> Unit[None]:
    yield from acme.keep_account(directory, sealed, uri)


def _settled(
    certificate_id: int,
    changes: Mapping[str, Any],
    sealed: bytes | None,
    due_at: int,
    now: int,
    names: Sequence[str],
    *,
    failed: bool,
) -> Unit[Row | None]:
    yield from stored.lock()
    found = yield from stored.by_id("certificates", certificate_id)
    if found is None:
        return None
    before = row(found)
    if names and set(names) != set(before.settings["domain_names"]):
        yield from acme.settle(certificate_id, now, failed=False)
        return None
    settings = {**before.settings, **changes}
    if failed and not settings["certificate"]:
        settings["state"] = "failed"
    yield from acme.settle(certificate_id, due_at, failed=failed)
    secret = before.secret if sealed is None else sealed
    made = yield from stored.edit(certificate_id, written(settings), secret, before.enabled, now)
    action = "hosts.certificate-failed" if failed else "hosts.certificate-obtained"
    yield from audit.record(now, "meshd", action, 0, f"certificates {certificate_id}")
    yield from announce((certificate_id,))
    return row(made)
