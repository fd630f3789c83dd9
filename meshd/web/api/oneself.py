"""One's own password and e-mail address: `/api/self/…`, for those who sign in with their password.

An account with a second factor changes both on pages, which ask for it: here a stolen password would be enough.
"""

from __future__ import annotations

from meshd.accounts import oneself, secondfactor, validate
from meshd.accounts.errors import Forbidden
from meshd.accounts.validate import EMAIL, PASSWORD
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes


class OneselfRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("POST", "/api/self/password/", Who.PASSWORD, self.password, ("password",))
        room.route("POST", "/api/self/email/", Who.PASSWORD, self.email, ("email",))

    async def password(self, caller: Caller, form: Form) -> Reply:
        """Replace the caller's password, which ends the sessions and open exchanges that the old one began."""
        with form.reading() as field:
            fresh = field.secret("password", PASSWORD)
        validate.require(password=validate.password(fresh))
        await self._require_one_factor(caller)
        encoded = await self._services.hash(fresh)
        verified = caller.account.password_hash
        await self._perform(oneself.change_password, caller.actor, encoded, verified=verified, now=self._now())
        return Reply({"username": caller.account.username})

    async def email(self, caller: Caller, form: Form) -> Reply:
        """Replace the caller's e-mail address; an empty one is removed."""
        with form.reading() as field:
            email = field.text("email", EMAIL)
        await self._require_one_factor(caller)
        self._services.bounds.require_asked(caller.account)
        verified = caller.account.password_hash
        await self._perform(oneself.change_email, caller.actor, email, verified=verified, now=self._now())
        return Reply({"username": caller.account.username, "email": email})

    async def _require_one_factor(self, caller: Caller) -> None:
        if await self._perform(secondfactor.state, caller.actor) is not None:
            raise Forbidden("this account has a second factor; change this on the pages, which ask for it")
