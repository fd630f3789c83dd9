"""`/v1/profile/email`: changing one's address by a token that is sent to it."""

from __future__ import annotations

from meshd.accounts import emailchange
from meshd.accounts.registering import PROOF_SECONDS
from meshd.accounts.validate import EMAIL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.mail.letter import Letter
from meshd.values.mailboxes import is_mailbox
from meshd.web.document import Document
from meshd.web.flood import Flood, Wait
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services
from meshd.web.v1 import answers
from meshd.web.v1.factor import CODE
from meshd.web.v1.proofs import Proofs

PATH = "/v1/profile/email"
PREFIX = "ev_"
"""What a token begins with that is sent to an address."""
TOKEN = 100
"""Characters of such a token as somebody may paste it."""
PER_ACCOUNT, IN_ALL = 10, 500
"""Letters in an hour: whoever is told of a change that she never asked for shall not be told all day.  The sub-accounts
of one parent count as one: who makes many sends no more.
"""
PAUSE = 60
"""Seconds of Retry-After while too many letters wait."""


class EmailRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._proofs = Proofs(services)
        self._letters = Flood(services.clock, PER_ACCOUNT, IN_ALL)

    def mount(self, room: Room) -> None:
        room.route("POST", f"{PATH}/request-change", Who.ANY, self.request, ("email", "twofa_code"))
        room.route("POST", f"{PATH}/confirm-change", Who.ANY, self.confirm, ("token",))
        room.route("POST", f"{PATH}/cancel-change", Who.ANY, self.cancel, ())
        room.route("POST", f"{PATH}/resend-verification", Who.ANY, self.resend, ())

    async def request(self, caller: Caller, form: Form) -> Reply:
        """Send a token to an address; the one of before holds until it comes back."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            email, code = member.required("email", EMAIL), member.text("twofa_code", CODE) or ""
        if (wanted := await self._proofs.second(caller, code)) is not None:
            return wanted
        if (wait := self._services.bounds.asked(caller.account) or self._letter(caller)) is not None:
            return answers.too_many(wait.seconds, wait.limit)
        token = self._token()
        await self._perform(emailchange.request, caller.actor, email, digest=token_digest(token), now=self._now())
        return self._sent(caller, email, token)

    async def resend(self, caller: Caller, form: Form) -> Reply:
        """Send another token there; that of before is worth nothing."""
        if (wait := self._letter(caller)) is not None:
            return answers.too_many(wait.seconds, wait.limit)
        token = self._token()
        email = await self._perform(emailchange.renew, caller.actor, digest=token_digest(token), now=self._now())
        return self._sent(caller, email, token)

    async def confirm(self, caller: Caller, form: Form) -> Reply:
        """Take the address whose token came back, and tell the one of before."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            token = member.required("token", TOKEN)
        before = await self._perform(emailchange.confirm, caller.actor, token_digest(token), now=self._now())
        if is_mailbox(before):
            self._services.post(changed(before, caller.account.username))
        return answers.payload({"message": "The email address is confirmed."})

    async def cancel(self, caller: Caller, form: Form) -> Reply:
        await self._perform(emailchange.cancel, caller.actor, now=self._now())
        return answers.payload({"message": "The change of the email address is cancelled."})

    def _letter(self, caller: Caller) -> Wait | None:
        """Count a letter, or say how long to wait."""
        parent_id = caller.account.parent_id
        return self._letters.tried(str(caller.id) if parent_id is None else f"below {parent_id}")

    def _sent(self, caller: Caller, email: str, token: str) -> Reply:
        if not self._services.post(proving(email, caller.account.username, token)):
            return answers.message(503, "Letters cannot be sent at the moment, try again.", ("Retry-After", str(PAUSE)))
        return answers.payload({"message": "A verification email has been sent."})

    def _token(self) -> str:
        return proof_token(self._services.random(TOKEN_BYTES))


def proof_token(random: bytes) -> str:
    """A token to be sent to an address."""
    return new_token(random, PREFIX)


def proving(email: str, username: str, token: str) -> Letter:
    """What proves an address, sent to it."""
    hours = PROOF_SECONDS // 3600
    text = (
        f"Somebody, probably you, gave this address for the account {username}.\n\n"
        f"This token confirms that it is yours; it is good for {hours} hours, and once:\n\n"
        f"{token}\n\n"
        "A program gives it to POST /v1/profile/email/confirm-change. If it was not you, there is nothing to do: "
        "without the token nothing changes.\n"
    )
    return Letter(email, "Confirm your email address", text)


def changed(email: str, username: str) -> Letter:
    """What the address of before is told."""
    text = (
        f"The account {username} has another email address now, and this one is no longer used for it.\n\n"
        "If it was not you who changed it, ask the operator of this service at once.\n"
    )
    return Letter(email, "Your email address was changed", text)
