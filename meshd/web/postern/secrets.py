"""Secrets of this API by how they begin: access tokens, sessions, and what renews a session.  Pure."""

from __future__ import annotations

from collections.abc import Callable

from meshd.auth.secrets import TOKEN_BYTES, new_token

ACCESS, SESSION, REFRESH = "pp_", "ps_", "pr_"

_BEARER = b"bearer "


def drawn(random: Callable[[int], bytes], prefix: str) -> str:
    return new_token(random(TOKEN_BYTES), prefix)


def is_access_token(field: bytes | None) -> bool:
    """Whether an `Authorization` field carries what looks like an access token, and no session."""
    return bearer(field).startswith(ACCESS)


def bearer(field: bytes | None) -> str:
    """The secret that an `Authorization` field carries by Bearer; "" for none."""
    if field is None or field[: len(_BEARER)].lower() != _BEARER:
        return ""
    return field[len(_BEARER) :].strip().decode("latin-1")
