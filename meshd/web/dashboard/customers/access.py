"""How an account's holder gets in, and where to: `…/access/`, with password, second factor and proxies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshd.accounts import proxies, secondfactor, toplevel, validate
from meshd.accounts.errors import NotYours
from meshd.accounts.validate import PASSWORD
from meshd.auth.secrets import new_password
from meshd.web.dashboard.customers.sheet import ONE, SheetRoutes, may_change, named, where, whose
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.dashboard.proxies import PROXY
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

HERE = f"{ONE}access/"
BY = ("generate", "typed", "none")
"""How a password is replaced: by one that is made, by one that is typed, or by none."""


class AccessRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, HERE, self.access)
        self._change(room, f"{HERE}password/", self.password, ("by", "password"))
        self._change(room, f"{HERE}second_factor/", self.factor_off)
        self._change(room, f"{HERE}authorize/", self.authorize, ("proxy",))
        self._change(room, f"{HERE}revoke/", self.revoke, ("proxy",))

    async def access(self, caller: Caller, form: Form) -> Reply:
        return await self._access(caller, EMPTY_FORM, 200)

    async def _access(self, caller: Caller, form: Filled, status: int, made: str = "") -> Reply:
        """The page.  made: a password that was made just now; "" for none."""
        found = await self._dossier(caller)
        name = whose(caller, found.account)
        names, withheld = await self._perform(proxies.of_account, caller.actor, name)
        known = self._live.topology.proxies
        return self._sheet(
            caller,
            found,
            "access/",
            "access.html",
            status,
            form=form,
            made=made,
            factor=await self._perform(secondfactor.state, caller.actor, name),
            held=[(each, known.get(each)) for each in names],
            withheld=withheld,
            free=[each for each in known.values() if each.name not in names],
        )

    async def password(self, caller: Caller, form: Form) -> Reply:
        """Replace the password; one that was made for it is shown on this answer alone."""

        async def change() -> Reply:
            with form.reading() as field:
                by, typed = field.choice("by", BY), field.secret("password", PASSWORD)
                if by == "typed" and not typed:
                    field.wrong("password", Worded("Type the new password."))
            found = (await self._dossier(caller)).account  # before the hash, which is costly
            if not may_change(caller, found):
                raise NotYours("change your own password in your settings")
            password = {"generate": new_password(), "typed": typed, "none": ""}[by]
            if password:
                validate.require(password=validate.password(password))
            hashed = await self._services.hash(password) if password else ""
            await self._perform(toplevel.set_password, caller.actor, found.username, hashed, now=self._now())
            if by == "generate":
                return await self._access(caller, EMPTY_FORM, 200, password)
            said = f"{found.username} has {'a new' if password else 'no'} password, and is signed out everywhere."
            return self._done(caller, where(found.username, "access/"), said)

        return await self._tried(form, change, self._again(caller))

    async def factor_off(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            await self._perform(secondfactor.take_away, caller.actor, named(caller), now=self._now())
            return self._back(caller, f"The second factor of {named(caller)} is off.")

        return await self._tried(form, change, self._again(caller))

    async def authorize(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            known, plans = self._live.topology.proxies, self._live.topology.plans
            host = await self._perform(
                proxies.authorize,
                caller.actor,
                named(caller),
                _proxy(form),
                known=known,
                plans=plans,
                now=self._now(),
            )
            return self._back(caller, f"{named(caller)} may use {host.name} now.")

        return await self._tried(form, change, self._again(caller))

    async def revoke(self, caller: Caller, form: Form) -> Reply:
        """Take a proxy away; its holder cannot add it again."""

        async def change() -> Reply:
            known, name = self._live.topology.proxies, _proxy(form)
            await self._perform(proxies.revoke, caller.actor, named(caller), name, known=known, now=self._now())
            return self._back(caller, f"{named(caller)} may not use {name}, nor add it again.")

        return await self._tried(form, change, self._again(caller))

    def _back(self, caller: Caller, said: str) -> Reply:
        return self._done(caller, where(named(caller), "access/"), said)

    def _again(self, caller: Caller) -> Callable[[Filled, int], Awaitable[Reply]]:
        return lambda filled, status: self._access(caller, filled, status)


def _proxy(form: Form) -> str:
    with form.reading() as field:
        return field.text("proxy", PROXY, required=True)
