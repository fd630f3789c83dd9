"""The cookies of the pages, and what is sealed by their secrets.  Pure.

`__Host-` makes a browser take a cookie only by HTTPS, from this very host, for all of its paths: no neighbour under the
same domain can set one.  The secret of a cookie is a key too: what a page sends and a form or a cookie brings back is
sealed by it, so that no process has to share a key with another.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as keyed

from meshd.auth.sessions import SECRET_BYTES
from meshd.web.call import Call
from meshd.web.forms import Form
from meshd.web.reply import Fields

SESSION = "__Host-meshd"
VISITOR = "__Host-meshd-form"
"""Of a browser in which nobody is signed in yet; it makes the form of the sign-in that browser's own."""
SAID = "__Host-meshd-said"
"""A sentence for the next page."""
SEEN = "__Host-meshd-seen"
"""Of an operator, the account whose pages she sees as its holder does; see `seeing`."""
TOKEN = "csrf"  # noqa: S105
"""The field of every form that holds the token against forged ones."""
LONGEST_SAID = 400
"""Characters of a sentence for the next page; ours are shorter, whatever name they hold."""

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


def session(call: Call) -> bytes:
    """The secret of the session's cookie; b"" where there is none, or none that we made."""
    return _secret(call, SESSION)


def secret(call: Call) -> bytes:
    """The secret that forms of this browser are sealed by: of its session, else of its visit; b"" for neither."""
    return _secret(call, SESSION) or _secret(call, VISITOR)


def kept(secret: bytes, name: str = SESSION) -> Fields:
    """The header field by which a browser keeps a secret until it is closed."""
    return _field(name, _text(secret))


def dropped(name: str = SESSION) -> Fields:
    """The header field by which a browser forgets a cookie."""
    return (("Set-Cookie", f"{name}=; Max-Age=0; {_ATTRIBUTES}"),)


def token(secret: bytes) -> str:
    """What every form of the browser with this secret brings back."""
    return seal(secret, "form", "")


def seal(secret: bytes, use: str, text: str) -> str:
    """A text's seal for one use; only who has the secret can make one."""
    return _text(keyed(secret, f"{use}\0{text}".encode("utf-8", "surrogatepass"), sha256))


def sealed(secret: bytes, use: str, text: str, given: str) -> bool:
    """Whether `given` is the text's seal."""
    return bool(secret) and compare_digest(seal(secret, use, text).encode(), given.encode("utf-8", "surrogatepass"))


def take_token(call: Call, form: Form) -> bool:
    """Whether the form is one that we gave to this browser; its token is taken out of the form."""
    return sealed(secret(call), "form", "", form.pop(TOKEN, ""))


def saying(secret: bytes, text: str) -> Fields:
    """The header field by which the next page says a sentence, once."""
    body = _text(text[:LONGEST_SAID].encode())
    return _field(SAID, f"{body}.{seal(secret, 'said', body)}")


def said(call: Call) -> str:
    """The sentence that the last page left for this one; "" for none, and for one that we did not write."""
    body, _, given = _read(call).get(SAID, "").partition(".")
    if not body or not sealed(secret(call), "said", body, given):
        return ""
    return urlsafe_b64decode(f"{body}==").decode()


def text(call: Call, name: str) -> str:
    """What a cookie holds, as it came; "" for no cookie."""
    return _read(call).get(name, "")


def kept_text(name: str, value: str) -> Fields:
    """The header field by which a browser keeps a text of ours, without blanks and separators, until it is closed."""
    return _field(name, value)


def _field(name: str, value: str) -> Fields:
    return (("Set-Cookie", f"{name}={value}; {_ATTRIBUTES}"),)


def _secret(call: Call, name: str) -> bytes:
    """The secret as we write it; b"" for any other spelling, of which the decoder takes many."""
    text = _read(call).get(name, "")
    try:
        found = urlsafe_b64decode(text + "=")
    except (binascii.Error, ValueError):
        return b""
    return found if len(found) == SECRET_BYTES and _text(found) == text else b""


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _read(call: Call) -> dict[str, str]:
    """The cookies of a request by name; of two with one name the first."""
    pairs = (part.partition("=") for part in (call.header(b"cookie") or b"").decode("latin-1").split(";"))
    found: dict[str, str] = {}
    for name, _, value in pairs:
        found.setdefault(name.strip(), value.strip())
    return found
