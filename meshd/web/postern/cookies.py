"""The cookies of a session: what renews it, and what shows that a page of ours asks for that.  Pure.

The first is for this API's `auth` paths alone, and no script reads it; the second is derived from the first, is read by
the page's script and comes back as a header field: a page of another site can make a browser send cookies, and cannot
read them.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest

from meshd.web.call import Call
from meshd.web.reply import Fields

REFRESH = "postern_refresh"
FORGERY = "postern_csrf"
FIELD = "X-CSRF-Token"

_PATH = "/api/auth"
_ATTRIBUTES = "Secure; SameSite=Strict"
_VALUE = re.compile(r"[A-Za-z0-9_]{16,128}\Z", re.ASCII)


def kept(secret: str, seconds: int) -> Fields:
    """The header fields by which a browser keeps a session's cookies for so long."""
    return (
        ("Set-Cookie", f"{REFRESH}={secret}; Path={_PATH}; Max-Age={seconds}; HttpOnly; {_ATTRIBUTES}"),
        ("Set-Cookie", f"{FORGERY}={token(secret)}; Path=/; Max-Age={seconds}; {_ATTRIBUTES}"),
    )


def dropped() -> Fields:
    """The header fields by which a browser forgets them."""
    return (
        ("Set-Cookie", f"{REFRESH}=; Path={_PATH}; Max-Age=0; HttpOnly; {_ATTRIBUTES}"),
        ("Set-Cookie", f"{FORGERY}=; Path=/; Max-Age=0; {_ATTRIBUTES}"),
    )


def refresh(call: Call) -> str:
    """The secret in the cookie that renews a session; "" where there is none, or none that we made."""
    field = (call.header(b"cookie") or b"").decode("latin-1")
    for part in field.split(";"):
        name, _, value = part.strip().partition("=")
        if name == REFRESH:
            return value if _VALUE.match(value) else ""
    return ""


def token(secret: str) -> str:
    """What a page of ours sends beside the cookie that has this secret."""
    return urlsafe_b64encode(sha256(b"postern csrf " + secret.encode()).digest()).decode("ascii").rstrip("=")


def is_ours(call: Call, secret: str) -> bool:
    """Whether the request has what only a page of ours can send beside the cookie."""
    sent = call.header(FIELD.lower().encode()) or b""
    return compare_digest(sent, token(secret).encode("ascii"))
