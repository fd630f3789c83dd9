"""Bearer tokens: `/api/tokens/` and `/api/token/…`, for those who sign in with their password.

The secret of a token is told once, in the answer to its creation; the store keeps only the digest of the secret.
"""

from __future__ import annotations

from dataclasses import replace

from meshd.accounts import tokens
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.model import Token
from meshd.selection import LONGEST
from meshd.values.times import iso
from meshd.values.traces import Made
from meshd.web.api.answers import NO_CONTENT
from meshd.web.api.fields import ON_BEHALF, on_behalf
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PROXIES = 10_000
"""Characters of the longest list of proxies."""
NEW = ("label", "expires_at", "selection", "proxies", "username")
KNOWN = ("id", "username")

MADE = "X-ProxyMesh-Token-Made"


class TokenRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/tokens/", Who.PARENTS_PASSWORD, self.listing, ON_BEHALF)
        room.route("GET", "/api/token/made/", Who.PARENTS_PASSWORD, self.made, KNOWN)
        room.route("POST", "/api/token/create/", Who.PARENTS_PASSWORD, self.create, NEW)
        room.route("POST", "/api/token/activate/", Who.PARENTS_PASSWORD, self.activate, KNOWN)
        room.route("POST", "/api/token/deactivate/", Who.PARENTS_PASSWORD, self.deactivate, KNOWN)
        room.route("POST", "/api/token/delete/", Who.PARENTS_PASSWORD, self.delete, KNOWN)

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = on_behalf(field)
        found = await self._perform(tokens.listing, caller.actor, username)
        return Reply({"tokens": [described(token) for token in found]})

    async def create(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = on_behalf(field)
            label = field.text("label", LABEL)
            expires_on = field.date("expires_at")
            selection = field.text("selection", LONGEST)
            only_for = field.listed("proxies", PROXIES)
        secret = new_token(self._services.random(TOKEN_BYTES))
        token = await self._perform(
            tokens.create,
            caller.actor,
            username,
            digest=token_digest(secret),
            label=label,
            expires_on=expires_on,
            plans=self._live.topology.plans,
            now=self._now(),
            selection=selection,
            proxies=only_for,
            known=self._live.topology.proxies,
        )
        return Reply(described(token, secret))

    async def activate(self, caller: Caller, form: Form) -> Reply:
        plans = self._live.topology.plans
        token = await self._perform(tokens.activate, caller.actor, *_which(form), plans=plans, now=self._now())
        return Reply(described(token))

    async def deactivate(self, caller: Caller, form: Form) -> Reply:
        """Put a token out of use; the answer has what the token had made, if anything."""
        ended = await self._perform(tokens.deactivate, caller.actor, *_which(form), now=self._now())
        made = {"made": listed(ended.made)} if ended.made.counts else {}
        return Reply(described(ended.token) | made)

    async def delete(self, caller: Caller, form: Form) -> Reply:
        """Delete a token; as ProxyMesh's document wants no body, a header field counts what the token had made."""
        ended = await self._perform(tokens.delete, caller.actor, *_which(form), now=self._now())
        counts = ", ".join(f"{kind}={number}" for kind, number in ended.made.counts.items())
        return replace(NO_CONTENT, fields=((MADE, counts),)) if counts else NO_CONTENT

    async def made(self, caller: Caller, form: Form) -> Reply:
        """List what a token, also a deleted one, has made and what is still there."""
        made = await self._perform(tokens.made, caller.actor, *_which(form))
        return Reply(listed(made))


def described(token: Token, secret: str = "") -> dict[str, object]:
    """A token as ProxyMesh's document shows tokens, with optional keys of ours; secret is "" except at the creation."""
    return {
        "id": token.id,
        "label": token.label,
        **({"token": secret} if secret else {}),
        "is_active": token.active,
        "expires_at": token.expires_on or None,
        "created_at": iso(token.created_at),
        **({"selection": token.selection} if token.selection else {}),
        **({"proxies": list(token.proxies)} if token.proxies else {}),
        **({"deactivated_by": token.ended_by} if token.ended_by else {}),
        **({"last_used_at": iso(token.used_at)} if token.used_at else {}),
    }


def listed(made: Made) -> dict[str, object]:
    """What a token has made, by kind, each entry with the account that it belongs to."""
    return {
        "sub_accounts": list(made.sub_accounts),
        "passwords": list(made.passwords),
        "ips": [{"username": each.username, "ip": each.name} for each in made.ips],
        "hostnames": [{"username": each.username, "domain": each.name} for each in made.hostnames],
        "proxies": [{"username": each.username, "proxy": each.name} for each in made.proxies],
    }


def _which(form: Form) -> tuple[int, str | None]:
    """The id of a token and the sub-account that must hold the token; None for an account that was not sent."""
    with form.reading() as field:
        return field.whole_number("id", least=1, most=LARGEST_STORED), on_behalf(field)
