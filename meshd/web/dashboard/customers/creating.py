"""A new account, or a sub-account of one: `/operator/new_account/`."""

from __future__ import annotations

from meshd.accounts import dossier
from meshd.accounts.profile import NewAccount
from meshd.accounts.toplevel import DEFAULT_PLAN
from meshd.accounts.validate import PASSWORD, USERNAME
from meshd.auth.secrets import new_password
from meshd.web.dashboard.customers.sheet import SheetRoutes, where
from meshd.web.dashboard.customers.terms import FIELDS, SUB_FIELDS, Typed, days, read_terms, roles
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

NEW = "/operator/new_account/"
BY = {
    "generate": "Make one, and show it once",
    "typed": "The one typed here",
    "none": "None: tokens and addresses only",
}
"""How a new account comes to a password."""


class CreatingRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, NEW, self.new, ("parent",))
        self._change(room, NEW, self.create, ("username", "parent", "by", "password", *FIELDS))

    async def new(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            parent = field.text("parent", USERNAME)
        return await self._new(caller, parent, EMPTY_FORM, 200)

    async def _new(self, caller: Caller, parent: str, form: Filled, status: int) -> Reply:
        if parent:
            await self._dossier(caller, parent)
        plans = self._live.topology.plans
        return self._show(
            caller,
            "customers/new.html",
            status,
            form=form,
            parent=parent,
            plans=list(plans),
            default_plan=DEFAULT_PLAN if DEFAULT_PLAN in plans else next(iter(plans), ""),
            roles=roles(caller),
            days=days(),
            by=BY,
            may=caller.account.role != "viewer",
        )

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make the account; a password that was made for it is shown on this answer alone."""
        parent = form.get("parent", "").strip()

        async def change() -> Reply:
            with form.reading() as field:
                username, by = field.text("username", USERNAME, required=True), field.choice("by", tuple(BY))
                typed = field.secret("password", PASSWORD)
                if by == "typed" and not typed:
                    field.wrong("password", Worded("Type the password, or choose another way."))
                if by != "typed" and typed:
                    field.wrong("password", Worded(f"Choose “{BY['typed']}” for this password, or leave it empty."))
                terms = read_terms(field, form, SUB_FIELDS if parent else FIELDS)
            if parent:
                await self._dossier(caller, parent)
            password = {"generate": new_password, "typed": lambda: typed, "none": lambda: ""}[by]()
            made = await self._made(caller, username, parent, password, terms)
            name = made.account.username
            if by == "generate":
                return self._show(caller, "customers/made.html", name=name, made=password, at=where(name))
            return self._done(caller, where(name), f"{name} was created.")

        return await self._tried(form, change, lambda filled, status: self._new(caller, parent, filled, status))

    async def _made(self, caller: Caller, username: str, parent: str, password: str, terms: Typed) -> dossier.Dossier:
        topology = self._live.topology
        hashed = await self._services.hash(password) if password else ""
        return await self._perform(
            dossier.create,
            caller.actor,
            NewAccount(username=username, password_hash=hashed, profile=terms.profile()),
            parent=parent,
            terms=terms.terms(),
            agreed=terms.agreed(),
            held=dossier.Held(),
            plans=topology.plans,
            proxies=list(topology.proxies),
            now=self._now(),
        )
