"""What every request to this API passes: so many a minute from one address, and the record of tokens' requests.

A request by an access token is recorded whatever it asks and however it is answered.  Where that cannot be recorded,
nothing is told either.
"""

from __future__ import annotations

from collections.abc import Callable

from meshd.accounts import hostrecords
from meshd.accounts.errors import AccountError
from meshd.accounts.hostrecords import Who
from meshd.model import Admission
from meshd.store.interface import StoreUnavailable
from meshd.web.call import Call
from meshd.web.dialect import Dialect
from meshd.web.forms import FormError
from meshd.web.postern import answers
from meshd.web.postern.limits import REQUESTS, Window
from meshd.web.postern.secrets import is_access_token
from meshd.web.postern.targets import target_of
from meshd.web.reply import Reply
from meshd.web.room import RawRoute
from meshd.web.services import Services

PATH_SHOWN = 200
"""Characters of a path that are recorded."""


class Passage:
    """Call it around each route.  seconds: a clock that nobody sets."""

    def __init__(self, services: Services, dialect: Dialect, seconds: Callable[[], float]) -> None:
        self._perform, self._now = services.accounts.perform, services.now
        self._dialect = dialect
        self._requests = Window(seconds, REQUESTS)

    async def __call__(self, route: RawRoute, call: Call) -> Reply:
        if wait := self._requests.count(call.peer):
            return answers.too_many(f"more than {REQUESTS} requests in a minute from your address; try again", wait)
        try:
            reply = await self._judged(route, call)
        except StoreUnavailable:
            raise
        except Exception:
            await self._record(call, 500)
            raise
        await self._record(call, reply.status)
        return reply

    async def _judged(self, route: RawRoute, call: Call) -> Reply:
        """The answer, also where it is a refusal."""
        try:
            return await route(call)
        except FormError as error:
            return self._dialect.form_refused(error)
        except AccountError as error:
            return self._dialect.rule_refused(error)

    async def _record(self, call: Call, status: int) -> None:
        """Record the request, where a known access token signed it."""
        if not is_access_token(call.header(b"authorization")):
            return
        who, token_id = _who(call)
        if token_id:
            kind, id_ = target_of(call.path)
            details = {"method": call.method, "path": call.path[:PATH_SHOWN], "status": status}
            await self._perform(hostrecords.asked, who, token_id, kind, id_, details, now=self._now())


def _who(call: Call) -> tuple[Who, int]:
    """Whose token signed the request, and its id; 0 where none that is known did."""
    outcome = call.outcome
    if isinstance(outcome, Admission):
        return Who.of(outcome.account, call.peer), outcome.token_id
    tried = outcome.tried if outcome is not None else None
    if tried is None:
        return Who(0, "", "", call.peer), 0
    return Who(tried.account_id, tried.name, "", call.peer), tried.token_id
