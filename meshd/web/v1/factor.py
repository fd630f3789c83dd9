"""`/v1/profile/2fa` and `/v1/profile/password`: how whoever is signed in signs in the next time.

A second factor is pending between `enable` and `confirm`, for an hour: the store has its secret, and of the recovery
codes their digests, so that any process can confirm it.  Once it is on the secret is told no more, and recovery codes
never again after `enable`: a stolen key would be the whole second factor.
"""

from __future__ import annotations

from functools import partial

import segno

from meshd.accounts import oneself, secondfactor
from meshd.accounts.validate import PASSWORD
from meshd.model import Account
from meshd.values.mailboxes import is_mailbox
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services
from meshd.web.v1 import answers
from meshd.web.v1.proofs import Proofs, new_password

FACTOR = "/v1/profile/2fa"
CODE = 40
"""Characters of a code as somebody may type it."""
SHOWN = 100
"""Characters of an e-mail address that stands in a QR code, which takes the longer to draw the more it says."""


class FactorRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._proofs = Proofs(services)

    def mount(self, room: Room) -> None:
        room.route("GET", f"{FACTOR}/status", Who.ANY, self.status, ())
        room.route("POST", f"{FACTOR}/enable", Who.ANY, self.enable, ())
        room.route("POST", f"{FACTOR}/confirm", Who.ANY, self.confirm, ("code",))
        room.route("POST", f"{FACTOR}/disable", Who.ANY, self.disable, ("twofa_code",))
        room.route("GET", f"{FACTOR}/qr-code", Who.ANY, self.qr, ())
        room.route("GET", f"{FACTOR}/recovery-codes", Who.ANY, self.recovery_codes, ())
        path = f"{FACTOR}/disable-by-recovery-code"
        room.route("POST", path, Who.ANY, self.disable_by_recovery_code, ("recovery_code",))
        fields = ("current_password", "password", "password_confirmation", "twofa_code")
        room.route("POST", "/v1/profile/password", Who.ANY, self.password, fields)

    async def status(self, caller: Caller, form: Form) -> Reply:
        state = await self._perform(secondfactor.state, caller.actor)
        return answers.payload({"enabled": state is not None})

    async def enable(self, caller: Caller, form: Form) -> Reply:
        """Show what an authenticator needs, and the recovery codes, this once."""
        secret, codes = secondfactor.new_secret(), secondfactor.new_recovery_codes()
        await self._perform(secondfactor.prepare, caller.actor, secret, codes, now=self._now())
        return answers.payload(await self._shown(caller, secret) | {"recovery_codes": codes})

    async def confirm(self, caller: Caller, form: Form) -> Reply:
        """Switch it on with what the authenticator shows; every other sign-in ends."""
        code = _code(form, "code")
        await self._proofs.with_code(caller, "code", secondfactor.confirm, caller.actor, code, now=self._now())
        return answers.payload({"enabled": True, "message": "Two-factor authentication is enabled."})

    async def disable(self, caller: Caller, form: Form) -> Reply:
        return await self._off(caller, "twofa_code", _code(form, "twofa_code"))

    async def disable_by_recovery_code(self, caller: Caller, form: Form) -> Reply:
        return await self._off(caller, "recovery_code", _code(form, "recovery_code"))

    async def qr(self, caller: Caller, form: Form) -> Reply:
        """Show once more what waits for its confirmation."""
        secret = await self._perform(secondfactor.prepared, caller.actor, now=self._now())
        return answers.payload(await self._shown(caller, secret))

    async def recovery_codes(self, caller: Caller, form: Form) -> Reply:
        """None, since they were shown once; the envelope's `meta` has how many are left."""
        state = await self._perform(secondfactor.state, caller.actor)
        return answers.payload([], meta={"remaining": state.recovery_codes if state else 0})

    async def password(self, caller: Caller, form: Form) -> Reply:
        """Replace the password, which ends every other sign-in."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            current = member.required_secret("current_password", PASSWORD)
            code = member.text("twofa_code", CODE) or ""
            fresh = new_password(member)
        verified = await self._proofs.password(caller, current)
        if (wanted := await self._proofs.second(caller, code)) is not None:
            return wanted
        encoded = await self._services.hash(fresh)
        await self._perform(oneself.change_password, caller.actor, encoded, verified=verified, now=self._now())
        return answers.payload({"message": "The password is changed."})

    async def _off(self, caller: Caller, field: str, code: str) -> Reply:
        await self._proofs.with_code(caller, field, secondfactor.switch_off, caller.actor, code, now=self._now())
        return answers.payload({"enabled": False, "message": "Two-factor authentication is disabled."})

    async def _shown(self, caller: Caller, secret: str) -> dict[str, object]:
        v1 = self._live.topology.v1
        uri = secondfactor.uri(secret, called(caller.account), (v1.domain if v1 else "") or "meshd")
        return {"qr": await self._services.aside(partial(drawn, uri)), "secret": secret}


def called(account: Account) -> str:
    """What an authenticator calls an account: by the e-mail address, where that is one that a QR code has room for."""
    email = account.email
    return email if is_mailbox(email) and len(email) <= SHOWN else account.username


def drawn(uri: str) -> str:
    """The QR code as the data URI of an SVG.  The mask is given: to try all eight takes eight times as long."""
    code = segno.make(uri, micro=False, mask=2, boost_error=False)
    drawing: str = code.svg_data_uri(scale=5, border=2)
    return drawing


def _code(form: Form, name: str) -> str:
    assert isinstance(form, Document)
    with form.members_read() as member:
        return member.required(name, CODE)
