"""Sub-accounts: `/api/sub/…`."""

from __future__ import annotations

from meshd.accounts import subaccounts
from meshd.model import GB, Identity
from meshd.web.forms import Form
from meshd.web.replies import Reply
from meshd.web.routing import Api, Caller, Who
from meshd.web.services import Services

_USERNAME = 30


class SubAccountRoutes:
    def __init__(self, services: Services) -> None:
        self._services = services

    def mount(self, api: Api) -> None:
        api.route("GET", "/api/sub/get/", Who.ANY, self.get)

    async def get(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = field.text("username", _USERNAME, required=True)
        services = self._services
        identity = await services.accounts.perform(subaccounts.details, caller.id, username, at=services.now())
        return Reply(details(identity))


def details(identity: Identity) -> dict[str, object]:
    """The details object of the document: bandwidth in GB, names only where they were set."""
    account, usage = identity.account, identity.usage
    names = {"first_name": account.first_name, "last_name": account.last_name, "email": account.email}
    return {
        "username": account.username,
        "active": account.active,
        "monthly_bandwidth": usage.period_bytes / GB,
        "monthly_bandwidth_limit": _limit(account.monthly_limit),
        "total_bandwidth": usage.total_bytes / GB,
        "total_bandwidth_limit": _limit(account.total_limit),
        **{name: text for name, text in names.items() if text},
    }


def _limit(size: int) -> int | float:
    """Bytes as GB: whole as it was set by a form, with a fraction only where an operator set one."""
    whole, rest = divmod(size, GB)
    return whole if rest == 0 else size / GB
