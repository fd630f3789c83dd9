"""A request to a room of the web as values, and the form that it carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshd.model import Admission, Refusal
from meshd.web.forms import Form, FormError, from_urlencoded, refuse_slips, require_known
from meshd.web.origin import Source, is_foreign
from meshd.web.problems import Flaw


@dataclass(slots=True)
class Call:
    """A request, as much of it as decides its answer."""

    method: str
    path: str
    peer: str
    """The address of the client; "" where it has none, as on a unix socket."""
    header: Callable[[bytes], bytes | None] = lambda name: None
    """The value of a header field by its name in lower case; None where the field was not sent."""
    query: bytes = b""
    body: bytes = b""
    account: str = ""
    """The username of the caller, for the request log; "" until the caller is signed in."""
    account_id: int = 0
    """The caller's; 0 where it is not known."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The segments of the path that the route has in braces, by name."""
    foreign: bool = False
    """Whether a page of another site made a browser send the request."""
    seeing: str = ""
    """The username of the account whose pages an operator sees in its holder's place; "" for none."""
    outcome: Admission | Refusal | None = None
    """What came of the sign-in, where the room tells of its requests afterwards; None before it, and elsewhere."""


_NO_FIELDS = Form()


def form_of(call: Call, fields: Sequence[str] | None, read_body: Callable[[Call], Form]) -> Form:
    """The form of a GET is its query, whatever body it has; that of a POST is its body.

    Fields in the query of a POST are refused: without them the route could act on another account than was meant.
    fields: the names that the form may have; None for any.  Raises: FormError.
    """
    query = from_urlencoded(call.query) if call.query else _NO_FIELDS
    if call.method == "GET":
        refuse_slips(query, fields or ())
        return Form({**query, **call.variables}) if call.variables else query
    if query:
        raise FormError(dict.fromkeys(query, Flaw.IN_ADDRESS))
    form = read_body(call)
    if fields is not None:
        require_known(form, fields)
    return form


def read_call(request: Any, method: str, variables: Mapping[str, str]) -> Call:
    """The Call of a request of Twisted's.  method is that of the route: GET for a HEAD."""
    return Call(
        method=method,
        path=request.path.decode("latin-1"),
        peer=request.peer,
        header=request.getHeader,
        query=request.uri.partition(b"?")[2],
        body=request.content.read(),
        variables=variables,
        foreign=_foreign(request, reads=method == "GET"),
    )


def _foreign(request: Any, *, reads: bool) -> bool:
    field = request.getHeader
    site, origin = field(b"sec-fetch-site"), field(b"origin")
    if site is None and origin is None:  # no browser's, as nearly all are
        return False
    followed = (field(b"sec-fetch-mode"), field(b"sec-fetch-dest")) == (b"navigate", b"document")
    return is_foreign(Source(site, origin, field(b"host"), followed, request.isSecure()), reads=reads)
