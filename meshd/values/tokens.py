"""What kinds of bearer tokens there are, and where each of them counts.  Pure."""

from __future__ import annotations

from typing import Literal

TokenKind = Literal["", "key", "access"]
"""What a token is for: "" the proxies and the APIs of meshd's own; a "key", which somebody made for a program, and the
"access" of somebody who has signed in, the API below `/v1` alone."""

MESHD: frozenset[TokenKind] = frozenset({""})
"""The kind of token that counts at the proxies and at the APIs of meshd's own."""
V1: frozenset[TokenKind] = frozenset({"key", "access"})
"""Those that count at the API below `/v1`."""
