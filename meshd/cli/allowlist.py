"""`meshd ip` and `meshd hostname`: the addresses and hostnames whose connections need no credential."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from meshd.accounts import allowlists
from meshd.accounts.allowlists import Dispute
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import moment
from meshd.model import AuthorizedHostname, AuthorizedIP
from meshd.values.internet import is_public

MANY = 1000
"""Disputed addresses that are listed at most."""


def add_to(top: Verbs) -> None:
    verbs = top.noun("ip", "addresses whose connections need no credential")
    parser = verbs.verb("add", add_ip, "add an address")
    parser.add_argument("name", help="the account")
    parser.add_argument("ip", help="one IPv4 or IPv6 address")
    parser.add_argument("--label", default="", help="up to 100 characters")
    verbs.verb("list", list_ips, "an account's addresses").add_argument("name", help="the account")
    verbs.verb("disputed", list_disputed, "addresses that several accounts claim, and which of them keeps each")
    parser = verbs.verb("delete", delete_ip, "take an address away; its account cannot add it again, `ip add` can")
    parser.add_argument("name", help="the account")
    parser.add_argument("ip")

    verbs = top.noun("hostname", "names whose present addresses need no credential")
    parser = verbs.verb("add", add_hostname, "add a hostname")
    parser.add_argument("name", help="the account")
    parser.add_argument("hostname")
    verbs.verb("list", list_hostnames, "an account's hostnames").add_argument("name", help="the account")
    parser = verbs.verb("delete", delete_hostname, "take a hostname away; its account cannot add it again")
    parser.add_argument("name", help="the account")
    parser.add_argument("hostname")


def add_ip(context: Context, args: Namespace) -> None:
    added = context.run(
        allowlists.add_ip, context.operator, args.name, args.ip, args.label, plans=context.plans, now=context.now()
    )
    if not is_public(ip_address(added.address)):
        context.note(f"{added.address} is no public address: whatever reaches the proxy from there is {args.name}'s.")
    if added.disputed:
        context.note(f"{added.address} is claimed by another account, which keeps it: see `meshd ip disputed`.")
    context.show(_ip(added), {"ip": added.address, "label": added.label or "none"})


def list_ips(context: Context, args: Namespace) -> None:
    found = context.run(allowlists.ips, context.operator, args.name, at=context.now())
    columns: dict[str, Callable[[Any], object]] = {
        "IP": lambda row: row["ip"],
        "LABEL": lambda row: row["label"],
        "ADDED": lambda row: row["created_at"],
    }
    if any(each.disputed for each in found):
        columns["DISPUTED"] = lambda row: "yes" if row["disputed"] else ""
    context.show_rows(map(_ip, found), columns)


def list_disputed(context: Context, args: Namespace) -> None:
    found = context.run(allowlists.disputes, MANY, at=context.now())
    context.show_rows(
        map(_dispute, found),
        {
            "IP": lambda row: row["ip"],
            "ACCOUNT": lambda row: row["account"],
            "BY": lambda row: row["hostname"] or "the address itself",
            "SINCE": lambda row: row["since"],
            "KEEPS IT": lambda row: "yes" if row["keeps"] else "no",
        },
    )


def delete_ip(context: Context, args: Namespace) -> None:
    context.run(allowlists.delete_ip, context.operator, args.name, args.ip, now=context.now())
    context.show({"deleted": args.ip})


def add_hostname(context: Context, args: Namespace) -> None:
    added = context.run(
        allowlists.add_hostname, context.operator, args.name, args.hostname, plans=context.plans, now=context.now()
    )
    context.show(_hostname(added), {"hostname": added.hostname})


def list_hostnames(context: Context, args: Namespace) -> None:
    found = context.run(allowlists.hosts, context.operator, args.name, at=context.now())
    columns: dict[str, Callable[[Any], object]] = {
        "HOSTNAME": lambda row: row["hostname"],
        "ADDED": lambda row: row["created_at"],
        "ADDRESSES": lambda row: ", ".join(row["addresses"]),
    }
    if any(each.disputed for each in found):
        columns["DISPUTED"] = lambda row: ", ".join(row["disputed"])
    context.show_rows(map(_hostname, found), columns)


def delete_hostname(context: Context, args: Namespace) -> None:
    context.run(allowlists.delete_hostname, context.operator, args.name, args.hostname, now=context.now())
    context.show({"deleted": args.hostname})


def _ip(added: AuthorizedIP) -> dict[str, Any]:
    return {
        "ip": added.address,
        "label": added.label,
        "created_at": moment(added.created_at),
        "disputed": added.disputed,
    }


def _hostname(added: AuthorizedHostname) -> dict[str, Any]:
    return {
        "hostname": added.hostname,
        "created_at": moment(added.created_at),
        "addresses": list(added.addresses),
        "disputed": list(added.disputed),
    }


def _dispute(each: Dispute) -> dict[str, Any]:
    return {
        "ip": each.address,
        "account": each.username,
        "hostname": each.claim.hostname or None,
        "since": moment(each.claim.since),
        "keeps": each.keeps,
    }
