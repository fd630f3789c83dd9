"""What an account is held to at the proxy: `…/limits/`, its rates and counts, and where its requests may go."""

from __future__ import annotations

from typing import Any

from meshd.accounts.dossier import Changes, Held
from meshd.accounts.errors import Invalid
from meshd.accounts.profile import Profile
from meshd.accounts.terms import Agreed
from meshd.accounts.toplevel import Terms
from meshd.values.bounds import MOST
from meshd.values.bounds import parsed as read_bounds
from meshd.values.rules import MOST_TEXT, MOST_WORDS, Rules
from meshd.values.rules import parsed as read_rules
from meshd.web.dashboard.customers.revising import RevisingRoutes
from meshd.web.dashboard.customers.sheet import ONE
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form, Reading
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

HERE = f"{ONE}limits/"

NUMBERS = {
    "requests_per_second": "Requests a second",
    "tunnels": "Exchanges at a time",
    "kbit_down": "kbit/s down",
    "kbit_up": "kbit/s up",
    "client_addresses": "Client addresses at a time",
}
AT_LIMIT = {
    "": "as the plan says",
    "cut": "cut: what is open ends",
    "finish": "finish: what is open may end by itself",
    "slow": "slow: all goes on at a crawl",
}
RULES = ("kind", "entries", "observe", "words")
"""The fields of a form of destination rules."""


class LimitsRoutes(RevisingRoutes):
    tab = "limits/"

    def mount(self, room: Room) -> None:
        self._page(room, HERE, self.limits)
        self._change(room, f"{HERE}bounds/", self.set_bounds, (*NUMBERS, "on_limit", "version"))
        self._change(room, f"{HERE}rules/", self.set_rules, (*RULES, "version"))

    async def limits(self, caller: Caller, form: Form) -> Reply:
        return await self._again(caller, EMPTY_FORM, 200)

    async def _again(self, caller: Caller, form: Filled, status: int) -> Reply:
        found = await self._dossier(caller)
        account, plan = found.account, self._live.topology.plans.get(found.account.plan)
        above = plan.bounds.given() if plan is not None and account.parent_id is None else {}
        inherited = {name: f"{value}, as the plan has it" for name, value in above.items()}
        return self._sheet(
            caller,
            found,
            self.tab,
            "limits.html",
            status,
            form=form,
            bounds=read_bounds(account.bounds).given(),
            inherited=inherited,
            numbers=NUMBERS,
            at_limit=list(AT_LIMIT.items()),
            rules=read_rules(account.rules) if account.rules else None,
        )

    async def set_bounds(self, caller: Caller, form: Form) -> Reply:
        """Set all bounds; an empty one is the plan's from now on."""

        async def change() -> Reply:
            with form.reading() as field:
                given: dict[str, Any] = {
                    name: field.optional_number(name, least=0, most=MOST[name]) for name in NUMBERS
                }
                given["on_limit"] = field.choice("on_limit", tuple(AT_LIMIT)) or None
            return await self._changed(caller, form, _held(bounds=given), "The limits of {} were saved.")

        return await self._retried(caller, form, change)

    async def set_rules(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                rules = rules_in(field)
            try:
                return await self._changed(caller, form, _held(rules=rules), "The destinations of {} were saved.")
            except Invalid as error:
                raise of_fields(error) from None

        return await self._retried(caller, form, change)


def rules_in(field: Reading) -> dict[str, Any]:
    """Destination rules as a form has them; empty for none."""
    kind, observe = field.choice("kind", ("", "only", "except")), field.choice("observe", ("", "yes"))
    lines, words = field.text("entries", MOST_TEXT).split("\n"), field.text("words", MOST_WORDS)
    entries = [each for line in lines if (each := line.strip())]
    return {kind: entries, "observe": bool(observe), "words": words} if kind else {}


def rules_of(text: str) -> Rules | None:
    """Rules as a page shows them."""
    return read_rules(text) if text else None


def of_fields(error: Invalid) -> Invalid:
    """What is wrong with rules, by the fields of their form."""
    names = {"only": "entries", "except": "entries"}
    return Invalid({names.get(name, name): texts for name, texts in error.messages.items()})


def _held(**held: Any) -> Changes:
    return Changes(profile=Profile(), terms=Terms(), agreed=Agreed(), held=Held(**held))
