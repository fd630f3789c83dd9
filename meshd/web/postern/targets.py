"""What a path is about, as the audit calls it: `/api/proxy-hosts/3/enable` is about proxy_host 3.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from meshd.values.published import RECORDED_AS

TYPES: Mapping[str, str] = {
    **RECORDED_AS,
    "streams": RECORDED_AS["stream-hosts"],
    "users": "user",
    "access-tokens": "access_token",
    "tokens": "session",
    "auth": "session",
    "audit-log": "audit_log",
    "settings": "setting",
    "reports": "report",
}
"""By the segment of a path, which the paths of NPM have after another one."""


def target_of(path: str) -> tuple[str, int]:
    """The type and the id of what a path is about; "" and 0 where it is about none."""
    segments = [each for each in path.split("/") if each][1:]
    if segments[:1] == ["nginx"]:
        del segments[0]
    kind = TYPES.get(segments[0], "") if segments else ""
    return kind, number(segments[1]) if kind and len(segments) > 1 else 0


def number(text: str) -> int:
    """The number that a segment of a path holds; 0, which nothing has, for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
