"""`/api/admin/accounts/{username}/tokens`: an account's bearer tokens."""

from __future__ import annotations

from functools import partial

from meshd.accounts import restraint, tokens
from meshd.accounts.tokens import Ended
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.model import Token
from meshd.selection import LONGEST
from meshd.web.admin.accounts import ONE, moment, named, rules_shown
from meshd.web.admin.repeats import create
from meshd.web.admin.segments import number
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PATH = f"{ONE}/tokens"
TOKEN = f"{PATH}/{{id}}"

PROXY = 260
"""Characters of a proxy's longest name: a domain (253), a colon and a port."""

NEW = ("label", "expires_at", "selection", "proxies")
CHANGED = ("label", "expires_at", "active", "rules")

MINUTE = len("2026-11-28T09:30")


class TokenRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.PASSWORD, self.listing, ("username",))
        room.route("POST", PATH, Who.PASSWORD, self.create, NEW)
        room.route("PATCH", TOKEN, Who.PASSWORD, self.change, CHANGED)
        room.route("DELETE", TOKEN, Who.PASSWORD, self.delete, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(tokens.listing, caller.actor, form["username"])
        return Reply({"tokens": [described(token) for token in found]})

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make a token; its secret is shown once, in this answer."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            label, expires_on = member.text("label", LABEL) or "", member.text("expires_at", MINUTE) or ""
            selection, only_for = member.text("selection", LONGEST) or "", member.texts("proxies", PROXY) or []
        secret, topology, username = new_token(self._services.random(TOKEN_BYTES)), self._live.topology, named(caller)
        unit = partial(
            tokens.create,
            caller.actor,
            username,
            digest=token_digest(secret),
            label=label,
            expires_on=expires_on,
            plans=topology.plans,
            now=self._now(),
            selection=selection,
            proxies=only_for,
            known=topology.proxies,
        )
        where = PATH.format(username=username)
        return await create(
            self._services,
            caller,
            unit,
            lambda made: described(made) | {"token": secret},
            lambda made: f"{where}/{made.id}",
        )

    async def change(self, caller: Caller, form: Form) -> Reply:
        """Change what the body names: the label, the end, whether the token is in use."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            label, expires_on = member.text("label", LABEL), member.text("expires_at", MINUTE)
            active, rules = member.truth("active"), member.table("rules")
        changed = await self._perform(
            restraint.revise_token,
            caller.actor,
            number(caller, "id"),
            named(caller),
            label=label,
            expires_on=expires_on,
            active=active,
            rules=rules,
            plans=self._live.topology.plans,
            now=self._now(),
        )
        return Reply(described(changed))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        """Delete a token; the answer tells what the token had made, which stays."""
        which = caller.actor, number(caller, "id"), named(caller)
        return _ended(await self._perform(tokens.delete, *which, now=self._now()))


def described(token: Token) -> dict[str, object]:
    """A token without its secret, which the store does not have."""
    return {
        "id": token.id,
        "label": token.label,
        "active": token.active,
        "expires_at": token.expires_on or None,
        "created_at": moment(token.created_at),
        "used_at": moment(token.used_at),
        "selection": token.selection,
        "proxies": list(token.proxies),
        "rules": rules_shown(token.rules),
        "ended_by": token.ended_by or None,
    }


def _ended(ended: Ended) -> Reply:
    return Reply({**described(ended.token), "made": dict(ended.made.counts)})
