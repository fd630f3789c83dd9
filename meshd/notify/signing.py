"""Signatures as Standard Webhooks 1.0 has them (github.com/standard-webhooks/standard-webhooks).  Pure."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence


def fields(keys: Sequence[bytes], notice: str, at: int, body: bytes) -> dict[str, str]:
    """The fields of a request.  keys: one, or several while one follows the other: any of them convinces the receiver.

    notice: the notice's id; at: when this try is made.
    """
    content = f"{notice}.{at}.".encode() + body
    made = (base64.b64encode(hmac.digest(each, content, "sha256")).decode() for each in keys)
    return {
        "webhook-id": notice,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{each}" for each in made),
    }
