"""The path of a request: where it comes from, credentials, the form, then five lines of a route, then bytes.

This module decides what is refused and when; the Dialect reads bodies, signs callers in and words each refusal.
`Api.route()` is the only way to mount a path that acts on an account: before the route is called, cross-site requests
of browsers are refused and the caller is signed in.  A route takes a Caller and a Form, returns a Reply, and never sees
the request.  A route that was begun is finished also when its client hangs up: nobody could tell how far it had come.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from meshd.accounts.errors import AccountError
from meshd.accounts.ownership import ActorId, ByToken
from meshd.auth.passwords import Busy
from meshd.model import Account, Admission, Refusal
from meshd.running.detached import Detached
from meshd.seldom import Seldom
from meshd.store.interface import StoreUnavailable
from meshd.web.call import Call, form_of, read_call
from meshd.web.dialect import Dialect
from meshd.web.forms import Form, FormError
from meshd.web.reply import Reply

log = Logger()


class Who(Enum):
    """Whose credentials open a route."""

    ANY = "a password or a bearer token"
    PASSWORD = "a password"  # noqa: S105
    """For routes by which a stolen token could make itself permanent."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that sent a request, signed in."""

    admission: Admission
    peer: str = ""
    """The address of the client; "" where it has none, as on a unix socket."""

    @property
    def account(self) -> Account:
        return self.admission.account

    @property
    def id(self) -> int:
        return self.admission.account.id

    @property
    def actor(self) -> ActorId:
        """Who acts, by the rules of ownership: signed in by a token, an account lacks its role's rights over others."""
        admission = self.admission
        if admission.source != "token":
            return self.id
        return ByToken(self.id, admission.token_id, admission.confined)


Route = Callable[[Caller, Form], Awaitable[Reply]]
OpenRoute = Callable[[], Awaitable[Reply]]
Answer = Callable[[Call], Awaitable[Reply]]
Known = dict[tuple[bytes, bytes], Callable[[Any], Deferred[None]]]
"""The callable that answers a request of Twisted's, by method and path."""


class Api:
    """The paths that are mounted for one Dialect, and what answers each of them."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        seldom: Seldom,
        available: Callable[[], bool] = lambda: True,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """available: whether the store answered its last query."""
        self._dialect = dialect
        self.seldom = seldom
        self._available = available
        self._random = random
        self._work = Detached()
        self._answers: dict[tuple[str, str], Answer] = {}
        self.fields: dict[tuple[str, str], Sequence[str]] = {}
        """The names of the form fields of each route that needs a sign-in, by method and path."""
        self.known: Known = {}
        """Paths without variables: a look-up spares Klein's search, which takes longer than the rest of the routing."""
        self._app = Klein()
        self._app.url_map.merge_slashes = False  # `/api//ips/` is no path of ours, and a redirect would lose a form
        self._app.handle_errors(HTTPException)(self._unrouted)
        self._app.handle_errors(Exception)(self._broken)

    def route(self, method: str, path: str, who: Who, route: Route, fields: Sequence[str]) -> None:
        """Mount a path for callers who sign in, with and without its trailing slash; GET answers HEAD too.

        fields: the names that the route's form may have; others are refused.  A segment of the path in braces, as in
        `/api/geoips/{proxy}/`, matches any text, which reaches the route as a field of its form.
        """
        self.fields[method, path] = fields
        self._mount(method, path, partial(self._run_signed, who, route, fields))

    def open(self, path: str, route: OpenRoute) -> None:
        """Mount a GET for everyone, without sign-in.  The route is told nothing of the request."""
        self._mount("GET", path, lambda call: route())

    @property
    def mounted(self) -> frozenset[tuple[str, str]]:
        """The (method, path) of every mounted route."""
        return frozenset(self._answers)

    def resource(self) -> Any:
        """The root resource for a Site."""
        return self._app.resource()

    def closing_answer(self, status: int, detail: str, *fields: tuple[str, str]) -> bytes:
        """The bytes of a whole answer with `Connection: close`, for a request that reaches no route."""
        return self._dialect.heads.closing(self._dialect.refused(status, detail, *fields), datetimeToString())

    async def call(self, path: str, call: Call) -> Reply:
        """Run the route that is mounted at the path, and turn every exception that it raises into a Reply."""
        try:
            return await self._answers[call.method, path](call)
        except FormError as error:
            return self._dialect.form_refused(error)
        except AccountError as error:
            return self._dialect.rule_refused(error)
        except StoreUnavailable:
            return self._dialect.store_away()
        except Busy:
            return self._dialect.busy()
        except Exception:
            return self._report(call.method, call.path, Failure())

    async def drain(self) -> None:
        """Wait until every route that was begun has ended, also those whose clients have hung up."""
        await self._work.ended()

    async def _run_signed(self, who: Who, route: Route, fields: Sequence[str], call: Call) -> Reply:
        """Run a route for a signed-in caller.

        The origin is checked before the credentials: a page of another site shall not cause failures and bans either.
        """
        dialect = self._dialect
        if call.foreign:
            return dialect.foreign()
        if not self._available():  # some callers and answers are remembered, and no change could be made
            return dialect.store_away()
        outcome = await dialect.sign_in(call)
        if isinstance(outcome, Refusal):
            return dialect.not_admitted(outcome)
        call.account = outcome.account.username
        if who is Who.PASSWORD and outcome.source != "password":
            return dialect.password_wanted()
        return await route(Caller(outcome, call.peer), form_of(call, fields, dialect.read_body))

    def _mount(self, method: str, path: str, answer: Answer) -> None:
        assert (method, path) not in self._answers
        assert method in ("GET", "POST")
        self._answers[method, path] = answer

        def begin(request: Any, **variables: str) -> Deferred[None]:
            return self._begin(read_call(request, method, variables), path, request)

        bare = path.rstrip("/").replace("{", "<").replace("}", ">")
        for spelling in (bare, f"{bare}/"):  # `strict_slashes=False` would take "//" too, and forget some 405s
            self._app.route(spelling, methods=[method], endpoint=f"{method} {spelling}")(begin)
            if "<" not in spelling:
                for told in ("GET", "HEAD") if method == "GET" else (method,):
                    self.known[told.encode("ascii"), spelling.encode("ascii")] = begin

    def _begin(self, call: Call, path: str, request: Any) -> Deferred[None]:
        """Run the route and write its answer; the route runs on when Klein cancels, as the client hangs up."""
        channel = request.channel

        async def work() -> None:
            reply = await self.call(path, call)
            request.account = call.account
            if request.gone:
                request.unheard(reply)
            else:
                self._finish(request, reply)

        return self._work.run(ensureDeferred(work()).addErrback(self._cut, call, channel))

    def _finish(self, request: Any, reply: Reply) -> None:
        try:
            request.answer(reply, self._dialect.heads)
        except Exception:
            if request.startedWriting:  # nobody can be answered twice
                raise
            request.answer(self._broke(request, Failure()), self._dialect.heads)

    def _cut(self, failure: Failure, call: Call, channel: Any) -> None:
        """Log the failure and cut the connection, which would wait for ever otherwise, or has half an answer."""
        self.seldom.failure(log, "the answer to {method} {path} was lost", failure, method=call.method, path=call.path)
        channel.cut()

    def _unrouted(self, request: Any, failure: Failure) -> bytes:
        error = failure.value
        allowed = sorted(error.valid_methods or ()) if isinstance(error, MethodNotAllowed) else ()
        return self._write(self._dialect.unrouted(allowed), request)

    def _broken(self, request: Any, failure: Failure) -> bytes:
        return self._write(self._broke(request, failure), request)

    def _write(self, reply: Reply, request: Any) -> bytes:
        """Set status and header fields of an answer on a request that Klein finishes, and return the body."""
        content = reply.content()
        request.note = reply.note
        request.setResponseCode(reply.status)
        heads = self._dialect.heads
        for name, value in heads.every:
            request.responseHeaders.setRawHeaders(name, [value])
        for name, value in heads.own(reply, len(content)):
            request.responseHeaders.addRawHeader(name, value)
        return content

    def _broke(self, request: Any, failure: Failure) -> Reply:
        return self._report(request.method.decode("latin-1"), request.path.decode("latin-1"), failure)

    def _report(self, method: str, path: str, failure: Failure) -> Reply:
        id_ = self._random(8).hex()
        self.seldom.failure(
            log, "internal error, id {id}, in {method} {path}", failure, id=id_, method=method, path=path
        )
        return self._dialect.internal_error(id_)
