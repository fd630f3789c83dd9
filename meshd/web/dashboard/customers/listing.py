"""All accounts, searched, and the plans that they are on: `/operator/accounts/`, `/operator/plans/`."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import urlencode

from meshd.accounts import directory
from meshd.accounts.directory import Filters, Row, State
from meshd.accounts.validate import EMAIL, USERNAME
from meshd.values.times import DAY
from meshd.web.dashboard.customers.limits import rules_of
from meshd.web.dashboard.customers.sheet import ALL, where
from meshd.web.dashboard.pages import Filled, OperatorRoutes, refilled
from meshd.web.forms import Form, FormError
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

PLANS = "/operator/plans/"
PAGE = 50
PLAN = 100
"""Characters of the longest name of a plan that is looked for."""
CURSOR = 400

ROLES = ("", "customer", "viewer", "admin", "root")
STATES = ("", *get_args(State))
NEAR = {"": "any", "50": "half of it used", "80": "80 % used", "90": "90 % used", "100": "all of it used"}
SEEN = {
    "": "at any time",
    "day": "in the last 24 hours",
    "month": "in the last 30 days",
    "away": "not for 30 days",
}
ORDERS: dict[str, str] = {"name": "by name", "newest": "newest first", "oldest": "oldest first"}
ASKED = ("prefix", "email", "state", "plan", "role", "near", "seen", "parent", "order")


FURTHER = ("email", "parent", "role", "seen", "order")
"""Of those that are folded away until one is used."""


class ListingRoutes(OperatorRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, ALL, self.accounts, (*ASKED, "cursor"))
        self._page(room, PLANS, self.plans)

    async def accounts(self, caller: Caller, form: Form) -> Reply:
        """Show a page of the accounts that the filters let through."""
        try:
            with form.reading() as field:
                order, cursor = field.choice("order", tuple(ORDERS)), field.text("cursor", CURSOR)
            filters = read_filters(form, self._now())
        except FormError as error:
            refused = refilled(form, error)
            return self._listed(caller, refused, [], "", 400)
        chosen: Any = order
        found = await self._perform(
            directory.listing,
            caller.actor,
            filters,
            plans=self._live.topology.plans,
            now=self._now(),
            order=chosen,
            cursor=cursor,
            limit=PAGE,
        )
        asked = {name: text for name in ASKED if (text := form.get(name, "").strip())}
        following = f"{ALL}?{urlencode({**asked, 'cursor': found.cursor})}" if found.cursor else ""
        return self._listed(caller, Filled(asked, {}), found.rows, following, 200, begun=bool(cursor))

    def _listed(
        self, caller: Caller, form: Filled, rows: list[Row], following: str, status: int, *, begun: bool = False
    ) -> Reply:
        return self._show(
            caller,
            "customers/accounts.html",
            status,
            form=form,
            rows=rows,
            following=following,
            begun=begun,
            plans=list(self._live.topology.plans),
            choices={"state": STATES, "role": ROLES, "near": NEAR, "seen": SEEN, "order": ORDERS},
            further=any(form.typed.get(name) for name in FURTHER),
            filtered=any(form.typed.get(name) for name in ASKED if name != "order"),
            where=where,
        )

    async def plans(self, caller: Caller, form: Form) -> Reply:
        """Show what the plans of the settings include."""
        topology = self._live.topology
        return self._show(caller, "customers/plans.html", plans=list(topology.plans.values()), rules_of=rules_of)


def read_filters(form: Form, now: int) -> Filters:
    """What a form asks of accounts.  Raises: FormError."""
    with form.reading() as field:
        state, role = field.choice("state", STATES), field.choice("role", ROLES)
        near, seen = field.choice("near", tuple(NEAR)), field.choice("seen", tuple(SEEN))
        shown: dict[str, Any] = {"state": state or None, "role": role or None}
        return Filters(
            prefix=field.text("prefix", USERNAME),
            email=field.text("email", EMAIL),
            plan=field.text("plan", PLAN),
            parent=field.text("parent", USERNAME),
            near_limit=int(near or 0) if near in NEAR else 0,  # what is no choice is a problem, and is read on
            seen_after={"day": now - DAY, "month": now - 30 * DAY}.get(seen),
            seen_before=now - 30 * DAY if seen == "away" else None,
            **shown,
        )
