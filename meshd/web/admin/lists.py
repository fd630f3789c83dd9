"""`/api/admin/accounts`, `…/audit`, `…/bans`, `…/exchanges`: what there is in the whole installation, page by page."""

from __future__ import annotations

from functools import partial
from typing import get_args

from meshd.accounts import auditing, bans, cursors, directory, exchanges
from meshd.accounts.auditing import Entry
from meshd.accounts.directory import Order, Row, State
from meshd.accounts.dossier import Dossier
from meshd.accounts.exchanges import Open
from meshd.accounts.validate import EMAIL, USERNAME
from meshd.model import Ban
from meshd.web.admin.accounts import PATH, described, moment
from meshd.web.admin.segments import text
from meshd.web.document import Document
from meshd.web.forms import LARGEST_STORED, Form, Reading
from meshd.web.reply import EMPTY, Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PAGE, LARGEST = 100, 1000
CURSOR = 400
"""Characters of the longest cursor."""

NAME = 260
"""Characters of the longest name of an exit, or of what an action is called."""

ORDERS = get_args(Order)
STATES = ("", *get_args(State))
ROLES = ("", "customer", "viewer", "admin", "root")
PAGED = ("limit", "cursor")
FILTERS = ("prefix", "email", "state", "plan", "role", "parent", "near_limit", "seen_after", "seen_before", "order")
AUDITED = ("account", "account_id", "actor", "action", "since", "until")
BAN = "ban"
"""The kind of cursors of the list of bans."""


class ListRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.PASSWORD, self.accounts, (*FILTERS, *PAGED))
        room.route("GET", "/api/admin/audit", Who.PASSWORD, self.audit, (*AUDITED, *PAGED))
        room.route("GET", "/api/admin/bans", Who.PASSWORD, self.bans, PAGED)
        room.route("POST", "/api/admin/bans/lift", Who.PASSWORD, self.lift, ("address", "username"))
        room.route("GET", "/api/admin/exchanges", Who.PASSWORD, self.exchanges, ("account", "exit", "limit"))
        room.route("DELETE", "/api/admin/exchanges/{id}", Who.PASSWORD, self.end, ())

    async def accounts(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            filters, order = _filters(field), field.choice("order", ORDERS)
            limit, cursor = paged(field)
        found = await self._perform(
            directory.listing,
            caller.actor,
            filters,
            plans=self._live.topology.plans,
            now=self._now(),
            order=order,  # type: ignore[arg-type]
            cursor=cursor,
            limit=limit,
        )
        return Reply({"accounts": Rows(_row, found.rows), "next": found.cursor or None})

    async def audit(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            filters = auditing.Filters(
                account=field.text("account", USERNAME),
                account_id=field.whole_number("account_id", least=0, most=LARGEST_STORED, default=0),
                actor=field.text("actor", NAME),
                action=field.text("action", NAME),
                since=field.moment("since"),
                until=field.moment("until"),
            )
            limit, cursor = paged(field)
        found = await self._perform(auditing.entries, caller.actor, filters, cursor=cursor, limit=limit)
        return Reply({"entries": Rows(_entry, found.entries), "next": found.cursor or None})

    async def bans(self, caller: Caller, form: Form) -> Reply:
        """List the bans that are in force, the last to end first."""
        with form.reading() as field:
            limit, cursor = paged(field)
        key = cursors.read(BAN, cursor, (str, str, int))
        after = Ban(*key) if key else None
        found = await self._perform(bans.listing, caller.actor, after=after, limit=limit, now=self._now())
        last = found.rows[-1] if found.more else None
        following = cursors.written(BAN, (last.address, last.username, last.until) if last else None)
        return Reply({"bans": Rows(_ban, found.rows), "next": following or None})

    async def lift(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            address, username = member.required("address", 60), member.text("username", USERNAME) or ""
        lifted = await self._perform(bans.lift, caller.actor, address, username, now=self._now())
        return Reply({"lifted": lifted})

    async def exchanges(self, caller: Caller, form: Form) -> Reply:
        """List what is open now, in all processes, the oldest first; of an account with its sub-accounts."""
        with form.reading() as field:
            account, exit_ = field.text("account", USERNAME), field.text("exit", NAME)
            limit = page_size(field)
        now = self._now()
        if account:
            found = await self._perform(exchanges.of_family, caller.actor, account, exit_=exit_, limit=limit, now=now)
        else:
            found = await self._perform(exchanges.of_everybody, caller.actor, exit_=exit_, limit=limit, now=now)
        rows = Rows(partial(_open, now=now), found.rows)
        return Reply({"exchanges": rows, "total": found.total, "complete": found.complete})

    async def end(self, caller: Caller, form: Form) -> Reply:
        await self._perform(exchanges.end, caller.actor, text(caller, "id"), now=self._now())
        return Reply(EMPTY, 204)


def page_size(field: Reading) -> int:
    """How many entries an answer shall have at most."""
    return field.whole_number("limit", least=1, most=LARGEST, default=PAGE)


def paged(field: Reading) -> tuple[int, str]:
    """How many entries a page shall have, and where it begins."""
    return page_size(field), field.text("cursor", CURSOR)


def _filters(field: Reading) -> directory.Filters:
    return directory.Filters(
        prefix=field.text("prefix", USERNAME),
        email=field.text("email", EMAIL),
        state=field.choice("state", STATES) or None,  # type: ignore[arg-type]
        plan=field.text("plan", NAME),
        role=field.choice("role", ROLES) or None,  # type: ignore[arg-type]
        parent=field.text("parent", USERNAME),
        near_limit=field.whole_number("near_limit", least=0, most=100, default=0),
        seen_after=field.moment("seen_after"),
        seen_before=field.moment("seen_before"),
    )


def _row(row: Row) -> dict[str, object]:
    """An account in a list: what it is and what it has used."""
    shown = described(Dossier(row.account, row.parent))
    del shown["second_factor"]  # which a list does not read
    return {
        **shown,
        "state": row.state,
        "usage": {
            "period_bytes": row.usage.period_bytes,
            "total_bytes": row.usage.total_bytes,
            "prepaid_bytes": row.usage.prepaid_bytes,
            "monthly_limit": row.monthly_limit,
            "total_limit": row.total_limit,
            "period_start": moment(row.usage.period_start),
            "period_end": moment(row.period_end),
        },
        "seen_at": moment(row.seen_at),
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": moment(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "account_id": entry.account_id,
        "username": entry.username or None,
        "detail": entry.detail,
        "changed": auditing.changed(entry),
    }


def _ban(ban: Ban) -> dict[str, object]:
    """A ban; `*` bans every name from the address."""
    return {"address": ban.address, "username": ban.username, "until": moment(ban.until)}


def _open(row: Open, now: int) -> dict[str, object]:
    exchange = row.exchange
    return {
        "id": exchange.id,
        "node": row.node,
        "seen_at": moment(row.seen_at),
        "began_at": moment(exchange.began // 1000),
        "age_seconds": max(0, now - exchange.began // 1000),
        "username": exchange.username,
        "token": exchange.token_id or None,
        "proxy": exchange.proxy,
        "client": exchange.client,
        "method": exchange.method,
        "host": exchange.host,
        "port": exchange.port,
        "exit": exchange.exit or None,
        "bytes_up": exchange.up,
        "bytes_down": exchange.down,
    }
