"""A room of the web: the paths of one dialect, and the order in which a request to one of them is judged.

    where it comes from → is the store there → who sends it → the form → five lines of a route → the answer

The Dialect reads bodies, signs callers in and words each refusal.  `Room.route()` is the only way to mount a path that
acts on an account.  A route takes a Caller and a Form and returns a Reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from meshd.accounts.ownership import ActorId, ByToken, refuse_subaccount
from meshd.auth.secrets import ban_address
from meshd.model import Account, Admission, Refusal
from meshd.running.cause import ASKER
from meshd.web.call import Call, form_of
from meshd.web.dialect import Dialect
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.routing import Api


class Who(Enum):
    """Whose credentials open a route; a parent is any account that is no sub-account."""

    ANY = "a password or a bearer token"
    PASSWORD = "a password"  # noqa: S105
    """For routes by which a stolen token could make itself permanent."""
    PARENT = "a password or a bearer token, of a parent"
    PARENTS_PASSWORD = "a password, of a parent"  # noqa: S105


_BY_PASSWORD = (Who.PASSWORD, Who.PARENTS_PASSWORD)
_PARENTS = (Who.PARENT, Who.PARENTS_PASSWORD)


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that sent a request, signed in."""

    admission: Admission
    call: Call
    """The request, for what is no field of a form: conditions, cookies, the client's address."""

    @property
    def account(self) -> Account:
        return self.admission.account

    @property
    def peer(self) -> str:
        """The address of the client; "" where it has none, as on a unix socket."""
        return self.call.peer

    @property
    def id(self) -> int:
        return self.admission.account.id

    @property
    def actor(self) -> ActorId:
        """Who acts, by the rules of ownership: signed in by a token, an account lacks its role's rights over others."""
        admission = self.admission
        if admission.token_id == 0:
            return self.id
        return ByToken(self.id, admission.token_id, admission.confined, admission.source == "key")


Route = Callable[[Caller, Form], Awaitable[Reply]]
VisitorRoute = Callable[[Call, Form], Awaitable[Reply]]
RawRoute = Callable[[Call], Awaitable[Reply]]
OpenRoute = Callable[[], Awaitable[Reply]]
Around = Callable[[RawRoute, Call], Awaitable[Reply]]
"""What a request passes on its way to what answers it, and the answer on its way back."""


class Room:
    """Mounts the paths of one dialect in the table of all paths.

    prefix: where unknown paths begin that are answered in this dialect; "/" for all that no other room has.
    available: whether the store answered its last query; there: whether the room is open at all; around: what every
    request passes that comes to a path of the room.
    """

    def __init__(
        self,
        api: Api,
        dialect: Dialect,
        *,
        prefix: str = "/",
        available: Callable[[], bool] = lambda: True,
        there: Callable[[], bool] = lambda: True,
        around: Around | None = None,
    ) -> None:
        self._api = api
        self._dialect = dialect
        self._available = available
        self._there = there
        self._around = around
        api.answer_below(prefix, dialect)

    def route(self, method: str, path: str, who: Who, route: Route, fields: Sequence[str] | None) -> None:
        """Mount a path for callers who sign in, with and without its trailing slash; GET answers HEAD too.

        fields: the names that the route's form may have, others are refused; None where any may be.  A segment of the
        path in braces, as in `/api/geoips/{proxy}/`, matches any text, which reaches the route as a field of its form.
        """
        self._mount(method, path, partial(self._run_signed, who, route, fields), fields)

    def visitors(self, method: str, path: str, route: VisitorRoute, fields: Sequence[str]) -> None:
        """Mount a path for those who are not signed in yet, as for signing in; the route judges what they send."""
        self._mount(method, path, partial(self._run_visitor, route, fields))

    def raw(self, method: str, path: str, route: RawRoute) -> None:
        """Mount a path for programs that sign what they send: the route reads the body once it knows who sent it."""
        self._mount(method, path, partial(self._run_raw, route))

    def open(self, path: str, route: OpenRoute) -> None:
        """Mount a GET for everyone, without sign-in.  The route is told nothing of the request."""
        self._mount("GET", path, partial(self._run_open, route))

    def _mount(self, method: str, path: str, answer: RawRoute, fields: Sequence[str] | None = None) -> None:
        self._api.mount(method, path, self._dialect, partial(self._around, answer) if self._around else answer, fields)

    async def _run_open(self, route: OpenRoute, call: Call) -> Reply:
        return await route() if self._there() else self._dialect.unrouted(())

    async def _run_signed(self, who: Who, route: Route, fields: Sequence[str] | None, call: Call) -> Reply:
        """Run a route for a signed-in caller.

        The origin is checked before the credentials: a page of another site shall not cause failures and bans either.
        """
        dialect = self._dialect
        if not self._there():
            return dialect.unrouted(())
        if call.foreign:
            return dialect.foreign()
        if not self._available():  # some callers and answers are remembered, and no change could be made
            return dialect.store_away()
        outcome = await dialect.sign_in(call)
        if isinstance(outcome, Refusal):
            return dialect.not_admitted(outcome)
        call.account = call.account or outcome.account.username
        call.account_id = outcome.account.id
        ASKER.set(f"account {outcome.account.parent_id or outcome.account.id}")  # in the context of this request
        if who in _BY_PASSWORD and outcome.source != "password":
            return dialect.password_wanted()
        if who in _PARENTS:
            refuse_subaccount(outcome.account)  # before the form is read: its mistakes are no business of theirs
        return await route(Caller(outcome, call), form_of(call, fields, dialect.read_body))

    async def _run_visitor(self, route: VisitorRoute, fields: Sequence[str], call: Call) -> Reply:
        if not self._there():
            return self._dialect.unrouted(())
        if call.foreign:
            return self._dialect.foreign()
        if not self._available():
            return self._dialect.store_away()
        ASKER.set(ban_address(call.peer) if call.peer else "")  # in the context of this request
        return await route(call, form_of(call, fields, self._dialect.read_body))

    async def _run_raw(self, route: RawRoute, call: Call) -> Reply:
        dialect = self._dialect
        if not self._there():
            return dialect.unrouted(())
        if call.foreign:
            return dialect.foreign()
        return await route(call)
