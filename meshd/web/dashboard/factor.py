"""The second factor of whoever is signed in: `/account/second_factor/`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import segno
from markupsafe import Markup

from meshd.accounts import secondfactor
from meshd.accounts.errors import Invalid
from meshd.accounts.validate import PASSWORD
from meshd.model import Account
from meshd.running.flights import Lines
from meshd.store.unit import Unit
from meshd.web.dashboard import cookies
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.dashboard.settings import SETTINGS, RenewingRoutes
from meshd.web.forms import Form, FormError
from meshd.web.problems import Worded
from meshd.web.reply import Fields, Reply
from meshd.web.room import Caller, Room
from meshd.web.services import Services

P = ParamSpec("P")
T = TypeVar("T")

FACTOR = "/account/second_factor/"
CODE = 40
"""Characters of a code as somebody may type it."""
USE = "second-factor"
"""What a secret is sealed for while it is shown: only one of ours can be switched on."""


class FactorRoutes(RenewingRoutes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._trying = Lines()
        """One code after the other for each account, as at the sign-in."""

    def mount(self, room: Room) -> None:
        self._page(room, FACTOR, self.factor)
        self._own(room, f"{FACTOR}on/", self.on, ("secret", "seal", "current", "code"))
        self._own(room, f"{FACTOR}off/", self.off, ("current", "code"))
        self._own(room, f"{FACTOR}codes/", self.codes, ("current", "code"))

    async def factor(self, caller: Caller, form: Form) -> Reply:
        return await self._factor(caller, EMPTY_FORM, 200)

    async def _factor(self, caller: Caller, form: Filled, status: int) -> Reply:
        """The page: what to give to an authenticator, or where one is on how to switch it off."""
        state = await self._perform(secondfactor.state, caller.actor)
        typed = form.typed.get("secret", "")
        secret = typed if _is_ours(caller, typed, form.typed.get("seal", "")) else secondfactor.new_secret()
        uri = secondfactor.uri(secret, caller.account.username, _issuer(caller))
        return self._show(
            caller,
            "factor.html",
            status,
            form=form,
            state=state,
            secret=secret,
            seal=cookies.seal(cookies.session(caller.call), USE, secret),
            qr=await self._services.aside(partial(_drawn, uri)),
        )

    async def on(self, caller: Caller, form: Form) -> Reply:
        """Switch it on; the answer shows the recovery codes, once, in a session that begins anew."""

        async def change() -> Reply:
            with form.reading() as field:
                secret, given = field.text("secret", CODE), field.text("seal", 64)
                current, code = field.secret("current", PASSWORD), field.text("code", CODE, required=True)
            if not _is_ours(caller, secret, given):
                raise FormError.of(Worded("Load this page again, and scan the code that it shows then."), field="code")
            verified = await self._verified(caller, current)
            made = secondfactor.new_recovery_codes()
            await self._perform(secondfactor.switch_on, caller.actor, secret, code, made, now=self._now())
            secret_, cookie = await self._renewed(caller, verified.account)
            return self._codes(
                caller, made, "The second factor is on.  Every other session has ended.", cookies.token(secret_), cookie
            )

        return await self._tried(form, change, lambda filled, status: self._factor(caller, filled, status))

    async def off(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            account, code = await self._known(caller, form)
            await self._with_code(caller, secondfactor.switch_off, caller.actor, code, now=self._now())
            secret, cookie = await self._renewed(caller, account)
            return self._done(
                caller, SETTINGS, "The second factor is off.  Every other session has ended.", *cookie, secret=secret
            )

        return await self._tried(form, change, lambda filled, status: self._factor(caller, filled, status))

    async def codes(self, caller: Caller, form: Form) -> Reply:
        """Make other recovery codes, which are shown once as the first ones were."""

        async def change() -> Reply:
            _, code = await self._known(caller, form)
            made, token = secondfactor.new_recovery_codes(), cookies.token(cookies.secret(caller.call))
            await self._with_code(caller, secondfactor.renew_recovery_codes, caller.actor, code, made, now=self._now())
            return self._codes(caller, made, "The recovery codes of before are void.", token)

        return await self._tried(form, change, lambda filled, status: self._factor(caller, filled, status))

    def _codes(self, caller: Caller, codes: list[str], said: str, token: str, fields: Fields = ()) -> Reply:
        return self._show(caller, "codes.html", codes=codes, said=said, token=token, fields=fields)

    async def _known(self, caller: Caller, form: Form) -> tuple[Account, str]:
        """The caller's account, whose password was in the form, and the code that was.  Raises: FormError."""
        with form.reading() as field:
            current, code = field.secret("current", PASSWORD), field.text("code", CODE, required=True)
        return (await self._verified(caller, current)).account, code

    async def _with_code(self, caller: Caller, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit that takes a code; a wrong one counts as a wrong password does."""
        async with self._trying.hold(caller.id):
            if self._auth.barred(caller.peer, caller.account.username):
                raise FormError.of(Worded("There were too many failures.  Try again later."), field="code")
            try:
                return await self._perform(unit, *args, **kwargs)
            except Invalid:
                await self._auth.wrong(caller.peer, caller.account.username)
                raise


def _drawn(uri: str) -> Markup:
    """The QR code as SVG.  The mask is given: to try all eight takes 30 ms."""
    code = segno.make(uri, micro=False, mask=2, boost_error=False)
    return Markup(code.svg_inline(scale=5, border=2, svgclass="qr", lineclass=None))  # noqa: S704


def _is_ours(caller: Caller, secret: str, given: str) -> bool:
    """Whether the secret is one that we gave to this session."""
    return cookies.sealed(cookies.session(caller.call), USE, secret, given)


def _issuer(caller: Caller) -> str:
    """What an authenticator calls this meshd: the host's name as the customer knows it."""
    host = (caller.call.header(b"host") or b"meshd").decode("latin-1")
    return host.rpartition("]")[0].strip("[") or host.partition(":")[0]
