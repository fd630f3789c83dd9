"""An operator's view of an account's pages: the cookie that holds it, and what it leaves possible.  Pure.

The cookie names the account and when the view began, sealed by the proof of the operator's session, which only the
store knows: nobody makes one for herself, and none outlives its session or serves another.
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest, digest
from urllib.parse import unquote

from meshd.accounts.errors import Forbidden
from meshd.auth.sessions import SignedIn
from meshd.web.call import Call
from meshd.web.dashboard import cookies
from meshd.web.reply import Fields

LONGEST = 3600
"""Seconds after which a view has to be begun anew, which the audit tells anew."""

END = "/operator/seen/end/"
OPERATING = "/operator/"
"""Below it the operator sees her own pages still."""

_COOKIE = re.compile(r"(\d{1,19})\.(\d{1,15})\.([0-9a-f]{64})\Z", re.ASCII)
_BEGIN = re.compile(r"/operator/accounts/[^/]+/see/?\Z")
_LEAVING = ("/sign-out", END.rstrip("/"))
_SECRET = "/account/second_factor"  # noqa: S105
"""The one page that shows a secret before anything was sent."""


def began(operator: SignedIn, account_id: int, now: int) -> Fields:
    """The header field that lets the operator of this session see the account from now on."""
    return cookies.kept_text(cookies.SEEN, f"{account_id}.{now}.{_seal(operator, account_id, now)}")


def seen(call: Call, operator: SignedIn, now: int) -> int:
    """The id of the account that the operator of this session sees; 0 for none, and for a view that is over."""
    found = _COOKIE.match(cookies.text(call, cookies.SEEN))
    if found is None:
        return 0
    account_id, since = int(found[1]), int(found[2])
    if not compare_digest(found[3], _seal(operator, account_id, since)):
        return 0
    return account_id if since <= now < since + LONGEST else 0


def refuse_change(call: Call, username: str) -> None:
    """Refuse what an operator may not do while she sees that account's pages.  Raises: Forbidden."""
    path = _routed(call).rstrip("/")
    if call.method != "GET" and path not in _LEAVING and not _BEGIN.match(_routed(call)):
        raise Forbidden(f"you see the pages of {username} now, and change nothing meanwhile; go back to your own first")
    if path == _SECRET:
        raise Forbidden(f"this page may show a secret, which is for {username} alone")


def own(call: Call) -> bool:
    """Whether the page is the operator's own though a view lasts."""
    path = _routed(call)
    return call.method != "GET" or path.startswith(OPERATING) or path == OPERATING.rstrip("/")


def _routed(call: Call) -> str:
    """The path as routes are found by it: without escapes, since each page has many spellings with them."""
    return unquote(call.path)


def _seal(operator: SignedIn, account_id: int, since: int) -> str:
    told = f"seen-as\0{operator.session.id}\0{account_id}\0{since}".encode()
    return digest(operator.session.proof.encode(), told, sha256).hex()
