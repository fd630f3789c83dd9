"""Messages that a program of the operator's signs as a whole: `Meshd-Signature: t=1768478400,v1=HEX`.  Pure.

HEX is HMAC-SHA256, in lower case, of the time `t`, a full stop and the body, under a secret that both sides know.
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest, digest

HEADER = "Meshd-Signature"
WITHIN = 300
"""Seconds by which the time may differ from ours: a message that somebody kept is worth nothing later."""

_FIELD = re.compile(rb"t=([0-9]{1,12}),v1=([0-9a-f]{64})\Z")

MISSING = f"The request is not signed: it needs a field {HEADER}."
FORGED = "The signature is not right."
LATE = "The time of the signature is not within five minutes of now."


def sign(key: bytes, now: int, body: bytes) -> str:
    """The value of the field for a message that is sent now."""
    return f"t={now},v1={_mac(key, b'%d' % now, body)}"


def problem(key: bytes, field: bytes | None, body: bytes, now: int) -> str:
    """What is wrong with a signature; "" for nothing.  Whether it is right is judged before anything else is read."""
    found = _FIELD.match(field.strip()) if field is not None else None
    if found is None:
        return MISSING if field is None else FORGED
    if not compare_digest(_mac(key, found[1], body).encode(), found[2]):
        return FORGED
    return "" if abs(int(found[1]) - now) <= WITHIN else LATE


def _mac(key: bytes, moment: bytes, body: bytes) -> str:
    return digest(key, moment + b"." + body, sha256).hex()
