"""Account settings: password, e-mail address and sessions, of whoever is signed in: `/account/settings/`, …"""

from __future__ import annotations

from dataclasses import replace

from meshd.accounts import oneself, pacfiles, secondfactor, validate
from meshd.accounts.validate import EMAIL, PASSWORD
from meshd.auth import sessions
from meshd.model import Account
from meshd.values.autoconfig import pac_url
from meshd.web.dashboard import cookies
from meshd.web.dashboard.pages import EMPTY_FORM, Filled, PageRoutes
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.problems import Worded
from meshd.web.reply import Fields, Reply
from meshd.web.room import Caller, Room

SETTINGS = "/account/settings/"
PASSWORD_PAGE = "/account/change_password/"  # noqa: S105
EMAIL_PAGE = "/account/change_email/"
SESSIONS = "/account/sessions/"


class RenewingRoutes(PageRoutes):
    """Pages after which a session goes on under another secret."""

    async def _renewed(self, caller: Caller, account: Account) -> tuple[bytes, Fields]:
        """A new session in the place of the caller's: its secret, and the cookie's header field."""
        call = caller.call
        secret = self._services.random(sessions.SECRET_BYTES)
        await self._perform(
            sessions.begin,
            account,
            sessions.digest(secret),
            replacing=sessions.digest(cookies.session(call)),
            now=self._now(),
            client=call.peer,
            agent=(call.header(b"user-agent") or b"").decode("latin-1"),
            life=self._life(),
        )
        return secret, cookies.kept(secret)


class SettingsRoutes(RenewingRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, SETTINGS, self.settings)
        self._page(room, PASSWORD_PAGE, self.password_form)
        self._own(room, PASSWORD_PAGE, self.password, ("current", "password", "again"))
        self._page(room, EMAIL_PAGE, self.email_form)
        self._own(room, EMAIL_PAGE, self.email, ("current", "email"))
        self._page(room, SESSIONS, self.sessions)
        self._own(room, f"{SESSIONS}end/", self.end, ("id",))
        self._own(room, f"{SESSIONS}end_all/", self.end_all)

    async def settings(self, caller: Caller, form: Form) -> Reply:
        factor = await self._perform(secondfactor.state, caller.actor)
        offered, pac = self._services.offered(), None
        if offered.pac:
            secret = await self._perform(pacfiles.shown, caller.actor, None)
            pac = pac_url(offered, secret) if secret else ""
        return self._show(caller, "settings.html", factor=factor, pac=pac)

    async def password_form(self, caller: Caller, form: Form) -> Reply:
        return await self._password(caller, EMPTY_FORM, 200)

    async def _password(self, caller: Caller, form: Filled, status: int) -> Reply:
        return self._show(caller, "password.html", status, form=form)

    async def password(self, caller: Caller, form: Form) -> Reply:
        """Change the password: every session ends, and this one begins anew."""

        async def change() -> Reply:
            with form.reading() as field:
                current, fresh = field.secret("current", PASSWORD), field.secret("password", PASSWORD)
                if field.secret("again", PASSWORD) != fresh:
                    field.wrong("again", Worded("This is not the same as the new password."))
            validate.require(password=validate.password(fresh))
            verified = (await self._verified(caller, current)).account
            encoded = await self._services.hash(fresh)
            await self._perform(
                oneself.change_password, caller.actor, encoded, verified=verified.password_hash, now=self._now()
            )
            secret, cookie = await self._renewed(caller, replace(verified, password_hash=encoded))
            return self._done(
                caller, SETTINGS, "Your password was changed; every other session has ended.", *cookie, secret=secret
            )

        return await self._tried(form, change, lambda filled, status: self._password(caller, filled, status))

    async def email_form(self, caller: Caller, form: Form) -> Reply:
        return await self._email(caller, EMPTY_FORM, 200)

    async def _email(self, caller: Caller, form: Filled, status: int) -> Reply:
        return self._show(caller, "email.html", status, form=form)

    async def email(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                current, email = field.secret("current", PASSWORD), field.text("email", EMAIL)
            validate.require(email=validate.email(email))
            verified = (await self._verified(caller, current)).account.password_hash
            self._services.bounds.require_asked(caller.account)
            await self._perform(oneself.change_email, caller.actor, email, verified=verified, now=self._now())
            return self._done(caller, SETTINGS, f"Your e-mail address is {email or 'removed'} now.")

        return await self._tried(form, change, lambda filled, status: self._email(caller, filled, status))

    async def sessions(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(sessions.listing, caller.id, self._now())
        mine = await self._perform(sessions.find, sessions.digest(cookies.session(caller.call)), self._now())
        return self._show(
            caller, "sessions.html", sessions=found, mine=mine.session.id if mine else 0, life=self._life()
        )

    async def end(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            id_ = field.whole_number("id", least=1, most=LARGEST_STORED)
        ended = await self._perform(sessions.end_one, caller.id, id_)
        return self._done(caller, SESSIONS, "That session has ended." if ended else "That session was over already.")

    async def end_all(self, caller: Caller, form: Form) -> Reply:
        """End every session, this one too, which begins anew."""
        await self._perform(sessions.end_all, caller.id)
        secret, cookie = await self._renewed(caller, caller.account)
        return self._done(caller, SESSIONS, "You are signed out everywhere else.", *cookie, secret=secret)
