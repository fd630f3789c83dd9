"""`meshd exit`: list the exits of the settings and their state, drain and undrain exits, and test one."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from typing import Any
from urllib.parse import urlsplit

from meshd.accounts import exits, traffic
from meshd.accounts.errors import NotFound
from meshd.accounts.exitcosts import Rates
from meshd.accounts.exitrows import described
from meshd.accounts.traffic import SPANS
from meshd.cli import exitlists, exitusers
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.values import human_bytes, moment
from meshd.config.exits.places import PLACED
from meshd.http1.errors import BadMessage
from meshd.http1.target import read_target
from meshd.model import RestingExit
from meshd.topology import Exit
from meshd.values import period
from meshd.values.addresses import join_host
from meshd.values.latencies import MeanLatency


def add_to(top: Verbs) -> None:
    verbs = top.noun("exit", "the exits: how they are, taking them out, trying them")
    verbs.verb("list", listing, "every exit of the settings and their lists, and how it is")
    parser = verbs.verb("drain", drain, "let nothing new leave by these; what is open stays open")
    parser.add_argument("name", nargs="+", help="the exit")
    parser = verbs.verb("undrain", undrain, "use these again")
    parser.add_argument("name", nargs="+", help="the exit")
    parser = verbs.verb("usage", usage, "what left by each exit, those with most exchanges first")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--span", choices=SPANS, default="day", help="the last hour, day (if not said) or month")
    which.add_argument("--month", type=month_named, metavar="YYYY-MM", help="a month (UTC), up to a year ago")
    exitusers.add_to(verbs)
    exitlists.add_to(verbs)
    parser = verbs.verb("test", test, "connect through an exit now, from this machine, drained or not")
    parser.add_argument("name", help="the exit")
    parser.add_argument("--to", type=_target, metavar="HOST:PORT", help="where to (default: the host of probes.url)")


def listing(context: Context, args: Namespace) -> None:
    now = context.now()
    health = context.run(exits.health, now=now)
    latencies = context.run(exits.all_latencies, now=now)
    exitlists.note_failing(context)
    context.show_rows(
        (
            _row(exit_, health, now) | {"latency_ms": _latency(latencies.get(exit_.name))}
            for exit_ in context.config.topology.exits
        ),
        {
            "NAME": lambda row: row["name"],
            "KIND": lambda row: row["kind"],
            "ADDRESS": lambda row: row["upstream"] or row["address"] or "-",
            "COUNTRY": lambda row: row["country"] or "-",
            "PLACE": lambda row: ", ".join(filter(None, (row["city"], row["region"]))) or "-",
            "FROM": placed_by,
            "TAGS": lambda row: ",".join(row["tags"]) or "-",
            "WEIGHT": lambda row: row["weight"],
            "LATENCY": lambda row: f"{row['latency_ms']} ms" if row["latency_ms"] is not None else "-",
            "STATE": _state,
        },
    )


def drain(context: Context, args: Namespace) -> None:
    known = {exit_.name for exit_ in context.config.topology.exits}
    changed = context.run(exits.drain, context.operator, args.name, known=known, now=context.now())
    context.show({"drained": changed}, {"drained": ", ".join(changed) or "nothing, all of them were"})


def undrain(context: Context, args: Namespace) -> None:
    changed = context.run(exits.undrain, context.operator, args.name, now=context.now())
    context.show({"undrained": changed}, {"undrained": ", ".join(changed)})


def usage(context: Context, args: Namespace) -> None:
    found, rates = _moved(context, args), Rates(context.config.topology)
    context.show_rows(
        (
            {
                "exit": each.name,
                "exchanges": each.exchanges,
                "failures": each.failures,
                "up_bytes": each.up,
                "down_bytes": each.down,
                "cost": rates.cost(each),
                "currency": rates.currency,
            }
            for each in found
        ),
        {
            "EXIT": lambda row: row["exit"],
            "EXCHANGES": lambda row: row["exchanges"],
            "FAILED": lambda row: row["failures"],
            "UP": lambda row: human_bytes(row["up_bytes"]),
            "DOWN": lambda row: human_bytes(row["down_bytes"]),
            "COST": lambda row: f"{row['cost']} {row['currency']}" if row["cost"] is not None else "-",
        },
    )
    total = rates.total(found)
    unknown = f"; what {total.unknown} more cost is not known" if total.unknown else ""
    context.note(f"together {total.cost} {rates.currency}{unknown}")


def _moved(context: Context, args: Namespace) -> list[traffic.Sum]:
    most = traffic.MOST_EXITS
    if args.month is None:
        return context.run(traffic.by_exit, context.operator, span=args.span, limit=most, now=context.now())
    since, until = args.month
    return context.run(traffic.by_exit_in, context.operator, since=since, until=until, limit=most)


def month_named(text: str) -> tuple[int, int]:
    """The first second of a month and the first after it."""
    found = period.month(text)
    if found is None:
        raise ArgumentTypeError(f"{text[:60]!r} is no month such as 2026-10")
    return found


def test(context: Context, args: Namespace) -> None:
    from meshd.cli.exittest import try_exit  # noqa: PLC0415  (no other command needs a reactor)

    topology = context.config.topology
    exit_ = next((each for each in topology.exits if each.name == args.name), None)
    if exit_ is None:
        raise NotFound(f"there is no exit named {args.name!r}")
    host, port = args.to or _of_url(topology.probes.url)
    seconds = try_exit(exit_, host, port, topology.timeouts, context.config.dns_servers)
    shown = join_host(host, port)
    context.show(
        {"exit": exit_.name, "to": shown, "seconds": round(seconds, 3)},
        {"exit": exit_.name, "to": shown, "connected": f"after {seconds * 1000:.0f} ms"},
    )


def _row(exit_: Exit, health: exits.Health, now: int) -> dict[str, Any]:
    drained, resting = health.drained.get(exit_.name), health.resting.get(exit_.name, [])
    return {
        **described(exit_),
        "state": "drained" if drained else "resting" if resting else "up",
        "drained": {"by": drained.by, "at": moment(drained.at)} if drained else None,
        "resting": [_rest(each, now) for each in resting],
    }


def _latency(found: MeanLatency | None) -> int | None:
    return found.milliseconds if found is not None else None


def placed_by(row: dict[str, Any]) -> str:
    """Who says where the exit is."""
    told = {key for key in ("country", *PLACED, "asn") if row[key]}
    words = {"settings": told - set(row["found"]), "database": told & set(row["found"])}
    return ", ".join(word for word, keys in words.items() if keys) or "-"


def _rest(rest: RestingExit, now: int) -> dict[str, Any]:
    return {
        "node": rest.node,
        "until": moment(rest.until),
        "over": rest.until <= now,
        "failures": rest.failures,
        "reason": rest.reason,
    }


def _state(row: dict[str, Any]) -> str:
    """The state of an exit in words: that the operator drained the exit comes before what probes found."""
    if row["drained"]:
        return f"drained by {row['drained']['by']} at {row['drained']['at']}"
    return "; ".join(map(_rest_text, row["resting"])) or "up"


def _rest_text(rest: dict[str, Any]) -> str:
    state = "is tried next" if rest["over"] else f"resting until {rest['until']}"
    return f"{state} ({rest['node']}: {rest['reason']})"


def _target(text: str) -> tuple[str, int]:
    try:
        target = read_target(b"CONNECT", text.encode("ascii"))
    except (BadMessage, UnicodeEncodeError):
        raise ArgumentTypeError(f"{text[:60]!r} is no HOST:PORT") from None
    return target.host, target.port


def _of_url(url: str) -> tuple[str, int]:
    if not url:
        raise Refused("say where to connect with --to HOST:PORT, or set probes.url")
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
