"""`meshd notify`: whether webhooks and mailboxes take notices, what waits for them, and sending that again."""

from __future__ import annotations

import socket
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError

from meshd.accounts import notices
from meshd.accounts.notices import PAGE
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.resolving import TURN, own_loop
from meshd.cli.values import moment
from meshd.config.notify import shown
from meshd.notify.retrying import Outcome
from meshd.notify.sending import Sender
from meshd.notify.trying import tried
from meshd.values.notices import Target, Webhook

PATIENCE = 60.0
"""Seconds that one try may take with all its phases."""


def add_to(top: Verbs) -> None:
    verbs = top.noun("notify", "webhooks and mailboxes that are told of events")
    test = verbs.verb("test", try_all, "send a test notice, and tell what came of it; by default to all of [notify]")
    test.add_argument("--webhook", metavar="NAME", help="to this webhook alone")
    test.add_argument("--email", action="store_true", help="to the mailboxes alone")
    verbs.verb("targets", targets, "what is told, and how many notices were sent, wait, were given up or dropped")
    listing = verbs.verb("list", show, "the notices that wait, or were given up, the oldest first")
    listing.add_argument("--failed", action="store_true", help="only those that were given up")
    retry = verbs.verb("retry", again, "have what waits, or was given up, tried anew at once")
    retry.add_argument("target", nargs="?", default="", help="a webhook's name, or mail:ADDRESS; by default all")


def try_all(context: Context, args: Namespace) -> None:
    """Exits 1 where one did not take it."""
    outcomes = [(target, _tried(context, target)) for target in _chosen(context, args)]
    context.show_rows(
        (
            {"target": each.target, "place": _place(each), "taken": _taken(said), "said": said.why}
            for each, said in outcomes
        ),
        {
            "TARGET": lambda row: row["target"],
            "PLACE": lambda row: row["place"],
            "TAKEN": lambda row: "yes" if row["taken"] else "no",
            "WHAT CAME OF IT": lambda row: row["said"],
        },
    )
    failed = [target.target for target, said in outcomes if not _taken(said)]
    if failed:
        raise Refused(f"not taken by {', '.join(failed)}")


def _chosen(context: Context, args: Namespace) -> list[Target]:
    """Raises: Refused."""
    notify = context.config.notify
    if args.webhook is not None:
        found: list[Target] = [each for each in notify.webhooks if each.name == args.webhook]
        if not found:
            raise Refused(f"the settings have no [[notify.webhook]] named {args.webhook!r}")
        return found + (list(notify.mailboxes) if args.email else [])
    chosen = list(notify.mailboxes if args.email else notify.targets)
    if not chosen:
        raise Refused(f"the settings have no [[notify.{'email' if args.email else 'webhook'}]]")
    return chosen


def _place(target: Target) -> str:
    return shown(target.url) if isinstance(target, Webhook) else target.address


def _taken(outcome: Outcome) -> bool:
    return outcome.verdict == "taken"


def _tried(context: Context, target: Target) -> Outcome:
    """Try on an event loop of this command's own."""
    config, ended = context.config, list[Any]()
    with own_loop(config.dns_servers, config.topology.timeouts.dns) as (reactor, resolver):
        sender = Sender(reactor, resolver, lambda: config.mail, time.time)
        trying = Deferred.fromCoroutine(tried(sender, target, time.time(), socket.gethostname()))
        trying.addTimeout(PATIENCE, reactor).addBoth(ended.append)
        try:
            while not ended:
                reactor.iterate(TURN)
        finally:
            trying.cancel()
    if isinstance(ended[0], Outcome):
        return ended[0]
    if not ended[0].check(TimeoutError):
        ended[0].raiseException()
    return Outcome("again", f"no end of it within {PATIENCE:g} s")


def targets(context: Context, args: Namespace) -> None:
    context.show_rows(
        (each._asdict() for each in context.run(notices.targets)),
        {
            "TARGET": lambda row: row["name"],
            "STATE": lambda row: "gone" if row["gone"] else "on",
            "SENT": lambda row: row["sent"],
            "WAITING": lambda row: row["waiting"],
            "GIVEN UP": lambda row: row["failed"],
            "DROPPED": lambda row: row["dropped"],
        },
    )


def show(context: Context, args: Namespace) -> None:
    context.show_rows(
        _rows(context, failed=args.failed),
        {
            "TARGET": lambda row: row["target"],
            "EVENT": lambda row: row["type"],
            "ABOUT": lambda row: row["about"],
            "AT": lambda row: row["at"],
            "STATE": lambda row: row["state"],
            "TRIES": lambda row: row["tries"],
            "NEXT": lambda row: row["due"] or "-",
            "WHY": lambda row: row["why"] or "-",
        },
    )


def _rows(context: Context, *, failed: bool) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        found = context.run(notices.listing, after)
        for each in found:
            if each.state == "failed" or not failed:
                yield {
                    "id": each.notice,
                    "target": each.target,
                    "type": each.kind,
                    "about": each.subject,
                    "at": moment(each.at),
                    "state": each.state,
                    "tries": each.tries,
                    "due": moment(each.due) if each.due and each.state == "waiting" else None,
                    "why": each.why,
                }
        if len(found) < PAGE:
            return
        after = found[-1].id


def again(context: Context, args: Namespace) -> None:
    count = context.run(notices.again, context.operator, args.target, context.now())
    context.show({"retried": count})
