"""The table of all paths, and the way of a request through it: route, every exception as an answer, bytes.

Which paths there are, and how a refusal is worded, the rooms say (`room.py`), each in its own Dialect.  A route that
was begun is finished also when its client hangs up: nobody could tell how far it had come.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule, RuleFactory

from meshd.accounts.errors import AccountError
from meshd.auth.passwords import Busy
from meshd.running.cause import CAUSE, Cause
from meshd.running.detached import Detached
from meshd.running.turns import Turns
from meshd.seldom import Seldom
from meshd.store.interface import StoreUnavailable
from meshd.web.call import Call, read_call
from meshd.web.dialect import Dialect
from meshd.web.forms import FormError
from meshd.web.reply import Reply, encoded

log = Logger()


Answer = Callable[[Call], Awaitable[Reply]]
Known = dict[tuple[bytes, bytes], Callable[[Any], Deferred[None]]]
"""The callable that answers a request of Twisted's, by method and path."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A path: the dialect that it is answered in, and what answers it."""

    dialect: Dialect
    answer: Answer


WAYS = {"/api/admin/": "admin", "/api/": "api", "/v1/": "v1"}
"""What records of changes call the APIs, by the beginning of their paths."""

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class _Path(Rule):
    """A rule that requests are matched by, and that no URL is made from.

    Werkzeug compiles two functions for each rule that make its URLs: half of the time that a start takes after its
    imports.  Should Werkzeug name the method otherwise one day, they are compiled again, and nothing else changes.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _unbuilt


def _unbuilt(_rule: Rule, **_values: object) -> tuple[str, str]:
    raise NotImplementedError("no URL is made from a path of the web")


class _Paths(Map):
    """Klein's table of paths."""

    def add(self, rulefactory: RuleFactory) -> None:
        for rule in rulefactory.get_rules(self):
            super().add(_Path(rule.rule, methods=rule.methods, endpoint=rule.endpoint))


class Api:
    """The paths that the rooms have mounted, and what answers each of them."""

    def __init__(
        self, turns: Turns, *, seldom: Seldom, random: Callable[[int], bytes] = os.urandom, way: str = "dashboard"
    ) -> None:
        """way: what records of changes call paths that are in none of WAYS."""
        self._way = way
        self._turns = turns
        self.seldom = seldom
        self._random = random
        self._work = Detached()
        self._mounted: dict[tuple[str, str], Mounted] = {}
        self._below: dict[str, Dialect] = {}
        """The dialect of unknown paths by their prefix, the longest first."""
        self.fields: dict[tuple[str, str], Sequence[str]] = {}
        """The names of the form fields of each route that needs a sign-in, by method and path."""
        self.known: Known = {}
        """Paths without variables: a look-up spares Klein's search, which takes longer than the rest of the routing."""
        self._app = Klein()
        self._app._url_map = _Paths()
        self._app.url_map.merge_slashes = False  # `/api//ips/` is no path of ours, and a redirect would lose a form
        self._app.handle_errors(HTTPException)(self._unrouted)
        self._app.handle_errors(Exception)(self._broken)

    def answer_below(self, prefix: str, dialect: Dialect) -> None:
        """Let unknown paths that begin so be answered in that dialect."""
        longest_first = sorted({**self._below, prefix: dialect}.items(), key=lambda each: -len(each[0]))
        self._below = dict(longest_first)

    def mount(
        self, method: str, path: str, dialect: Dialect, answer: Answer, fields: Sequence[str] | None = None
    ) -> None:
        """Let a path be answered so, with and without its trailing slash.  fields: as in `fields`; None for none."""
        assert (method, path) not in self._mounted
        assert method in METHODS
        mounted = self._mounted[method, path] = Mounted(dialect, answer)
        if fields is not None:
            self.fields[method, path] = fields

        def begin(request: Any, **variables: str) -> Deferred[None]:
            return self._begin(read_call(request, method, variables), mounted, request)

        bare = path.rstrip("/").replace("{", "<").replace("}", ">")
        for spelling in dict.fromkeys((bare or "/", f"{bare}/")):
            # `strict_slashes=False` would take "//" too, and forget some 405s
            self._app.route(spelling, methods=[method], endpoint=f"{method} {spelling}")(begin)
            if "<" not in spelling:
                for told in ("GET", "HEAD") if method == "GET" else (method,):
                    self.known[told.encode("ascii"), spelling.encode("ascii")] = begin

    @property
    def mounted(self) -> frozenset[tuple[str, str]]:
        """The (method, path) of every mounted route."""
        return frozenset(self._mounted)

    def resource(self) -> Any:
        """The root resource for a Site."""
        return self._app.resource()

    def closing_answer(self, status: int, detail: str, *fields: tuple[str, str], path: str = "") -> bytes:
        """The bytes of a whole answer with `Connection: close`, for a request that reaches no route."""
        dialect = self._of(path)
        return dialect.heads.closing(dialect.refused(status, detail, *fields), datetimeToString())

    async def call(self, path: str, call: Call) -> Reply:
        """Run the route that is mounted at the path."""
        return await self._answer(self._mounted[call.method, path], call)

    async def drain(self) -> None:
        """Wait until every route that was begun has ended, also those whose clients have hung up."""
        await self._work.ended()

    async def _answer(self, mounted: Mounted, call: Call) -> Reply:
        """Run a route, and turn every exception that it raises into a Reply."""
        dialect = mounted.dialect
        try:
            return await self._whole(await mounted.answer(call))
        except FormError as error:
            return dialect.form_refused(error)
        except AccountError as error:
            return dialect.rule_refused(error)
        except StoreUnavailable:
            return dialect.store_away()
        except Busy:
            return dialect.busy()
        except Exception:
            return self._report(dialect, call.method, call.path, Failure())

    async def _whole(self, reply: Reply) -> Reply:
        """A reply with its bytes; those that are made piece by piece are made in turns with all else."""
        pieces = reply.pieces()
        return reply if pieces is None else replace(reply, body=encoded(await self._turns.taken(pieces)))

    def _begin(self, call: Call, mounted: Mounted, request: Any) -> Deferred[None]:
        """Run the route and write its answer; the route runs on when Klein cancels, as the client hangs up."""
        channel = request.channel

        async def work() -> None:
            CAUSE.set(Cause(self._way_of(call.path), request.trace.request))  # in a context of its own
            reply = await self._answer(mounted, call)
            request.account, request.account_id = call.account, call.account_id
            if request.gone:
                request.unheard(reply)
            else:
                self._finish(request, reply, mounted.dialect)

        return self._work.run(ensureDeferred(work()).addErrback(self._cut, call, channel))

    def _finish(self, request: Any, reply: Reply, dialect: Dialect) -> None:
        try:
            request.answer(reply, dialect.heads)
        except Exception:
            if request.startedWriting:  # nobody can be answered twice
                raise
            request.answer(self._broke(request, Failure(), dialect), dialect.heads)

    def _cut(self, failure: Failure, call: Call, channel: Any) -> None:
        """Log the failure and cut the connection, which would wait for ever otherwise, or has half an answer."""
        self.seldom.failure(log, "the answer to {method} {path} was lost", failure, method=call.method, path=call.path)
        channel.cut()

    def _way_of(self, path: str) -> str:
        return next((way for prefix, way in WAYS.items() if path.startswith(prefix)), self._way)

    def _of(self, path: str) -> Dialect:
        """The dialect that an unknown path is answered in."""
        found = (dialect for prefix, dialect in self._below.items() if path.startswith(prefix))
        return next(found, self._below["/"])

    def _unrouted(self, request: Any, failure: Failure) -> bytes:
        error = failure.value
        allowed = sorted(error.valid_methods or ()) if isinstance(error, MethodNotAllowed) else ()
        dialect = self._of(request.path.decode("latin-1"))
        return self._write(dialect.unrouted(allowed), request, dialect)

    def _broken(self, request: Any, failure: Failure) -> bytes:
        dialect = self._of(request.path.decode("latin-1"))
        return self._write(self._broke(request, failure, dialect), request, dialect)

    def _write(self, reply: Reply, request: Any, dialect: Dialect) -> bytes:
        """Set status and header fields of an answer on a request that Klein finishes, and return the body."""
        content = reply.content()
        request.note = reply.note
        request.setResponseCode(reply.status)
        if request.trace.told:
            request.setHeader("X-Request-Id", request.trace.request)
        heads = dialect.heads
        for name, value in heads.every:
            request.responseHeaders.setRawHeaders(name, [value])
        for name, value in heads.own(reply, len(content)):
            request.responseHeaders.addRawHeader(name, value)
        return content

    def _broke(self, request: Any, failure: Failure, dialect: Dialect) -> Reply:
        return self._report(dialect, request.method.decode("latin-1"), request.path.decode("latin-1"), failure)

    def _report(self, dialect: Dialect, method: str, path: str, failure: Failure) -> Reply:
        id_ = self._random(8).hex()
        self.seldom.failure(
            log, "internal error, id {id}, in {method} {path}", failure, id=id_, method=method, path=path
        )
        return dialect.internal_error(id_)
