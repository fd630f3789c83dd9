"""`ETag` and `If-Match` (RFC 9110, 8.8 and 13.1): a change of what somebody else has changed meanwhile is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256

from meshd.web.call import Call
from meshd.web.forms import FormError
from meshd.web.problems import Worded
from meshd.web.reply import Reply

FIELD = "If-Match"
_TAGS = re.compile(rb'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*){0,19}\Z')
_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e]*")')


def tagged(shown: Mapping[str, object], status: int = 200) -> Reply:
    """An answer with its ETag, which its bytes decide."""
    body = Reply(shown).content()
    return Reply(body, status, (("ETag", tag_of(body)),))


def tag_of(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def condition(call: Call, shown: Callable[..., Mapping[str, object]]) -> Callable[..., bool]:
    """Whether what the client has seen is what is there: true where it set no condition.  Raises: FormError."""
    field = call.header(FIELD.lower().encode())
    if field is None or field.strip() == b"*":
        return lambda *_: True
    if not _TAGS.match(field):
        raise FormError({FIELD: Worded("must be an ETag of ours, with its quotes")})
    known = {tag.decode("ascii") for weak, tag in _TAG.findall(field) if not weak}  # If-Match compares strongly
    return lambda *found: tag_of(Reply(shown(*found)).content()) in known
