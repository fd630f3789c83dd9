"""What kinds of bearer tokens there are, and where each of them counts.  Pure."""

from __future__ import annotations

from typing import Literal

TokenKind = Literal["", "key", "access", "hosts", "session", "meter"]
"""What a token is for: "" the proxies and the APIs of meshd's own; a "key", which somebody made for a program, and the
"access" of somebody who has signed in, the API below `/v1` alone; "hosts" and "session" are the same for the API of
published hosts.  A "meter" counts nowhere: the ledger counts the bytes of one published host under its id."""

Kinds = frozenset[TokenKind]

MESHD: Kinds = frozenset({""})
"""The kind of token that counts at the proxies and at the APIs of meshd's own."""
V1: Kinds = frozenset({"key", "access"})
"""Those that count at the API below `/v1`."""
HOSTS: Kinds = frozenset({"hosts", "session"})
"""Those that count at the API of published hosts."""
