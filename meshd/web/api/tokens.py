"""Bearer tokens: `/api/tokens/` and `/api/token/…`, for those who sign in with their password.

The secret leaves in the answer to its creation and is kept nowhere; the store has its digest.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from meshd.accounts import tokens
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.model import Token
from meshd.selection import LONGEST
from meshd.web.api.fields import LARGEST, ON_BEHALF, on_behalf, stamp
from meshd.web.forms import Form
from meshd.web.replies import NO_CONTENT, Reply
from meshd.web.routing import Api, Caller, Who
from meshd.web.services import Services

PROXIES = 10_000
"""Characters of a list of proxies."""
NEW = ("label", "expires_at", "selection", "proxies", "username")
KNOWN = ("id", "username")


class TokenRoutes:
    def __init__(self, services: Services, random: Callable[[int], bytes] = os.urandom) -> None:
        self._services = services
        self._random = random

    def mount(self, api: Api) -> None:
        api.route("GET", "/api/tokens/", Who.PASSWORD, self.listing, ON_BEHALF)
        api.route("POST", "/api/token/create/", Who.PASSWORD, self.create, NEW)
        api.route("POST", "/api/token/activate/", Who.PASSWORD, self.activate, KNOWN)
        api.route("POST", "/api/token/deactivate/", Who.PASSWORD, self.deactivate, KNOWN)
        api.route("POST", "/api/token/delete/", Who.PASSWORD, self.delete, KNOWN)

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = on_behalf(field)
        found = await self._services.accounts.perform(tokens.listing, caller.actor, username)
        return Reply({"tokens": [described(token) for token in found]})

    async def create(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = on_behalf(field)
            label = field.text("label", LABEL)
            expires_on = field.date("expires_at")
            selection = field.text("selection", LONGEST)
            only_for = field.listed("proxies", PROXIES)
        secret = new_token(self._random(TOKEN_BYTES))
        token = await self._services.accounts.perform(
            tokens.create,
            caller.actor,
            username,
            digest=token_digest(secret),
            label=label,
            expires_on=expires_on,
            plans=self._services.topology().plans,
            now=self._services.now(),
            selection=selection,
            proxies=only_for,
            known=self._services.topology().proxies,
        )
        return Reply(described(token, secret))

    async def activate(self, caller: Caller, form: Form) -> Reply:
        services, plans = self._services, self._services.topology().plans
        token = await services.accounts.perform(
            tokens.activate, caller.actor, *_which(form), plans=plans, now=services.now()
        )
        return Reply(described(token))

    async def deactivate(self, caller: Caller, form: Form) -> Reply:
        services = self._services
        token = await services.accounts.perform(tokens.deactivate, caller.actor, *_which(form), now=services.now())
        return Reply(described(token))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        services = self._services
        await services.accounts.perform(tokens.delete, caller.actor, *_which(form), now=services.now())
        return NO_CONTENT


def described(token: Token, secret: str = "") -> dict[str, object]:
    """A token as the document shows it; with its secret only at its creation, and with what it has beyond that."""
    return {
        "id": token.id,
        "label": token.label,
        **({"token": secret} if secret else {}),
        "is_active": token.active,
        "expires_at": token.expires_on or None,
        "created_at": stamp(token.created_at),
        **({"selection": token.selection} if token.selection else {}),
        **({"proxies": list(token.proxies)} if token.proxies else {}),
    }


def _which(form: Form) -> tuple[int, str | None]:
    """The token's id, and the sub-account whose it must be; None where the client did not say."""
    with form.reading() as field:
        return field.whole_number("id", least=1, most=LARGEST), on_behalf(field)
