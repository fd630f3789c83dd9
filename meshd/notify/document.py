"""A notice as webhooks get it, JSON, and as a letter says it.  Pure.

The JSON is a value of the notice alone, so that it is the same at every try.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from meshd.mail.letter import Letter
from meshd.values.notices import Notice
from meshd.values.times import iso

VERSION = 1
"""Of the document: fields may be added within it; one that is taken away or means something else makes another."""


def body(notice: Notice) -> bytes:
    """The JSON that is posted."""
    data: dict[str, Any] = json.loads(notice.data)
    if notice.account_id:
        data = {"account": {"id": notice.account_id, "username": notice.username}, **data}
    told = {
        "version": VERSION,
        "id": notice.notice,
        "type": notice.kind,
        "timestamp": iso(notice.at) + "Z",
        "data": data,
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def letter(notice: Notice, to: str) -> Letter:
    """The same for people."""
    about = notice.username or json.loads(notice.data).get("exit", "")
    subject = f"meshd: {notice.kind}" + (f" ({about})" if about else "")
    return Letter(to, subject, "\n".join(_lines(notice)) + "\n")


def _lines(notice: Notice) -> Iterator[str]:
    yield f"{notice.kind} at {iso(notice.at)}Z"
    yield ""
    if notice.account_id:
        yield f"account: {notice.username} (id {notice.account_id})"
    for key, value in json.loads(notice.data).items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        yield f"{key.replace('_', ' ')}: {shown}"
    yield ""
    yield f"Notice {notice.notice}. Who is told of what is said in [notify] of meshd's settings."
