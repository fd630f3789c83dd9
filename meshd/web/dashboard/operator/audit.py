"""Who changed what, over all accounts: `/operator/audit/`."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from meshd.accounts import auditing
from meshd.accounts.auditing import Entry, Filters, Page
from meshd.accounts.cursors import LONGEST
from meshd.accounts.validate import USERNAME
from meshd.web.dashboard import figures
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

AUDIT = "/operator/audit/"
PAGE = 50
NAME = 260
"""Characters of the longest actor, or of what an action is called."""
FIELDS = ("account", "actor", "action", "since", "until")
SIZES = frozenset({"monthly_limit", "total_limit", "monthly_ceiling", "total_ceiling", "prepaid_bytes"})
"""Fields that are bytes, 0 for none."""


CALLED = {"password_hash": "password"}
"""What fields are called for people, where their own names say too much."""


class Changed(NamedTuple):
    """One field that was changed, in words."""

    name: str
    was: str
    """"" where there was nothing yet."""
    now: str
    """"" where only that it changed is kept, as of a password."""


class AuditRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, AUDIT, self.audit, (*FIELDS, "cursor"))

    async def audit(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                filters = Filters(
                    account=field.text("account", USERNAME),
                    actor=field.text("actor", NAME),
                    action=field.text("action", NAME),
                    since=field.moment("since", typed=True),
                    until=field.moment("until", typed=True),
                )
                cursor = field.text("cursor", LONGEST)
            found = await self._perform(auditing.entries, caller.actor, filters, cursor=cursor, limit=PAGE)
            return self._audit(caller, form, found, EMPTY_FORM, 200)

        async def again(filled: Filled, status: int) -> Reply:
            return self._audit(caller, form, Page([], ""), filled, status)

        return await self._tried(form, change, again)

    def _audit(self, caller: Caller, form: Form, found: Page, filled: Filled, status: int) -> Reply:
        chosen = {name: form.get(name, "").strip() for name in FIELDS}
        kept = {name: text for name, text in chosen.items() if text}
        return self._show(
            caller,
            "audit.html",
            status,
            form=Filled(chosen, filled.problems),
            entries=[(each, changes(each)) for each in found.entries],
            first=f"{AUDIT}?{urlencode(kept)}" if form.get("cursor") else "",
            following=f"{AUDIT}?{urlencode({**kept, 'cursor': found.cursor})}" if found.cursor else "",
        )


def changes(entry: Entry) -> list[Changed]:
    """What was and what is, field by field, as a person reads it."""
    found = []
    for name, pair in auditing.changed(entry).items():
        called = CALLED.get(name, name).replace("_", " ")
        was, now = (None, None) if pair is None else pair
        before = "" if was is None else shown(name, was)
        found.append(Changed(called, before, "" if pair is None else shown(name, now)))
    return found


def shown(name: str, value: object) -> str:
    """A value of a field in words: never the empty text."""
    if name in SIZES and isinstance(value, int):
        return figures.size(value) if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None or value == "" else str(value)
