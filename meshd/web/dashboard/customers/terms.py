"""What an operator agrees with an account's holder: `…/terms/`, with its name and its parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshd.accounts.dossier import Changes, Dossier, Held
from meshd.accounts.profile import Profile
from meshd.accounts.terms import STILL, Agreed
from meshd.accounts.toplevel import Terms
from meshd.accounts.validate import EMAIL, NAME, NOTES, USERNAME
from meshd.web.dashboard.customers.revising import RevisingRoutes
from meshd.web.dashboard.customers.sheet import ONE, where
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.dashboard.subaccounts import limit
from meshd.web.forms import Form, Reading
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

PROFILE = ("first_name", "last_name", "email", "monthly_limit", "total_limit")
TERMS = ("plan", "role", "billing_day")
AGREED = ("expires_on", "notes")
FIELDS = (*PROFILE, *TERMS, *AGREED)
SUB_FIELDS = (*PROFILE, *AGREED)
"""Of a sub-account: its terms are its parent's."""

ROLES = ("customer", "viewer", "admin")
PLAN = 100

_READERS: Mapping[str, Callable[[Reading], object]] = {
    "first_name": lambda field: field.text("first_name", NAME),
    "last_name": lambda field: field.text("last_name", NAME),
    "email": lambda field: field.text("email", EMAIL),
    "monthly_limit": lambda field: limit(field, "monthly_limit"),
    "total_limit": lambda field: limit(field, "total_limit"),
    "plan": lambda field: field.text("plan", PLAN, required=True),
    "role": lambda field: field.choice("role", ROLES),
    "billing_day": lambda field: field.optional_number("billing_day", least=1, most=31),
    "expires_on": lambda field: field.date("expires_on"),
    "notes": lambda field: field.text("notes", NOTES + NOTES).replace("\r\n", "\n"),
}


class Typed(dict[str, Any]):
    """The terms that a form holds, by field."""

    def profile(self) -> Profile:
        return Profile(**self._of(PROFILE))

    def terms(self) -> Terms:
        return Terms(**self._of(TERMS))

    def agreed(self) -> Agreed:
        return Agreed(**self._of(AGREED))

    def differing(self, found: Dossier) -> Typed:
        """Those that are not as they are: only what is changed is checked, carried out and told by the audit."""
        account = found.account
        return Typed({name: value for name, value in self.items() if getattr(account, name) != value})

    def _of(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: self[name] for name in names if self.get(name) is not None}


def read_terms(field: Reading, form: Form, names: Sequence[str]) -> Typed:
    """The fields of these names that a form has."""
    read = {name: _READERS[name](field) for name in names if name in form}
    return Typed({name: value for name, value in read.items() if value is not None})


def roles(caller: Caller) -> tuple[str, ...]:
    """The roles that the caller may give: the root gives any, an admin none but a customer's."""
    return ROLES if caller.account.role == "root" else ()


def days() -> range:
    return range(1, 32)


class TermsRoutes(RevisingRoutes):
    tab = "terms/"

    def mount(self, room: Room) -> None:
        self._page(room, f"{ONE}terms/", self.terms)
        self._change(room, f"{ONE}terms/", self.save, (*FIELDS, "version"))
        self._change(room, f"{ONE}terms/rename/", self.rename, ("username", "version"))
        self._change(room, f"{ONE}terms/move/", self.move, ("parent", "version"))

    async def terms(self, caller: Caller, form: Form) -> Reply:
        return await self._again(caller, EMPTY_FORM, 200)

    async def _again(self, caller: Caller, form: Filled, status: int) -> Reply:
        found = await self._dossier(caller)
        return self._sheet(
            caller,
            found,
            "terms/",
            "terms.html",
            status,
            form=form,
            plans=list(self._live.topology.plans),
            roles=roles(caller),
            days=days(),
            still=STILL,
        )

    async def save(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                typed = read_terms(field, form, FIELDS)
            found = await self._dossier(caller)
            changed = typed.differing(found)
            if not changed:
                return self._done(caller, where(found.account.username, "terms/"), "Nothing was changed.")
            agreed = changed.agreed()
            changes = Changes(profile=changed.profile(), terms=changed.terms(), agreed=agreed, held=Held())
            return await self._changed(caller, form, changes, "The terms of {} were saved.")

        return await self._retried(caller, form, change)

    async def rename(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                username = field.text("username", USERNAME, required=True)
            return await self._changed(caller, form, _agreed(username=username), "This account is {} now.")

        return await self._retried(caller, form, change)

    async def move(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                parent = field.text("parent", USERNAME, required=True)
            return await self._changed(caller, form, _agreed(parent=parent), f"{{}} is below {parent} now.")

        return await self._retried(caller, form, change)


def _agreed(**values: str) -> Changes:
    return Changes(profile=Profile(), terms=Terms(), agreed=Agreed(**values), held=Held())
