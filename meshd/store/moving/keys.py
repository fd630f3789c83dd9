"""Keys of rows as JSON, which the triggers of both databases write too: a list; bytes are `{"b": "<hexadecimal>"}`."""

from __future__ import annotations

import json
from typing import Any

from meshd.store.unit import Row


def written(key: Row) -> str:
    return json.dumps([{"b": each.hex()} if isinstance(each, bytes) else each for each in key])


def read(text: str) -> Row:
    return tuple(map(_value, json.loads(text)))


def _value(raw: Any) -> Any:
    return bytes.fromhex(raw["b"]) if isinstance(raw, dict) else raw
