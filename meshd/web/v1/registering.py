"""`/v1/auth/register`: an account that somebody makes for herself."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Mapping
from functools import partial

from meshd.accounts import registering, subusers
from meshd.accounts.apikeys import PREFIX
from meshd.accounts.invitations import LONGEST as CODE
from meshd.accounts.registering import NAME, Applicant, Entry
from meshd.accounts.validate import EMAIL
from meshd.auth.secrets import TOKEN_BYTES, ban_address, new_token, token_digest
from meshd.auth.secrets import new_password as generated
from meshd.model import Account
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.v1 import GATEWAY
from meshd.web.call import Call
from meshd.web.document import Document
from meshd.web.flood import Flood
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Room
from meshd.web.services import Routes, Services
from meshd.web.v1 import answers
from meshd.web.v1.email import proof_token, proving
from meshd.web.v1.proofs import new_password
from meshd.web.v1.signin import granted

TOLD = ("utm_source", "utm_medium", "utm_campaign")
"""What a web site notes of where somebody came from: taken, and not kept."""
FIELDS = ("name", "email", "password", "password_confirmation", "referral_code", *TOLD)
NOTED = 300
"""Characters of each of those."""
SPARE_BYTES = 7
"""Random bytes of a username that no address gave."""
PASSWORD_BYTES = 15
"""Random bytes of a gateway password that nobody chose."""


class RegisteringRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._flood = Flood(services.clock)

    def mount(self, room: Room) -> None:
        room.visitors("POST", "/v1/auth/register", self.register, FIELDS)

    async def register(self, call: Call, form: Form) -> Reply:
        """Make an account and sign in.  What can be refused is, before the slow hash; what can be tried is counted."""
        v1 = self._live.topology.v1
        assert v1 is not None
        registering.require_open(v1.registration)
        applicant, password = _read(form)
        registering.require_valid(applicant.name, applicant.email)
        if (wait := self._flood.tried(ban_address(call.peer))) is not None:
            return answers.too_many(wait.seconds, wait.limit)
        welcome = registering.require_welcome
        await self._perform(welcome, applicant, registration=v1.registration, now=self._now())
        applicant = registering.hashed(applicant, await self._services.hash(password))
        return await self._registered(call, applicant)

    async def _registered(self, call: Call, applicant: Applicant) -> Reply:
        topology = self._live.topology
        v1 = topology.v1
        assert v1 is not None
        secret = new_token(self._services.random(TOKEN_BYTES), PREFIX)
        token = proof_token(self._services.random(TOKEN_BYTES))
        account = await self._perform(
            registering.register,
            applicant,
            registration=v1.registration,
            spare=_spare(self._services.random(SPARE_BYTES)),
            plan=v1.plan,
            plans=topology.plans,
            proxies=[GATEWAY, *(name for name in topology.proxies if name != GATEWAY)],
            entry=Entry(token_digest(secret), v1.access_seconds, token_digest(token)),
            first=await self._first_sub_user(topology.plans, v1.plan),
            now=self._now(),
        )
        self._services.post(proving(account.email, account.username, token))
        call.account, call.account_id = account.username, account.id
        return answers.bare({"message": "Registration successful.", **granted(secret)}, 201)

    async def _first_sub_user(self, plans: Mapping[str, Plan], plan: str) -> Callable[[Account], Unit[object]] | None:
        """What makes the sub-user that comes with an account, under a password that nobody chose; None for none."""
        if not plans[plan].sub_accounts:
            return None
        password = generated(self._services.random(PASSWORD_BYTES))
        return partial(
            subusers.add_first,
            username=subusers.proxy_username(self._services.random(subusers.RANDOM_BYTES)),
            password_hash=await self._services.hash(password),
            seal=partial(self._services.seals().seal, password),
            plans=plans,
            now=self._now(),
        )


def _read(form: Form) -> tuple[Applicant, str]:
    assert isinstance(form, Document)
    with form.members_read() as member:
        name, email = member.required("name", NAME), member.required("email", EMAIL)
        code, password = member.text("referral_code", CODE) or "", new_password(member)
        for each in TOLD:
            member.text(each, NOTED)
    return Applicant(name, email, "", code), password


def _spare(random: bytes) -> str:
    return f"user_{b32encode(random).decode('ascii').lower()[:10]}"
