"""`GET /api/proxies/`: the proxies that an account may use, each as it can be dialled."""

from __future__ import annotations

from meshd.accounts import proxies
from meshd.web.forms import Form
from meshd.web.replies import Reply
from meshd.web.routing import Api, Caller, Who
from meshd.web.services import Services


class ProxyRoutes:
    def __init__(self, services: Services) -> None:
        self._services = services

    def mount(self, api: Api) -> None:
        api.route("GET", "/api/proxies/", Who.ANY, self.listing)

    async def listing(self, caller: Caller, form: Form) -> Reply:
        """In the order of authorisation.  A proxy that the operator took out of the file is not told."""
        names = await self._services.accounts.perform(proxies.authorized, caller.id)
        known = self._services.topology().proxies
        return Reply({"proxies": [known[name].domain for name in names if name in known]})
