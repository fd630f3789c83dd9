"""`/api/users`: who may look and who may change, as PosternProxy's API and that of its relative call them.

One object serves both: each has members that the other's clients leave alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meshd.accounts import hostrecords, hostusers
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.validate import EMAIL, PASSWORD
from meshd.model import Account, Refusal
from meshd.store.unit import Unit
from meshd.web.document import Document, Members
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.postern import answers
from meshd.web.postern.npm import values as npm
from meshd.web.postern.targets import number
from meshd.web.postern.values import moment
from meshd.web.problems import Flaw, Worded
from meshd.web.recording import recorded, recording
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PATH = "/api/users"
MOST = 1000
"""Users of one answer."""
MEMBERS = ("name", "email", "password", "role", "active", "nickname", "avatar", "roles", "is_disabled", "auth")
SENT_BACK = ("id", "created_at", "created_on", "modified_on", "permissions", "is_deleted")
"""Members that a client may send back as it has read them, and that change nothing."""


class UserRoutes(Routes):
    def mount(self, room: Room) -> None:
        one = f"{PATH}/{{id}}"
        room.route("GET", PATH, Who.ANY, self.listing, ("after", "limit"))
        room.route("POST", PATH, Who.ANY, self.create, (*MEMBERS, *SENT_BACK))
        room.route("GET", one, Who.ANY, self.read, None)
        room.route("PUT", one, Who.ANY, self.change, (*MEMBERS, *SENT_BACK))
        room.route("DELETE", one, Who.ANY, self.delete, ())
        room.route("PUT", f"{one}/auth", Who.ANY, self.set_password, ("type", "current", "secret"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            after = field.whole_number("after", least=0, most=LARGEST_STORED, default=0)
            limit = field.whole_number("limit", least=1, most=MOST, default=MOST)
        found = await self._perform(hostusers.listing, caller.actor, after=after, limit=limit)
        following = f'<{PATH}?after={found[-1].id}&limit={limit}>; rel="next"' if len(found) == limit else ""
        return Reply(Rows(described, found), fields=(("Link", following),) if following else ())

    async def create(self, caller: Caller, form: Form) -> Reply:
        facts, password = _read(form)
        if not password:
            raise Invalid({"password": ["This field is required."]})
        topology = self._live.topology
        made = partial(
            hostusers.create,
            caller.actor,
            name=facts.get("name") or "",
            email=facts.get("email") or "",
            role=facts.get("role") or "viewer",
            active=facts.get("active") is not False,
            password_hash=await self._services.hash(password),
            plans=topology.plans,
            proxies=tuple(topology.proxies),
            now=self._now(),
        )
        account = await recorded(self._services, caller, "create", "user", made, _id_of, facts)
        return answers.created(described(account), f"{PATH}/{account.id}")

    async def read(self, caller: Caller, form: Form) -> Reply:
        return Reply(described(await self._perform(hostusers.read, caller.actor, _which(caller))))

    async def change(self, caller: Caller, form: Form) -> Reply:
        """Change what is given, all of it or nothing; a password too, where that is another user's."""
        facts, password = _read(form)
        which = caller.actor, _which(caller)
        changed = partial(hostusers.change, *which, **facts, now=self._now())
        updated = recording(self._services, caller, "update", "user", changed, _id_of, facts)
        others = [self._setting(caller, await self._services.hash(password))] if password else []
        return Reply(described(await self._perform(hostrecords.together, updated, *others)))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        deleted = partial(hostusers.delete, caller.actor, _which(caller), now=self._now())
        await recorded(self._services, caller, "delete", "user", deleted, _id_of)
        return answers.done()

    async def set_password(self, caller: Caller, form: Form) -> Reply:
        """Set a password: an admin anybody's, everybody one's own with the present one."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            member.choice("type", ("password",))
            current, secret = member.secret("current", PASSWORD) or "", _password(member, "secret")
            if not secret:
                member.wrong("secret", Flaw.REQUIRED)
        user = await self._perform(hostusers.read, caller.actor, _which(caller))
        await self._set(caller, secret, current)  # which may end the session that asks
        return Reply(described(user))

    async def _set(self, caller: Caller, secret: str, current: str = "") -> None:
        which = _which(caller)
        verified = await self._verified(caller, current) if which == caller.id else ""
        await self._perform(self._setting(caller, await self._services.hash(secret), verified))

    def _setting(self, caller: Caller, hashed: str, verified: str = "") -> Callable[[], Unit[None]]:
        """A unit that sets a password, and records that."""
        which = _which(caller)
        done = partial(hostusers.set_password, caller.actor, which, hashed, verified=verified, now=self._now())
        return recording(self._services, caller, "password", "user", done, lambda _: which)

    async def _verified(self, caller: Caller, current: str) -> str:
        """The hash that the present password was found to be of; "" where it is another."""
        name = caller.account.username
        outcome = await self._services.auth.entrance.enter(caller.peer, name, name, current)
        return "" if isinstance(outcome, Refusal) else outcome.account.password_hash


def described(account: Account) -> dict[str, object]:
    """A user, with the members of Nginx Proxy Manager's beside those of PosternProxy's."""
    role = hostusers.role_of(account)
    return {
        "id": account.id,
        "name": hostusers.name_of(account),
        "email": account.email,
        "role": role,
        "active": account.active,
        "created_at": moment(account.created_at),
        "created_on": npm.moment(account.created_at),
        "modified_on": npm.moment(account.created_at),
        "nickname": account.username,
        "avatar": "",
        "roles": ["admin"] if role == "admin" else [],
        "is_disabled": not account.active,
    }


def _read(form: Form) -> tuple[dict[str, Any], str]:
    """What is to be set, and the password; "" for none.  Raises: FormError."""
    assert isinstance(form, Document)
    with form.members_read() as member:
        name, email = member.text("name", hostusers.LONGEST_NAME), member.text("email", EMAIL)
        role, active = member.choice("role", ("admin", "viewer")), member.truth("active")
        roles, disabled = member.texts("roles", 20), member.truth("is_disabled")
        password = _password(member, "password") or _of_auth(member)
    if role is None and roles is not None:
        role = "admin" if "admin" in roles else "viewer"
    if active is None and disabled is not None:
        active = not disabled
    found = {"name": name, "email": email, "role": role, "active": active}
    return {key: value for key, value in found.items() if value is not None}, password


def _of_auth(member: Members) -> str:
    """A password as Nginx Proxy Manager's clients send it: `{"auth": {"type": "password", "secret": "…"}}`."""
    inner = member.table("auth")
    if not inner:
        return ""
    below = Members(inner)
    found = _password(below, "secret")
    for problem in below.problems.values():
        member.wrong("auth", problem)
    return found


def _password(member: Members, name: str) -> str:
    text = member.secret(name, PASSWORD) or ""
    if text and len(text) < hostusers.LEAST_PASSWORD:
        member.wrong(name, Worded(f"must have at least {hostusers.LEAST_PASSWORD} characters"))
    return text


def _which(caller: Caller) -> int:
    """The id in the path; `me` is whoever asks.  Raises: NotFound."""
    text = caller.call.variables["id"]
    found = caller.id if text == "me" else number(text)
    if not found:
        raise NotFound("there is no such user")
    return found


def _id_of(account: Account) -> int:
    return account.id
